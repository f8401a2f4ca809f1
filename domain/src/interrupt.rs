//! What a person's sound over a reply does to it: in two steps, so that it may come at once and still be taken back.
//!
//! Pure: one call per 32 ms frame and one per transcript, audio is the only clock. While a reply is audible:
//!
//! - **Duck.** The first frame that is speech, or two that are much louder than the room (the hiss of "stop" comes
//!   a tenth of a second before voice activity knows it), turn the reply down.
//! - **Hold.** Speech that lasts longer than a click pauses it; playing can go on from the same sample. Noise never
//!   does.
//! - **Restore** or **Stop.** Words decide as soon as there are any ("응" goes on, "잠깐만" stops); without words
//!   the length of the voice does, weighed with how loud it is for this person. A short answer to the question that
//!   is being asked is an answer, not a sign of listening.
//!
//! What the echo gate explains by the reply itself counts as silence, and where the reply comes back, words of their
//! own are worth no more than one, since the reply's may be among them: the voice decides. Whatever was begun ends in
//! Restore or Stop within [`LONGEST_MS`]. Words that come after a Restore may still stop, for [`RECALL_MS`].

mod alike;
mod reaction;
mod sound;
#[cfg(test)]
mod tests;
mod words;

pub use sound::EXPLAINED;
use sound::{Grade, Sound};
pub use words::{Reading, Words, despite_doubt, hot_words, read};

use crate::turn::TurnId;

/// Of how much of a sound words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As far as it had come when the recogniser was asked; a word at the end may be a part of another one.
    SoFar,
    /// Up to a pause.
    Whole,
}

/// Length of one frame: what Silero takes at 16 kHz.
pub const FRAME_MS: u32 = 32;
/// No sound keeps a reply ducked or held longer than this: by then the words are known or the voice has decided.
pub const LONGEST_MS: u64 = 4_000;
/// How long after its end a sound may still stop the reply by its words: a recogniser on a busy laptop takes its time,
/// and "stop" that comes late is better than one that was not heard. Usually the words are there in half a second.
pub const RECALL_MS: u64 = 5_000;

/// Voice before the reply pauses. With the packet and the frame around it this keeps within 300 ms at the client,
/// and it is longer than any click.
const HOLD_MS: u32 = 128;
/// The same for a voice much fainter than this person's own: someone else in the room.
const HOLD_FAINT_MS: u32 = 320;
/// Quiet that shows that a sound that did not pause the reply was nothing.
const NOTHING_MS: u32 = 224;
/// A duck that neither paused nor ended by now was noise.
const LONGEST_DUCK_MS: u64 = 1_000;
/// Quiet after a voice before its words, when they are known, are final.
const SETTLE_MS: u32 = 160;
/// How long the paused reply waits in quiet for words before it goes on without.
const PATIENCE_MS: u32 = 600;
/// A voice that goes on longer than a backchannel ever lasts, words or not: a slow "그렇구나" has 1.2 s. The reply is
/// paused all the while, so deciding late costs the person nothing.
const SUSTAINED_MS: u32 = 1_216;
/// The same after words that were only a backchannel: "네, 네, 맞아요" goes on for a while.
const MORE_AFTER_BACKCHANNEL_MS: u32 = 700;
/// The longest of backchannels, however many words.
const LONGEST_BACKCHANNEL_MS: u32 = 2_500;
/// A voice of this length that ended and whose words never came was too long for a backchannel.
const WORDLESS_MS: u32 = 992;
/// One word that is no known stop word is believed from this much voice on: of less, recognisers make anything
/// ("sour" of a slow "sure", "and coarse" of "of course"), and who means it says more.
const ONE_WORD_MS: u32 = 800;
/// The same for a Korean word that has ended, which may be a sentence or a misheard "그만", and for several words that
/// can hardly have been said so fast.
const KOREAN_WORD_MS: u32 = 416;
/// The same for several words that can.
const SOME_WORDS_MS: u32 = 250;
/// A cough that the recogniser took for a word has hardly any voice.
const STOP_WORD_MS: u32 = 64;
/// After noise, this long only a steady voice ducks again: a running tap must not make the reply pump. Twice as long
/// after each further noise.
const WARY_MS: u64 = 500;
const LONGEST_WARY_MS: u64 = 8_000;
/// Strong frames that make a steady voice.
const STEADY: u32 = 2;
/// Loud frames in a row that duck without any sign of a voice; a click fills one or touches two.
const LOUD_RUN: u32 = 2;
/// Voice without which nothing pauses.
const LEAST_VOICE_MS: u32 = 64;

