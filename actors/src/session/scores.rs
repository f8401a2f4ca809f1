//! The scores of a scene: what Face and Coach are told, what they say, and the copies from which new ones go on.
//!
//! The Session ticks them once a second while something changed; neither has a clock. Facts wait here until the Coach
//! has counted them, so that one that dies in between loses nothing. A fact that kills it twice is counted without
//! its sound.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use duologue_domain::{
    coach::{Card, Coach as Core, FaceReading, Feedback, NoFace, PersonTurn, PersonaTurn, Said},
    face::{Calibration, Face},
    lang::Language,
    score::Span,
    turn::TurnId,
};
use duologue_engines::port::SPEECH_RATE;
use ractor::ActorRef;
use tokio::time::Instant;

use super::{
    SessionMsg, SessionSpec, State, hearing::SpeechTiming, playback::Playback, reply::Reply, state::epoch_ms,
};
use crate::{
    coach::{CoachEvent, CoachMsg, Fact},
    event::{ClientCommand, SessionEvent},
    face::{FaceArgs, FaceEvent, FaceMsg},
    policy::Role,
    scribe::Entry,
    store::{FeedbackBody, FeedbackRecord, MessageRole},
    transcriber::Utterance,
};

/// Facts that may wait for a Coach; an hour of talk without one forgets the oldest.
const WAITING: usize = 64;

/// How often a fact may have been with a Coach that died before its sound is left out.
const TRIES: u32 = 2;

/// Between two writes of the feedback.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Without a reading for so long no frames are coming; readings come once a second.
const FACE_GONE: Duration = Duration::from_millis(1_500);

/// A tick does not look again at what was looked at since the last one.
const LATELY: Duration = Duration::from_millis(900);

/// What a session knows of its scores.
#[derive(Debug)]
pub(super) struct Scores {
    /// A copy of what the Coach knows.
    core: Box<Core>,
    waiting: VecDeque<Waiting>,
    next: u64,
    /// Something changed since the last look.
    changed: bool,
    /// The last that the client was told.
    told: Option<Arc<Card>>,
    /// A copy of what Face knows, once there was something to see.
    face: Option<Box<Face>>,
    /// The last reading, while there is one of a face.
    shown_at: Option<Instant>,
    /// Why there is no face now.
    no_face: Option<NoFace>,
    looked_at: Option<Instant>,
    /// The document of this opening of the scene.
    document: String,
    unsaved: bool,
    saved_at: Option<Instant>,
}

/// A line as it was heard.
pub(super) struct Heard<'a> {
    pub(super) item: &'a str,
    pub(super) text: &'a str,
    pub(super) span: Span,
}

/// A fact that has not been counted.
#[derive(Debug)]
struct Waiting {
    number: u64,
    fact: Fact,
    since: Instant,
    tries: u32,
}

impl Scores {
    /// For a scene that begins or goes on, with what the persona said before and how much it liked the person.
    pub(super) fn new(spec: &SessionSpec, language: Language) -> Self {
        let mut core = Core::new((*spec.config.coach).clone(), language, spec.likability);
        for message in spec.history.iter().filter(|message| message.role == MessageRole::Assistant) {
            core.handle_earlier(&message.content);
        }
        Self {
            face: None,
            shown_at: None,
            looked_at: None,
            core: Box::new(core),
            waiting: VecDeque::new(),
            next: 0,
            changed: false,
            told: None,
            no_face: None,
            document: format!("{}/{}", spec.record.id, epoch_ms()),
            unsaved: false,
            saved_at: None,
        }
    }

    /// A copy for a new Coach.
    pub(super) fn core(&self) -> Box<Core> {
        self.core.clone()
    }

    /// How much the persona likes the person, as far as it has been counted.
    pub(super) fn likability(&self) -> u8 {
        self.core.likability()
    }

