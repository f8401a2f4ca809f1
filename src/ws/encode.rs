//! From what a session says to the JSON of the wire.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use duologue_actors::{
    event::{Metadata, NoticeLevel, ResponseStatus, SessionConfig, SessionEvent, Usage},
    outbox::OutFrame,
    session::SessionView,
};
use duologue_domain::{
    conversation::{Content, Item},
    pcm,
};
use serde_json::{Value, json};

use crate::feedback;

use super::shapes::{
    item_json, latency_json, merge, metadata_json, status_json, tool_choice_json, tools_json,
    turn_detection_json, usage_json,
};

/// What a client is told of its session.
#[derive(Debug)]
pub struct About {
    /// As it is now.
    pub view: SessionView,
    /// Unix seconds at which it ends at the latest.
    pub expires_at: u64,
    /// Its secret, when this connection made it.
    pub secret: Option<String>,
    /// Whether what is said survives the process.
    pub durable: bool,
}

/// Encodes for one client, under the numbers that its session gave.
#[derive(Debug)]
pub struct Encoder {
    about: About,
    /// The number of the last event.
    last: u64,
}

impl Encoder {
    /// For a client of this session.
    pub fn new(about: About) -> Self {
        Self { about, last: 0 }
    }

    fn created(&mut self) -> Vec<String> {
        let view = &self.about.view;
        let conversation =
            json!({"id": format!("conv_{}", view.record.id), "object": "realtime.conversation"});
        let session = self.session(&view.config);
        vec![
            self.event("session.created", json!({"session": session})),
            self.event("conversation.created", json!({"conversation": conversation})),
        ]
    }

    /// Speech as JSON, for clients that did not ask for binary frames.
    pub fn audio(&mut self, number: u64, frame: &OutFrame) -> String {
        self.last = number - 1;
        let delta = BASE64.encode(pcm::to_le_bytes(&frame.samples));
        let body = json!({
            "response_id": &*frame.response, "item_id": &*frame.item,
            "output_index": 0, "content_index": 0, "delta": delta,
        });
        self.event("response.output_audio.delta", body)
    }

    /// One event of the session is one or more of the wire, numbered from `first` on.
    pub fn encode(&mut self, first: u64, event: SessionEvent) -> Vec<String> {
        self.last = first - 1;
        let mut out = Vec::new();
        let mut say = |kind: &str, body: Value| out.push(self.event(kind, body));
        match event {
            SessionEvent::Created => return self.created(),
            SessionEvent::Resumed { after } => {
                let session = self.session(&self.about.view.config);
                out.push(self.event("duologue.resumed", json!({"after": after, "session": session})));
            }
            SessionEvent::ResponseDone { response, item, calls, apart, metadata, spoken, status, usage } => {
                let done = Done { response, item, calls, apart, metadata, spoken, status, usage };
                return self.response_done(&done);
            }
            SessionEvent::FunctionCalled { response, item, previous, index, apart } => {
                let called = Called { response, item, previous, index, apart };
                return self.function_called(&called);
            }
            SessionEvent::OutputStarted { response, item, previous, turn, apart } => {
                let shown = item_json(&item, "in_progress");
                let part = match spoken(&item) {
                    true => json!({"type": "audio", "transcript": ""}),
                    false => json!({"type": "text", "text": ""}),
                };
                say(
                    "response.output_item.added",
                    json!({
                        "response_id": response, "output_index": 0, "item": shown, "duologue": {"turn": turn.0},
                    }),
                );
                if !apart {
                    say("conversation.item.added", json!({"previous_item_id": previous, "item": shown}));
                }
                say(
                    "response.content_part.added",
                    json!({
                        "response_id": response, "item_id": item.id, "output_index": 0, "content_index": 0, "part": part,
                    }),
                );
            }
            SessionEvent::Updated(config) => {
                let session = self.session(&config);
                out.push(self.event("session.updated", json!({"session": session})));
            }
            other => {
                let (kind, body) = simple(other);
                say(kind, body);
            }
        }
        out
    }