/// What is known of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Probability of speech.
    pub probability: f32,
    /// Level in dB of full scale.
    pub level_db: f32,
    /// How well the reply itself explains what was heard: from [`EXPLAINED`] on it is not the
    /// person, near one half nobody knows.
    pub echo: f32,
    /// Whether it explained everything until now, and does not any more.
    pub dip: bool,
}

/// The reply that is at the person's ears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audible {
    /// Its turn.
    pub turn: TurnId,
    /// Whether what is being heard asks something: then a short "네" is an answer.
    pub asking: bool,
}

/// Why a reply stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// By what was said.
    Words,
    /// By a voice longer than a backchannel.
    Sustained,
    /// Its question was answered.
    Answered,
    /// It was over by itself while the person spoke.
    Over,
}

impl StopReason {
    /// The stable name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Sustained => "sustained",
            Self::Answered => "answered",
            Self::Over => "over",
        }
    }
}

/// What the reply must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptEvent {
    /// Quieter, at once.
    Duck,
    /// Pause, ready to go on from the same sample.
    Hold,
    /// Go on as before.
    Restore,
    /// It is over: the person has the floor.
    Stop(StopReason),
}

/// How an [`Interrupter`] behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InterruptConfig {
    /// Probability from which a frame is speech.
    pub threshold: f32,
    /// Whether speech may stop a reply. If not, nothing is ever said.
    pub enabled: bool,
}

impl Default for InterruptConfig {
    fn default() -> Self {
        Self { threshold: 0.5, enabled: true }
    }
}

/// The machine. Feed it every frame, audible or not: it learns the room and the person's own level.
#[derive(Clone, Debug)]
pub struct Interrupter {
    config: InterruptConfig,
    now: u64,
    room_db: f32,
    own_db: Option<f32>,
    audible: Option<Audible>,
    scene: Scene,
    /// How long to be wary after the next noise.
    wary_ms: u64,
    /// Whether this reply, and the one before, came back through loudspeakers as a voice.
    came_back: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
enum Scene {
    /// Nobody but the reply is heard; `last` is a sound that was let pass without its words.
    Alone { wary_until: u64, strong: u32, loud: u32, last: Option<Sound> },
    /// A sound over the reply.
    Over(Sound),
    /// The reply was stopped.
    Stopped,
}

const ALONE: Scene = Scene::Alone { wary_until: 0, strong: 0, loud: 0, last: None };

impl Interrupter {
    /// A machine in which nothing is audible.
    pub fn new(config: InterruptConfig) -> Self {
        Self {
            config,
            now: 0,
            room_db: -60.0,
            own_db: None,
            audible: None,
            scene: ALONE,
            wary_ms: WARY_MS,
            came_back: [false; 2],
        }
    }

    /// Changes the rules; what they end is ended.
    pub fn reconfigure(&mut self, config: InterruptConfig) -> Vec<InterruptEvent> {
        self.config = config;
        if config.enabled { Vec::new() } else { self.forget() }
    }

    /// Whether speech that begins now is over a reply that it may stop.
    pub fn is_listening(&self) -> bool {
        self.config.enabled && self.audible.is_some() && !matches!(self.scene, Scene::Stopped)
    }

    /// Whether the reply is ducked or held now.
    pub fn is_deciding(&self) -> bool {
        matches!(self.scene, Scene::Over(_))
    }

    /// Whether words of a sound that has ended may still change what becomes of it.
    pub fn awaits_words(&self) -> bool {
        match &self.scene {
            Scene::Over(_) => true,
            Scene::Alone { last: Some(sound), .. } => {
                let known = sound.words.is_some() && sound.is_covered();
                !known && self.now < sound.voiced_until + RECALL_MS
            }
            _ => false,
        }
    }

    /// A reply has become audible, says something else now, or is over.
    pub fn handle_audible(&mut self, audible: Option<Audible>) -> Vec<InterruptEvent> {
        let before = std::mem::replace(&mut self.audible, audible);
        let same = matches!((before, audible), (Some(before), Some(now)) if before.turn == now.turn);
        if same {
            if let (Scene::Over(sound), Some(now)) = (&mut self.scene, audible) {
                sound.asked = now.asking;
            }
            return Vec::new();
        }
        if before.is_some() {
            self.came_back = [false, self.came_back[0]];
        }
        let unheard = self.awaits_words();
        match std::mem::replace(&mut self.scene, ALONE) {
            // Who was speaking when it ended has the floor without a fight.
            Scene::Over(sound) if sound.is_voice() => vec![InterruptEvent::Stop(StopReason::Over)],
            Scene::Over(_) => vec![InterruptEvent::Restore],
            // What was said over it and is not understood yet is not lost with it.
            Scene::Alone { last: Some(sound), .. } if unheard && sound.is_voice() => {
                vec![InterruptEvent::Duck, InterruptEvent::Stop(StopReason::Over)]
            }
            _ => Vec::new(),
        }
    }

