//! Whether a client is there: coming, going, coming back, and being sent away when the server stops.

use std::time::Duration;

use duologue_domain::conversation::{Item, Speaker};
use duologue_engines::port::Finish;
use tokio::time::Instant;

use super::{SessionMsg, State, state::epoch_ms};
use crate::{
    event::{SessionEvent, empty_output},
    outbox::Joined,
    persona::PersonaMsg,
    scribe::Entry,
    store::SessionStatus,
};

/// Between two looks at whether the last sentence is over, when the server stops.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a session knows of its client.
#[derive(Debug)]
pub(super) struct Presence {
    /// Whether one is there.
    pub(super) attached: bool,
    /// Since when it is so.
    since: Instant,
    /// The server stops; when this scene ends at the latest.
    leaving: Option<Instant>,
}

impl Presence {
    pub(super) fn new() -> Self {
        Self { attached: false, since: Instant::now(), leaving: None }
    }

    /// For how long nobody has been there.
    pub(super) fn absent_for(&self) -> Duration {
        if self.attached { Duration::ZERO } else { self.since.elapsed() }
    }

    /// Nobody talks, but somebody plays: the scene is not idle.
    pub(super) fn is_needed(&mut self) {
        if !self.attached {
            self.since = Instant::now();
        }
    }
}

impl State {
    /// A client comes, for the first time or back. Returns its number as reader.
    pub(super) fn connect(&mut self, resume: Option<u64>) -> (u64, Joined) {
        let (reader, joined) = self.outbox.connect(resume);
        let after = resume.unwrap_or_default();
        match joined {
            Joined::Fresh => self.outbox.events_first(vec![SessionEvent::Created]),
            Joined::Resumed => self.outbox.events_first(vec![SessionEvent::Resumed { after }]),
            Joined::Gap => self.outbox.events_first(self.all_there_is()),
        }
        self.presence_changed();
        (reader, joined)
    }

    /// Everything that a client needs which knows nothing, or too little.
    fn all_there_is(&self) -> Vec<SessionEvent> {
        let mut events = vec![
            SessionEvent::Created,
            SessionEvent::Error {
                code: "resume_gap",
                message: "What was missed is not known any more. The scene follows as it is now.".into(),
                param: Some("resume"),
                client_event: None,
            },
        ];
        let live = self.reply.as_ref().map(|reply| &*reply.item);
        let mut previous = None;
        for item in self.conversation.items() {
            if live == Some(item.id.as_str()) || item.speaker == Speaker::Server {
                continue;
            }
            events.push(SessionEvent::ItemAdded { item: item.clone(), previous: previous.clone() });
            events.push(SessionEvent::ItemDone { item: item.clone(), previous });
            previous = Some(item.id.clone());
        }
        events.extend(self.scores_so_far());
        events.extend(self.reply_so_far());
        events
    }

    /// Somebody has come or gone; the outbox knows who reads.
    pub(super) fn presence_changed(&mut self) {
        let attached = self.outbox.is_read();
        if attached == self.presence.attached {
            return;
        }
        self.presence.attached = attached;
        self.presence.since = Instant::now();
        self.pause_play(!attached);
        if let Some(persona) = self.children.persona.as_ref().filter(|_| !attached) {
            let _ = persona.cast(PersonaMsg::Rest);
        }
        self.leave_place();
        self.set_status(if attached { SessionStatus::Active } else { SessionStatus::Paused });
    }

    fn set_status(&mut self, status: SessionStatus) {
        if self.record.status == status {
            return;
        }
        self.record.status = status;
        self.record.is_active = status != SessionStatus::Ended;
        self.record.updated_at = epoch_ms();
        self.write(Entry::Session(self.record.clone()));
    }

    /// The server stops: the sentence that is being spoken may finish, until `within` has passed.
    pub(super) fn drain(&mut self, within: Duration) {
        let is_speaking = self.reply.as_ref().is_some_and(|reply| !reply.clauses.is_empty());
        if !self.presence.attached || !is_speaking {
            return self.leave();
        }
        self.inform("server", "server_stopping", "The server is stopping after this sentence.");
        self.presence.leaving = Some(Instant::now() + within);
        if let Some(persona) = &self.children.persona {
            let _ = persona.cast(PersonaMsg::Cancel);
        }
        if let Some(mut reply) = self.reply.take() {
            self.give_up_calls(&mut reply);
            self.reply = Some(reply);
        }
        if let Some(turn) = self.reply.as_ref().filter(|reply| reply.persona_done.is_none()).map(|it| it.turn)
        {
            self.persona_ended(turn, Finish::Stop, Default::default());
        }
        self.myself.send_interval(LOOK_EVERY, || SessionMsg::Tick);
    }

    /// True when the scene ends because the server does.
    pub(super) fn is_left(&mut self) -> bool {
        let Some(until) = self.presence.leaving else { return false };
        let over = self.reply.is_none() || !self.presence.attached || Instant::now() >= until;
        if over {
            self.leave();
        }
        over
    }

    fn leave(&mut self) {
        self.end("server_stopping", "The server is stopping. Connect again in a moment.".into());
    }
}

impl State {
    /// Nothing moves because the client does not take it: nobody is to blame for that.
    pub(super) fn waits_for_client(&self) -> bool {
        !self.presence.attached || self.outbox.is_full()
    }

    /// The time spent waiting for the client does not count against the reply.
    pub(super) fn excuse_reply(&mut self) {
        if let Some(reply) = &mut self.reply {
            reply.progress_at = Instant::now();
        }
    }

    /// Nothing is played while nobody is there.
    fn pause_play(&mut self, paused: bool) {
        let now = Instant::now();
        if let Some(playback) = self.playing() {
            if paused { playback.hold(now) } else { playback.resume(now) }
        }
        if !paused {
            self.await_end_of_play();
            self.excuse_reply();
        }
    }

    /// The reply in the making, as a client would have heard of it.
    fn reply_so_far(&self) -> Vec<SessionEvent> {
        let Some(reply) = &self.reply else { return Vec::new() };
        let response = reply.response.to_string();
        let mut events = vec![SessionEvent::ResponseCreated {
            response: response.clone(),
            turn: reply.turn,
            metadata: reply.metadata.clone(),
        }];
        if reply.item_started {
            let item = reply.item.to_string();
            let empty = Item {
                id: item.clone(),
                speaker: Speaker::Assistant,
                content: empty_output(reply.audio_item),
                complete: false,
            };
            let previous = self.conversation.previous(&item).map(str::to_owned);
            let (turn, delta) = (reply.turn, reply.clauses.iter().map(|(text, _)| text.as_str()).collect());
            events.push(SessionEvent::OutputStarted {
                response: response.clone(),
                item: empty,
                previous,
                turn,
                apart: reply.apart,
            });
            events.push(SessionEvent::OutputText { response, item, delta, spoken: reply.audio_item });
        }
        events
    }
}
