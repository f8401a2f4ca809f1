//! The analysis as it is written down. The names of seed clients come first; `details` shows what made each of them.

use std::collections::BTreeMap;

use duologue_domain::{
    emotion::{Gauge, Reason},
    lang::Language,
    score::Score,
    voice::{F0_PLOT_MS, TonePart},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Findings;

/// What a recording shows. A number is null when it could not be measured; `details` says what is missing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Analysis {
    /// The voice and the words together, 0 to 100.
    #[schema(example = 78)]
    pub total_score: Option<u8>,
    /// The voice: how far its pitch moves, how fast and how evenly it speaks, 0 to 100.
    pub voice_tone_score: Option<u8>,
    /// The words: kind, polite, empathic, free of fillers, 0 to 100.
    pub word_choice_score: Option<u8>,
    /// The emotion that is shown most: joy, sadness, anger, surprise, fear, disgust, neutral or contempt. Shown, which is
    /// not felt.
    #[schema(example = "neutral")]
    pub emotion: &'static str,
    /// The share of each emotion; together 1.
    pub emotions: BTreeMap<&'static str, f32>,
    /// Empathy and kind words, 0 to 100.
    pub warmth: Option<u8>,
    /// A voice that moves, speed, kind words, 0 to 100.
    pub enthusiasm: Option<u8>,
    /// 존댓말 and polite forms, 0 to 100.
    pub politeness: Option<u8>,
    /// Few pauses, fillers and hedges, 0 to 100.
    pub confidence: Option<u8>,
    /// What was said.
    pub transcript: String,
    /// `ko` or `en`.
    pub language: &'static str,
    /// What made the numbers.
    pub details: Details,
    /// The pitch over time.
    pub pitch: PitchView,
}

/// What made the numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Details {
    /// The file.
    pub audio: AudioView,
    /// Of `voice_tone_score`.
    pub voice_tone: ScoreView,
    /// Of `word_choice_score`.
    pub word_choice: ScoreView,
    /// The parts of `voice_tone_score`: `pitch`, `speed`, `volume`; without those that could not be measured.
    pub tone_parts: BTreeMap<&'static str, PartView>,
    /// What went into `warmth`, `enthusiasm`, `politeness` and `confidence`.
    pub manners: BTreeMap<&'static str, Vec<InputView>>,
    /// The cues that spoke for or against an emotion, the strongest first.
    pub emotion_reasons: Vec<ReasonView>,
    /// How it sounded.
    pub speech: SpeechView,
    /// What was said, counted.
    pub words: WordsView,
}

/// The file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AudioView {
    /// `wav`, `mp3`, `ogg` or `webm`.
    pub container: &'static str,
    /// `pcm`, `mp3`, `opus` or `vorbis`.
    pub codec: &'static str,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: usize,
    /// Seconds.
    pub duration_s: f64,
}

/// A score with what a person may ask about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreView {
    /// 0 to 100.
    pub value: Option<u8>,
    /// What was measured, in `unit`.
    pub measure: Option<f32>,
    /// The unit of the measure.
    pub unit: &'static str,
    /// The trapezoid that it was judged by: 0, 100, 100, 0.
    pub band: Option<[f32; 4]>,
    /// How many turns or words.
    pub n: u32,
    /// The share of what could be observed.
    pub coverage: f32,
    /// How far it can be trusted.
    pub quality: f32,
    /// `voice` or `words`.
    pub source: &'static str,
    /// What is missing when there is no value.
    pub why_not: Option<WhyNotView>,
    /// The moments that made it.
    pub evidence: Vec<EvidenceView>,
}

/// What is missing.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhyNotView {
    /// `needs_speech` (milliseconds of voice) or `needs_words`.
    pub code: &'static str,
    /// How much would be enough.
    pub needs: u64,
    /// How much there is.
    pub has: u64,
}

/// One moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    /// Its first millisecond.
    pub from_ms: u64,
    /// The millisecond after its last.
    pub to_ms: u64,
    /// What it was.
    pub what: &'static str,
    /// How much.
    pub value: f32,
}

/// A part of the score of the voice.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartView {
    /// 0 to 100.
    pub value: u8,
    /// What was measured, in `unit`.
    pub measure: f32,
    /// The unit.
    pub unit: &'static str,
    /// The trapezoid that it was judged by.
    pub band: [f32; 4],
}