    /// The next [`FRAME_MS`] of the microphone.
    pub fn handle_frame(&mut self, frame: Frame) -> Vec<InterruptEvent> {
        self.now += u64::from(FRAME_MS);
        let grade = self.grade(frame);
        self.learn(frame);
        let Some(audible) = self.audible.filter(|_| self.config.enabled) else { return Vec::new() };
        self.came_back[0] |= frame.echo >= EXPLAINED && frame.probability >= self.config.threshold;
        match &mut self.scene {
            Scene::Stopped => Vec::new(),
            Scene::Over(sound) => {
                sound.add(grade, frame.level_db, self.now);
                self.decide()
            }
            Scene::Alone { .. } => self.begin(grade, frame, audible),
        }
    }

    /// A look at the sound between two frames: half of the last one and as much after it. It may duck the reply before
    /// the next frame does, and nothing else.
    pub fn handle_glance(&mut self, frame: Frame) -> Vec<InterruptEvent> {
        let (Scene::Alone { wary_until, .. }, true) = (&self.scene, self.is_listening()) else {
            return Vec::new();
        };
        // What is enough in a frame is enough here, but for loudness alone, which takes two frames.
        let voice = match self.grade(frame) {
            Grade::Strong => true,
            Grade::Weak => frame.echo < sound::UNSURE,
            Grade::Loud | Grade::Silent => false,
        };
        if self.now < *wary_until || !voice {
            return Vec::new();
        }
        let asked = self.audible.is_some_and(|audible| audible.asking);
        let onset = self.now.saturating_sub(u64::from(FRAME_MS / 2));
        self.scene = Scene::Over(Sound::new(onset, self.now, asked));
        vec![InterruptEvent::Duck]
    }

    /// What was said since the speech began; empty when the recogniser found no word.
    pub fn handle_words(&mut self, text: &str, extent: Extent) -> Vec<InterruptEvent> {
        let mut words = read(text);
        // The reply's own may be among them; and "that's such a" may go on with "shame".
        if let Reading::Content { weight } = &mut words.reading
            && (self.came_back.contains(&true) || extent == Extent::SoFar && words::may_become_reaction(text))
        {
            *weight = (*weight).min(sound::ENGLISH_WORD);
        }
        match &mut self.scene {
            Scene::Over(sound) => {
                sound.hear(words, extent);
                if sound.stops_by_words() { self.stop(StopReason::Words) } else { self.decide() }
            }
            Scene::Alone { last: Some(sound), .. } if self.now < sound.voiced_until + RECALL_MS => {
                sound.hear(words, extent);
                if !sound.stops_by_words() {
                    return Vec::new();
                }
                let mut events = vec![InterruptEvent::Duck];
                events.extend(self.stop(StopReason::Words));
                events
            }
            _ => Vec::new(),
        }
    }

    /// The endpointer found the end of the speech: what is known must do.
    pub fn handle_speech_ended(&mut self) -> Vec<InterruptEvent> {
        let Scene::Over(sound) = &mut self.scene else { return Vec::new() };
        sound.ended = true;
        self.decide()
    }

    /// The person takes the floor by other means than their voice.
    pub fn take_floor(&mut self) -> Vec<InterruptEvent> {
        if !self.is_listening() {
            return Vec::new();
        }
        let mut events = if self.is_deciding() { Vec::new() } else { vec![InterruptEvent::Duck] };
        events.extend(self.stop(StopReason::Words));
        events
    }

    /// The speech so far does not count, by the client's wish.
    pub fn forget(&mut self) -> Vec<InterruptEvent> {
        match self.scene {
            Scene::Over(_) => {
                self.scene = ALONE;
                vec![InterruptEvent::Restore]
            }
            Scene::Alone { .. } => {
                self.scene = ALONE;
                Vec::new()
            }
            Scene::Stopped => Vec::new(),
        }
    }