    fn event(&mut self, kind: &str, mut body: Value) -> String {
        self.last += 1;
        if let Value::Object(fields) = &mut body {
            fields.insert("type".into(), kind.into());
            fields.insert("event_id".into(), format!("event_{}", self.last).into());
        }
        body.to_string()
    }

    /// The call as it begins, its arguments, and as it ends: a client runs it at its end.
    fn function_called(&mut self, called: &Called) -> Vec<String> {
        let Called { response, item, previous, index, apart } = called;
        let Content::FunctionCall { call_id, name, arguments } = &item.content else { return Vec::new() };
        let (begun, done) = (item_json(item, "in_progress"), item_json(item, "completed"));
        let place = |extra: Value| {
            let mut body = json!({"response_id": response, "output_index": index});
            merge(&mut body, extra);
            body
        };
        let of_call = |extra: Value| {
            let mut body = place(json!({"item_id": item.id, "call_id": call_id}));
            merge(&mut body, extra);
            body
        };
        let mut events = vec![("response.output_item.added", place(json!({"item": begun})))];
        if !apart {
            let added = json!({"previous_item_id": previous, "item": begun});
            events.push(("conversation.item.added", added));
        }
        let whole = json!({"name": name, "arguments": arguments});
        events.push(("response.function_call_arguments.delta", of_call(json!({"delta": arguments}))));
        events.push(("response.function_call_arguments.done", of_call(whole)));
        events.push(("response.output_item.done", place(json!({"item": done}))));
        if !apart {
            events.push(("conversation.item.done", json!({"previous_item_id": previous, "item": done})));
        }
        events.into_iter().map(|(kind, body)| self.event(kind, body)).collect()
    }

    fn response_done(&mut self, done: &Done) -> Vec<String> {
        let mut out = Vec::new();
        let shown = done
            .item
            .as_ref()
            .map(|item| item_json(item, if item.complete { "completed" } else { "incomplete" }));
        if let (Some(item), Some(shown)) = (&done.item, &shown) {
            let text = item.content.text();
            let place = |extra: Value| {
                let mut body = json!({
                    "response_id": done.response, "item_id": item.id, "output_index": 0, "content_index": 0,
                });
                merge(&mut body, extra);
                body
            };
            if done.spoken {
                out.push(self.event("response.output_audio.done", place(json!({}))));
                out.push(
                    self.event("response.output_audio_transcript.done", place(json!({"transcript": text}))),
                );
                let part = json!({"part": {"type": "audio", "transcript": text}});
                out.push(self.event("response.content_part.done", place(part)));
            } else {
                out.push(self.event("response.output_text.done", place(json!({"text": text}))));
                let part = json!({"part": {"type": "text", "text": text}});
                out.push(self.event("response.content_part.done", place(part)));
            }
            let over = json!({"response_id": done.response, "output_index": 0, "item": shown});
            out.push(self.event("response.output_item.done", over));
            if !done.apart {
                let body = json!({"previous_item_id": null, "item": shown});
                out.push(self.event("conversation.item.done", body));
            }
        }
        let calls = done.calls.iter().map(|call| item_json(call, "completed"));
        let (status, details) = status_json(&done.status);
        let body = json!({"response": {
            "id": done.response, "object": "realtime.response", "status": status, "status_details": details,
            "output": shown.into_iter().chain(calls).collect::<Vec<_>>(), "metadata": metadata_json(&done.metadata), "usage": usage_json(done.usage),
            "output_modalities": [if done.spoken { "audio" } else { "text" }],
        }});
        out.push(self.event("response.done", body));
        out
    }

