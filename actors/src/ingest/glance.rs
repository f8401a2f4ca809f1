//! Looks between the frames of the voice activity: while a reply is audible a second stream runs half a frame apart
//! from the first, so that somebody who begins in the middle of a frame is noticed 16 ms sooner. It only ducks; what
//! becomes of the reply is decided on the frames.

use duologue_engines::port::{VAD_FRAME, VadStream};
use ractor::ActorProcessingErr;

use super::State;

const HALF: usize = VAD_FRAME / 2;

/// The second stream, for as long as a reply is audible.
pub(super) struct Glance {
    /// `None` when it failed; the first one tells of that.
    stream: Option<Box<dyn VadStream>>,
    waiting: Vec<f32>,
}

impl State {
    /// Hears what arrived last, `samples`, once more. The frames in it are done.
    pub(super) async fn glance(&mut self, samples: Vec<f32>) -> Result<(), ActorProcessingErr> {
        if !self.over.is_audible() {
            self.glance = None;
            return Ok(());
        }
        let behind = self.waiting.len();
        let glance = self.glance.get_or_insert_with(|| {
            let stream = self.args.vad.open(self.args.session).ok();
            // As far into its frame as half a frame more than the first one is into its own.
            let ahead = (behind + HALF) % VAD_FRAME;
            Glance { stream, waiting: vec![0.0; (ahead + VAD_FRAME - samples.len() % VAD_FRAME) % VAD_FRAME] }
        });
        glance.waiting.extend(samples);
        let whole = glance.waiting.len() / VAD_FRAME * VAD_FRAME;
        let (Some(stream), true) = (&mut glance.stream, whole > 0) else { return Ok(()) };
        let frames = glance.waiting.drain(..whole).collect::<Vec<_>>();
        let newest = frames[whole - VAD_FRAME..].to_vec();
        match stream.probabilities(frames).await.as_deref() {
            // A frame has ended since: it has been looked at.
            Ok(_) if behind < HALF => Ok(()),
            Ok([.., probability]) => {
                let events = self.over.glance(&newest, *probability);
                self.decided(events)
            }
            Ok([]) => Ok(()),
            Err(_) => {
                glance.stream = None;
                Ok(())
            }
        }
    }
}
