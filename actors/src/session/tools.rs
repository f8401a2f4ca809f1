//! Functions that a reply calls. The client's are told and the reply ends there, as the protocol has it; the server's
//! are run here, and the same reply goes on with what they returned.
//!
//! Nothing runs in the mailbox: the session's own abilities are steps of its state, everything else is an owned task with a
//! deadline, four at most at once. The tasks live in the reply, so that whatever ends the reply ends them; what they say
//! afterwards is dropped. A draft calls nothing before it has become the reply.

use std::{collections::VecDeque, panic::AssertUnwindSafe, time::Duration};

use duologue_domain::{
    conversation::{Content, Item, Speaker as From},
    prompt::{Role as PromptRole, Turn as PromptTurn},
    tool::{ToolCall, ToolChoice},
    turn::TurnId,
};
use duologue_engines::port::{Finish, LlmUsage};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;
use tracing::debug;

use super::{SessionMsg, State, reply::Reply};
use crate::{
    event::SessionEvent,
    policy::Role,
    task::OwnedTask,
    tools::{MOST_ARGUMENTS, MOST_AT_ONCE, MOST_CALLS, MOST_OUTPUT, MOST_ROUNDS, ToolFailure},
};

/// A task that is this much over its deadline does not even hear that it is over: its thread is blocked.
const BLOCKED_FOR: Duration = Duration::from_secs(2);

/// What the person interrupted.
const INTERRUPTED: &str = "interrupted";

/// What a function that ran outside of the mailbox has come to.
#[derive(Debug)]
pub struct ToolSaid {
    /// Of which turn.
    pub turn: TurnId,
    /// Which call.
    pub call_id: String,
    /// What it returned.
    pub result: Result<String, ToolFailure>,
}

/// A function that is not carried out by the session itself.
pub(super) struct Errand {
    pub(super) within: Duration,
    pub(super) work: BoxFuture<'static, Result<String, ToolFailure>>,
}

/// How one of the server's functions is carried out.
pub(super) enum Carried {
    /// It is done.
    Out(Result<String, ToolFailure>),
    /// It takes its time.
    Later(Errand),
}

/// What was called in one generation.
#[derive(Debug)]
pub(super) struct Round {
    running: Vec<Running>,
    waiting: VecDeque<ToolCall>,
    /// What was called, in order, with its result.
    done: Vec<(ToolCall, Option<String>)>,
    /// How the generation ended.
    ended: (Finish, LlmUsage),
}

#[derive(Debug)]
struct Running {
    call: ToolCall,
    since: Instant,
    until: Instant,
    /// Held for its Drop.
    _task: OwnedTask,
}

impl Round {
    fn is_over(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }
}

impl State {
    /// The model called something and has ended. True when the reply has more to come of it than words.
    pub(super) fn run_calls(&mut self, finish: Finish, usage: LlmUsage) -> bool {
        let Some(reply) = &mut self.reply else { return false };
        let calls = std::mem::take(&mut reply.called);
        let (outside, inside) =
            calls.into_iter().partition::<Vec<_>, _>(|call| reply.offer.is_outside(&call.name));
        let turn = reply.turn;
        for call in outside {
            self.tell_call(call);
        }
        let Some(reply) = &mut self.reply else { return false };
        if inside.is_empty() {
            return false;
        }
        if reply.rounds >= MOST_ROUNDS {
            debug!(session = self.key, %turn, "more functions than a turn may call");
            metrics::counter!("session_tool_rounds_exceeded_total").increment(1);
            return false;
        }
        reply.round = Some(Round {
            running: Vec::new(),
            waiting: inside.iter().cloned().collect(),
            done: inside.into_iter().map(|call| (call, None)).collect(),
            ended: (finish, usage),
        });
        self.run_waiting();
        true
    }

    /// A function of the client's: told, and an item of the conversation.
    fn tell_call(&mut self, call: ToolCall) {
        let item = self.call_item(&call, From::Assistant);
        let Some(reply) = &mut self.reply else { return };
        metrics::counter!("session_tool_calls_total", "of" => "client").increment(1);
        let index = usize::from(reply.item_started) + reply.outside.len();
        reply.outside.push(item.clone());
        let (response, apart) = (reply.response.to_string(), reply.apart);
        let mut previous = None;
        if !apart {
            // The id is fresh, so this cannot be refused.
            let _ = self.conversation.insert(item.clone(), None);
            previous = self.conversation.previous(&item.id).map(str::to_owned);
        }
        self.say(SessionEvent::FunctionCalled { response, item, previous, index, apart });
    }

