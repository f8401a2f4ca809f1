//! When a person has begun to speak and when the turn is theirs no more.
//!
//! Pure: one call per 32 ms frame of voice-activity probability, positions are sample indices at
//! 16 kHz, so audio is the only clock. Five ideas work together:
//!
//! - **Hysteresis.** Speech begins at `threshold` and ends below `threshold − 0.15`, the pair that
//!   Silero's own segmenter uses; in between nothing changes.
//! - **Evidence.** A strong frame counts two, a weak one one, a silent one takes two away. Only
//!   `min_speech_ms` worth of strong frames start a turn, so a click or a cough in one frame does not;
//!   the same integrator, with a lower bar, keeps a click in a pause from restarting the wait.
//! - **Judgement.** In semantic mode a model is asked after a short silence, and again at growing
//!   distances. Its probability is evidence, not a decision: it takes half sentences for whole ones.
//! - **Words.** The words up to the pause are known some 300 ms after it began. How they end is as good
//!   a witness as the sound: "그래서" or "and" waits longer, "갈게요" or "That's all." less ([`Tail`]). They
//!   are waited for, within bounds, because nothing can be answered without them: that wait is free.
//! - **The speaker.** Whoever pauses long inside their turns is waited for longer ([`speaker`]).
//!
//! How these and the silence itself become a wait: [`verdict`].

mod event;
mod speaker;
mod tail;
#[cfg(test)]
mod tests;
mod turn;
mod verdict;

pub use event::{EndReason, EndpointConfig, EndpointEvent, EndpointMode};
pub(crate) use tail::{Hint, korean_ending, listed};
pub use tail::{Tail, tail_of};

use self::{
    speaker::Speaker,
    turn::{Asked, Pause, Turn},
    verdict::{Evidence, Opinion},
};

/// Samples in one frame: what Silero takes at 16 kHz.
pub const FRAME_SAMPLES: u64 = 512;
/// Samples in a millisecond at 16 kHz.
const PER_MS: u64 = 16;
/// How far below the threshold speech may fall before it counts as silence (Silero's own default).
const HYSTERESIS: f32 = 0.15;
/// Silence that ends a turn when no judge answers: the protocol's default for server VAD.
const FALLBACK_SILENCE_MS: u32 = 500;
/// The same after a finished sentence, and after a dangling word.
const FALLBACK_FINAL_MS: u32 = 400;
const FALLBACK_DANGLING_MS: u32 = 1500;
/// How long a judge that has answered before may take; several times its usual time on a busy laptop.
const JUDGE_PATIENCE_MS: u32 = 1000;
/// The first question comes so much before the second, which waits for this at most.
const SECOND_AFTER_MS: u32 = 96;
const SECOND_PATIENCE_MS: u32 = 128;
/// Where the words are waited for, which weigh more, there is one question, so much later: until then the recogniser's
/// encoder wants both of two cores, and its decoder but one.
const BESIDE_WORDS_MS: u32 = 56;
/// Speech that begins this soon after the end of a turn was its continuation: a reply takes longer to
/// begin, so it is no answer to it.
const SAME_BREATH_MS: u32 = 1000;
/// Gaps shorter than this are dips inside words; the first strong frame continues the speech.
const DIP_SAMPLES: u64 = 3 * FRAME_SAMPLES;
/// The beginning of a voice that is hidden by a louder one.
const MASKED_SAMPLES: u64 = 2 * FRAME_SAMPLES;
/// Evidence that continues speech after a pause: two strong frames.
const RESUME_EVIDENCE: u32 = 4;

/// The machine. Feed it every frame.
#[derive(Clone, Debug)]
pub struct Endpointer {
    config: EndpointConfig,
    position: u64,
    /// The next turn may not begin before this, but for its onset: the end of the previous one, or of what was not
    /// this person's voice.
    floor: u64,
    /// Where the uncommitted audio begins.
    buffer_from: u64,
    /// Where the present quiet began, until it has been reported.
    quiet_since: Option<u64>,
    phase: Phase,
    asks: u64,
    judge_answers: bool,
    speaker: Speaker,
    /// Where speech ended before the last turn was taken for over by itself.
    over_at: Option<u64>,
}

#[derive(Clone, Debug)]
enum Phase {
    Quiet(Option<Onset>),
    Speaking(Turn),
}

/// Sound that may become speech.
#[derive(Clone, Copy, Debug)]
struct Onset {
    at: u64,
    evidence: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Strong,
    Weak,
    Silent,
}

impl Endpointer {
    /// A machine at position 0, in quiet.
    pub fn new(config: EndpointConfig) -> Self {
        Self {
            config,
            position: 0,
            floor: 0,
            buffer_from: 0,
            quiet_since: Some(0),
            phase: Phase::Quiet(None),
            asks: 0,
            judge_answers: false,
            speaker: Speaker::default(),
            over_at: None,
        }
    }

