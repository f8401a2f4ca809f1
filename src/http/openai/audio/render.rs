//! What was heard, in the format that was asked for.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use duologue_domain::lang::Language;
use duologue_engines::port::{SpokenWord, SttTask, Transcript};
use serde::Serialize;
use utoipa::ToSchema;

use super::subtitles::{self, Line};

/// OpenAI's `response_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    Srt,
    Vtt,
    Verbose,
}

impl Format {
    /// For people who asked for another one.
    pub(super) const NAMES: &'static str = "json, text, srt, vtt or verbose_json";

    /// By OpenAI's name.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "text" => Self::Text,
            "srt" => Self::Srt,
            "vtt" => Self::Vtt,
            "verbose_json" => Self::Verbose,
            _ => return None,
        })
    }

    /// Whether it tells when something was said.
    pub(super) fn has_times(self) -> bool {
        matches!(self, Self::Srt | Self::Vtt | Self::Verbose)
    }
}

/// What `verbose_json` tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granularity {
    pub(super) words: bool,
    pub(super) segments: bool,
}

/// A piece of the recording that was heard.
#[derive(Debug)]
pub(super) struct Piece {
    /// Of the recording, in milliseconds.
    pub(super) span: (u64, u64),
    /// Times of its words are those of the recording.
    pub(super) transcript: Transcript,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) pieces: Vec<Piece>,
    pub(super) task: SttTask,
    pub(super) seconds: f64,
}

/// `json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TranscriptionView {
    /// What was said.
    pub(super) text: String,
    /// What it cost.
    pub(super) usage: Usage,
}

/// Recordings are counted by their length.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// Always `duration`.
    r#type: &'static str,
    /// Begun seconds of the recording.
    seconds: u64,
}

/// `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerboseView {
    /// `transcribe` or `translate`.
    task: &'static str,
    /// What was spoken, by its English name; of a translation too.
    language: &'static str,
    /// Seconds.
    duration: f64,
    /// What was said.
    text: String,
    /// Sentences, or parts of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<SegmentView>>,
    /// Words, when they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<WordView>>,
    /// What it cost.
    usage: Usage,
}

/// A line of `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SegmentView {
    /// From 0.
    id: usize,
    /// Where the piece begins in which it was heard, in hundredths of a second.
    seek: u64,
    /// Seconds.
    start: f64,
    /// Seconds.
    end: f64,
    /// The words.
    text: String,
    /// Not told here: always empty.
    tokens: Vec<u32>,
    /// Always 0: the likeliest words.
    temperature: f32,
    /// Mean log probability of the piece's tokens.
    avg_logprob: f32,
    /// Not measured here: always 1. What repeats itself is cut by another rule.
    compression_ratio: f32,
    /// Probability that nobody spoke in the piece.
    no_speech_prob: f32,
}

/// A word of `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WordView {
    /// Without punctuation at its ends.
    word: String,
    /// Seconds.
    start: f64,
    /// Seconds.
    end: f64,
}

impl Heard {
    /// The words of all pieces.
    pub(super) fn text(&self) -> String {
        let texts = self.pieces.iter().map(|piece| piece.transcript.text.trim());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// What it cost.
    pub(super) fn usage(&self) -> Usage {
        Usage { r#type: "duration", seconds: self.seconds.ceil() as u64 }
    }

    /// The answer.
    pub(super) fn respond(&self, format: Format, granularity: Granularity) -> Response {
        match format {
            Format::Json => {
                Json(TranscriptionView { text: self.text(), usage: self.usage() }).into_response()
            }
            Format::Text => plain("text/plain; charset=utf-8", self.text() + "\n"),
            Format::Srt => plain("application/x-subrip; charset=utf-8", subtitles::srt(&self.lines())),
            Format::Vtt => plain("text/vtt; charset=utf-8", subtitles::vtt(&self.lines())),
            Format::Verbose => Json(self.verbose(granularity)).into_response(),
        }
    }

    fn lines(&self) -> Vec<Line> {
        self.pieces.iter().flat_map(Piece::lines).collect()
    }

    fn language(&self) -> Language {
        let told = self.pieces.iter().find_map(|piece| piece.transcript.language);
        told.or_else(|| Language::of_text(&self.text())).unwrap_or(Language::English)
    }

    fn verbose(&self, granularity: Granularity) -> VerboseView {
        let segments = || {
            let of_piece =
                |piece: &Piece| piece.lines().into_iter().map(|line| piece.segment(line)).collect();
            let all: Vec<SegmentView> = self.pieces.iter().flat_map::<Vec<_>, _>(of_piece).collect();
            all.into_iter().enumerate().map(|(id, segment)| SegmentView { id, ..segment }).collect()
        };
        let words = || self.pieces.iter().flat_map(Piece::words).filter_map(|word| shown(&word)).collect();
        VerboseView {
            task: match self.task {
                SttTask::Transcribe => "transcribe",
                SttTask::Translate => "translate",
            },
            language: match self.language() {
                Language::Korean => "korean",
                Language::English => "english",
            },
            duration: self.seconds,
            text: self.text(),
            segments: granularity.segments.then(segments),
            words: granularity.words.then(words),
            usage: self.usage(),
        }
    }
}

impl Piece {
    /// Its words; in equal steps where the engine knows no times.
    fn words(&self) -> Vec<SpokenWord> {
        match &self.transcript.words {
            words if words.is_empty() => subtitles::spread(&self.transcript.text, self.span),
            words => words.clone(),
        }
    }

    fn lines(&self) -> Vec<Line> {
        subtitles::lines(&self.words())
    }

    fn segment(&self, line: Line) -> SegmentView {
        SegmentView {
            id: 0,
            seek: self.span.0 / 10,
            start: seconds(line.from_ms),
            end: seconds(line.to_ms),
            text: line.text,
            tokens: Vec::new(),
            temperature: 0.0,
            avg_logprob: self.transcript.confidence,
            compression_ratio: 1.0,
            no_speech_prob: self.transcript.no_speech,
        }
    }
}

/// As OpenAI shows words; none for what is only punctuation.
fn shown(word: &SpokenWord) -> Option<WordView> {
    let bare = word.text.trim_matches(|character: char| !character.is_alphanumeric());
    (!bare.is_empty()).then(|| WordView {
        word: bare.to_owned(),
        start: seconds(word.from_ms),
        end: seconds(word.to_ms),
    })
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

fn plain(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