    fn call_item(&mut self, call: &ToolCall, speaker: From) -> Item {
        let content = Content::FunctionCall {
            call_id: call.id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        };
        Item { id: self.new_item_id(), speaker, content, complete: true }
    }

    /// Begins what waits, as far as there is room.
    fn run_waiting(&mut self) {
        loop {
            let Some(round) = self.reply.as_mut().and_then(|reply| reply.round.as_mut()) else { return };
            if round.running.len() >= MOST_AT_ONCE {
                return;
            }
            let Some(call) = round.waiting.pop_front() else { break };
            self.run_call(call);
        }
        self.go_on_if_called();
    }

    fn run_call(&mut self, call: ToolCall) {
        let Some(reply) = &self.reply else { return };
        let (turn, response) = (reply.turn, reply.response.to_string());
        let is_offered = reply.offer.is_inside(&call.name);
        self.say(SessionEvent::ToolStarted { response, name: call.name.clone(), call_id: call.id.clone() });
        metrics::counter!("session_tool_calls_total", "of" => "server").increment(1);
        let since = Instant::now();
        let carried = match is_offered {
            true if call.arguments.len() > MOST_ARGUMENTS => {
                Carried::Out(Err(ToolFailure::new("tool_bad_arguments", "the arguments are too long")))
            }
            true => self.carry_out(&call),
            false => {
                let message =
                    format!("there is no function {:?}", call.name.chars().take(64).collect::<String>());
                Carried::Out(Err(ToolFailure::new("tool_unknown", message)))
            }
        };
        match carried {
            Carried::Out(result) => self.call_done(&call, since, result),
            Carried::Later(Errand { within, work }) => {
                let task = self.errand(turn, call.id.clone(), Errand { within, work });
                if let Some(round) = self.reply.as_mut().and_then(|reply| reply.round.as_mut()) {
                    round.running.push(Running { call, since, until: since + within, _task: task });
                }
            }
        }
    }

