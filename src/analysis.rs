//! What a recording shows of the one who speaks in it: `POST /voice/analyze` and `duologue analyze`.
//!
//! The sound is measured by `domain::voice`, its words are heard by the server's own speech engine and read by
//! `domain::words`, and both together become scores and eight emotions as they are shown. The recording is one
//! speaker's: a silence of two seconds or more is somebody else's turn and no pause.

mod shape;
mod table;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use duologue_domain::{
    emotion::{self, Guess, Heard, Manner},
    lang::Language,
    pcm::{self, HEARING_RATE},
    score::{Score, Span},
    turn::TurnId,
    voice::{
        F0_PLOT_MS, Prosody, Said, ToneBands, ToneParts, Track, VoiceBaseline, VoiceConfig, VoiceTurn,
        measure, parts, tone,
    },
    words::{self, WordCounts},
};
use duologue_engines::{
    fair::{Haste, Urgency},
    port::{EngineError, ErrorKind, SessionKey, SttEngine, SttRequest},
};

pub use self::{
    shape::{Analysis, AudioView},
    table::table,
};
use crate::sound::{Format, Sound};

/// A silence from here on is somebody else's turn.
const TURN_MS: u64 = 2_000;
/// What the speech engine hears at once; it takes 30 s at most.
const PIECE_MS: u64 = 25_000;
/// Silence kept on both sides of a piece, so that no consonant is lost.
const MARGIN_MS: u64 = 200;
/// How much the voice counts in the whole; the words count the rest.
const VOICE: f32 = 0.6;

/// What is asked.
#[derive(Debug)]
pub struct Request {
    /// The recording.
    pub sound: Sound,
    /// What is spoken in it; detected when it is not told.
    pub language: Option<Language>,
    /// As whom the speech engine serves it.
    pub key: SessionKey,
    /// How long each piece may wait for the speech engine.
    pub patience: Duration,
}

/// Everything that was found, before it is written down.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) format: Format,
    pub(crate) seconds: f64,
    pub(crate) language: Language,
    pub(crate) transcript: String,
    pub(crate) words: WordCounts,
    /// The whole recording as one turn, without the silences between turns.
    pub(crate) whole: VoiceTurn,
    pub(crate) tone: Score,
    pub(crate) tone_parts: ToneParts,
    pub(crate) word_choice: Score,
    pub(crate) total: Option<u8>,
    pub(crate) guess: Guess,
    pub(crate) manner: Manner,
    pub(crate) pitch: Vec<Option<f32>>,
}

/// Analyses a recording.
///
/// # Errors
/// The speech engine is not there, or fails.
pub async fn analyse(engine: &dyn SttEngine, request: Request) -> Result<Analysis, EngineError> {
    let Request { sound, language, key, patience } = request;
    let broken = |_| EngineError::new(ErrorKind::Broken, "voice", "the analysis broke on this recording");
    let samples: Arc<[f32]> = sound.samples.into();
    let heard = samples.clone();
    let track = tokio::task::spawn_blocking(move || listen(&heard)).await.map_err(broken)?;
    let mut asked = language;
    let mut texts = Vec::new();
    for piece in pieces(&track) {
        let transcript = engine
            .transcribe(SttRequest {
                session: key,
                audio: cut(&samples, piece).into(),
                language: asked,
                prompt: None,
                partial: false,
                deadline: patience,
                // A recording can wait for those who talk.
                haste: Haste::new(Urgency::Ahead),
                ..SttRequest::default()
            })
            .await?;
        // Who began in one language goes on in it: short pieces are easily mistaken for another.
        asked = asked.or(transcript.language);
        texts.push((piece, transcript.text));
    }
    let seconds = samples.len() as f64 / f64::from(HEARING_RATE);
    Ok(shape::write(&findings(&track, &texts, asked, (sound.format, seconds))))
}

fn listen(samples: &[f32]) -> Track {
    let mut prosody = Prosody::new(VoiceConfig::default());
    prosody.handle(samples);
    prosody.finish()
}

