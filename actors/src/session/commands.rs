//! What the client asks for.

use duologue_domain::{
    conversation::{Content, ConversationError, Item, Speaker as From},
    pcm,
    turn::FloorEffect,
};
use duologue_engines::port::SPEECH_RATE;

use super::State;
use crate::{
    event::{ClientCommand, Input, ResponseRequest, SessionConfig, SessionEvent},
    ingest::IngestMsg,
    store::MessageRole,
    transcriber::TranscriberMsg,
};

impl State {
    pub(super) fn command(&mut self, command: ClientCommand) {
        if !matches!(
            command,
            ClientCommand::Playout { .. } | ClientCommand::RetrieveItem(_) | ClientCommand::Calibrate(_)
        ) {
            // Whatever it changes, a draft was begun without it.
            self.drop_draft();
        }
        match command {
            ClientCommand::Configure(patch) => {
                let config = patch.applied_to(&self.config);
                self.configure(config);
            }
            ClientCommand::CommitAudio => self.to_ingest(IngestMsg::Commit),
            ClientCommand::ClearAudio => {
                self.forget_current_speech();
                self.to_ingest(IngestMsg::Clear);
                self.say(SessionEvent::Cleared);
            }
            ClientCommand::CreateItem { item, previous } => self.create_item(item, previous.as_deref()),
            ClientCommand::RetrieveItem(id) => match self.told_item(&id) {
                Some(item) => self.say(SessionEvent::ItemRetrieved(item.clone())),
                None => self.refuse(ConversationError::NoSuchItem(id)),
            },
            ClientCommand::DeleteItem(id) if self.told_item(&id).is_none() => {
                self.refuse(ConversationError::NoSuchItem(id));
            }
            ClientCommand::DeleteItem(id) => match self.conversation.delete(&id) {
                Ok(item) => self.say(SessionEvent::ItemDeleted(item.id)),
                Err(error) => self.refuse(error),
            },
            ClientCommand::TruncateItem { id, audio_end_ms } => self.truncate(id, audio_end_ms),
            ClientCommand::CreateResponse(request) => self.create_response(request),
            ClientCommand::CancelResponse { response } => self.cancel_response(response.as_deref()),
            ClientCommand::Playout { item, played_ms } => self.playout(&item, played_ms),
            ClientCommand::Calibrate(command) => self.calibrate(command),
        }
    }

    fn configure(&mut self, mut config: SessionConfig) {
        if self.has_spoken && config.voice != self.config.voice {
            self.say(SessionEvent::Error {
                code: "cannot_update_voice",
                message:
                    "The voice is fixed once the persona has spoken. Start a new session for another one."
                        .into(),
                param: Some("session.audio.output.voice"),
                client_event: None,
            });
            return;
        }
        if let Some(message) = Self::misnamed(&config.tool_choice, &config.tools) {
            self.say(SessionEvent::Error {
                code: "invalid_value",
                message,
                param: Some("session.tool_choice"),
                client_event: None,
            });
            return;
        }
        let voices = self.engines.tts.voices();
        if !config.voice.is_empty()
            && !voices.is_empty()
            && !voices.iter().any(|voice| voice.id == config.voice)
        {
            // Stock clients name a voice of their own service out of habit; the rest of what they say still counts.
            config.voice.clear();
            self.warn(
                "tts",
                "unknown_voice",
                "There is no such voice; the persona's own is used. See GET /voice/voices.",
            );
        }
        if config.turn_detection != self.config.turn_detection {
            self.forget_current_speech();
        }
        self.config = config;
        self.face_may_be_seen();
        self.apply_policy();
        self.to_ingest(IngestMsg::Configure(Box::new(self.config.clone())));
        self.to_transcriber(TranscriberMsg::Configure(self.hints()));
        self.say(SessionEvent::Updated(Box::new(self.config.clone())));
    }

    fn create_item(&mut self, mut item: Item, previous: Option<&str>) {
        if item.id.is_empty() {
            item.id = self.new_item_id();
        }
        let expected = match &item.content {
            Content::FunctionOutput { call_id, .. } => self.conversation.expects_output(call_id),
            Content::FunctionCall { call_id, .. } if self.conversation.has_call(call_id) => {
                Err(ConversationError::DuplicateItem(call_id.clone()))
            }
            _ => Ok(()),
        };
        if let Err(error) = expected.and_then(|()| self.conversation.insert(item.clone(), previous)) {
            self.refuse(error);
            return;
        }
        let previous = self.conversation.previous(&item.id).map(str::to_owned);
        if let (From::User, Content::InputText(text)) = (item.speaker, &item.content) {
            self.write_message(&item.id, MessageRole::User, text);
            self.person_wrote(&item.id, text);
        }
        self.say(SessionEvent::ItemAdded { item: item.clone(), previous: previous.clone() });
        self.say(SessionEvent::ItemDone { item, previous });
    }