    /// Since when the Coach has had something to count.
    pub(super) fn uncounted_since(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.since)
    }

    /// A Coach died: what it was counting has been tried once more.
    pub(super) fn coach_died(&mut self) {
        if let Some(waiting) = self.waiting.front_mut() {
            waiting.tries += 1;
            if let Fact::Person { sound, .. } = &mut waiting.fact
                && waiting.tries >= TRIES
            {
                *sound = None;
            }
        }
    }

    /// Everything for the store and the report.
    pub(super) fn feedback(&self) -> Option<Feedback> {
        self.core.feedback()
    }
}

impl State {
    /// Milliseconds since the session began.
    pub(super) fn session_ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.started).as_millis() as u64
    }

    pub(super) fn to_coach(&self, message: CoachMsg) {
        if let Some(coach) = &self.children.coach {
            let _ = coach.cast(message);
        }
    }

    fn count(&mut self, fact: Fact) {
        let number = self.scores.next;
        self.scores.next += 1;
        if self.scores.waiting.len() == WAITING {
            self.scores.waiting.pop_front();
        }
        let waiting = Waiting { number, fact: fact.clone(), since: Instant::now(), tries: 0 };
        self.scores.waiting.push_back(waiting);
        self.to_coach(CoachMsg::Count(number, fact));
    }

    pub(super) fn repeat_to_coach(&mut self) {
        let now = Instant::now();
        for waiting in &mut self.scores.waiting {
            waiting.since = now;
        }
        for waiting in &self.scores.waiting {
            self.to_coach(CoachMsg::Count(waiting.number, waiting.fact.clone()));
        }
        if let Some(why) = self.scores.no_face {
            self.show_no_face(why);
        }
    }

    /// The person said something, aloud: from `utterance`, as `timing` says.
    pub(super) fn person_spoke(&mut self, item: &str, text: &str, heard: (Utterance, SpeechTiming)) {
        let (sound, timing) = heard;
        let length = (sound.end - sound.start) * 1000 / u64::from(duologue_domain::pcm::HEARING_RATE);
        let to_ms = self.session_ms(timing.speech_end);
        let from_ms = self.session_ms(timing.decided).saturating_sub(length);
        let span = Span { from_ms: from_ms.min(to_ms), to_ms };
        self.person_line(&Heard { item, text, span }, Some(sound));
    }

    /// The person wrote something.
    pub(super) fn person_wrote(&mut self, item: &str, text: &str) {
        let now_ms = self.session_ms(Instant::now());
        let span = Span { from_ms: now_ms, to_ms: now_ms };
        self.person_line(&Heard { item, text, span }, None);
    }

    fn person_line(&mut self, heard: &Heard<'_>, sound: Option<Utterance>) {
        let Heard { item, text, span } = *heard;
        self.play_if_asked(text);
        let turn = PersonTurn {
            turn: self.turn(),
            item: item.into(),
            span,
            text: text.to_owned(),
            language: self.language_of(text),
            said: Said::default(),
            level: self.intimacy.speech_level(&self.persona),
            spoken: sound.is_some(),
        };
        self.count(Fact::Person { turn: Box::new(turn), sound });
    }

    /// The persona said something, all of it or what was heard.
    pub(super) fn persona_spoke(&mut self, reply: &Reply, text: &str, stopped: bool) {
        if text.is_empty() {
            return;
        }
        let now = Instant::now();
        let span = match reply.playback.has_begun() {
            true => self.heard_span(&reply.playback, now, stopped),
            false => {
                let now_ms = self.session_ms(now);
                Span { from_ms: now_ms, to_ms: now_ms }
            }
        };
        self.persona_line(reply.turn, &Heard { item: &reply.item, text, span }, stopped);
    }

    /// A reply that had been made to its end was cut while it was still being played.
    pub(super) fn persona_cut(&mut self, turn: TurnId, heard: &Heard<'_>) {
        if !heard.text.is_empty() {
            self.persona_line(turn, heard, true);
        }
    }

    /// When a reply was heard: to its end, or until now.
    pub(super) fn heard_span(&self, playback: &Playback, now: Instant, stopped: bool) -> Span {
        let from_ms = self.session_ms(playback.since());
        let samples = if stopped { playback.played(now) } else { playback.sound.samples() };
        Span { from_ms, to_ms: from_ms + samples * 1000 / u64::from(SPEECH_RATE) }
    }

    fn persona_line(&mut self, turn: TurnId, heard: &Heard<'_>, stopped: bool) {
        let Heard { item, text, span } = *heard;
        let language = self.language_of(text);
        let text = text.to_owned();
        let said = PersonaTurn { turn, item: item.into(), span, text, language, stopped };
        self.count(Fact::Persona(Box::new(said)));
    }

    fn language_of(&self, text: &str) -> Language {
        Language::of_text(text)
            .or(self.config.language)
            .or_else(|| self.record.language.as_deref().and_then(|code| code.parse().ok()))
            .unwrap_or(self.persona.language)
    }

    pub(super) fn coach_said(&mut self, event: CoachEvent) {
        match event {
            CoachEvent::Counted(number, core) => {
                self.scores.waiting.retain(|waiting| waiting.number > number);
                self.scores.core = core;
                self.scores.unsaved = true;
                self.look_unless_nobody_sees_it();
            }
            CoachEvent::Scores { card, tip, core } => {
                self.scores.changed |= !core.is_settled();
                self.scores.core = core;
                let told = self.scores.told.as_ref();
                if told.is_none_or(|told| !told.shows_the_same_as(&card)) {
                    self.scores.unsaved = true;
                    self.scores.told = Some(card.clone());
                    self.say(SessionEvent::Scores(card));
                }
                if let Some(tip) = tip {
                    self.say(SessionEvent::Tip(tip));
                }
                self.save_feedback_now_and_then();
            }
        }
    }

    /// What Face needs to go on from where it was.
    pub(super) fn face_args(&mut self, parent: ActorRef<SessionMsg>) -> FaceArgs {
        let enabled = self.is_face_allowed();
        let landmarks = self.landmarks.clone();
        let config = &self.config;
        let anew = || Box::new(Face::new(config.face.as_deref().cloned().unwrap_or_default()));
        let core = self.scores.face.get_or_insert_with(anew).clone();
        landmarks.want(enabled);
        FaceArgs { parent, landmarks, started: self.started, core, enabled }
    }

    pub(super) fn repeat_to_face(&mut self) {
        if self.scores.no_face == Some(NoFace::Failed) {
            self.show_no_face(NoFace::Unseen);
        }
    }

    fn to_face(&self, message: FaceMsg) {
        if let Some(face) = &self.children.face {
            let _ = face.cast(message);
        }
    }

    /// Whether there has been a face lately.
    pub(super) fn is_face_shown(&self) -> bool {
        self.scores.shown_at.is_some()
    }

    fn is_face_allowed(&self) -> bool {
        self.config.expression_analysis && self.config.face.is_some()
    }

    /// The configuration says whether faces may be looked at. If not, nothing is kept of what was seen.
    pub(super) fn face_may_be_seen(&mut self) {
        let allowed = self.is_face_allowed();
        let was_off = self.scores.no_face == Some(NoFace::SwitchedOff);
        if allowed != was_off {
            return;
        }
        self.landmarks.want(allowed);
        let config = self.config.face.clone().unwrap_or_default();
        if !allowed {
            self.scores.face = None;
            self.scores.shown_at = None;
        }
        self.to_face(FaceMsg::Enable(allowed, config));
        self.show_no_face(if allowed { NoFace::Unseen } else { NoFace::SwitchedOff });
    }

    pub(super) fn calibrate(&mut self, command: Calibration) {
        if !self.is_face_allowed() {
            self.warn("face", "switched_off", "Expression analysis is switched off.");
        } else if self.begin(Role::Face) {
            // Once more, when it lives.
            let again = SessionMsg::Command(ClientCommand::Calibrate(command));
            let _ = self.myself.cast(again);
        } else {
            self.to_face(FaceMsg::Calibrate(command));
        }
    }

    pub(super) fn face_said(&mut self, event: FaceEvent) {
        match event {
            // Said before it was switched off.
            FaceEvent::Reading { .. } if !self.is_face_allowed() => {}
            FaceEvent::Reading { reading, core } => {
                self.scores.face = Some(core);
                self.scores.shown_at = (reading.present > 0.0).then(Instant::now);
                self.scores.no_face = None;
                self.to_coach(CoachMsg::Face(reading));
                // At once, so that what was seen is shown within milliseconds.
                self.look_unless_nobody_sees_it();
            }
            FaceEvent::Calibrated(true) => self.inform("face", "calibrated", "The camera is calibrated."),
            FaceEvent::Calibrated(false) => {
                self.inform(
                    "face",
                    "not_calibrated",
                    "There is no calibration: not enough of a steady face was seen.",
                );
            }
        }
    }

    /// There is no face to judge from now on, and nothing is left of what it showed.
    pub(super) fn show_no_face(&mut self, why: NoFace) {
        self.scores.no_face = Some(why);
        self.scores.changed = true;
        let now_ms = self.session_ms(Instant::now());
        self.to_coach(CoachMsg::Face(Box::new(FaceReading::none(now_ms, why))));
    }

    /// Once a second, while somebody is there to see it.
    pub(super) fn tick_scores(&mut self) {
        let now = Instant::now();
        if self.scores.shown_at.is_some_and(|at| now.duration_since(at) > FACE_GONE) {
            // No frames come: only the time passes.
            self.to_face(FaceMsg::Look(self.session_ms(now)));
        }
        let lately = self.scores.looked_at.is_some_and(|at| now.duration_since(at) < LATELY);
        if !lately && std::mem::take(&mut self.scores.changed) {
            self.look_at_scores();
        }
    }

    fn look_unless_nobody_sees_it(&mut self) {
        if self.waits_for_client() {
            self.scores.changed = true;
        } else {
            self.look_at_scores();
        }
    }

    fn look_at_scores(&mut self) {
        self.scores.looked_at = Some(Instant::now());
        self.scores.changed = false;
        let now_ms = self.session_ms(Instant::now());
        self.to_coach(CoachMsg::Look { now_ms, speaking: self.is_listening() });
    }

    /// The newest scores for a client that comes without having seen them.
    pub(super) fn scores_so_far(&self) -> Option<SessionEvent> {
        self.scores.told.clone().map(SessionEvent::Scores)
    }

    /// While one version waits for the store, no other one is put behind it.
    fn save_feedback_now_and_then(&mut self) {
        let is_due = self.scores.saved_at.is_none_or(|saved| saved.elapsed() >= SAVE_EVERY);
        let waits = self.unwritten.values().any(|entry| matches!(entry, Entry::Feedback(_)));
        if !is_due || waits || !self.scores.unsaved {
            return;
        }
        if let Some(record) = self.feedback_record() {
            self.scores.saved_at = Some(Instant::now());
            self.scores.unsaved = false;
            self.write(Entry::Feedback(record));
        }
    }

    /// What is to be kept of the scene; `None` while nobody has said anything and no face was seen.
    pub(super) fn feedback_record(&self) -> Option<FeedbackRecord> {
        let feedback = self.scores.feedback()?;
        let has_something = feedback.report.facts.turns > 0 || feedback.report.on_target.is_some();
        has_something.then(|| FeedbackRecord {
            id: self.scores.document.clone(),
            session_id: self.record.id.clone(),
            user_id: self.record.user_id.clone(),
            created_at: epoch_ms(),
            body: FeedbackBody::Live(Arc::new(feedback)),
        })
    }

    /// At the end of the scene: what was not saved yet.
    pub(super) fn last_feedback(&mut self) -> Option<FeedbackRecord> {
        std::mem::take(&mut self.scores.unsaved).then(|| self.feedback_record()).flatten()
    }

    /// Whatever keeps failing: its scores go, the scene goes on.
    pub(super) fn without_scores(&mut self, role: Role) {
        match role {
            Role::Face => {
                self.scores.shown_at = None;
                self.show_no_face(NoFace::Failed);
            }
            Role::Coach => self.scores.told = None,
            _ => {}
        }
    }
}
