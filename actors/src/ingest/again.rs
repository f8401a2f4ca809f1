//! A speech that was in progress when the predecessor died is heard again from its beginning, so that the machine
//! that finds its end stands where the other one stood, and one utterance stays one.

use std::time::Duration;

use duologue_engines::port::VAD_FRAME;
use ractor::ActorProcessingErr;
use tokio::time::Instant;

use super::{IngestEvent, State};
use crate::event::TurnDetection;

impl State {
    /// Where this Ingest begins to hear: at the speech that goes on, in whole frames, or now.
    pub(super) fn beginning(goes_on: Option<u64>, end: u64) -> u64 {
        let frame = VAD_FRAME as u64;
        goes_on.map_or(end, |start| end - end.saturating_sub(start) / frame * frame)
    }

    /// Hears the history from `base` on, which is not put into it again.
    pub(super) async fn hear_again(&mut self) -> Result<(), ActorProcessingErr> {
        let (base, end) = (self.base, self.args.history.end());
        let heard = self.args.history.range(base, end);
        let now = Instant::now();
        let mut began = false;
        // A second at a time, as with what arrives.
        for batch in heard.chunks(VAD_FRAME * 31) {
            let whole = batch.len() / VAD_FRAME * VAD_FRAME;
            for probability in self.probabilities(batch[..whole].to_vec()).await {
                let events = self.endpointer.handle_frame(probability);
                self.follow(events, now, true)?;
                if let Some(speech) = &mut self.speech {
                    // Whether it interrupts was decided before.
                    speech.over_reply = false;
                    began = true;
                }
            }
        }
        // What the client will commit by itself has no beginning to be found.
        let detects = !matches!(self.args.config.turn_detection, TurnDetection::Manual);
        if detects && !began {
            // It was speech for the predecessor and is none now: the Session waits for its end all the same.
            self.tell(IngestEvent::TurnEnded {
                start: base,
                end,
                speech_end: now,
                judging: Duration::ZERO,
                detected: true,
            })?;
        }
        Ok(())
    }
}