/// Stretches of speech for the speech engine: cut at pauses, at most [`PIECE_MS`] long, silences left out.
fn pieces(track: &Track) -> Vec<Span> {
    let Some(spoken) = track.spoken() else { return Vec::new() };
    let mut pieces = Vec::new();
    let mut piece = Span { from_ms: spoken.from_ms, to_ms: spoken.from_ms };
    let end = Span { from_ms: spoken.to_ms, to_ms: u64::MAX };
    for pause in track.pauses().into_iter().chain([end]) {
        let speech = Span { from_ms: piece.to_ms, to_ms: pause.from_ms };
        // What came before this speech is long enough, or too long with it.
        if speech.to_ms - piece.from_ms > PIECE_MS && piece.ms() > 0 {
            pieces.push(piece);
            piece.from_ms = next_speech(track, piece.to_ms);
        }
        piece.to_ms = pause.from_ms;
        // Somebody who never pauses is cut in the middle.
        while piece.ms() > PIECE_MS {
            pieces.push(Span { from_ms: piece.from_ms, to_ms: piece.from_ms + PIECE_MS });
            piece.from_ms += PIECE_MS;
        }
        if pause.ms() >= TURN_MS {
            pieces.push(piece);
            piece = Span { from_ms: pause.to_ms, to_ms: pause.to_ms };
        }
    }
    pieces.retain(|piece| piece.ms() > 0);
    pieces
}

/// Where speech goes on after a pause that begins at `at_ms`.
fn next_speech(track: &Track, at_ms: u64) -> u64 {
    track.pauses().into_iter().find(|pause| pause.from_ms == at_ms).map_or(at_ms, |pause| pause.to_ms)
}

/// The samples of a piece with a little around it.
fn cut(samples: &[f32], piece: Span) -> Vec<f32> {
    let at =
        |ms: u64| usize::try_from(pcm::samples(ms, HEARING_RATE)).unwrap_or(usize::MAX).min(samples.len());
    samples[at(piece.from_ms.saturating_sub(MARGIN_MS))..at(piece.to_ms + MARGIN_MS)].to_vec()
}

fn findings(
    track: &Track,
    texts: &[(Span, String)],
    asked: Option<Language>,
    (format, seconds): (Format, f64),
) -> Findings {
    let joined = texts.iter().map(|(_, text)| text.trim()).filter(|text| !text.is_empty());
    let transcript = joined.collect::<Vec<_>>().join(" ");
    let language = asked.or_else(|| Language::of_text(&transcript)).unwrap_or(Language::English);
    let turns = turns(track, texts, language);
    let whole = whole(track, &turns, (&transcript, language));
    let words = words::read(&transcript, language);
    let (bands, mut baseline) = (ToneBands::default(), VoiceBaseline::default());
    let tone = tone(&turns, language, &bands, &baseline);
    let tone_parts = parts(&turns, language, &bands, &baseline);
    // A recording has nothing to compare its height and level with but itself.
    (baseline.median_f0_hz, baseline.level_db) = (whole.median_f0_hz, whole.level_db);
    let voice = (whole.voiced_ms > 0).then_some(&whole);
    let heard = Heard { voice, words: &words, smiling: None, baseline: &baseline, lang: language };
    let word_choice = emotion::word_choice(&heard);
    Findings {
        total: total(&tone, &word_choice),
        guess: emotion::guess(voice, &words, &baseline),
        manner: emotion::manner(&heard),
        pitch: track.plot(F0_PLOT_MS),
        format,
        seconds,
        language,
        transcript,
        words,
        whole,
        tone,
        tone_parts,
        word_choice,
    }
}

/// Every piece as a turn of its own.
fn turns(track: &Track, texts: &[(Span, String)], lang: Language) -> Vec<VoiceTurn> {
    let turn = |(index, (span, words)): (usize, &(Span, String))| {
        measure(&track.part(*span), &Said { turn: TurnId(index as u64 + 1), span: *span, words, lang })
    };
    texts.iter().enumerate().map(turn).collect()
}

/// All turns as one: the sound of the whole, and the times without what lies between them.
fn whole(track: &Track, turns: &[VoiceTurn], (words, lang): (&str, Language)) -> VoiceTurn {
    let span = Span { from_ms: 0, to_ms: track.ms() };
    VoiceTurn {
        speech_ms: turns.iter().map(|turn| turn.speech_ms).sum(),
        pause_ms: turns.iter().map(|turn| turn.pause_ms).sum(),
        pauses: turns.iter().map(|turn| turn.pauses).sum(),
        ..measure(track, &Said { turn: TurnId(0), span, words, lang })
    }
}

/// Σ w·s·q / Σ w·q over the voice and the words; none when neither could be judged.
fn total(tone: &Score, word_choice: &Score) -> Option<u8> {
    let known = [(tone, VOICE), (word_choice, 1.0 - VOICE)]
        .into_iter()
        .filter_map(|(score, weight)| Some((f32::from(score.value()?), weight * score.trust())));
    let (sum, trust) =
        known.fold((0.0, 0.0), |(sum, all), (value, trust)| (sum + value * trust, all + trust));
    (trust > 0.0).then(|| (sum / trust).round().clamp(0.0, 100.0) as u8)
}
