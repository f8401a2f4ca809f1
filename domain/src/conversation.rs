//! The items of a conversation in their order, as both sides of the wire see them.

/// Who an item is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions by the client.
    System,
    /// The person.
    User,
    /// The persona.
    Assistant,
    /// The server on the persona's behalf: functions that it runs itself. The client is not told of these items.
    Server,
}

/// What an item holds. One part each: that is all a scene for two needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Written by the person or the client.
    InputText(String),
    /// Spoken by the person; the words once they are known.
    InputAudio {
        /// What was heard.
        transcript: Option<String>,
    },
    /// Written by the persona.
    OutputText(String),
    /// Spoken by the persona; only what was heard, once it has been interrupted.
    OutputAudio {
        /// The words.
        transcript: String,
    },
    /// The persona wishes a function to be called.
    FunctionCall {
        /// Names the call, so that its result finds it.
        call_id: String,
        /// Which function.
        name: String,
        /// A JSON object as text.
        arguments: String,
    },
    /// What a function returned.
    FunctionOutput {
        /// Of which call.
        call_id: String,
        /// Any text, usually JSON.
        output: String,
    },
}

impl Content {
    /// The words, as far as they are known; a function call and its result have none.
    pub fn text(&self) -> &str {
        match self {
            Self::FunctionCall { .. } | Self::FunctionOutput { .. } => "",
            Self::InputText(text) | Self::OutputText(text) | Self::OutputAudio { transcript: text } => text,
            Self::InputAudio { transcript } => transcript.as_deref().unwrap_or_default(),
        }
    }
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Unique within the session.
    pub id: String,
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub content: Content,
    /// False while it is still being said, and for ever if it was cut off.
    pub complete: bool,
}

/// Why an operation on the conversation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationError {
    /// No item with this id.
    NoSuchItem(String),
    /// An item with this id is there already.
    DuplicateItem(String),
    /// Only what the persona said can be truncated.
    NotAssistant(String),
    /// No function was called under this id.
    NoSuchCall(String),
    /// The call of this id has its result already.
    CallAnswered(String),
}

/// Items in order. Bounded: the oldest items leave when there are more than [`Conversation::MAX_ITEMS`]; the
/// store keeps them.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    items: Vec<Item>,
}

impl Conversation {
    /// Far more than fits a prompt, far less than hurts memory.
    pub const MAX_ITEMS: usize = 512;

    /// All items, oldest first.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// One item.
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// One item, to change it.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    /// Id of the item before `id` that the client knows, `None` for the first or an unknown one.
    pub fn previous(&self, id: &str) -> Option<&str> {
        let position = self.items.iter().position(|item| item.id == id)?;
        let mut before = self.items[..position].iter();
        before.rfind(|item| item.speaker != Speaker::Server).map(|item| item.id.as_str())
    }

    /// Appends, or inserts after `previous` (`"root"` is the start).
    pub fn insert(&mut self, item: Item, previous: Option<&str>) -> Result<(), ConversationError> {
        if self.get(&item.id).is_some() {
            return Err(ConversationError::DuplicateItem(item.id));
        }
        let position = match previous {
            None => self.items.len(),
            Some("root") => 0,
            Some(id) => match self.items.iter().position(|other| other.id == id) {
                Some(position) => position + 1,
                None => return Err(ConversationError::NoSuchItem(id.to_owned())),
            },
        };
        self.items.insert(position, item);
        if self.items.len() > Self::MAX_ITEMS {
            self.items.remove(0);
        }
        Ok(())
    }

    /// Whether the result of a call may be taken: there is such a call, it is not one of the server's, and it has
    /// no result yet.
    ///
    /// # Errors
    /// It may not.
    pub fn expects_output(&self, call_id: &str) -> Result<(), ConversationError> {
        let is_call = |item: &&Item| {
            let made =
                matches!(&item.content, Content::FunctionCall { call_id: made, .. } if made == call_id);
            made && item.speaker != Speaker::Server
        };
        if !self.items.iter().any(|item| is_call(&item)) {
            return Err(ConversationError::NoSuchCall(call_id.to_owned()));
        }
        match self.output_of(call_id) {
            Some(_) => Err(ConversationError::CallAnswered(call_id.to_owned())),
            None => Ok(()),
        }
    }

    /// Whether a function was called under this id.
    pub fn has_call(&self, call_id: &str) -> bool {
        self.items.iter().any(
            |item| matches!(&item.content, Content::FunctionCall { call_id: made, .. } if made == call_id),
        )
    }

    /// What the function that was called under this id returned.
    pub fn output_of(&self, call_id: &str) -> Option<&str> {
        output_of(&self.items, call_id)
    }

