//! What kind of music it is, from what can be counted.

use crate::{analysis::Analysis, chord::Quality, score::Score};

/// The kinds that are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Several voices that move in step: hymns, chorales.
    Chorale,
    /// Anything else of the common practice.
    #[default]
    Classical,
    /// A single line in dance rhythm.
    FolkTune,
    /// Sevenths, ii–V–I, swung eighths.
    JazzSwing,
    /// Sevenths over straight, syncopated eighths.
    Bossa,
    /// Dominant sevenths on I, IV and V.
    Blues,
    /// A march bass under a syncopated right hand.
    Ragtime,
    /// Triads, slow, with drums or a band.
    PopBallad,
    /// Triads with drums, faster.
    Pop,
}

impl Class {
    /// How it is written in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Chorale => "chorale",
            Self::Classical => "classical",
            Self::FolkTune => "folk_tune",
            Self::JazzSwing => "jazz_swing",
            Self::Bossa => "bossa",
            Self::Blues => "blues",
            Self::Ragtime => "ragtime",
            Self::PopBallad => "pop_ballad",
            Self::Pop => "pop",
        }
    }
}

/// A kind and how far it is ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Style {
    /// The likeliest.
    pub class: Class,
    /// 0 to 1: how far it is ahead of the next.
    pub confidence: f32,
}

/// What the kinds are told by; shares are of time.
#[derive(Clone, Copy, Debug)]
struct Traits {
    sevenths: f32,
    dominants: f32,
    blues_dominants: f32,
    turns: f32,
    swing: f32,
    syncopation: f32,
    voices: f32,
    chordal: f32,
    band: f32,
    slow: f32,
}

/// Guesses the kind. These are rules of thumb on few figures: the confidence says how clear they were.
pub fn classify(score: &Score, analysis: &Analysis) -> Style {
    let traits = Traits::of(score, analysis);
    let mut scores = [
        (Class::Classical, 1.0 - traits.band - 0.5 * traits.swing),
        (Class::Chorale, 1.4 * traits.chordal - traits.band - traits.swing),
        (Class::FolkTune, 2.0 * (1.0 - traits.voices).max(0.0) - traits.band),
        (
            Class::JazzSwing,
            1.3 * traits.swing + traits.sevenths * (1.2 + traits.turns) - 0.5 * traits.blues_dominants,
        ),
        (
            Class::Bossa,
            traits.sevenths * (1.2 + traits.turns) + 0.6 * traits.syncopation - traits.swing - 0.6,
        ),
        (Class::Blues, 2.2 * traits.blues_dominants + 0.4 * traits.swing),
        (
            Class::Ragtime,
            1.2 * traits.syncopation + 0.4 * traits.dominants + 0.5
                - traits.band
                - traits.swing
                - traits.slow,
        ),
        (Class::PopBallad, 0.9 * traits.band + 0.5 * traits.slow - traits.sevenths),
        (Class::Pop, 1.1 * traits.band - 0.4 * traits.slow - traits.sevenths),
    ];
    scores.sort_by(|a, b| b.1.total_cmp(&a.1));
    Style { class: scores[0].0, confidence: (scores[0].1 - scores[1].1).clamp(0.0, 1.0) }
}

impl Traits {
    fn of(score: &Score, analysis: &Analysis) -> Self {
        let total: f64 = analysis.chords.iter().map(|span| span.end - span.start).sum::<f64>().max(1e-6);
        let share = |is_it: &dyn Fn(&crate::analysis::ChordSpan) -> bool| {
            let sum: f64 =
                analysis.chords.iter().filter(|span| is_it(span)).map(|span| span.end - span.start).sum();
            (sum / total) as f32
        };
        let home = analysis.key.map(|found| found.key);
        let is_dominant = |quality: Quality| quality == Quality::Dominant7;
        let sounding: f64 = score.pitched().map(|note| note.duration).sum();
        let voices = (sounding / score.length.max(1e-6)) as f32;
        let bars = (score.length / 4.0).max(1.0) as f32;
        let has_drums = score.notes.iter().any(|note| note.is_drum());
        let is_band = |program: u8| (24..40).contains(&program) || program >= 80;
        let band = score.tracks.iter().filter(|track| track.notes > 0 && is_band(track.program)).count();
        let onsets = score.pitched().count().max(1);
        let mut places: Vec<f64> = score.pitched().map(|note| note.onset).collect();
        places.dedup_by(|later, earlier| *later - *earlier < 0.05);
        let together = onsets as f32 / places.len().max(1) as f32;
        let parts = score.tracks.iter().filter(|track| track.notes > 0).count();
        Self {
            sevenths: share(&|span| span.chord.quality.has_seventh()),
            dominants: share(&|span| is_dominant(span.chord.quality)),
            blues_dominants: share(&|span| {
                is_dominant(span.chord.quality)
                    && home.is_some_and(|key| matches!(key.above(span.chord.root), 0 | 5))
            }),
            turns: (4.0 * analysis.two_five_ones.len() as f32 / bars).min(1.0),
            swing: analysis.swing.map_or(0.0, |(ratio, _)| ((ratio as f32 - 0.54) / 0.1).clamp(0.0, 1.0)),
            syncopation: (3.0 * analysis.syncopation as f32).min(1.0),
            voices: (voices - 1.0).clamp(0.0, 1.0),
            chordal: if (3..=8).contains(&parts) && is_sung(score) {
                ((together - 1.5) / 1.2).clamp(0.0, 1.0)
            } else {
                0.0
            },
            band: (if has_drums { 0.8 } else { 0.0 } + 0.3 * band as f32).min(1.2),
            slow: ((100.0 - score.main_bpm() as f32) / 30.0).clamp(0.0, 1.0),
        }
    }
}

/// Whether every part is a single line, as voices are.
fn is_sung(score: &Score) -> bool {
    let mut last: Vec<f64> = vec![f64::MIN; score.tracks.len()];
    let mut doubled = 0;
    for note in score.pitched() {
        let Some(before) = last.get_mut(usize::from(note.track)) else { continue };
        doubled += usize::from(note.onset - *before < 0.05);
        *before = note.onset;
    }
    doubled * 50 <= score.notes.len()
}
