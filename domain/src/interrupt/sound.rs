//! One sound over a reply, from its first frame to what is decided about it.

use super::{
    Extent, FRAME_MS, Frame, KOREAN_WORD_MS, LONGEST_BACKCHANNEL_MS, MORE_AFTER_BACKCHANNEL_MS, ONE_WORD_MS,
    Reading, SOME_WORDS_MS, STOP_WORD_MS, SUSTAINED_MS, StopReason, WORDLESS_MS, Words,
};

/// From this share on the reply itself is what was heard.
pub const EXPLAINED: f32 = 0.6;
/// From here on it may be: the gate has not learned this room yet.
pub(super) const UNSURE: f32 = 0.4;
/// A frame that is not sure to be speech must stand out of the room by this much to count at all.
const RISE_DB: f32 = 10.0;
/// And be audible in itself.
const AUDIBLE_DB: f32 = -55.0;
/// The least that the voice activity must think of such a frame: clicks and hum have less.
const HINT: f32 = 0.2;
/// A frame without any sign of a voice must stand out by this much and be this loud: a cough, a hiss, a door.
const LOUD_RISE_DB: f32 = 15.0;
const LOUD_DB: f32 = -48.0;
/// What frames that are not sure to be speech count for at most: they only tell how long it has lasted.
const DOUBTFUL_MS: u32 = 64;
/// This much below one's own level is somebody else.
const FAINT_DB: f32 = 14.0;
/// This much above it wants to be heard.
const RAISED_DB: f32 = 6.0;
/// Nobody speaks a syllable in less; what a recogniser hears faster was never said.
const SYLLABLE_MS: u32 = 70;
/// What one English word weighs, and several words; see [`Reading::Content`].
pub(super) const ENGLISH_WORD: u32 = 2;
const SEVERAL: u32 = 4;
/// Sound around the voiced frames that carries words too: stops and hisses at both ends.
const EDGES_MS: u32 = 160;

/// What a frame is worth as a sign of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Strong,
    Weak,
    /// Loud, but not a voice so far.
    Loud,
    Silent,
}

