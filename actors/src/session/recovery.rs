//! Repair: which child hangs, what is being repaired, and whether the person has to know.
//!
//! A dead child is told by its supervision link. One that hangs is told here, once a second, by two signs: its
//! mailbox does not answer a [`Pulse`] (asked only while it has something to do, so that an idle scene costs
//! nothing), or work that it was asked for does not move. Both end like a death, by the same policy. The same thing
//! is tried again [`STRIKES`] times; then that part of the turn is given up, so that the scene goes on.
//!
//! A repair that takes less than [`SILENT_FOR`] is nobody's business but the log's. Who waits longer than
//! [`SLOW_AFTER`] is told that it takes longer, whether something hangs, which is found later, or is slow.

use std::time::Duration;

use duologue_domain::turn::TurnId;
use duologue_engines::port::EngineError;
use ractor::{ActorCell, ActorRef};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{SessionMsg, State, reply::Reply};
use crate::{
    policy::{CHILDREN, Policy, Role, policy},
    pulse::{Beat, Pulse},
};

/// A repair that takes longer is told to the person: about when a silence begins to feel like an end.
const SILENT_FOR: Duration = Duration::from_secs(2);

/// A first word that takes longer is told to the person: three times what is usual on a machine that is not busy.
const SLOW_AFTER: Duration = Duration::from_secs(3);

/// The least number of looks that a pulse may go unanswered: a process that got no time at all for a while has
/// children that look as if they hung.
const LOOKS: u32 = 3;

/// How often one utterance is asked for again, or one reply: what failed three times fails a fourth time.
const STRIKES: u32 = 2;

/// A reply that has begun moves on faster than one whose prompt is still being read: a clause takes a few seconds
/// on a slow machine.
const MIDWAY: Duration = Duration::from_secs(12);

/// What is known of the health of each child, in the order of the table.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    slots: [Slot; CHILDREN.len()],
    /// The reply that runs, and since when.
    reply: Option<(TurnId, Instant)>,
    /// The beginning of the wait of which the person was told.
    slow: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    failing: Option<Failing>,
    /// When it last said something, or began anew.
    moved: Option<Instant>,
    asked: Option<Asked>,
    /// How often what began then was asked for again.
    strikes: Option<(Instant, u32)>,
}

/// A failure that is being repaired.
#[derive(Debug)]
struct Failing {
    since: Instant,
    told: bool,
}

/// A pulse on its way.
#[derive(Debug)]
struct Asked {
    beat: Beat,
    at: Instant,
    looks: u32,
}

/// Whether a reply is in the model's hands, and not in those of a function.
fn waits_for_model(reply: &Reply) -> bool {
    reply.persona_done.is_none() && !reply.waits_for_tools()
}

impl Recovery {
    fn slot(&mut self, role: Role) -> &mut Slot {
        &mut self.slots[role as usize]
    }

    fn moved(&self, role: Role) -> Option<Instant> {
        self.slots[role as usize].moved
    }
}

impl State {
    /// A child said something that is not the news of its failure.
    pub(super) fn heard_from(&mut self, role: Role) {
        self.recovery.slot(role).moved = Some(Instant::now());
        self.works_again(role);
    }

    /// A new child is there; it has yet to finish what the old one left.
    pub(super) fn begun_anew(&mut self, role: Role) {
        let slot = self.recovery.slot(role);
        slot.moved = Some(Instant::now());
        slot.asked = None;
        if matches!(role, Role::Persona | Role::Speaker) {
            // What was asked again has its whole time again.
            self.excuse_reply();
        }
        if !self.owes(role) {
            self.works_again(role);
        }
    }

    /// A child was asked for something new: it has its whole time for that.
    pub(super) fn asked_anew(&mut self, role: Role) {
        self.recovery.slot(role).moved = Some(Instant::now());
    }

    /// Something failed and is being tried again.
    pub(super) fn failing(&mut self, role: Role) {
        let failing = &mut self.recovery.slot(role).failing;
        if failing.is_none() {
            *failing = Some(Failing { since: Instant::now(), told: false });
            self.myself.send_after(SILENT_FOR, move || SessionMsg::StillRecovering(role));
        }
    }

    /// Something has hung for longer than is nobody's business, and is being tried again.
    fn has_failed(&mut self, role: Role) {
        let failing = Failing { since: Instant::now(), told: true };
        let before = self.recovery.slot(role).failing.replace(failing);
        if before.is_none_or(|before| !before.told) {
            self.warn(role.name(), "recovering", policy(role).meanwhile);
        }
    }

