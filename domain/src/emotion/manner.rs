//! Four manners of speaking, each a weighted mean of a few inputs that are shown with it, and the score of the words.

use crate::{
    lang::Language,
    score::{Score, Source, WhyNot},
    voice::{VoiceBaseline, VoiceTurn},
    words::WordCounts,
};

/// Words that are needed before anything is said of them.
const ENOUGH_WORDS: u32 = 5;
/// Words after which what is said of them is fully trusted.
const SURE_WORDS: f32 = 60.0;

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The voice; none when there was only text.
    pub voice: Option<&'a VoiceTurn>,
    /// The words.
    pub words: &'a WordCounts,
    /// The share of the time in which a smile was shown, 0 to 1; none without a camera.
    pub smiling: Option<f32>,
    /// What is usual for the speaker.
    pub baseline: &'a VoiceBaseline,
    /// The language of the words.
    pub lang: Language,
}

/// Something that went into a gauge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// What: a stable name in `snake_case`.
    pub what: &'static str,
    /// What was measured, in the unit that goes with the name.
    pub measure: f32,
    /// What that is worth, 0 to 1.
    pub worth: f32,
    /// How much it counts among the inputs.
    pub weight: f32,
}

/// A number with what made it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauge {
    /// 0 to 100; none when nothing that goes into it was measured.
    pub value: Option<u8>,
    /// What went into it.
    pub inputs: Vec<Input>,
}

/// Four manners, as they are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manner {
    /// Smiles, empathy, kind words.
    pub warmth: Gauge,
    /// A voice that moves, speed, kind words.
    pub enthusiasm: Gauge,
    /// 존댓말, polite forms.
    pub politeness: Gauge,
    /// Few pauses, fillers and hedges.
    pub confidence: Gauge,
}

/// Judges all four.
pub fn manner(heard: &Heard<'_>) -> Manner {
    let words = heard.words;
    let spoke = words.words >= ENOUGH_WORDS;
    let voice = heard.voice;
    let sentences = words.sentences.max(1) as f32;
    let empathy = spoke.then(|| words.empathy.share());
    let forms = spoke.then(|| words.polite_forms as f32 / sentences);
    let kindness = words.valence();
    let usual = match heard.lang {
        Language::Korean => heard.baseline.syllables_per_s,
        Language::English => heard.baseline.words_per_minute / 60.0,
    };
    let speed = voice.and_then(VoiceTurn::speaking_rate).map(|rate| rate / usual.max(0.1));
    let loudness =
        voice.and_then(|voice| voice.loudness_sd_db).map(|db| db / heard.baseline.loudness_sd_db.max(0.1));
    Manner {
        warmth: gauge([
            input("smiling_share", 0.35, heard.smiling, |share| share / 0.5),
            input("empathy_share", 0.35, empathy, |share| 0.3 + 1.4 * share),
            input("kindness", 0.2, kindness, |kindness| (kindness + 1.0) / 2.0),
            input("polite_forms_a_sentence", 0.1, forms, |forms| 0.3 + forms),
        ]),
        enthusiasm: gauge([
            input("pitch_range_semitones", 0.4, voice.and_then(|voice| voice.pitch_sd_st), |st| {
                (st - 0.5) / 4.0
            }),
            input("loudness_range_to_own", 0.2, loudness, |times| times / 2.0),
            input("speed_to_own", 0.2, speed, |times| times - 0.5),
            input("kindness", 0.2, kindness, |kindness| (kindness + 1.0) / 2.0),
        ]),
        politeness: politeness(heard, forms),
        confidence: gauge([
            input("pause_share", 0.35, voice.and_then(VoiceTurn::pause_share), |share| 1.0 - share / 0.5),
            input("fillers_per_100", 0.3, words.fillers_per_100().filter(|_| spoke), |rate| {
                1.0 - rate / 12.0
            }),
            input("hedges_per_100", 0.35, words.hedges_per_100().filter(|_| spoke), |rate| 1.0 - rate / 10.0),
        ]),
    }
}

/// Korean is polite by its endings; English by its forms, and a plain sentence is not rude.
fn politeness(heard: &Heard<'_>, forms: Option<f32>) -> Gauge {
    match heard.lang {
        Language::Korean => gauge([
            input("polite_endings_share", 0.8, heard.words.polite_share(), |share| share),
            input("polite_forms_a_sentence", 0.2, forms, |forms| 0.4 + forms),
        ]),
        Language::English => gauge([input("polite_forms_a_sentence", 1.0, forms, |forms| 0.5 + forms)]),
    }
}

/// The score of the words: kindness, empathy, politeness, few fillers.
pub fn word_choice(heard: &Heard<'_>) -> Score {
    let words = heard.words;
    let needs = WhyNot { code: "needs_words", needs: u64::from(ENOUGH_WORDS), has: u64::from(words.words) };
    if words.words < ENOUGH_WORDS {
        return Score::missing(Source::Words, "percent", needs);
    }
    let judged = choice(heard);
    let Some(value) = judged.value else { return Score::missing(Source::Words, "percent", needs) };
    Score {
        value: Ok(value),
        measure: Some(f32::from(value)),
        unit: "percent",
        band: None,
        n: words.words,
        coverage: judged.inputs.iter().map(|input| input.weight).sum::<f32>(),
        quality: (words.words as f32 / SURE_WORDS).clamp(0.0, 1.0),
        source: Source::Words,
        evidence: Vec::new(),
    }
}

/// What goes into [`word_choice`].
fn choice(heard: &Heard<'_>) -> Gauge {
    let polite = manner(heard).politeness.value.map(|value| f32::from(value) / 100.0);
    gauge([
        input("kindness", 0.35, heard.words.valence(), |kindness| (kindness + 1.0) / 2.0),
        input("politeness", 0.25, polite, |polite| polite),
        input("empathy_share", 0.2, Some(heard.words.empathy.share()), |share| 0.4 + 1.2 * share),
        input("fillers_per_100", 0.2, heard.words.fillers_per_100(), |rate| 1.0 - (rate - 2.0) / 10.0),
    ])
}

/// An input that was measured, or none.
fn input(what: &'static str, weight: f32, measure: Option<f32>, worth: impl Fn(f32) -> f32) -> Option<Input> {
    let measure = measure.filter(|measure| measure.is_finite())?;
    Some(Input { what, measure, worth: worth(measure).clamp(0.0, 1.0), weight })
}

/// The weighted mean of what was measured.
fn gauge<const N: usize>(inputs: [Option<Input>; N]) -> Gauge {
    let inputs = inputs.into_iter().flatten().collect::<Vec<_>>();
    let weight = inputs.iter().map(|input| input.weight).sum::<f32>();
    let sum = inputs.iter().map(|input| input.worth * input.weight).sum::<f32>();
    let value = (weight > 0.0).then(|| (100.0 * sum / weight).round().clamp(0.0, 100.0) as u8);
    Gauge { value, inputs }
}
