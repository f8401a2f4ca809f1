//! From tokens with times to words with times.
//!
//! The alignment tells when the decoder was done with a token and turned to the next one. In a pause that is anywhere
//! in it, or even within the next word. So a word goes from where the one before ended to its own last token, without
//! the silence at either end; and of what a pause divides it is the longest part, whose rest is the next word's.

use super::gate::Loudness;
use crate::port::SpokenWord;

/// Samples in a millisecond.
const PER_MS: u64 = 16;

/// What is looked at for silence: 10 ms.
const FRAME_MS: u64 = 10;

/// A frame this much softer than the loud ones is silence (−26 dB): the soft end of a word is above it.
const SILENCE: f32 = 0.05;

/// Quiet sounds at the ends of a word, such as a closing stop, are its own: as much is kept of the silence.
const EDGE_MS: u64 = 20;

/// No word is shorter.
const SHORTEST_MS: u64 = 40;

/// No word has a silence of so many milliseconds inside: the longest closures are half as long.
const PAUSE_MS: u64 = 300;

/// A token as the model gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    /// A piece of UTF-8; a space at its beginning begins a word.
    pub(super) bytes: &'a [u8],
    /// When the decoder was done with it.
    pub(super) until_ms: u64,
    /// In [0, 1].
    pub(super) probability: f32,
}

/// The words of these tokens, in their order; their times never go back. `audio` is mono at 16 kHz.
pub(super) fn join(tokens: &[Token<'_>], audio: &[f32]) -> Vec<SpokenWord> {
    let floor = Loudness::of(audio).loud * SILENCE;
    let end_ms = audio.len() as u64 / PER_MS;
    let starts: Vec<usize> = (0..tokens.len()).filter(|&index| begins(tokens, index)).collect();
    let mut words: Vec<SpokenWord> = Vec::with_capacity(starts.len());
    let mut left_over = None;
    for (number, &start) in starts.iter().enumerate() {
        let next = starts.get(number + 1).copied().unwrap_or(tokens.len());
        let own = &tokens[start..next];
        let bytes: Vec<u8> = own.iter().flat_map(|token| token.bytes).copied().collect();
        let text = String::from_utf8_lossy(&bytes).trim_end_matches('\u{FFFD}').trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let after = words.last().map_or(0, |word| word.to_ms);
        let before = start.checked_sub(1).map_or(0, |last| tokens[last].until_ms);
        let from = left_over.unwrap_or(before).max(after).min(end_ms);
        let until = own.last().map_or(from, |token| token.until_ms).min(end_ms).max(from);
        let place = tighten(&loud_runs(audio, (from, until), floor), (from, until));
        left_over = place.left_over;
        let probability = own.iter().map(|token| token.probability).sum::<f32>() / own.len() as f32;
        words.push(SpokenWord { text, from_ms: place.from_ms, to_ms: place.to_ms, probability });
    }
    words
}

/// Whether a word begins here.
fn begins(tokens: &[Token<'_>], index: usize) -> bool {
    index == 0 || tokens[index].bytes.first() == Some(&b' ')
}

/// Where a word is.
struct Place {
    from_ms: u64,
    to_ms: u64,
    /// Where sound begins again behind a pause within what was said to be the word.
    left_over: Option<u64>,
}

/// The longest run of sound, and a little around it; all of the stretch when all of it is silent.
fn tighten(runs: &[(u64, u64)], (from, until): (u64, u64)) -> Place {
    let at_least = |from: u64, to: u64| to.max(from + SHORTEST_MS).min(until);
    let longest = runs.iter().enumerate().rev().max_by_key(|(_, (start, end))| end - start);
    let Some((index, &(first, last))) = longest else {
        return Place { from_ms: from, to_ms: at_least(from, until), left_over: None };
    };
    let from_ms = first.saturating_sub(EDGE_MS).max(from);
    let left_over = runs.get(index + 1).map(|(start, _)| start.saturating_sub(EDGE_MS));
    Place { from_ms, to_ms: at_least(from_ms, (last + EDGE_MS).min(until)), left_over }
}

/// Where there is sound, in milliseconds; shorter silences than a pause are bridged.
fn loud_runs(audio: &[f32], (from, until): (u64, u64), floor: f32) -> Vec<(u64, u64)> {
    let is_loud = |start: u64| {
        let samples = |ms: u64| usize::try_from(ms * PER_MS).unwrap_or(usize::MAX).min(audio.len());
        let frame = &audio[samples(start)..samples(start + FRAME_MS)];
        let energy = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32;
        energy.sqrt() > floor
    };
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for start in (from..until).step_by(FRAME_MS as usize).filter(|start| is_loud(*start)) {
        match runs.last_mut() {
            Some((_, end)) if start - *end < PAUSE_MS => *end = start + FRAME_MS,
            _ => runs.push((start, start + FRAME_MS)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sound (1) and silence (0), half a second each.
    fn sound(halves: &[u8]) -> Vec<f32> {
        let tone = |index: usize| 0.3 * (index as f32 * 0.1).sin();
        halves.iter().flat_map(|half| (0..8_000).map(move |index| f32::from(*half) * tone(index))).collect()
    }

    fn token(text: &str, until_ms: u64) -> Token<'_> {
        Token { bytes: text.as_bytes(), until_ms, probability: 0.5 }
    }

    #[test]
    fn words_are_joined_and_silence_is_nobodys() {
        let audio = sound(&[0, 1, 0, 0, 1, 1, 0]);
        let tokens = [
            token(" Hel", 700),
            token("lo", 900),
            token(",", 1_400),
            token(" world", 2_900),
            token(".", 3_300),
        ];
        let words = join(&tokens, &audio);
        let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["Hello,", "world."]);
        let times: Vec<_> = words.iter().map(|word| (word.from_ms, word.to_ms)).collect();
        assert_eq!(times, [(480, 1_020), (1_980, 3_020)]);
    }

    #[test]
    fn a_boundary_within_the_next_word_is_moved_into_the_pause() {
        let audio = sound(&[1, 0, 1, 1, 0, 1]);
        let words = join(&[token(" one", 450), token(" two", 2_600), token(" three", 3_000)], &audio);
        let times: Vec<_> = words.iter().map(|word| (word.from_ms, word.to_ms)).collect();
        assert_eq!(times, [(0, 450), (980, 2_020), (2_480, 3_000)]);
    }

    #[test]
    fn a_character_in_two_tokens_is_whole_and_a_cut_one_is_left_out() {
        let bytes = " 안녕".as_bytes();
        let parts = [&bytes[..3], &bytes[3..6], &bytes[6..]];
        let token = |bytes| Token { bytes, until_ms: 0, probability: 1.0 };
        let audio = sound(&[1, 1]);
        assert_eq!(join(&parts.map(token), &audio)[0].text, "안녕");
        assert_eq!(
            join(&parts[..2].iter().map(|part| token(part)).collect::<Vec<_>>(), &audio)[0].text,
            "안"
        );
    }

    #[test]
    fn times_stay_within_the_sound_and_in_order() {
        let audio = sound(&[1]);
        let tokens = [token("a", 300), token(" b", 100), token(" c", 9_000), token(" ", 9_000)];
        let words = join(&tokens, &audio);
        assert_eq!(words.len(), 3);
        let mut before = 0;
        for word in &words {
            assert!(before <= word.from_ms && word.from_ms <= word.to_ms && word.to_ms <= 500, "{words:?}");
            before = word.to_ms;
        }
        assert!(join(&[], &audio).is_empty());
        assert_eq!(join(&[token(" x", 5)], &[]).len(), 1);
    }
}
