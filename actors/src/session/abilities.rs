//! The persona's abilities, carried out on the session's own state: duet, scores, memory, documents.

use std::time::Duration;

use duologue_domain::{ability::Ability, coach::ScoreName, tool::ToolCall};
use duologue_music::improv::{Complexity, Settings, Style, Tempo, ask};
use serde_json::{Value, json};

use super::{
    State,
    tools::{Carried, Errand},
};
use crate::{event::SessionEvent, tools::ToolFailure};

/// Looking something up may take so long; a person waits meanwhile.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(10);

/// Letters of a query, far more than one has.
const LONGEST_QUERY: usize = 400;

type Outcome = Result<Value, ToolFailure>;

impl State {
    /// Carries out one of the server's functions.
    pub(super) fn carry_out(&mut self, call: &ToolCall) -> Carried {
        let Some(ability) = Ability::of_name(&call.name) else {
            return match self.config.server_tools.source_of(&call.name) {
                Some(source) => {
                    let (within, call) = (source.within(), call.clone());
                    // Called inside of the task: what it does at once may take its time as well.
                    Carried::Later(Errand { within, work: Box::pin(async move { source.call(call).await }) })
                }
                None => {
                    Carried::Out(Err(ToolFailure::new("tool_gone", "this function is not there any more")))
                }
            };
        };
        let arguments = match read(&call.arguments) {
            Ok(arguments) => arguments,
            Err(failure) => return Carried::Out(Err(failure)),
        };
        let outcome = match ability {
            Ability::PlayDuet => self.play_duet(&arguments),
            Ability::StopDuet => self.stop_duet(),
            Ability::SetDuet => self.set_duet(&arguments),
            Ability::ShowScore => self.show_score(&arguments),
            Ability::Remember => text(&arguments, "fact").map(|fact| self.remember_fact(fact)),
            Ability::Forget => text(&arguments, "fact").map(|fact| self.forget_fact(fact)),
            Ability::LookUp => return self.look_up(&arguments),
        };
        Carried::Out(outcome.map(|value| value.to_string()))
    }

    fn play_duet(&mut self, arguments: &Value) -> Outcome {
        let Some(duet) = self.duet.clone().filter(|duet| duet.has_players()) else {
            self.say(SessionEvent::Show { what: "duet", name: None });
            let next = "nobody is at the piano yet: ask them to open the Duet page of this scene";
            return Ok(json!({"playing": false, "next": next}));
        };
        let settings = changed(duet.settings(), arguments)?;
        duet.set(settings.clone());
        if !duet.is_playing() {
            duet.start();
        }
        Ok(json!({"playing": true, "style": settings.style.code()}))
    }

    fn stop_duet(&self) -> Outcome {
        let Some(duet) = self.duet.as_ref().filter(|duet| duet.has_players()) else {
            return Ok(json!({"playing": false, "note": "nothing was being played"}));
        };
        duet.stop();
        Ok(json!({"playing": false}))
    }

    fn set_duet(&self, arguments: &Value) -> Outcome {
        let Some(duet) = self.duet.as_ref().filter(|duet| duet.has_players()) else {
            return Ok(json!({"changed": false, "note": "nobody is at the piano"}));
        };
        let settings = changed(duet.settings(), arguments)?;
        duet.set(settings.clone());
        let (style, complexity) = (settings.style.code(), settings.complexity.code());
        Ok(json!({"changed": true, "playing": duet.is_playing(), "style": style, "complexity": complexity}))
    }

