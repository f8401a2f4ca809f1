//! A reply needs a place in conversation; without one its turn waits in the line, and is refused with an honest time
//! when that takes too long. The scene stays.

use std::time::Duration;

use duologue_domain::{turn::TurnId, waterfall::Report};

use super::{SessionMsg, State};
use crate::{event::ResponseRequest, places::Entered, task::OwnedTask};

/// A person who spoke waits so long before they are told to come back; longer, and they have begun to speak again.
const WAIT_AT_MOST: Duration = Duration::from_secs(20);

/// A turn in the line.
#[derive(Debug)]
pub(super) struct Queued {
    turn: TurnId,
    request: ResponseRequest,
    _task: OwnedTask,
}

/// What a scene knows of its place.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queued: Option<Queued>,
    /// The turn that is being answered had waited: it says nothing about the machine.
    has_waited: bool,
}

impl State {
    /// The request back when its turn may be answered; else it waits.
    pub(super) fn with_place(&mut self, turn: TurnId, request: ResponseRequest) -> Option<ResponseRequest> {
        let (wait, hears) = match self.place.enter() {
            Entered::In => {
                self.waiting.queued = None;
                return Some(request);
            }
            Entered::Waits(wait, hears) => (wait, hears),
        };
        self.drop_draft();
        let about = wait.about_ms.map(|ms| ms.div_ceil(1000).max(1));
        let words = match about {
            Some(seconds) => format!("Many people are talking now. There is a place in about {seconds} s."),
            None => "Many people are talking now. The answer waits for a place.".to_owned(),
        };
        self.inform("server", "waiting_for_place", words);
        let myself = self.myself.clone();
        let task = OwnedTask::spawn(self.myself.get_cell(), async move {
            let came = matches!(tokio::time::timeout(WAIT_AT_MOST, hears).await, Ok(Ok(())));
            let _ = myself.cast(SessionMsg::Place { turn, came });
        });
        self.waiting.queued = Some(Queued { turn, request, _task: task });
        None
    }

    /// A place is free for `turn`, or none came in time.
    pub(super) fn place_came(&mut self, turn: TurnId, came: bool) {
        let Some(queued) = self.waiting.queued.take_if(|queued| queued.turn == turn) else { return };
        // They went on, or took it back.
        if self.floor.reply() != Some(turn) || self.reply.is_some() {
            return self.place.give_up();
        }
        self.waiting.has_waited = true;
        if came {
            return self.begin_reply(turn, queued.request);
        }
        self.refuse_reply(turn, &queued.request);
    }

    /// Nobody answers this turn: said the way a failed reply is.
    fn refuse_reply(&mut self, turn: TurnId, request: &ResponseRequest) {
        let seconds = self.place.next_free().as_millis().div_ceil(1000).max(1);
        self.place.give_up();
        metrics::counter!("session_turns_refused_total").increment(1);
        let reply = self.make_reply(turn, request, None);
        self.outbox.supersede(turn);
        self.say_created(&reply);
        self.reply = Some(reply);
        let words = format!("Too many people are talking now. Try again in {seconds} s.");
        self.fail_reply("capacity_full", &words);
    }

    /// The turn that waits for a place is not to be answered. False when none waits.
    pub(super) fn leave_line(&mut self) -> bool {
        let waited = self.waiting.queued.take().is_some();
        if waited {
            self.place.give_up();
        }
        waited
    }

    /// Whether a turn waits for its place.
    pub(super) fn is_in_line(&self) -> bool {
        self.waiting.queued.is_some()
    }

    /// Nobody is there and nothing is being answered: who asked once and has gone keeps no place from others.
    pub(super) fn leave_place(&self) {
        if !self.outbox.is_read() && self.reply.is_none() && self.waiting.queued.is_none() {
            self.place.give_up();
        }
    }

    /// A reply was spoken: its session's budget and the machine's capacity learn from it.
    pub(super) fn turn_took(&mut self, report: &Report) {
        if std::mem::take(&mut self.waiting.has_waited) {
            return;
        }
        self.keep_budget(report.total_ms);
        let models = report.models.iter().map(|(_, ms)| u64::from(*ms)).sum();
        self.place.answered(report.total_ms, models);
    }
}