    /// The whole effective session, always: clients decide by what it echoes.
    fn session(&self, config: &SessionConfig) -> Value {
        let About { view, .. } = &self.about;
        let persona = &view.persona;
        let transcription = config.transcribe.then(|| {
            json!({
                "model": "whisper", "language": config.language.map(|language| language.code()),
                "prompt": config.transcription_prompt,
            })
        });
        let degraded = view.degraded.iter().map(|(part, reason)| json!({"part": part, "reason": reason}));
        let mut body = json!({
            "id": view.record.id, "object": "realtime.session", "type": "realtime", "model": persona.id,
            "instructions": config.instructions,
            "output_modalities": [if config.speak { "audio" } else { "text" }],
            "max_output_tokens": config.max_output_tokens,
            "tools": tools_json(&config.tools), "tool_choice": tool_choice_json(&config.tool_choice), "truncation": "auto", "expires_at": self.about.expires_at,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": config.input_rate},
                    "noise_reduction": config.noise_reduction.then(|| json!({"type": "near_field"})),
                    "transcription": transcription,
                    "turn_detection": turn_detection_json(config),
                },
                "output": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "voice": config.voice, "speed": config.speed,
                },
            },
            "duologue": {
                "persona": {"id": persona.id, "name": persona.name, "language": persona.language.code()},
                "language": view.record.language,
                "intimacy": view.record.intimacy,
                "speech_level": persona.intimacy_step(view.record.intimacy).map(|step| step.level.name()),
                "degraded": degraded.collect::<Vec<_>>(),
                "durable": self.about.durable,
                "expression_analysis": config.expression_analysis && config.face.is_some(),
            },
        });
        if let Some(secret) = &self.about.secret {
            merge(&mut body["duologue"], json!({"secret": secret}));
        }
        body
    }
}

/// How a reply ended.
struct Done {
    response: String,
    item: Option<Item>,
    calls: Vec<Item>,
    apart: bool,
    metadata: Metadata,
    spoken: bool,
    status: ResponseStatus,
    usage: Usage,
}

/// A function of the client's that is called.
struct Called {
    response: String,
    item: Item,
    previous: Option<String>,
    index: usize,
    apart: bool,
}

fn spoken(item: &Item) -> bool {
    matches!(item.content, Content::OutputAudio { .. })
}

/// Events of the session that are exactly one of the wire.
fn simple(event: SessionEvent) -> (&'static str, Value) {
    match event {
        SessionEvent::ItemAdded { item, previous } => (
            "conversation.item.added",
            json!({"previous_item_id": previous, "item": item_json(&item, "completed")}),
        ),
        SessionEvent::ItemDone { item, previous } => (
            "conversation.item.done",
            json!({"previous_item_id": previous, "item": item_json(&item, "completed")}),
        ),
        SessionEvent::ItemRetrieved(item) => {
            ("conversation.item.retrieved", json!({"item": item_json(&item, "completed")}))
        }
        SessionEvent::ItemDeleted(id) => ("conversation.item.deleted", json!({"item_id": id})),
        SessionEvent::ItemTruncated { id, audio_end_ms } => (
            "conversation.item.truncated",
            json!({"item_id": id, "content_index": 0, "audio_end_ms": audio_end_ms}),
        ),
        SessionEvent::SpeechStarted { item, at_ms } => {
            ("input_audio_buffer.speech_started", json!({"item_id": item, "audio_start_ms": at_ms}))
        }
        SessionEvent::SpeechStopped { item, at_ms } => {
            ("input_audio_buffer.speech_stopped", json!({"item_id": item, "audio_end_ms": at_ms}))
        }
        SessionEvent::Committed { item, previous } => {
            ("input_audio_buffer.committed", json!({"item_id": item, "previous_item_id": previous}))
        }
        SessionEvent::Cleared => ("input_audio_buffer.cleared", json!({})),
        SessionEvent::IdleTimeout { item, from_ms, to_ms } => (
            "input_audio_buffer.timeout_triggered",
            json!({"audio_start_ms": from_ms, "audio_end_ms": to_ms, "item_id": item}),
        ),
        SessionEvent::HeardPartial { item, delta, text } => (
            "conversation.item.input_audio_transcription.delta",
            json!({"item_id": item, "content_index": 0, "delta": delta, "duologue": {"partial": text}}),
        ),
        SessionEvent::Heard { item, text, seconds } => (
            "conversation.item.input_audio_transcription.completed",
            json!({
                "item_id": item, "content_index": 0, "transcript": text,
                "usage": {"type": "duration", "seconds": seconds},
            }),
        ),
        SessionEvent::HeardFailed { item, code, message } => (
            "conversation.item.input_audio_transcription.failed",
            json!({
                "item_id": item, "content_index": 0,
                "error": {"type": "transcription_error", "code": code, "message": message},
            }),
        ),
        SessionEvent::ResponseCreated { response, turn, metadata } => (
            "response.created",
            json!({"response": {
                "id": response, "object": "realtime.response", "status": "in_progress", "status_details": null,
                "output": [], "usage": null, "metadata": metadata_json(&metadata), "duologue": {"turn": turn.0},
            }}),
        ),
        SessionEvent::OutputText { response, item, delta, spoken } => (
            if spoken { "response.output_audio_transcript.delta" } else { "response.output_text.delta" },
            json!({"response_id": response, "item_id": item, "output_index": 0, "content_index": 0, "delta": delta}),
        ),
        other => extension(other),
    }
}