    /// Changes the rules; a turn in progress goes on under the new ones.
    pub fn reconfigure(&mut self, config: EndpointConfig) {
        self.config = config;
        if let Phase::Quiet(onset) = &mut self.phase {
            *onset = None;
        }
    }

    /// Samples seen so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether a turn is in progress, pauses included.
    pub fn in_speech(&self) -> bool {
        matches!(self.phase, Phase::Speaking(_))
    }

    /// Whether a turn is in progress and its latest frame was speech.
    pub fn is_voiced(&self) -> bool {
        matches!(self.phase, Phase::Speaking(Turn { pause: None, .. }))
    }

    /// Whether a pause has been announced and speech has not gone on since.
    pub fn in_pause(&self) -> bool {
        matches!(self.phase, Phase::Speaking(Turn { pause: Some(Pause { told: true, .. }), .. }))
    }

    /// The next [`FRAME_SAMPLES`] samples are speech with this probability.
    pub fn handle_frame(&mut self, probability: f32) -> Vec<EndpointEvent> {
        let frame_start = self.position;
        self.position += FRAME_SAMPLES;
        if self.config.mode == EndpointMode::Manual {
            return Vec::new();
        }
        let level = self.level(probability);
        match &mut self.phase {
            Phase::Quiet(_) => self.handle_quiet(level, frame_start),
            Phase::Speaking(turn) => {
                if let Some(silence) = turn.handle_level(level, frame_start) {
                    self.speaker.went_on_after(ms(silence));
                }
                self.decide()
            }
        }
    }

    /// The judge's answer to [`EndpointEvent::JudgeTurn`]. Void when speech has gone on since.
    pub fn handle_completeness(&mut self, ask: u64, probability: f32) -> Vec<EndpointEvent> {
        self.judge_answers = true;
        let Phase::Speaking(Turn { pause: Some(pause), .. }) = &mut self.phase else { return Vec::new() };
        let Some(asked) = &mut pause.asked else { return Vec::new() };
        // Not a number says nothing; the silence rule then decides.
        if !(asked.first..=asked.last).contains(&ask) || probability.is_nan() {
            return Vec::new();
        }
        asked.answered |= ask == asked.last;
        pause.opinion = Some(Opinion::with(pause.opinion, probability));
        self.decide()
    }

    /// The words heard so far in the turn in progress; they move the wait from the next frame on.
    pub fn handle_partial(&mut self, text: &str) {
        if let Phase::Speaking(turn) = &mut self.phase {
            turn.handle_words(tail_of(text));
        }
    }

    /// Ends the turn now, whether or not anyone spoke; empty when there is no audio since the last one.
    pub fn commit(&mut self) -> Vec<EndpointEvent> {
        if let Phase::Speaking(turn) = &self.phase {
            let start = turn.start;
            return self.end(start, self.position, EndReason::Committed);
        }
        if self.buffer_from == self.position {
            return Vec::new();
        }
        let start = match self.config.mode {
            EndpointMode::Manual => self.buffer_from,
            // While a machine listens, quiet audio piles up; only what one turn may hold is of use.
            _ => {
                self.buffer_from.max(self.position.saturating_sub(samples(self.config.max_turn_ms.max(1000))))
            }
        };
        let mut events = self.end(start, self.position, EndReason::Committed);
        // Nothing had started, so nothing stops.
        events.remove(0);
        events
    }

    /// The last frame was the persona's own voice. A turn does not reach back into it for its padding: a recogniser
    /// would hear the persona's words before the person's. The end of it may hide the beginning of theirs.
    pub fn handle_own_voice(&mut self) {
        self.floor = self.floor.max(self.position.saturating_sub(MASKED_SAMPLES));
    }

    /// Forgets the audio and the turn in progress, without a word.
    pub fn clear(&mut self) {
        self.phase = Phase::Quiet(None);
        self.floor = self.position;
        self.buffer_from = self.position;
        self.quiet_since = Some(self.position);
    }

    /// The partner has just stopped speaking: the quiet before [`EndpointEvent::IdleTimeout`] counts anew.
    pub fn restart_idle(&mut self) {
        self.quiet_since = Some(self.position);
    }

    fn level(&self, probability: f32) -> Level {
        if probability >= self.config.threshold {
            Level::Strong
        } else if probability >= (self.config.threshold - HYSTERESIS).max(0.01) {
            Level::Weak
        } else {
            Level::Silent
        }
    }

