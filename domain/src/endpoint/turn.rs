//! The turn in progress: its speech, its words, its present pause.

use super::{DIP_SAMPLES, FRAME_SAMPLES, Level, PER_MS, RESUME_EVIDENCE, tail::Tail, verdict::Opinion};

/// Words heard longer than this much speech ago say nothing about how the turn ends.
const STALE_WORDS_SAMPLES: u64 = 1000 * PER_MS;

#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) start: u64,
    /// Where speech begins, without the padding.
    pub(super) onset: u64,
    pub(super) voiced_end: u64,
    pub(super) tail: Tail,
    /// Speech since `tail` was heard.
    pub(super) voiced_since_words: u64,
    pub(super) pause: Option<Pause>,
}

/// A silence inside or after a turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pause {
    pub(super) resume_evidence: u32,
    /// Whether it has been announced.
    pub(super) told: bool,
    /// First and latest question of this pause, and where the latest was asked.
    pub(super) asked: Option<Asked>,
    pub(super) opinion: Option<Opinion>,
    /// Whether words came after it was announced: then they are all words before it, since whoever
    /// transcribes begins anew with the announcement.
    pub(super) words: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) at: u64,
    pub(super) answered: bool,
}

impl Turn {
    pub(super) fn new(start: u64, onset: u64, voiced_end: u64) -> Self {
        Self { start, onset, voiced_end, tail: Tail::Open, voiced_since_words: 0, pause: None }
    }

    /// Takes a frame; the length of the pause that it ended, if it did.
    pub(super) fn handle_level(&mut self, level: Level, frame_start: u64) -> Option<u64> {
        let frame_end = frame_start + FRAME_SAMPLES;
        let Some(pause) = &mut self.pause else {
            if level == Level::Silent {
                self.pause = Some(Pause::default());
            } else {
                self.voiced_end = frame_end;
                self.voiced_since_words += FRAME_SAMPLES;
            }
            return None;
        };
        pause.resume_evidence = match level {
            Level::Strong => pause.resume_evidence + 2,
            Level::Weak if pause.resume_evidence > 0 => pause.resume_evidence + 1,
            Level::Weak => 0,
            Level::Silent => pause.resume_evidence.saturating_sub(2),
        };
        let is_dip = level == Level::Strong && frame_start - self.voiced_end < DIP_SAMPLES;
        if !is_dip && pause.resume_evidence < RESUME_EVIDENCE {
            return None;
        }
        if !is_dip {
            // The words were the end of what came before the pause, not of what comes now.
            self.tail = Tail::Open;
        }
        let silence = frame_start - self.voiced_end;
        self.pause = None;
        self.voiced_end = frame_end;
        self.voiced_since_words += FRAME_SAMPLES;
        Some(silence)
    }

    pub(super) fn handle_words(&mut self, tail: Tail) {
        self.tail = tail;
        self.voiced_since_words = 0;
        if let Some(pause) = &mut self.pause {
            pause.words = pause.told;
        }
    }

    pub(super) fn fresh_tail(&self) -> Tail {
        if self.voiced_since_words > STALE_WORDS_SAMPLES { Tail::Open } else { self.tail }
    }
}
