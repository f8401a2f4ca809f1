//! One client at its place in a duet: what it says is done, what it is told is encoded. The same for both kinds of
//! socket.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message};
use duologue_actors::duet::{DuetClosed, DuetEvent, Seat};
use duologue_music::improv::ask;
use tokio::time::Instant;

use super::{
    decode::{Refused, Said},
    encode,
};

/// Changes of settings and the like of one client in a second: each makes a new plan for everybody.
const COMMANDS: u32 = 20;

/// Refusals that are said in a second; the others are counted.
const COMPLAINTS: u32 = 10;

/// So many in a second.
#[derive(Debug, Default)]
struct Allowance {
    since: Option<Instant>,
    count: u32,
}

impl Allowance {
    fn may(&mut self, most: u32) -> bool {
        if self.since.is_none_or(|since| since.elapsed() >= Duration::from_secs(1)) {
            *self = Self { since: Some(Instant::now()), count: 0 };
        }
        self.count += 1;
        self.count <= most
    }
}

/// What a client says, done.
#[derive(Debug)]
pub(in crate::ws) struct Hands {
    seat: Arc<Seat>,
    commands: Allowance,
    complaints: Allowance,
}

impl Hands {
    pub(in crate::ws) fn new(seat: Arc<Seat>) -> Self {
        Self { seat, commands: Allowance::default(), complaints: Allowance::default() }
    }

    /// Does what was said, which arrived at `at`; what cannot be done is told.
    pub(in crate::ws) fn take(&mut self, said: Result<Said, Refused>, at: Instant) {
        if let Err(refused) = said.and_then(|said| self.act(said, at)) {
            self.refuse(refused);
        }
    }

    fn refuse(&mut self, refused: Refused) {
        metrics::counter!("wire_errors_total", "code" => refused.code).increment(1);
        if self.complaints.may(COMPLAINTS) {
            self.seat.tell(DuetEvent::Refused { code: refused.code, message: refused.message });
        }
    }

    fn act(&mut self, said: Said, at: Instant) -> Result<(), Refused> {
        match said {
            Said::Midi(events, why) => return self.play(&events, why),
            // At once and in this task: its answer is only as good as it is quick.
            Said::Sync { t0 } => {
                let t1_us = self.seat.duet().at_us(at);
                self.seat.tell(DuetEvent::Synced { t0, t1_us });
                return Ok(());
            }
            // Never too fast: they make things quieter.
            Said::Panic => return done(self.seat.panic()),
            Said::Stop => return done(self.seat.stop()),
            _ if !self.commands.may(COMMANDS) => {
                let message = format!("At most {COMMANDS} changes a second.");
                return Err(Refused { code: "duet_too_fast", message });
            }
            _ => {}
        }
        match said {
            Said::Start(patch) => {
                let settings = patch.applied_to(self.seat.settings())?;
                done(self.seat.set(settings) && self.seat.start())
            }
            Said::Set(patch) => done(self.seat.set(patch.applied_to(self.seat.settings())?)),
            Said::End => done(self.seat.end()),
            Said::Ask(text) => match ask::parse(&text) {
                Some(request) => done(self.seat.duet().ask(request)),
                None => Err(Refused {
                    code: "duet_not_understood",
                    message: "Ask for chords, a key, a style or a tempo, such as: a slow ii–V–I in G.".into(),
                }),
            },
            Said::Name(name) => {
                self.seat.rename(&name);
                Ok(())
            }
            Said::Report(late) => {
                self.seat.report(late);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn play(
        &mut self,
        events: &[duologue_actors::duet::MidiEvent],
        why: Option<Refused>,
    ) -> Result<(), Refused> {
        let dropped = self.seat.play(events);
        match why {
            Some(refused) => Err(refused),
            None if dropped > 0 => {
                let most = duologue_actors::duet::MOST_PER_S;
                let message = format!("More than {most} messages a second are dropped.");
                Err(Refused { code: "duet_midi_too_fast", message })
            }
            None => Ok(()),
        }
    }
}

fn done(done: bool) -> Result<(), Refused> {
    let message = "The partner does not answer. Try again in a moment.";
    if done { Ok(()) } else { Err(Refused { code: "duet_busy", message: message.into() }) }
}

/// What a client is told, encoded at the moment of sending.
pub(in crate::ws) fn messages(seat: &Seat, event: &DuetEvent, binary: bool) -> Vec<Message> {
    match event {
        DuetEvent::Notes { revision, notes } if binary => {
            encode::binary(*revision, notes).into_iter().map(|frame| Message::Binary(frame.into())).collect()
        }
        event => vec![Message::Text(encode::json(event, seat.duet().now_us()).into())],
    }
}

/// Counts how long a plan took from the notes that it answers to its sending.
pub(in crate::ws) fn was_sent(event: &DuetEvent) {
    if let DuetEvent::Plan { since: Some(since), .. } = event {
        metrics::histogram!("duet_plan_seconds").record(since.elapsed().as_secs_f64());
    }
}

/// How a socket ends.
pub(super) fn farewell(closed: DuetClosed) -> Message {
    let (code, reason) = match closed {
        DuetClosed::TooSlow => (1008, "client_too_slow"),
        // Service restart, as the register of close codes has it.
        DuetClosed::Ended("server_stopping") => (1012, "server_stopping"),
        DuetClosed::Ended(code) => (1000, code),
    };
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