    /// Nobody but the reply was heard so far.
    fn begin(&mut self, grade: Grade, frame: Frame, audible: Audible) -> Vec<InterruptEvent> {
        let Scene::Alone { wary_until, strong, loud, .. } = &mut self.scene else { return Vec::new() };
        *strong = if grade == Grade::Strong { *strong + 1 } else { 0 };
        *loud = if grade == Grade::Silent { 0 } else { *loud + 1 };
        // Before the echo is known, half a guess must not duck the reply's own first word.
        let weak = grade == Grade::Weak && frame.echo < sound::UNSURE;
        // Under a loud echo this is all that is seen of a beginning; a duck that was wrong costs little.
        let dip = frame.dip && frame.probability >= self.config.threshold;
        let frames = match self.now < *wary_until {
            true if *strong >= STEADY => *strong,
            false if *loud >= LOUD_RUN && (weak || grade != Grade::Weak) => *loud,
            false if *strong > 0 || weak || dip => 1,
            _ => return Vec::new(),
        };
        let onset = self.now - u64::from(frames.min(LOUD_RUN) * FRAME_MS);
        let mut sound = Sound::new(onset, self.now, audible.asking);
        for _ in 1..frames.min(LOUD_RUN) {
            sound.add(if *strong > 1 { Grade::Strong } else { Grade::Loud }, frame.level_db, self.now);
        }
        sound.add(grade, frame.level_db, self.now);
        self.scene = Scene::Over(sound);
        vec![InterruptEvent::Duck]
    }

    fn decide(&mut self) -> Vec<InterruptEvent> {
        let (now, faint, limit) = match &self.scene {
            Scene::Over(sound) => (self.now, sound.is_faint(self.own_db), sound.sustained_limit(self.own_db)),
            _ => return Vec::new(),
        };
        let Scene::Over(sound) = &mut self.scene else { return Vec::new() };
        let age = now - sound.onset;
        let hold = if faint { HOLD_FAINT_MS } else { HOLD_MS };
        if !sound.held && sound.evidence >= hold && sound.voiced >= LEAST_VOICE_MS {
            sound.held = true;
            return vec![InterruptEvent::Hold];
        }
        if !sound.held {
            let over = sound.quiet >= NOTHING_MS || age >= LONGEST_DUCK_MS;
            return if over { self.restore() } else { Vec::new() };
        }
        let known = sound.words.is_some() && sound.is_covered() && !sound.is_word_begun();
        let settled = known && (sound.ended || sound.quiet >= SETTLE_MS);
        if sound.voiced >= limit {
            self.stop(StopReason::Sustained)
        } else if settled || sound.quiet >= PATIENCE_MS || age >= LONGEST_MS {
            match sound.verdict() {
                Some(reason) => self.stop(reason),
                None => self.restore(),
            }
        } else {
            Vec::new()
        }
    }

    fn stop(&mut self, reason: StopReason) -> Vec<InterruptEvent> {
        self.scene = Scene::Stopped;
        vec![InterruptEvent::Stop(reason)]
    }

    fn restore(&mut self) -> Vec<InterruptEvent> {
        if let Scene::Over(sound) = self.scene {
            let mut wary_until = 0;
            if sound.held {
                self.wary_ms = WARY_MS;
            } else {
                wary_until = self.now + self.wary_ms;
                self.wary_ms = (self.wary_ms * 2).min(LONGEST_WARY_MS);
            }
            self.scene = Scene::Alone { wary_until, strong: 0, loud: 0, last: Some(sound) };
        }
        vec![InterruptEvent::Restore]
    }

    fn grade(&self, frame: Frame) -> Grade {
        sound::grade(frame, self.config.threshold, self.room_db)
    }

    /// The room's floor falls fast and rises slowly, and not by speech; the person's own level is what they speak
    /// with while nothing else is heard.
    fn learn(&mut self, frame: Frame) {
        // Not a number would stay for ever.
        if !frame.level_db.is_finite() {
            return;
        }
        let level = frame.level_db.clamp(-90.0, 0.0);
        if level < self.room_db {
            self.room_db += (level - self.room_db) * 0.3;
        } else if frame.probability < self.config.threshold && frame.echo < sound::UNSURE {
            self.room_db += (level - self.room_db).min(1.5) * 0.05;
        }
        if self.audible.is_none() && frame.probability >= 0.8 {
            let own = self.own_db.get_or_insert(level);
            *own += (level - *own) * 0.02;
        }
    }
}