    /// It is not tried again for now, which is told in other words.
    pub(super) fn not_repaired(&mut self, role: Role) {
        self.recovery.slot(role).failing = None;
    }

    /// The time for a silent repair is over.
    pub(super) fn still_recovering(&mut self, role: Role) {
        let alive = self.children.cells().iter().any(|(other, _)| *other == role);
        let owes = self.owes(role);
        let Some(failing) = &mut self.recovery.slot(role).failing else { return };
        if alive && !owes {
            // What it was doing was given up meanwhile, by the person or by itself.
            self.works_again(role);
        } else if failing.since.elapsed() >= SILENT_FOR && !std::mem::replace(&mut failing.told, true) {
            self.warn(role.name(), "recovering", policy(role).meanwhile);
        }
    }

    fn works_again(&mut self, role: Role) {
        if let Some(failing) = self.recovery.slot(role).failing.take() {
            let ms = failing.since.elapsed().as_millis() as u64;
            debug!(session = self.key, role = role.name(), ms, "repaired");
            metrics::histogram!("actor_recovery_seconds", "role" => role.name())
                .record(failing.since.elapsed().as_secs_f64());
            if failing.told {
                self.inform(role.name(), "recovered", "It works again.");
            }
        }
    }

    /// Whether a child has something to do that it has not finished.
    fn owes(&self, role: Role) -> bool {
        let reply = self.reply.as_ref();
        match role {
            // What it was given waits in its ring, not with it.
            Role::Ingest | Role::Face | Role::Improviser => false,
            Role::Transcriber => self.unheard_since().is_some(),
            Role::Persona => reply.is_some_and(waits_for_model),
            Role::Speaker => reply.is_some_and(|reply| reply.wants_voice()),
            Role::Scribe => !self.unwritten.is_empty(),
            Role::Coach => self.scores.uncounted_since().is_some(),
        }
    }

    /// Nothing moves because the client takes nothing: the time until now counts for nobody.
    pub(super) fn excuse_children(&mut self) {
        let now = Instant::now();
        for (slot, policy) in self.recovery.slots.iter_mut().zip(&CHILDREN) {
            // The players of a duet have their own connections.
            if policy.role != Role::Improviser {
                slot.moved = Some(now);
                slot.asked = None;
            }
        }
    }

    /// Once a second: kills who hangs.
    pub(super) fn watch_children(&mut self) {
        let now = Instant::now();
        let running = self.reply.as_ref().map(|reply| reply.turn);
        if self.recovery.reply.map(|(turn, _)| turn) != running {
            self.recovery.reply = running.map(|turn| (turn, now));
        }
        for (role, child) in self.children.cells() {
            self.watch(role, &child, now);
        }
        self.tell_slow(now);
    }

    /// Says once of each wait that it takes longer than usual.
    fn tell_slow(&mut self, now: Instant) {
        let Some(since) = self.person_waits_since() else { return };
        if now.duration_since(since) >= SLOW_AFTER && self.recovery.slow.replace(since) != Some(since) {
            self.inform(
                "server",
                "slow",
                "This takes longer than usual. The answer comes as soon as it is there.",
            );
        }
    }

    /// Since when there has been neither a word of what was said nor a sound of its reply.
    fn person_waits_since(&self) -> Option<Instant> {
        let waits = |reply: &Reply| !reply.waits_for_tools() && !reply.has_begun();
        let reply = self.reply.as_ref().filter(|reply| waits(reply)).and(self.recovery.reply);
        self.unheard_since().or(reply.map(|(_, since)| since))
    }

    /// The same for the partner of a duet alone, while nobody talks.
    pub(super) fn watch_partner(&mut self) {
        if let Some(child) = self.children.improviser.as_ref().map(ActorRef::get_cell) {
            self.watch(Role::Improviser, &child, Instant::now());
        }
    }

    fn watch(&mut self, role: Role, child: &ActorCell, now: Instant) {
        let row = policy(role);
        if self.does_not_answer(row, now) {
            self.hangs(role, child, "its mailbox does not move");
        } else if self.does_not_move(row, now) {
            self.hangs(role, child, "its work does not move");
        }
    }

