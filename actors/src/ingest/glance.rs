//! Looks between the frames of the voice activity: while a reply is audible three more streams run a quarter of a frame
//! apart from the first and from each other, so that somebody who begins in the middle of a frame is noticed up to 24 ms
//! sooner. They only duck; what becomes of the reply is decided on the frames.

use duologue_engines::port::{VAD_FRAME, VadStream};
use ractor::ActorProcessingErr;

use super::State;

/// How much further into its frame each look is than the frames; the one that ends last after them comes first.
const AHEAD: [usize; 3] = [VAD_FRAME / 4, VAD_FRAME / 2, VAD_FRAME * 3 / 4];

/// One of the streams, for as long as a reply is audible.
pub(super) struct Glance {
    ahead: usize,
    /// `None` when it failed; the first one tells of that.
    stream: Option<Box<dyn VadStream>>,
    waiting: Vec<f32>,
}

impl State {
    /// Hears what arrived last, `samples`, once more. The frames in it are done.
    pub(super) async fn glance(&mut self, samples: Vec<f32>) -> Result<(), ActorProcessingErr> {
        if !self.over.is_audible() {
            self.glances.clear();
            return Ok(());
        }
        let behind = self.waiting.len();
        if self.glances.is_empty() {
            self.glances = AHEAD.into_iter().map(|ahead| self.open(ahead, behind, samples.len())).collect();
        }
        let mut glances = std::mem::take(&mut self.glances);
        for glance in &mut glances {
            // Of a frame that ended before the newest whole one nothing is learned, but the stream goes on.
            let is_news = behind + glance.ahead >= VAD_FRAME;
            if let Some((frame, probability)) = glance.hear(&samples).await.filter(|_| is_news) {
                let events = self.over.glance(&frame, probability);
                self.decided(events)?;
            }
        }
        self.glances = glances;
        Ok(())
    }

    /// A stream that will be `ahead` of one that has `behind` samples in its frame, after so many have arrived.
    fn open(&self, ahead: usize, behind: usize, arrived: usize) -> Glance {
        let stream = self.args.vad.open(self.args.session).ok();
        let before = (behind + ahead + VAD_FRAME - arrived % VAD_FRAME) % VAD_FRAME;
        Glance { ahead, stream, waiting: vec![0.0; before] }
    }
}

impl Glance {
    /// The newest of the frames that `samples` complete, with its probability of speech.
    async fn hear(&mut self, samples: &[f32]) -> Option<(Vec<f32>, f32)> {
        self.waiting.extend(samples);
        let whole = self.waiting.len() / VAD_FRAME * VAD_FRAME;
        let frames = self.waiting.drain(..whole).collect::<Vec<_>>();
        let newest = frames.last_chunk::<VAD_FRAME>()?.to_vec();
        let probabilities = self.stream.as_mut()?.probabilities(frames).await;
        if probabilities.is_err() {
            self.stream = None;
        }
        Some((newest, *probabilities.ok()?.last()?))
    }
}
