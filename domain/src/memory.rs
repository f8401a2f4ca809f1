//! What a persona remembers of a person: few facts, each citing the turn it came from.
//!
//! Extraction is by rule and shy: a fact is taken only from a plain first-person statement, because a memory full
//! of junk is worse than a short one. A name, job, age and home replace the older one; likes and dislikes add up,
//! and the newest word on a thing wins.

mod english;
mod korean;

#[cfg(test)]
mod tests;

use crate::{lang::Language, turn::TurnId};

/// Facts kept; a prompt has room for no more, and nobody wants to look through more.
const MOST: usize = 32;
/// Facts told to the model: the newest, because each costs it reading time before every reply.
const TOLD: usize = 10;
/// Longest value in characters; anything longer is not a fact but a story.
const LONGEST: usize = 30;

/// Longest note in characters: a sentence.
const LONGEST_NOTE: usize = 80;

/// Longest statement in words; longer ones are stories, and reading them would take time that grows with its square.
const LONGEST_STATEMENT: usize = 40;

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactKind {
    /// What the person is called.
    Name,
    /// What the person does for a living.
    Job,
    /// How old the person is.
    Age,
    /// Where the person lives.
    Home,
    /// What the person likes.
    Like,
    /// What the person does not like.
    Dislike,
    /// Anything else that they asked to be remembered.
    Note,
}

impl FactKind {
    /// Every kind, in the order in which a prompt tells them.
    pub const ALL: [Self; 7] =
        [Self::Name, Self::Age, Self::Job, Self::Home, Self::Like, Self::Dislike, Self::Note];

    /// The stable name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Job => "job",
            Self::Age => "age",
            Self::Home => "home",
            Self::Like => "like",
            Self::Dislike => "dislike",
            Self::Note => "note",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether there can be several.
    fn adds_up(self) -> bool {
        matches!(self, Self::Like | Self::Dislike | Self::Note)
    }

    fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Korean, Self::Name) => "이름",
            (Language::Korean, Self::Job) => "직업",
            (Language::Korean, Self::Age) => "나이",
            (Language::Korean, Self::Home) => "사는 곳",
            (Language::Korean, Self::Like) => "좋아하는 것",
            (Language::Korean, Self::Dislike) => "싫어하는 것",
            (Language::Korean, Self::Note) => "기억해 달라고 한 것",
            (Language::English, Self::Name) => "name",
            (Language::English, Self::Job) => "job",
            (Language::English, Self::Age) => "age",
            (Language::English, Self::Home) => "lives in",
            (Language::English, Self::Like) => "likes",
            (Language::English, Self::Dislike) => "dislikes",
            (Language::English, Self::Note) => "asked you to remember",
        }
    }
}

/// One thing remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Id within the session.
    pub id: String,
    /// What it is about.
    pub kind: FactKind,
    /// In the person's own words.
    pub text: String,
    /// The turn in which the person said it.
    pub turn: TurnId,
}

/// Everything remembered of one person, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    facts: Vec<Fact>,
    next_id: u64,
}

impl Memory {
    /// Takes the facts out of what the person said in `turn`; returns those that are new.
    pub fn remember(&mut self, text: &str, turn: TurnId) -> Vec<Fact> {
        stated(text).into_iter().filter_map(|(kind, value)| self.learn(kind, &value, turn)).collect()
    }

    /// Keeps what the person asked to be remembered: as the facts that their words state, or else as a note. Returns what
    /// is new.
    pub fn note(&mut self, text: &str, turn: TurnId) -> Vec<Fact> {
        match stated(text).is_empty() {
            true => self.learn(FactKind::Note, text, turn).into_iter().collect(),
            false => self.remember(text, turn),
        }
    }

    /// Removes what is known about something: every fact that has these words, or whose words they have. Returns what
    /// was known.
    pub fn forget_about(&mut self, words: &str) -> Vec<Fact> {
        let wanted = crate::text::normalize(words);
        if wanted.is_empty() {
            return Vec::new();
        }
        let is_meant = |fact: &Fact| {
            let known = crate::text::normalize(&fact.text);
            known.contains(&wanted) || wanted.contains(&known)
        };
        let (gone, kept) = std::mem::take(&mut self.facts).into_iter().partition(is_meant);
        self.facts = kept;
        gone
    }

    /// Removes a fact. False when there is none of that id.
    pub fn forget(&mut self, id: &str) -> bool {
        let before = self.facts.len();
        self.facts.retain(|fact| fact.id != id);
        self.facts.len() < before
    }

    /// Puts back what a store kept: id, kind, text, turn. Kinds that we do not know are left out.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = (String, String, String, u64)>) {
        for (id, kind, text, turn) in kept {
            let Some(kind) = FactKind::of_name(&kind) else { continue };
            let number = id.strip_prefix("fact_").and_then(|number| number.parse::<u64>().ok());
            self.next_id = self.next_id.max(number.map_or(0, |number| number.saturating_add(1)));
            self.make_room();
            self.facts.push(Fact { id, kind, text, turn: TurnId(turn) });
        }
    }

    /// What is remembered, oldest first; at most 32.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    fn learn(&mut self, kind: FactKind, value: &str, turn: TurnId) -> Option<Fact> {
        let text = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let (longest, signs) = match kind {
            FactKind::Note => (LONGEST_NOTE, " '-&+.,:!?%/()"),
            _ => (LONGEST, " '-&+."),
        };
        let sayable = |character: char| character.is_alphanumeric() || signs.contains(character);
        if text.is_empty() || text.chars().count() > longest || !text.chars().all(sayable) {
            return None;
        }
        if self.facts.iter().any(|fact| fact.kind == kind && same(&fact.text, &text)) {
            return None;
        }
        self.facts.retain(|fact| match kind.adds_up() {
            true => !(fact.kind.adds_up() && same(&fact.text, &text)),
            false => fact.kind != kind,
        });
        self.make_room();
        let fact = Fact { id: format!("fact_{}", self.next_id), kind, text, turn };
        self.next_id = self.next_id.saturating_add(1);
        self.facts.push(fact.clone());
        Some(fact)
    }

    /// The oldest taste goes first: a name is worth more than the thirty-third dish.
    fn make_room(&mut self) {
        if self.facts.len() >= MOST {
            let oldest = self.facts.iter().position(|fact| fact.kind.adds_up()).unwrap_or(0);
            self.facts.remove(oldest);
        }
    }
}

/// The facts that a text states plainly.
fn stated(text: &str) -> Vec<(FactKind, String)> {
    match Language::of_text(text) {
        Some(Language::Korean) => korean::facts(text),
        Some(Language::English) => english::facts(text),
        None => Vec::new(),
    }
}

fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

/// What the model is told of `facts`: one line, the newest ten, empty without facts.
pub fn render(facts: &[Fact], language: Language) -> String {
    let told = &facts[facts.len().saturating_sub(TOLD)..];
    // A name stays told however much was learnt since.
    let name = facts.iter().rfind(|fact| fact.kind == FactKind::Name && !told.contains(fact));
    let all = || name.into_iter().chain(told);
    let groups = FactKind::ALL.into_iter().filter_map(|kind| {
        let values =
            all().filter(|fact| fact.kind == kind).map(|fact| fact.text.as_str()).collect::<Vec<_>>();
        (!values.is_empty()).then(|| format!("{}: {}", kind.label(language), values.join(", ")))
    });
    let line = groups.collect::<Vec<_>>().join("; ");
    match (line.is_empty(), language) {
        (true, _) => line,
        (false, Language::Korean) => format!("상대에 대한 기억 — {line}."),
        (false, Language::English) => format!("What you know of them: {line}."),
    }
}