pub(super) fn grade(frame: Frame, threshold: f32, room_db: f32) -> Grade {
    let rise = frame.level_db - room_db;
    // A probability, level or echo that is not a number counts as silence: no comparison holds for it.
    let explained = frame.echo.is_nan() || frame.echo >= EXPLAINED;
    if explained {
        Grade::Silent
    } else if frame.probability >= threshold && rise >= 3.0 {
        if frame.echo < UNSURE { Grade::Strong } else { Grade::Weak }
    } else if frame.probability >= HINT && rise >= RISE_DB && frame.level_db >= AUDIBLE_DB {
        Grade::Weak
    } else if frame.echo < UNSURE && rise >= LOUD_RISE_DB && frame.level_db >= LOUD_DB {
        Grade::Loud
    } else {
        Grade::Silent
    }
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sound {
    /// Start of the first frame.
    pub(super) onset: u64,
    /// End of the last frame that had a sign of a voice.
    pub(super) voiced_until: u64,
    /// Strong frames for it, silent ones against it, doubtful ones a little.
    pub(super) evidence: u32,
    /// Strong frames only.
    pub(super) voiced: u32,
    /// Since the last frame that had a sign of a voice.
    pub(super) quiet: u32,
    /// The reply is paused for it.
    pub(super) held: bool,
    /// The endpointer has found its end.
    pub(super) ended: bool,
    /// The reply was asking when it came.
    pub(super) asked: bool,
    /// What was understood of it, `None` until a recogniser has answered.
    pub(super) words: Option<Words>,
    extent: Extent,
    voiced_at_words: u32,
    level_sum: f32,
    doubtful: u32,
}

impl Sound {
    pub(super) fn new(onset: u64, now: u64, asked: bool) -> Self {
        Self {
            onset,
            voiced_until: now,
            evidence: 0,
            voiced: 0,
            quiet: 0,
            held: false,
            ended: false,
            asked,
            words: None,
            extent: Extent::SoFar,
            voiced_at_words: 0,
            level_sum: 0.0,
            doubtful: 0,
        }
    }

    pub(super) fn add(&mut self, grade: Grade, level_db: f32, now: u64) {
        match grade {
            Grade::Strong => {
                self.evidence += FRAME_MS;
                self.voiced += FRAME_MS;
                self.level_sum += level_db.max(-90.0);
                // A voice that comes back after its end is a new one under the same pause.
                self.ended = false;
            }
            Grade::Weak | Grade::Loud if self.doubtful < DOUBTFUL_MS => {
                self.doubtful += FRAME_MS / 2;
                self.evidence += FRAME_MS / 2;
            }
            Grade::Weak | Grade::Loud => {}
            Grade::Silent => self.evidence = self.evidence.saturating_sub(FRAME_MS / 2),
        }
        if matches!(grade, Grade::Strong | Grade::Weak) {
            self.quiet = 0;
            self.voiced_until = now;
        } else {
            self.quiet += FRAME_MS;
        }
    }

    pub(super) fn hear(&mut self, words: Words, extent: Extent) {
        self.words = Some(words);
        self.extent = extent;
        self.voiced_at_words = self.voiced;
    }

    /// Whether it is more than a click.
    pub(super) fn is_voice(&self) -> bool {
        self.voiced >= 3 * FRAME_MS
    }

    /// Whether the words are those of nearly all of the voice.
    pub(super) fn is_covered(&self) -> bool {
        self.voiced - self.voiced_at_words <= 2 * FRAME_MS
    }

    /// Whether there is one word of their own, which may be the beginning of another: "오버" of "어허".
    pub(super) fn is_word_begun(&self) -> bool {
        let one = |words: Words| matches!(words.reading, Reading::Content { weight } if weight < SEVERAL);
        self.extent == Extent::SoFar && self.words.is_some_and(one)
    }

    pub(super) fn is_faint(&self, own_db: Option<f32>) -> bool {
        self.louder(own_db) < -FAINT_DB
    }

    /// How much louder than this person usually is.
    fn louder(&self, own_db: Option<f32>) -> f32 {
        let frames = self.voiced / FRAME_MS;
        match own_db {
            Some(own) if frames > 0 => self.level_sum / frames as f32 - own,
            _ => 0.0,
        }
    }

    /// Voice after which it is no backchannel any more.
    pub(super) fn sustained_limit(&self, own_db: Option<f32>) -> u32 {
        let limit = match self.words.map(|words| words.reading) {
            // "아침" may become "아 진짜?" yet; the reply is silent meanwhile, so waiting for the whole costs nothing.
            Some(Reading::Content { weight }) if weight < SEVERAL => SUSTAINED_MS,
            Some(Reading::Content { .. }) => KOREAN_WORD_MS,
            Some(Reading::Backchannel) => {
                (self.voiced_at_words + MORE_AFTER_BACKCHANNEL_MS).clamp(SUSTAINED_MS, LONGEST_BACKCHANNEL_MS)
            }
            _ => SUSTAINED_MS,
        };
        match self.louder(own_db) {
            louder if louder < -FAINT_DB => limit * 3 / 2,
            louder if louder > RAISED_DB => limit * 3 / 4,
            _ => limit,
        }
    }

    /// Whether what was said stops the reply at once.
    pub(super) fn stops_by_words(&self) -> bool {
        let Some(words) = self.words else { return false };
        let fits = words.syllables * SYLLABLE_MS <= self.voiced + EDGES_MS;
        match words.reading {
            Reading::Stop => self.voiced >= STOP_WORD_MS && fits,
            Reading::Content { weight } if weight >= SEVERAL => self.voiced >= SOME_WORDS_MS && fits,
            _ => false,
        }
    }

    /// What becomes of it at its end; `None` lets the reply go on.
    pub(super) fn verdict(&self) -> Option<StopReason> {
        match self.words.map(|words| words.reading) {
            None if self.voiced >= WORDLESS_MS => Some(StopReason::Sustained),
            Some(Reading::Content { weight }) if self.voiced >= believed(weight) => Some(StopReason::Words),
            Some(Reading::Backchannel) if self.asked => Some(StopReason::Answered),
            _ if self.stops_by_words() => Some(StopReason::Words),
            _ => None,
        }
    }
}

/// Voice from which on words of their own are believed, however many syllables there seem to be.
fn believed(weight: u32) -> u32 {
    if weight > ENGLISH_WORD { KOREAN_WORD_MS } else { ONE_WORD_MS }
}