    /// A panic of a function is its failure, not the session's.
    fn errand(&self, turn: TurnId, call_id: String, errand: Errand) -> OwnedTask {
        let myself = self.myself.clone();
        OwnedTask::spawn(self.myself.get_cell(), async move {
            // Unwind safe: what the work leaves behind is dropped with it.
            let work = AssertUnwindSafe(errand.work).catch_unwind();
            let result = match tokio::time::timeout(errand.within, work).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(ToolFailure::new("tool_broken", "the function broke")),
                Err(_) => Err(timed_out()),
            };
            let _ = myself.cast(SessionMsg::Tool(ToolSaid { turn, call_id, result }));
        })
    }

    /// A function that ran outside of the mailbox has ended.
    pub(super) fn tool_said(&mut self, said: ToolSaid) {
        let ToolSaid { turn, call_id, result } = said;
        let reply = self.reply.as_mut().filter(|reply| reply.turn == turn);
        let round = reply.and_then(|reply| reply.round.as_mut());
        let found = round.and_then(|round| {
            let place = round.running.iter().position(|running| running.call.id == call_id)?;
            Some(round.running.remove(place))
        });
        let Some(running) = found else {
            metrics::counter!("session_stale_events_total", "role" => "tool").increment(1);
            return;
        };
        self.call_done(&running.call, running.since, result);
        self.run_waiting();
    }

    fn call_done(&mut self, call: &ToolCall, since: Instant, result: Result<String, ToolFailure>) {
        let error = result.as_ref().err().map(|failure| failure.code);
        let output = match result {
            Ok(output) => output,
            Err(failure) => {
                serde_json::json!({"error": failure.code, "message": failure.message}).to_string()
            }
        };
        let output = bounded(output);
        let Some(reply) = &mut self.reply else { return };
        reply.progress_at = Instant::now();
        let response = reply.response.to_string();
        if let Some(round) = &mut reply.round
            && let Some((_, place)) =
                round.done.iter_mut().find(|(other, done)| other.id == call.id && done.is_none())
        {
            *place = Some(output);
        }
        let ms = since.elapsed().as_millis() as u64;
        metrics::histogram!("session_tool_seconds").record(since.elapsed().as_secs_f64());
        let (name, call_id) = (call.name.clone(), call.id.clone());
        self.say(SessionEvent::ToolDone { response, name, call_id, ms, error });
    }

    /// When everything has returned, the reply goes on, or ends where the client has to do something.
    fn go_on_if_called(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        let Some(round) = reply.round.take_if(|round| round.is_over()) else { return };
        let (turn, apart) = (reply.turn, reply.apart);
        let said = reply.text_of_round();
        let results = results_of(round.done);
        if !apart {
            self.keep_calls(&results);
        }
        let Some(reply) = &mut self.reply else { return };
        let (finish, usage) = round.ended;
        if !reply.outside.is_empty() {
            return self.words_ended(turn, finish, usage);
        }
        reply.rounds += 1;
        reply.round_from = reply.clauses.len();
        reply.spend(usage);
        let calls = results.iter().map(|(call, _)| call.clone()).collect();
        reply.job.turns.push(PromptTurn { calls, ..PromptTurn::new(PromptRole::Assistant, said) });
        reply.job.turns.extend(results.into_iter().map(|(call, output)| PromptTurn::result(call.id, output)));
        reply.job.tool_choice = match std::mem::take(&mut reply.job.tool_choice) {
            _ if reply.rounds >= MOST_ROUNDS => ToolChoice::None,
            // What they ask for has not changed.
            meant @ ToolChoice::Among(_) => meant,
            _ => ToolChoice::Auto,
        };
        reply.progress_at = Instant::now();
        self.asked_anew(Role::Persona);
        self.ask_persona_or_fail();
    }

    /// The model knows in later turns what was called and returned; the client is not told.
    fn keep_calls(&mut self, results: &[(ToolCall, String)]) {
        let mut items = Vec::new();
        for (call, _) in results {
            items.push(self.call_item(call, From::Server));
        }
        for (call, output) in results {
            let content = Content::FunctionOutput { call_id: call.id.clone(), output: output.clone() };
            items.push(Item { id: self.new_item_id(), speaker: From::Server, content, complete: true });
        }
        for item in items {
            // The ids are fresh, so this cannot be refused.
            let _ = self.conversation.insert(item, None);
        }
    }

    /// The reply ends: what it still waits for is given up, and what has returned is kept.
    pub(super) fn give_up_calls(&mut self, reply: &mut Reply) {
        reply.called.clear();
        let Some(round) = reply.round.take() else { return };
        for running in &round.running {
            let (name, call_id) = (running.call.name.clone(), running.call.id.clone());
            let ms = running.since.elapsed().as_millis() as u64;
            let response = reply.response.to_string();
            self.say(SessionEvent::ToolDone { response, name, call_id, ms, error: Some(INTERRUPTED) });
        }
        // What never began was never called.
        let begun = round.done.into_iter().filter(|(call, _)| !round.waiting.contains(call)).collect();
        if !reply.apart {
            self.keep_calls(&results_of(begun));
        }
    }

    /// Once a second: a function that does not even hear that its time is over.
    pub(super) fn watch_calls(&mut self) {
        let Some(reply) = &self.reply else { return };
        let Some(round) = &reply.round else { return };
        let now = Instant::now();
        let blocked = round.running.iter().filter(|running| now > running.until + BLOCKED_FOR);
        let blocked = blocked.map(|running| running.call.id.clone()).collect::<Vec<_>>();
        let turn = reply.turn;
        for call_id in blocked {
            metrics::counter!("session_tools_blocked_total").increment(1);
            self.tool_said(ToolSaid { turn, call_id, result: Err(timed_out()) });
        }
    }
}

fn timed_out() -> ToolFailure {
    ToolFailure::new("tool_timeout", "it took too long and was given up")
}

fn results_of(done: Vec<(ToolCall, Option<String>)>) -> Vec<(ToolCall, String)> {
    let interrupted = format!(r#"{{"error":"{INTERRUPTED}"}}"#);
    done.into_iter().map(|(call, output)| (call, output.unwrap_or_else(|| interrupted.clone()))).collect()
}

/// At most [`MOST_OUTPUT`] bytes, whole characters.
fn bounded(mut output: String) -> String {
    if output.len() > MOST_OUTPUT {
        output.truncate(output.floor_char_boundary(MOST_OUTPUT));
        output.push_str(" …");
    }
    output
}

/// Whether another call may be taken into a round.
pub(super) fn has_room(called: &[ToolCall]) -> bool {
    called.len() < MOST_CALLS
}