    fn does_not_answer(&mut self, row: &Policy, now: Instant) -> bool {
        let has_work = match row.role {
            Role::Ingest => self.audio.is_waiting(),
            // Until it has read them, nobody knows what its frames show.
            Role::Face => self.landmarks.is_waiting() || self.is_face_shown(),
            Role::Improviser => self.has_duet_players(),
            Role::Transcriber => self.owes(row.role) || self.is_listening(),
            role => self.owes(role),
        };
        let slot = self.recovery.slot(row.role);
        match &mut slot.asked {
            Some(asked) if asked.beat.is_there() => slot.asked = None,
            Some(asked) => {
                asked.looks += 1;
                return asked.looks >= LOOKS && now.duration_since(asked.at) > row.answers_within;
            }
            None if has_work => {
                let (pulse, beat) = Pulse::new();
                slot.asked = Some(Asked { beat, at: now, looks: 0 });
                self.children.feel(row.role, pulse);
            }
            None => {}
        }
        false
    }

    fn does_not_move(&self, row: &Policy, now: Instant) -> bool {
        let Some((since, within)) = self.work_since(row) else { return false };
        let moved = self.recovery.moved(row.role).map_or(since, |moved| moved.max(since));
        now.duration_since(moved) > within
    }

    /// Since when a child has had the work that it owes, and within what time it should show.
    fn work_since(&self, row: &Policy) -> Option<(Instant, Duration)> {
        let reply = self.reply.as_ref();
        let reply_since = self.recovery.reply.map(|(_, since)| since);
        match row.role {
            Role::Transcriber => Some((self.unheard_since()?, row.moves_within)),
            Role::Persona => {
                let reply = reply.filter(|reply| waits_for_model(reply))?;
                let within = if reply.is_silent_so_far() { row.moves_within } else { MIDWAY };
                Some((reply_since?, within))
            }
            Role::Speaker => {
                reply.filter(|reply| reply.wants_voice())?;
                // Sound that nobody fetches waits by right, and so does a Speaker without words.
                if self.outbox.is_full() {
                    return None;
                }
                Some((reply_since?.max(self.recovery.moved(Role::Persona)?), row.moves_within))
            }
            Role::Coach => Some((self.scores.uncounted_since()?, row.moves_within)),
            // Whatever these do, they do within their mailbox.
            Role::Ingest | Role::Scribe | Role::Face | Role::Improviser => None,
        }
    }

    /// A child hangs: it is cut off, whether it dies of it or not, and buried.
    fn hangs(&mut self, role: Role, child: &ActorCell, how: &'static str) {
        warn!(session = self.key, role = role.name(), how, "child hangs");
        metrics::counter!("actor_hangs_total", "role" => role.name()).increment(1);
        child.kill();
        if self.strike(role) {
            self.has_failed(role);
        } else {
            self.without(role);
        }
        // Not when its death is told: one that blocks its thread does not die.
        self.bury(role, how.into());
    }

    /// Whether what a child is doing may be tried once more.
    pub(super) fn strike(&mut self, role: Role) -> bool {
        let about = match role {
            Role::Transcriber => self.unheard_since(),
            // What it has to count is left out by itself when it cannot be counted.
            Role::Face | Role::Coach | Role::Improviser => None,
            _ => self.recovery.reply.map(|(_, since)| since),
        };
        let Some(about) = about else { return true };
        let strikes = &mut self.recovery.slot(role).strikes;
        let count = match *strikes {
            Some((before, count)) if before == about => count + 1,
            _ => 1,
        };
        *strikes = Some((about, count));
        count <= STRIKES
    }

    /// The engine failed under the Persona: the same reply is asked for again, from where it was.
    pub(super) fn persona_failed(&mut self, error: EngineError) {
        let turn = self.reply.as_ref().map(|reply| reply.turn);
        if self.recovery.reply.map(|(turn, _)| turn) != turn {
            self.recovery.reply = turn.map(|turn| (turn, Instant::now()));
        }
        if error.retryable() && self.strike(Role::Persona) {
            warn!(session = self.key, code = error.kind.code(), %error, "reply is asked for again");
            metrics::counter!("session_replies_repeated_total").increment(1);
            self.failing(Role::Persona);
            self.excuse_reply();
            self.repeat_to_persona();
            return;
        }
        self.not_repaired(Role::Persona);
        self.alarm("llm", error.kind.code(), error.message.clone());
        self.fail_reply(error.kind.code(), &error.message);
    }
}