    /// Removes an item.
    pub fn delete(&mut self, id: &str) -> Result<Item, ConversationError> {
        match self.items.iter().position(|item| item.id == id) {
            Some(position) => Ok(self.items.remove(position)),
            None => Err(ConversationError::NoSuchItem(id.to_owned())),
        }
    }

    /// Replaces what the persona said by what was heard of it.
    pub fn truncate(&mut self, id: &str, heard: String) -> Result<&Item, ConversationError> {
        let item = self
            .items
            .iter_mut()
            .find(|item| item.id == id)
            .ok_or_else(|| ConversationError::NoSuchItem(id.to_owned()))?;
        match &mut item.content {
            Content::OutputAudio { transcript } | Content::OutputText(transcript) => *transcript = heard,
            _ => return Err(ConversationError::NotAssistant(id.to_owned())),
        }
        Ok(item)
    }
}

/// What the function that was called under this id returned, if that is among `items`.
pub fn output_of<'a>(items: &'a [Item], call_id: &str) -> Option<&'a str> {
    items.iter().find_map(|item| match &item.content {
        Content::FunctionOutput { call_id: of, output } if of == call_id => Some(output.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str) -> Item {
        Item { id: id.into(), speaker: Speaker::User, content: Content::InputText(id.into()), complete: true }
    }

    fn ids(conversation: &Conversation) -> Vec<&str> {
        conversation.items().iter().map(|item| item.id.as_str()).collect()
    }

    #[test]
    fn inserts_where_asked() {
        let mut conversation = Conversation::default();
        conversation.insert(item("b"), None).unwrap();
        conversation.insert(item("d"), None).unwrap();
        conversation.insert(item("a"), Some("root")).unwrap();
        conversation.insert(item("c"), Some("b")).unwrap();
        assert_eq!(ids(&conversation), ["a", "b", "c", "d"]);
        assert_eq!(conversation.previous("c"), Some("b"));
        assert_eq!(conversation.previous("a"), None);
        assert_eq!(conversation.insert(item("e"), Some("x")), Err(ConversationError::NoSuchItem("x".into())));
        assert_eq!(conversation.insert(item("a"), None), Err(ConversationError::DuplicateItem("a".into())));
    }

    #[test]
    fn keeps_only_what_was_heard() {
        let mut conversation = Conversation::default();
        conversation
            .insert(
                Item {
                    id: "r".into(),
                    speaker: Speaker::Assistant,
                    content: Content::OutputAudio { transcript: "네, 좋아요. 그런데".into() },
                    complete: false,
                },
                None,
            )
            .unwrap();
        conversation.insert(item("u"), None).unwrap();
        assert_eq!(conversation.truncate("r", "네,".into()).unwrap().content.text(), "네,");
        assert_eq!(
            conversation.truncate("u", String::new()),
            Err(ConversationError::NotAssistant("u".into()))
        );
        assert_eq!(conversation.delete("u").unwrap().id, "u");
        assert_eq!(conversation.delete("u"), Err(ConversationError::NoSuchItem("u".into())));
    }

    #[test]
    fn a_call_is_answered_once_and_never_for_the_server() {
        let mut conversation = Conversation::default();
        let called = |id: &str, speaker| {
            let content =
                Content::FunctionCall { call_id: id.into(), name: "weather".into(), arguments: "{}".into() };
            Item { id: format!("i{id}"), speaker, content, complete: true }
        };
        conversation.insert(called("c1", Speaker::Assistant), None).unwrap();
        conversation.insert(called("c2", Speaker::Server), None).unwrap();
        assert_eq!(conversation.expects_output("c1"), Ok(()));
        for id in ["c2", "c3"] {
            assert_eq!(conversation.expects_output(id), Err(ConversationError::NoSuchCall(id.into())));
        }
        let content = Content::FunctionOutput { call_id: "c1".into(), output: "맑음".into() };
        let output = Item { id: "o".into(), speaker: Speaker::User, content, complete: true };
        conversation.insert(output, None).unwrap();
        assert_eq!(conversation.output_of("c1"), Some("맑음"));
        assert_eq!(conversation.expects_output("c1"), Err(ConversationError::CallAnswered("c1".into())));
        let refused = conversation.truncate("ic1", String::new());
        assert_eq!(refused, Err(ConversationError::NotAssistant("ic1".into())));
    }

    #[test]
    fn is_bounded() {
        let mut conversation = Conversation::default();
        for index in 0..Conversation::MAX_ITEMS + 5 {
            conversation.insert(item(&index.to_string()), None).unwrap();
        }
        assert_eq!(conversation.items().len(), Conversation::MAX_ITEMS);
        assert_eq!(conversation.items()[0].id, "5");
    }
}
