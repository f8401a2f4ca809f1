//! How long this person pauses inside a turn. Whoever thinks in the middle of sentences is waited for
//! longer, whoever speaks without a break is answered sooner; what is long ago counts less and less.

/// What is assumed of somebody who has not paused yet: between words and at commas, people pause 200 to
/// 600 ms.
const USUAL_MS: f32 = 400.0;

/// The shortest silence that is a pause; a stop consonant closes for up to 150 ms.
const LEAST_MS: u32 = 200;

/// Whoever pauses longer than this has stopped for another reason than to think of the next word.
const LONGEST_MS: f32 = 1500.0;

/// The bounds of the scale: half as long again as for others, or three quarters.
const SCALE: (f32, f32) = (0.75, 1.5);

/// A long pause counts at once, short ones forget it slowly: a cut-off annoys more than a wait.
const RISE: f32 = 0.5;
const FALL: f32 = 0.1;

/// A running upper estimate of the pauses inside turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker {
    long_ms: f32,
    paused_this_turn: bool,
}

impl Default for Speaker {
    fn default() -> Self {
        Self { long_ms: USUAL_MS, paused_this_turn: false }
    }
}

impl Speaker {
    /// They went on after so much silence.
    pub(super) fn went_on_after(&mut self, silence_ms: u32) {
        if silence_ms < LEAST_MS {
            return;
        }
        self.paused_this_turn = true;
        self.approach((silence_ms as f32).min(LONGEST_MS));
    }

    /// Their turn is over.
    pub(super) fn turn_ended(&mut self) {
        if !std::mem::take(&mut self.paused_this_turn) {
            self.approach(LEAST_MS as f32);
        }
    }

    fn approach(&mut self, pause_ms: f32) {
        let rate = if pause_ms > self.long_ms { RISE } else { FALL };
        self.long_ms += rate * (pause_ms - self.long_ms);
    }

    /// By how much waits that are not sure are longer or shorter than for others.
    pub(super) fn scale(self) -> f32 {
        (self.long_ms / USUAL_MS).clamp(SCALE.0, SCALE.1)
    }

    /// Silence below which nothing is believed of this speaker: nothing for most, up to 550 ms for somebody
    /// who has just paused three times as long as usual.
    pub(super) fn floor_ms(self) -> u32 {
        ((self.long_ms - USUAL_MS).max(0.0) * 0.5) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pauses_are_learnt_at_once_and_forgotten_slowly() {
        let mut speaker = Speaker::default();
        assert_eq!((speaker.scale(), speaker.floor_ms()), (1.0, 0));
        speaker.went_on_after(1200);
        speaker.went_on_after(1000);
        let learnt = speaker;
        assert!(learnt.scale() == 1.5 && learnt.floor_ms() >= 200, "{learnt:?}");
        for turn in 0..40 {
            speaker.turn_ended();
            assert!(speaker.scale() <= learnt.scale(), "turn {turn}");
        }
        assert_eq!((speaker.scale(), speaker.floor_ms()), (0.75, 0), "fluent by now");
    }

    #[test]
    fn dips_are_no_pauses_and_everything_is_bounded() {
        let mut speaker = Speaker::default();
        speaker.went_on_after(100);
        assert_eq!(speaker.scale(), 1.0);
        (0..100).for_each(|_| speaker.went_on_after(u32::MAX));
        assert!(speaker.scale() <= 1.5 && speaker.floor_ms() <= 550, "{speaker:?}");
    }
}