/// Something that went into a manner.
#[derive(Debug, Serialize, ToSchema)]
pub struct InputView {
    /// What.
    pub what: &'static str,
    /// What was measured.
    pub measure: f32,
    /// What that is worth, 0 to 1.
    pub worth: f32,
    /// How much it counts.
    pub weight: f32,
}

/// A cue of an emotion.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// Which emotion.
    pub emotion: &'static str,
    /// Which cue.
    pub what: &'static str,
    /// How strong it was, −1 to 1.
    pub value: f32,
    /// What it did.
    pub weight: f32,
}

/// How it sounded.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpeechView {
    /// Time of speech, without pauses.
    pub speech_ms: u64,
    /// Time of pauses inside the speech.
    pub pause_ms: u64,
    /// How many.
    pub pauses: u32,
    /// Time with voice.
    pub voiced_ms: u64,
    /// What the rates count: `words_per_minute` in English, `syllables_per_second` in Korean.
    pub rate_unit: &'static str,
    /// The rate with pauses.
    pub speaking_rate: Option<f32>,
    /// The rate without pauses.
    pub articulation_rate: Option<f32>,
    /// The median pitch.
    pub median_f0_hz: Option<f32>,
    /// How far the pitch moves, in semitones.
    pub pitch_sd_semitones: Option<f32>,
    /// The mean level of the voice, in dBFS.
    pub level_db: Option<f32>,
    /// How far the loudness moves, in dB.
    pub loudness_sd_db: Option<f32>,
    /// How far the voice stands above the noise, in dB.
    pub above_noise_db: Option<f32>,
    /// Diagnostic, never scored: how much the periods differ from one to the next.
    pub jitter: Option<f32>,
    /// Diagnostic, never scored: the same of their heights, in dB.
    pub shimmer_db: Option<f32>,
}

/// What was said, counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct WordsView {
    /// Words.
    pub words: u32,
    /// Syllables as they are spoken.
    pub syllables: u32,
    /// Sentences.
    pub sentences: u32,
    /// Fillers, by their characters in the transcript.
    pub fillers: Vec<FillerView>,
    /// Polite Korean endings.
    pub polite_endings: u32,
    /// Korean endings whose level can be told.
    pub endings: u32,
    /// Polite forms.
    pub polite_forms: u32,
    /// Kind words.
    pub positive: u32,
    /// Unkind words.
    pub negative: u32,
    /// Emotional reaction, interpretation and exploration, each 0 to 2.
    pub empathy: [u8; 3],
    /// Questions.
    pub questions: u32,
    /// Words that take something back.
    pub hedges: u32,
}

/// A filler.
#[derive(Debug, Serialize, ToSchema)]
pub struct FillerView {
    /// Its first character in the transcript, from 0.
    pub from: usize,
    /// The character after its last.
    pub to: usize,
    /// Which.
    pub what: &'static str,
}

/// The pitch over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct PitchView {
    /// When the first value begins.
    pub from_ms: u64,
    /// Milliseconds from one value to the next.
    pub step_ms: u64,
    /// Hz; null where there is no voice.
    pub hz: Vec<Option<f32>>,
}

/// Writes everything down.
pub(super) fn write(found: &Findings) -> Analysis {
    let manner = &found.manner;
    Analysis {
        total_score: found.total,
        voice_tone_score: found.tone.value(),
        word_choice_score: found.word_choice.value(),
        emotion: found.guess.first().name(),
        emotions: found
            .guess
            .shares
            .iter()
            .map(|(emotion, share)| (emotion.name(), round(*share, 3)))
            .collect(),
        warmth: manner.warmth.value,
        enthusiasm: manner.enthusiasm.value,
        politeness: manner.politeness.value,
        confidence: manner.confidence.value,
        transcript: found.transcript.clone(),
        language: found.language.code(),
        details: details(found),
        pitch: PitchView {
            from_ms: 0,
            step_ms: F0_PLOT_MS,
            hz: found.pitch.iter().map(|hz| hz.map(|hz| round(hz, 1))).collect(),
        },
    }
}

fn details(found: &Findings) -> Details {
    let manner = &found.manner;
    let parts = &found.tone_parts;
    let parts = [("pitch", parts.pitch), ("speed", parts.speed), ("volume", parts.volume)];
    let manners = [
        ("warmth", &manner.warmth),
        ("enthusiasm", &manner.enthusiasm),
        ("politeness", &manner.politeness),
        ("confidence", &manner.confidence),
    ];
    Details {
        audio: AudioView::new(found.format, found.seconds),
        voice_tone: score(&found.tone),
        word_choice: score(&found.word_choice),
        tone_parts: parts.into_iter().filter_map(|(name, measured)| Some((name, part(measured?)))).collect(),
        manners: manners.into_iter().map(|(name, gauge)| (name, inputs(gauge))).collect(),
        emotion_reasons: found.guess.reasons.iter().map(reason).collect(),
        speech: speech(found),
        words: words(found),
    }
}