    fn handle_quiet(&mut self, level: Level, frame_start: u64) -> Vec<EndpointEvent> {
        let needed = 2 * u32::try_from(samples(self.config.min_speech_ms).div_ceil(FRAME_SAMPLES))
            .unwrap_or(u32::MAX / 2)
            .max(1);
        let Phase::Quiet(onset) = &mut self.phase else { return Vec::new() };
        *onset = match (level, *onset) {
            (Level::Strong, None) => Some(Onset { at: frame_start, evidence: 2 }),
            (Level::Strong, Some(onset)) => Some(Onset { evidence: onset.evidence + 2, ..onset }),
            (Level::Weak, Some(onset)) => Some(Onset { evidence: onset.evidence + 1, ..onset }),
            (Level::Silent, Some(onset)) if onset.evidence > 2 => {
                Some(Onset { evidence: onset.evidence - 2, ..onset })
            }
            (Level::Weak, None) | (Level::Silent, _) => None,
        };
        match *onset {
            Some(onset) if onset.evidence >= needed => self.begin(onset.at),
            Some(_) => Vec::new(),
            None => self.idle(),
        }
    }

    fn begin(&mut self, onset: u64) -> Vec<EndpointEvent> {
        let padded = onset.saturating_sub(samples(self.config.prefix_padding_ms));
        let start = padded.max(self.floor.min(onset));
        if let Some(over_at) = self.over_at.take() {
            let silence = onset.saturating_sub(over_at);
            if silence < samples(SAME_BREATH_MS) {
                self.speaker.went_on_after(ms(silence));
            }
        }
        self.phase = Phase::Speaking(Turn::new(start, onset, self.position));
        self.quiet_since = None;
        vec![EndpointEvent::SpeechStarted { start }]
    }

