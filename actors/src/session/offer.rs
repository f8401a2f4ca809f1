//! Which functions a model is offered for a reply: the client's, the persona's abilities, those of other programs.

use std::sync::Arc;

use duologue_domain::{
    ability::Ability,
    lang::Language,
    prompt::Role as PromptRole,
    tool::{Tool, ToolChoice},
};

use super::State;
use crate::{
    event::ResponseRequest,
    persona::ReplyJob,
    tools::{MOST_TOOLS, of_persona},
};

/// What is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// All of it: the server's first, which every session of the persona has, then the client's.
    pub(super) tools: Arc<[Tool]>,
    /// How many of these are the server's.
    pub(super) inside: usize,
    /// Whether one has to be called.
    pub(super) choice: ToolChoice,
}

impl Offer {
    /// Whether the client runs this function.
    pub(super) fn is_outside(&self, name: &str) -> bool {
        self.tools.iter().skip(self.inside).any(|tool| tool.name == name)
    }

    /// Whether the server runs this function.
    pub(super) fn is_inside(&self, name: &str) -> bool {
        self.tools.iter().take(self.inside).any(|tool| tool.name == name)
    }
}

/// Which functions the words of the person may ask for, as far as words tell: they hold one of an ability's at least. What
/// functions of others are asked for with, nobody knows. So a small model that is asked to look something up does not
/// show a score instead.
fn meant(tools: &[Tool], said: &[&str]) -> ToolChoice {
    let is_meant = |tool: &&Tool| {
        let ability = Ability::of_name(&tool.name);
        ability.is_none_or(|ability| said.iter().any(|words| ability.may_be_meant(words)))
    };
    let names = tools.iter().filter(is_meant).map(|tool| tool.name.clone()).collect::<Vec<_>>();
    match names.len() {
        0 => ToolChoice::None,
        all if all == tools.len() => ToolChoice::Auto,
        _ => ToolChoice::Among(names.into()),
    }
}

impl State {
    /// The job of a reply with what the model is offered for it.
    pub(super) fn offering(&self, offer: &Offer, job: ReplyJob) -> ReplyJob {
        // All that they have said since the last reply.
        let said = job.turns.iter().rev().take_while(|turn| turn.role == PromptRole::User);
        let said = said.map(|turn| turn.text.as_str()).collect::<Vec<_>>();
        let is_guarded = offer.choice == ToolChoice::Auto && self.engines.llm.calls_unasked();
        let tool_choice = if is_guarded { meant(&offer.tools, &said) } else { offer.choice.clone() };
        ReplyJob { tools: offer.tools.clone(), tool_choice, ..job }
    }

    /// What the model is offered for a reply. It is the same from turn to turn, because a model that reads the functions
    /// first would have to read everything anew.
    pub(super) fn offer(&self, request: &ResponseRequest) -> Offer {
        let client = request.tools.as_ref().unwrap_or(&self.config.tools);
        let choice = request.tool_choice.as_ref().unwrap_or(&self.config.tool_choice).clone();
        // Who requires a call means a call of their own functions; and what is not part of the conversation changes
        // nothing in the scene.
        let is_theirs = !client.is_empty() && matches!(choice, ToolChoice::Required | ToolChoice::Named(_));
        if is_theirs || request.apart || !self.engines.llm.has_tools() {
            return Offer { tools: client.clone(), inside: 0, choice };
        }
        let mut tools = self.inside_tools();
        // A function of the client's hides ours of the same name.
        tools.retain(|tool| client.iter().all(|other| other.name != tool.name));
        tools.truncate(MOST_TOOLS.saturating_sub(client.len()));
        let inside = tools.len();
        tools.extend(client.iter().cloned());
        Offer { tools: tools.into(), inside, choice }
    }

    /// The server's functions, where the model can call any.
    pub(super) fn inside_tools(&self) -> Vec<Tool> {
        match self.engines.llm.has_tools() {
            true => of_persona(&self.persona, self.scene_language(), &self.config.server_tools),
            false => Vec::new(),
        }
    }

    /// The language of the scene, whatever the last sentence was in.
    fn scene_language(&self) -> Language {
        let chosen = self.record.language.as_deref().and_then(|code| code.parse().ok());
        self.config.language.or(chosen).unwrap_or(self.persona.language)
    }

    /// Why a choice cannot be meant: the function that it names is none of the client's.
    pub(super) fn misnamed(choice: &ToolChoice, tools: &[Tool]) -> Option<String> {
        match choice {
            ToolChoice::Named(name) if tools.iter().all(|tool| tool.name != *name) => {
                Some(format!("There is no function {name:?} among the tools."))
            }
            _ => None,
        }
    }
}
