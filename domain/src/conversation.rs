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
}

impl Content {
    /// The words, as far as they are known.
    pub fn text(&self) -> &str {
        match self {
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

    /// Id of the item before `id`, `None` for the first or an unknown one.
    pub fn previous(&self, id: &str) -> Option<&str> {
        let position = self.items.iter().position(|item| item.id == id)?;
        position.checked_sub(1).map(|previous| self.items[previous].id.as_str())
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
    fn is_bounded() {
        let mut conversation = Conversation::default();
        for index in 0..Conversation::MAX_ITEMS + 5 {
            conversation.insert(item(&index.to_string()), None).unwrap();
        }
        assert_eq!(conversation.items().len(), Conversation::MAX_ITEMS);
        assert_eq!(conversation.items()[0].id, "5");
    }
}