    fn idle(&mut self) -> Vec<EndpointEvent> {
        match (self.quiet_since, self.config.idle_timeout_ms) {
            (Some(since), Some(timeout)) if self.position - since >= samples(timeout) => {
                self.quiet_since = None;
                self.buffer_from = self.position;
                vec![EndpointEvent::IdleTimeout { since }]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the turn ends here, or the judge is to be asked.
    fn decide(&mut self) -> Vec<EndpointEvent> {
        let Phase::Speaking(turn) = &self.phase else { return Vec::new() };
        let start = turn.start;
        if let Some(end) = self.overlong(turn) {
            return self.end(start, end, EndReason::MaxTurn);
        }
        let Some(pause) = turn.pause else { return Vec::new() };
        if pause.resume_evidence > 0 {
            return Vec::new();
        }
        let (end, silence) = (turn.voiced_end, self.position - turn.voiced_end);
        match self.config.mode {
            EndpointMode::Manual => Vec::new(),
            EndpointMode::Server { silence_ms } if silence < samples(silence_ms) => self.announce(silence),
            EndpointMode::Server { .. } => self.end(start, end, EndReason::Silence),
            EndpointMode::Semantic { max_wait_ms } => match self.verdict(turn, pause, max_wait_ms) {
                Some(reason) => {
                    // A judge that let its time pass is not waited for again until it answers.
                    self.judge_answers &= reason != EndReason::Silence;
                    self.end(start, end, reason)
                }
                None => {
                    let mut events = self.announce(silence);
                    events.extend(self.ask(silence));
                    events
                }
            },
        }
    }

    /// Says once per pause that there is one.
    fn announce(&mut self, silence: u64) -> Vec<EndpointEvent> {
        // The question may be configured to come earlier; nothing is asked about what was not announced.
        let after = samples(self.config.pause_after_ms).min(self.first_ask_after());
        let Phase::Speaking(Turn { start, voiced_end, pause: Some(pause), .. }) = &mut self.phase else {
            return Vec::new();
        };
        if silence < after || std::mem::replace(&mut pause.told, true) {
            return Vec::new();
        }
        vec![EndpointEvent::Pause { start: *start, end: *voiced_end }]
    }

    /// Where an overlong turn is cut. A pause in the last tenth is taken, so that words stay whole.
    fn overlong(&self, turn: &Turn) -> Option<u64> {
        let limit = samples(self.config.max_turn_ms);
        let in_pause = turn.pause.is_some_and(|pause| pause.resume_evidence == 0);
        if in_pause
            && self.position - turn.voiced_end >= DIP_SAMPLES
            && self.position - turn.start >= limit - limit / 10
        {
            return Some(turn.voiced_end);
        }
        let full = self.position + FRAME_SAMPLES - turn.start > limit;
        full.then_some(if in_pause { turn.voiced_end } else { self.position })
    }

    fn verdict(&self, turn: &Turn, pause: Pause, max_wait_ms: u32) -> Option<EndReason> {
        let (silence, tail) = (self.position - turn.voiced_end, turn.fresh_tail());
        let (limit, reason) = match pause.opinion {
            Some(opinion) => {
                let evidence = Evidence {
                    opinion,
                    bar: self.config.complete_at,
                    tail,
                    settled: pause.words,
                    speech_ms: ms(turn.voiced_end - turn.onset),
                };
                let wait = samples(evidence.wait_ms(max_wait_ms, self.speaker)).max(self.least(pause));
                (wait, if evidence.is_likely() { EndReason::Complete } else { EndReason::MaxWait })
            }
            None => (self.unanswered_limit(pause, tail), EndReason::Silence),
        };
        let longest = samples(max_wait_ms);
        match silence {
            _ if silence >= limit => Some(reason),
            _ if silence >= longest => Some(EndReason::MaxWait),
            _ => None,
        }
    }

    /// Silence before which no evidence is enough: the words and the second opinion are on their way.
    fn least(&self, pause: Pause) -> u64 {
        let config = &self.config;
        let words = if pause.words { 0 } else { config.words_within_ms };
        let second = match pause.opinion {
            Some(opinion) if self.awaits_second(opinion) => {
                config.ask_after_ms.saturating_add(SECOND_PATIENCE_MS)
            }
            _ => 0,
        };
        samples(config.least_wait_ms.max(words).max(second))
    }

    fn awaits_second(&self, opinion: Opinion) -> bool {
        opinion.is_single() && !self.awaits_words()
    }

    fn awaits_words(&self) -> bool {
        self.config.words_within_ms > 0
    }

    /// Silence that ends a turn on which the judge has said nothing.
    fn unanswered_limit(&self, pause: Pause, tail: Tail) -> u64 {
        if self.judge_answers {
            return match pause.asked {
                Some(_) => samples(self.config.ask_after_ms.saturating_add(JUDGE_PATIENCE_MS)),
                None => u64::MAX,
            };
        }
        let silence_ms = match tail {
            Tail::Final | Tail::Likely => FALLBACK_FINAL_MS,
            Tail::Open => FALLBACK_SILENCE_MS,
            Tail::Dangling => FALLBACK_DANGLING_MS,
        };
        // The judge is given a moment even where the configuration asks late.
        samples(silence_ms.max(self.config.ask_after_ms.saturating_add(FALLBACK_SILENCE_MS / 4)))
    }

    fn first_ask_after(&self) -> u64 {
        let ask_after = samples(self.config.ask_after_ms);
        if self.awaits_words() {
            return ask_after + samples(BESIDE_WORDS_MS);
        }
        ask_after.saturating_sub(samples(SECOND_AFTER_MS)).max(DIP_SAMPLES).min(ask_after)
    }

    /// Asks a little before `ask_after_ms` and again then: the mean of two opinions separates pauses from ends better than
    /// one. Where words are waited for, once. After that, once answered, at twice the distance each time.
    fn ask(&mut self, silence: u64) -> Vec<EndpointEvent> {
        let (position, ask_after) = (self.position, samples(self.config.ask_after_ms));
        let first_after = self.first_ask_after();
        let once = self.awaits_words();
        let Phase::Speaking(Turn { start, pause: Some(pause), .. }) = &mut self.phase else {
            return Vec::new();
        };
        let ask = self.asks;
        match &mut pause.asked {
            None if silence >= first_after => {
                pause.asked = Some(Asked { first: ask, last: ask, at: position, answered: false });
            }
            Some(asked) => {
                let is_due = match asked.last - asked.first + u64::from(once) {
                    0 => silence >= ask_after,
                    more => {
                        asked.answered && position - asked.at >= ask_after.max(DIP_SAMPLES) << more.min(16)
                    }
                };
                if !is_due {
                    return Vec::new();
                }
                (asked.last, asked.at, asked.answered) = (ask, position, false);
            }
            None => return Vec::new(),
        }
        self.asks += 1;
        vec![EndpointEvent::JudgeTurn { ask, start: *start, end: position }]
    }

    fn end(&mut self, start: u64, end: u64, reason: EndReason) -> Vec<EndpointEvent> {
        self.phase = Phase::Quiet(None);
        self.speaker.turn_ended();
        let by_itself = !matches!(reason, EndReason::Committed | EndReason::MaxTurn);
        self.over_at = by_itself.then_some(end);
        self.floor = end;
        self.buffer_from = self.position;
        self.quiet_since = Some(self.position);
        vec![
            EndpointEvent::SpeechStopped { end },
            EndpointEvent::TurnEnded { start, end, decided_at: self.position, reason },
        ]
    }
}

fn samples(ms: u32) -> u64 {
    u64::from(ms) * PER_MS
}

fn ms(samples: u64) -> u32 {
    u32::try_from(samples / PER_MS).unwrap_or(u32::MAX)
}