/// Our own events, and errors.
fn extension(event: SessionEvent) -> (&'static str, Value) {
    match event {
        SessionEvent::Visemes { response, item, turn, cues } => {
            let cues = cues.iter().map(|cue| json!({"at_ms": cue.at_ms, "viseme": cue.viseme.name()}));
            let cues = cues.collect::<Vec<_>>();
            (
                "duologue.viseme",
                json!({"response_id": response, "item_id": item, "turn": turn.0, "cues": cues}),
            )
        }
        SessionEvent::Duck { turn, response, gain } => {
            ("duologue.duck", json!({"turn": turn.0, "response_id": response, "gain": gain}))
        }
        SessionEvent::Hold { turn } => ("duologue.hold", json!({"turn": turn.0})),
        SessionEvent::Restore { turn } => ("duologue.restore", json!({"turn": turn.0})),
        SessionEvent::Backchannel { text } => ("duologue.backchannel", json!({"text": text})),
        SessionEvent::Latency { turn, response, report, speculative, budget } => {
            let mut latency = latency_json(turn.0, &response, &report);
            latency["speculative"] = speculative.into();
            if let Some((target_ms, step)) = budget {
                latency["budget"] = json!({"target_ms": target_ms, "step": step.name()});
            }
            ("duologue.latency", latency)
        }
        SessionEvent::Intimacy { value, level } => {
            ("duologue.intimacy", json!({"value": value, "speech_level": level}))
        }
        SessionEvent::Notice { level, code, message, part } => {
            let level = match level {
                NoticeLevel::Info => "info",
                NoticeLevel::Warning => "warning",
                NoticeLevel::Error => "error",
            };
            ("duologue.notice", json!({"level": level, "code": code, "message": message, "part": part}))
        }
        SessionEvent::ToolStarted { response, name, call_id } => {
            ("duologue.tool.started", json!({"response_id": response, "name": name, "call_id": call_id}))
        }
        SessionEvent::ToolDone { response, name, call_id, ms, error } => (
            "duologue.tool.done",
            json!({"response_id": response, "name": name, "call_id": call_id, "ms": ms, "error": error}),
        ),
        SessionEvent::Show { what, name } => ("duologue.show", json!({"what": what, "name": name})),
        SessionEvent::Scores(card) => ("duologue.scores", feedback::scores_json(&card)),
        SessionEvent::Tip(tip) => ("duologue.tip", feedback::tip_json(&tip)),
        SessionEvent::Kept { item, kept } => {
            let kind = if kept.is_durable() { "duologue.durable" } else { "duologue.kept" };
            (kind, json!({"item_id": item, "kept": kept.name()}))
        }
        SessionEvent::Ended { code, message } => {
            ("duologue.ended", json!({"code": code, "message": message}))
        }
        SessionEvent::Error { code, message, param, client_event } => (
            "error",
            json!({"error": {
                "type": "invalid_request_error", "code": code, "message": message, "param": param,
                "event_id": client_event,
            }}),
        ),
        // The caller has handled all others; an event nobody knows would be a defect here.
        _ => {
            debug_assert!(false, "an event of the session has no wire form");
            ("duologue.unknown", json!({}))
        }
    }
}

#[cfg(test)]
mod tests;