impl AudioView {
    /// What a file is, and how long.
    pub(crate) fn new(format: crate::sound::Format, seconds: f64) -> Self {
        Self {
            container: format.container,
            codec: format.codec,
            sample_rate: format.rate,
            channels: format.channels,
            duration_s: (seconds * 1000.0).round() / 1000.0,
        }
    }
}

fn score(score: &Score) -> ScoreView {
    let missing = score.value.err();
    ScoreView {
        value: score.value(),
        measure: score.measure.map(|measure| round(measure, 2)),
        unit: score.unit,
        band: score.band.map(|band| band.points()),
        n: score.n,
        coverage: round(score.coverage, 2),
        quality: round(score.quality, 2),
        source: score.source.name(),
        why_not: missing.map(|why| WhyNotView { code: why.code, needs: why.needs, has: why.has }),
        evidence: score
            .evidence
            .iter()
            .map(|moment| EvidenceView {
                from_ms: moment.span.from_ms,
                to_ms: moment.span.to_ms,
                what: moment.what,
                value: round(moment.value, 2),
            })
            .collect(),
    }
}

fn part(part: TonePart) -> PartView {
    PartView {
        value: part.score.round().clamp(0.0, 100.0) as u8,
        measure: round(part.measure, 2),
        unit: part.unit,
        band: part.band.points(),
    }
}

fn inputs(gauge: &Gauge) -> Vec<InputView> {
    let view = |input: &duologue_domain::emotion::Input| InputView {
        what: input.what,
        measure: round(input.measure, 3),
        worth: round(input.worth, 3),
        weight: input.weight,
    };
    gauge.inputs.iter().map(view).collect()
}

fn reason(reason: &Reason) -> ReasonView {
    ReasonView {
        emotion: reason.emotion.name(),
        what: reason.what,
        value: round(reason.value, 3),
        weight: round(reason.weight, 3),
    }
}

fn speech(found: &Findings) -> SpeechView {
    let whole = &found.whole;
    let (rate_unit, times) = match found.language {
        Language::English => ("words_per_minute", 60.0),
        Language::Korean => ("syllables_per_second", 1.0),
    };
    let rounded = |value: Option<f32>| value.map(|value| round(value, 2));
    SpeechView {
        speech_ms: whole.speech_ms,
        pause_ms: whole.pause_ms,
        pauses: whole.pauses,
        voiced_ms: whole.voiced_ms,
        rate_unit,
        speaking_rate: rounded(whole.speaking_rate().map(|rate| rate * times)),
        articulation_rate: rounded(whole.articulation_rate().map(|rate| rate * times)),
        median_f0_hz: rounded(whole.median_f0_hz),
        pitch_sd_semitones: rounded(whole.pitch_sd_st),
        level_db: rounded(whole.level_db),
        loudness_sd_db: rounded(whole.loudness_sd_db),
        above_noise_db: rounded(whole.above_noise_db),
        jitter: whole.perturbation.map(|periods| round(periods.jitter, 4)),
        shimmer_db: rounded(whole.perturbation.map(|periods| periods.shimmer_db)),
    }
}

fn words(found: &Findings) -> WordsView {
    let words = &found.words;
    let filler = |filler: &duologue_domain::words::Filler| FillerView {
        from: filler.from,
        to: filler.to,
        what: filler.which,
    };
    WordsView {
        words: words.words,
        syllables: words.syllables,
        sentences: words.sentences,
        fillers: words.fillers.iter().map(filler).collect(),
        polite_endings: words.polite_endings,
        endings: words.endings,
        polite_forms: words.polite_forms,
        positive: words.positive,
        negative: words.negative,
        empathy: [words.empathy.reaction, words.empathy.interpretation, words.empathy.exploration],
        questions: words.questions,
        hedges: words.hedges,
    }
}

/// As many decimals as mean something.
fn round(value: f32, decimals: i32) -> f32 {
    let scale = 10f64.powi(decimals);
    ((f64::from(value) * scale).round() / scale) as f32
}