    fn show_score(&self, arguments: &Value) -> Outcome {
        let name = match optional(arguments, "name")? {
            None => None,
            Some(name) => {
                let known = ScoreName::ALL.into_iter().find(|known| known.name() == name);
                Some(known.ok_or_else(|| {
                    let names = ScoreName::ALL.map(ScoreName::name).join(", ");
                    bad(&format!("name must be one of {names}"))
                })?)
            }
        };
        self.say(SessionEvent::Show { what: "score", name: name.map(ScoreName::name) });
        let shown = name.map_or("total_score", ScoreName::name);
        let value = match self.scores_so_far() {
            Some(SessionEvent::Scores(card)) => name.map_or(&card.total, |name| card.score(name)).value.ok(),
            _ => None,
        };
        Ok(match value {
            Some(value) => json!({"shown": shown, "points_of_100": value}),
            None => json!({"shown": shown, "note": "not measured for long enough yet"}),
        })
    }

    fn remember_fact(&mut self, fact: &str) -> Value {
        let turn = self.turn();
        let new = self.memory.note(fact, turn);
        if new.is_empty() {
            return json!({"remembered": false, "note": "it is known already, or it is not one short fact"});
        }
        self.write_facts();
        json!({"remembered": true})
    }

    fn forget_fact(&mut self, words: &str) -> Value {
        let gone = self.memory.forget_about(words).len();
        if gone > 0 {
            self.write_facts();
        }
        json!({"forgotten": gone})
    }

    fn look_up(&self, arguments: &Value) -> Carried {
        match text(arguments, "query") {
            Ok(query) => {
                let query = query.chars().take(LONGEST_QUERY).collect::<String>();
                let documents = self.config.server_tools.documents.clone();
                let work = Box::pin(async move { documents.look_up(query).await });
                Carried::Later(Errand { within: LOOK_UP_WITHIN, work })
            }
            Err(failure) => Carried::Out(Err(failure)),
        }
    }
}

fn bad(message: &str) -> ToolFailure {
    ToolFailure::new("tool_bad_arguments", message)
}

/// Small models leave the braces out when there is nothing to say.
fn read(arguments: &str) -> Result<Value, ToolFailure> {
    if arguments.trim().is_empty() {
        return Ok(json!({}));
    }
    let value = serde_json::from_str::<Value>(arguments).map_err(|_| bad("the arguments are not JSON"))?;
    if value.is_object() { Ok(value) } else { Err(bad("the arguments must be a JSON object")) }
}

fn optional<'a>(arguments: &'a Value, name: &str) -> Result<Option<&'a str>, ToolFailure> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim())),
        Some(_) => Err(bad(&format!("{name} must be a string"))),
    }
}

fn text<'a>(arguments: &'a Value, name: &str) -> Result<&'a str, ToolFailure> {
    optional(arguments, name)?.ok_or_else(|| bad(&format!("{name} is missing")))
}

/// The settings of a duet with what was wished for.
fn changed(mut settings: Settings, wishes: &Value) -> Result<Settings, ToolFailure> {
    if let Some(style) = optional(wishes, "style")? {
        settings.style = Style::parse(style).ok_or_else(|| {
            let known = Style::ALL.map(Style::code).join(", ");
            bad(&format!("style must be one of {known}"))
        })?;
    }
    if let Some(complexity) = optional(wishes, "complexity")? {
        settings.complexity = Complexity::parse(complexity)
            .ok_or_else(|| bad("complexity must be simple, medium or complex"))?;
    }
    if let Some(key) = optional(wishes, "key")? {
        settings.key = Some(ask::key(key).ok_or_else(|| bad("key must be such as G major or 사장조"))?);
    }
    // Small models write numbers as strings.
    let tempo = wishes.get("tempo").filter(|tempo| !tempo.is_null());
    if let Some(tempo) = tempo {
        let bpm = tempo.as_f64().or_else(|| tempo.as_str().and_then(|text| text.trim().parse().ok()));
        let bpm =
            bpm.filter(|bpm| (30.0..=300.0).contains(bpm)).ok_or_else(|| bad("tempo must be 30 to 300"))?;
        settings.tempo = match settings.tempo {
            Tempo::Follow(_) => Tempo::Follow(bpm),
            Tempo::Fixed(_) => Tempo::Fixed(bpm),
        };
    }
    Ok(settings)
}