    /// Keeps only what the client says was heard. Before the first sound this is nothing, and not an error.
    fn truncate(&mut self, id: String, audio_end_ms: u64) {
        let samples = pcm::samples(audio_end_ms, SPEECH_RATE);
        let playback = match (&mut self.reply, &mut self.spoken) {
            (Some(reply), _) if *reply.item == *id && reply.audio_item => Some(&mut reply.playback),
            (_, Some(spoken)) if *spoken.item == *id => Some(spoken),
            _ => None,
        };
        let heard = match (playback, self.conversation.get(&id)) {
            (Some(playback), _) => playback.cut_at(samples),
            (None, _) if audio_end_ms == 0 => String::new(),
            // Too long ago to know its clauses: it was heard whole.
            (None, Some(item)) => item.content.text().to_owned(),
            (None, None) => return self.refuse(ConversationError::NoSuchItem(id)),
        };
        match self.conversation.truncate(&id, heard.clone()) {
            Ok(_) => {
                // Of what was not stored yet there is nothing to take back.
                if !heard.is_empty() || self.has_written(&id) {
                    self.write_message(&id, MessageRole::Assistant, &heard);
                }
                self.say(SessionEvent::ItemTruncated { id, audio_end_ms });
            }
            Err(error) => self.refuse(error),
        }
    }

    /// An item that the client knows of.
    fn told_item(&self, id: &str) -> Option<&Item> {
        self.conversation.get(id).filter(|item| item.speaker != From::Server)
    }

    /// What a reply is asked to answer. What was checked when it was asked for may be gone when it begins.
    pub(super) fn chosen_items(&self, input: &[Input]) -> Vec<Item> {
        let chosen = input.iter().filter_map(|input| match input {
            Input::Item(item) => Some(item.clone()),
            Input::Reference(id) => self.told_item(id).cloned(),
        });
        chosen.collect()
    }

    /// Why a reply cannot be made as it is asked for.
    fn check_request(&self, request: &ResponseRequest) -> Result<(), (&'static str, String, &'static str)> {
        let tools = request.tools.as_ref().unwrap_or(&self.config.tools);
        let choice = request.tool_choice.as_ref().unwrap_or(&self.config.tool_choice);
        if let Some(message) = Self::misnamed(choice, tools) {
            return Err(("invalid_value", message, "response.tool_choice"));
        }
        let unknown = request.input.iter().flatten().find_map(|input| match input {
            Input::Reference(id) if self.told_item(id).is_none() => Some(id),
            _ => None,
        });
        match unknown {
            Some(id) => Err(("item_not_found", format!("There is no item {id:?}."), "response.input")),
            None => Ok(()),
        }
    }

    pub(super) fn create_response(&mut self, request: ResponseRequest) {
        if let Err((code, message, param)) = self.check_request(&request) {
            self.say(SessionEvent::Error { code, message, param: Some(param), client_event: None });
            return;
        }
        match self.floor.handle_reply_requested() {
            Ok(FloorEffect::BeginReply { turn }) => self.begin_reply(turn, request),
            Ok(effect) => self.apply(vec![effect]),
            // Clients return a result at once, while the words before the call are still being said.
            Err(_) if self.reply.as_ref().is_some_and(|reply| !reply.outside.is_empty()) => {
                self.owed = Some(request);
                let effects = self.floor.owe_reply();
                self.apply(effects);
            }
            Err(_) => self.say(SessionEvent::Error {
                code: "conversation_already_has_active_response",
                message: "A response is being made. Cancel it or wait for its end.".into(),
                param: None,
                client_event: None,
            }),
        }
    }

    fn cancel_response(&mut self, response: Option<&str>) {
        let matches =
            self.reply.as_ref().is_some_and(|reply| response.is_none_or(|id| *reply.response == *id));
        // One that waits for its place has no id yet.
        if matches || (response.is_none() && self.leave_line()) {
            self.owed = None;
            let effects = self.floor.handle_cancel();
            self.apply(effects);
        } else {
            self.say(SessionEvent::Error {
                code: "response_cancel_not_active",
                message: "There is no such response in progress.".into(),
                param: None,
                client_event: None,
            });
        }
    }

    fn refuse(&self, error: ConversationError) {
        let (code, message) = match error {
            ConversationError::NoSuchItem(id) => ("item_not_found", format!("There is no item {id:?}.")),
            ConversationError::DuplicateItem(id) => {
                ("item_exists", format!("There is an item {id:?} already."))
            }
            ConversationError::NotAssistant(id) => {
                ("item_not_truncatable", format!("Item {id:?} was not said by the persona."))
            }
            ConversationError::NoSuchCall(id) => {
                ("tool_call_not_found", format!("No function was called under {id:?}."))
            }
            ConversationError::CallAnswered(id) => {
                ("tool_call_answered", format!("The call {id:?} has its result already."))
            }
        };
        self.say(SessionEvent::Error { code, message, param: Some("item_id"), client_event: None });
    }
}
