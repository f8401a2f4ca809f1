//! Recordings in pieces that the speech engine takes, cut where it is quiet.

use std::ops::Range;

use duologue_domain::pcm::HEARING_RATE;

/// Seconds of a piece: the speech engine takes 30, and cuts are looked for in the second half.
pub(crate) const PIECE_S: usize = 28;

/// What is judged at once: 20 ms.
const FRAME: usize = HEARING_RATE as usize / 50;

/// Frames that must be quiet together for a good cut: 200 ms, longer than the closure of any consonant.
const QUIET_FRAMES: usize = 10;

/// Below this RMS (−54 dB) there are no words; such frames at the ends of a piece are left out.
const SILENCE: f32 = 0.002;

/// As much of them stays, so that no soft beginning is lost.
const MARGIN: usize = 15;

/// Frames of silence that end a piece: over a second of it inside, the speech engine may give up all the words around it.
const PAUSE_FRAMES: usize = 50;

/// Pieces of at most `longest` seconds, in samples (16 kHz), in their order; what is silent lies in none of them.
///
/// A piece ends where nothing is heard for a second, or else in the quietest 200 ms of its second half, so that it is
/// long enough to be understood.
pub(crate) fn pieces(samples: &[f32], longest: usize) -> Vec<Range<usize>> {
    let loudness: Vec<f32> = samples.chunks(FRAME).map(rms).collect();
    let most = (longest * HEARING_RATE as usize / FRAME).max(2 * QUIET_FRAMES);
    let mut pieces = Vec::new();
    let mut start = 0;
    while let Some(from) = (start..loudness.len()).find(|&frame| loudness[frame] >= SILENCE) {
        let from = from.saturating_sub(MARGIN).max(start);
        let end = match pause(&loudness[from..loudness.len().min(from + most)]) {
            Some(pause) => from + pause + MARGIN,
            None if loudness.len() - from <= most => loudness.len(),
            None => cut(&loudness, from, most),
        };
        let last = (from..end).rfind(|&frame| loudness[frame] >= SILENCE).unwrap_or(end - 1);
        pieces.push(from * FRAME..((last + 1 + MARGIN).min(end) * FRAME).min(samples.len()));
        start = end;
    }
    pieces
}

/// Where the first long silence behind a sound begins.
fn pause(loudness: &[f32]) -> Option<usize> {
    let first = loudness.iter().position(|&loud| loud >= SILENCE)?;
    let is_silent = |frames: &[f32]| frames.iter().all(|&loud| loud < SILENCE);
    loudness[first..].windows(PAUSE_FRAMES).position(is_silent).map(|at| first + at)
}

/// The best frame to cut at, in the second half of what may be one piece.
fn cut(loudness: &[f32], from: usize, most: usize) -> usize {
    let sum_of = |at: usize| loudness[at..at + QUIET_FRAMES].iter().sum::<f32>();
    let quietest = (from + most / 2..=from + most - QUIET_FRAMES)
        // Of equally quiet places the last: fewer pieces.
        .min_by(|left, right| sum_of(*left).total_cmp(&sum_of(*right)).then(right.cmp(left)));
    quietest.map_or(from + most, |at| at + QUIET_FRAMES / 2)
}

fn rms(frame: &[f32]) -> f32 {
    (frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tenths of a second of sound (`#`), of soft sound (`.`) and of silence (` `).
    fn recording(pattern: &str) -> Vec<f32> {
        let level = |mark: char| match mark {
            '#' => 0.3,
            '.' => 0.01,
            _ => 0.0,
        };
        let tone = |index: usize| (index as f32 * 0.3).sin();
        let tenth = HEARING_RATE as usize / 10;
        pattern.chars().flat_map(|mark| (0..tenth).map(move |index| level(mark) * tone(index))).collect()
    }

    /// In tenths of a second.
    fn tenths(pattern: &str, longest: usize) -> Vec<(usize, usize)> {
        let tenth = HEARING_RATE as usize / 10;
        pieces(&recording(pattern), longest)
            .into_iter()
            .map(|piece| (piece.start / tenth, piece.end / tenth))
            .collect()
    }

    #[test]
    fn short_recordings_are_one_piece_and_silence_is_none() {
        assert_eq!(tenths("##########", 5), [(0, 10)]);
        assert_eq!(tenths("", 5), []);
        assert_eq!(tenths("          ", 5), []);
        assert_eq!(tenths("          #####          ", 5), [(7, 18)], "300 ms stay around what is heard");
    }

    #[test]
    fn a_long_pause_ends_a_piece_and_a_short_one_does_not() {
        assert_eq!(tenths("#####        #####", 5), [(0, 18)], "0.8 s");
        assert_eq!(
            tenths("#####            #####", 5),
            [(0, 8), (14, 22)],
            "1.2 s, of which 300 ms stay on each side"
        );
        assert_eq!(tenths("#####            ", 5), [(0, 8)], "behind the last word there is nothing");
    }

    #[test]
    fn long_ones_are_cut_where_it_is_quiet() {
        let pattern = ["#".repeat(35), "..".into(), "#".repeat(30)].concat();
        assert_eq!(tenths(&pattern, 5), [(0, 36), (36, 67)]);
        // A pause in the first half is too early.
        let pattern = ["#".repeat(10), "   ".into(), "#".repeat(70)].concat();
        let cuts = tenths(&pattern, 5);
        assert_eq!(cuts.len(), 2, "{cuts:?}");
        assert!(cuts[0].1 > 25, "{cuts:?}");
    }

    #[test]
    fn nothing_loud_is_lost_and_no_piece_is_too_long() {
        let pattern = ["#".repeat(300), " ".repeat(40), "#.#".repeat(200), "#".repeat(77)].concat();
        for longest in [3, 10, 28] {
            let samples = recording(&pattern);
            let pieces = pieces(&samples, longest);
            let mut end = 0;
            for piece in &pieces {
                assert!(piece.len() <= longest * HEARING_RATE as usize && piece.start >= end, "{pieces:?}");
                assert!(samples[end..piece.start].iter().all(|sample| sample.abs() < 0.005), "{pieces:?}");
                end = piece.end;
            }
            assert_eq!(end, samples.len());
        }
    }
}
