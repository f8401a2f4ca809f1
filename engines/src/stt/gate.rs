//! Nothing may be invented: whisper, asked about silence or noise, likes to answer with the thanks at
//! the end of a video. These rules decide from the sound and from the model's own doubt, not from a
//! list of sentences, that there was nothing to hear.

/// Frames of 20 ms at 16 kHz.
const FRAME: usize = 320;

/// The loudest frame of speech that is worth hearing is above this RMS (−54 dB).
const QUIET: f32 = 0.002;

/// What the sound alone tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loudness {
    /// RMS of a loud frame (the 95th percentile).
    pub(super) loud: f32,
    /// RMS of a soft frame (the 10th percentile).
    pub(super) soft: f32,
}

impl Loudness {
    pub(super) fn of(audio: &[f32]) -> Self {
        let mut frames: Vec<f32> = audio.chunks(FRAME).map(rms).collect();
        frames.sort_by(f32::total_cmp);
        let at = |share: f32| {
            let index = (frames.len().saturating_sub(1)) as f32 * share;
            frames.get(index.round() as usize).copied().unwrap_or(0.0)
        };
        Self { loud: at(0.95), soft: at(0.10) }
    }

    /// Too quiet to hold words.
    pub(super) fn is_silence(self) -> bool {
        self.loud < QUIET
    }

    /// As loud in its soft frames as in its loud ones: a hum or a hiss. Syllables and the gaps between
    /// them differ by far more, even in a noisy room.
    pub(super) fn is_steady(self) -> bool {
        self.loud < 2.0 * self.soft
    }
}

fn rms(frame: &[f32]) -> f32 {
    (frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32).sqrt()
}

/// What the model said and how sure it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// Probability of the no-speech token at the start, in [0, 1].
    pub(super) no_speech: f32,
    /// Mean log probability of the tokens.
    pub(super) logprob: f32,
    /// The decoder ran in circles.
    pub(super) circling: bool,
}

/// Whether it is settled before any word is decoded: a steady sound in which the model itself suspects
/// no speech.
pub(super) fn is_hopeless(loudness: Loudness, no_speech: f32) -> bool {
    loudness.is_steady() && no_speech > 0.3
}

/// Whether the words are to be thrown away.
///
/// Measured with whisper base: read English has no_speech ≤ 0.03 and logprob ≥ −0.2; knocks, breaths,
/// coughs, keys, hums, chords and noises have no_speech ≥ 0.6 and logprob ≤ −0.85. Robotic Korean lies
/// between, with no_speech mostly below 0.3 and logprob about −1.1, and should be let through.
pub(super) fn is_invented(loudness: Loudness, doubt: Doubt) -> bool {
    let Doubt { no_speech, logprob, circling } = doubt;
    is_hopeless(loudness, no_speech)
        || (no_speech > 0.5 && logprob < -0.8)
        || (no_speech > 0.8 && logprob < -0.4)
        || logprob < LOST
        || (circling && logprob < -0.6)
}

/// With a mean log probability below this, the words have nothing to do with the sound.
pub(super) const LOST: f32 = -1.5;

/// If the newest tokens repeat what came directly before three times over: how many of them to drop so
/// that one copy stays.
pub(super) fn circle(tokens: &[i32]) -> Option<usize> {
    (1..=tokens.len() / 4).find_map(|period| {
        // A single token must come six times: "no no no no" is something that people say.
        let copies = if period == 1 { 6 } else { 4 };
        let start = tokens.len().checked_sub(period * copies)?;
        let tail = &tokens[start..];
        let repeats = tail.iter().zip(&tail[period..]).all(|(left, right)| left == right);
        repeats.then_some(period * (copies - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_steady_sounds_are_told_from_changing_ones() {
        let tone = |amplitude: f32| -> Vec<f32> {
            (0..16_000).map(|i| amplitude * (i as f32 * 0.05).sin()).collect()
        };
        assert!(Loudness::of(&[]).is_silence());
        assert!(Loudness::of(&[0.0; 16_000]).is_silence());
        assert!(Loudness::of(&tone(0.001)).is_silence());
        let hum = Loudness::of(&tone(0.1));
        assert!(!hum.is_silence() && hum.is_steady());
        let syllables: Vec<f32> = tone(0.2)
            .into_iter()
            .enumerate()
            .map(|(i, sample)| if i / 2_000 % 2 == 0 { sample } else { sample * 0.05 })
            .collect();
        assert!(!Loudness::of(&syllables).is_steady());
    }

    #[test]
    fn words_are_kept_and_inventions_thrown_away() {
        let changing = Loudness { loud: 0.1, soft: 0.001 };
        let steady = Loudness { loud: 0.1, soft: 0.09 };
        let cases = [
            ("read English", changing, (0.03, -0.15, false), false),
            ("robotic Korean", changing, (0.14, -1.25, false), false),
            ("doubtful but well understood", changing, (0.7, -0.3, false), false),
            ("speech in a loud room", steady, (0.05, -0.5, false), false),
            ("knocks", changing, (0.64, -2.1, false), true),
            ("a video's thanks", changing, (0.85, -0.5, false), true),
            ("hum with words", steady, (0.8, -0.2, false), true),
            ("circles", changing, (0.1, -0.7, true), true),
            ("mush", changing, (0.1, -1.7, false), true),
        ];
        for (what, loudness, (no_speech, logprob, circling), invented) in cases {
            assert_eq!(is_invented(loudness, Doubt { no_speech, logprob, circling }), invented, "{what}");
        }
    }

    #[test]
    fn circles_are_found_and_one_copy_stays() {
        let cases: [(&[i32], Option<usize>); 6] = [
            (&[], None),
            (&[1, 2, 3, 4, 5, 6, 7, 8], None),
            (&[9, 1, 1, 1, 1], None),
            (&[9, 1, 1, 1, 1, 1, 1], Some(5)),
            (&[9, 1, 2, 1, 2, 1, 2, 1, 2], Some(6)),
            (&[1, 2, 3, 1, 2, 3, 1, 2, 3, 4], None),
        ];
        for (tokens, expected) in cases {
            assert_eq!(circle(tokens), expected, "{tokens:?}");
        }
    }
}
