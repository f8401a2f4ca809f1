//! Where functions come from that the server runs for a persona, besides those of the session itself: other programs
//! (MCP servers) and documents. Ports; the server implements them, tests fake them.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use duologue_domain::{
    ability::Ability,
    lang::Language,
    persona::Persona,
    tool::{Tool, ToolCall},
};
use futures_util::future::BoxFuture;

/// How often in one turn functions may be called before the persona has to speak.
pub const MOST_ROUNDS: usize = 4;

/// Functions of one session that run at once; more wait for these.
pub const MOST_AT_ONCE: usize = 4;

/// Calls of one round; more are refused.
pub const MOST_CALLS: usize = 16;

/// Bytes of one result of the server's functions; the rest is cut. A prompt has room for less.
pub const MOST_OUTPUT: usize = 16 * 1024;

/// Bytes of the arguments of a call that is passed on, as in the protocol.
pub const MOST_ARGUMENTS: usize = 64 * 1024;

/// In a persona file: every function that fits.
const EVERY: &str = "*";

/// Functions offered to a model at once, as in the protocol.
pub const MOST_TOOLS: usize = 128;

/// Why a function has no result. The message is for the model, which tells the person in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolFailure {
    /// Stable code.
    pub code: &'static str,
    /// What happened and what may be done.
    pub message: String,
}

impl ToolFailure {
    /// A failure of that code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Functions of another program.
pub trait ToolSource: Send + Sync + 'static {
    /// What can be called now. It may change when the program comes or goes.
    fn tools(&self) -> Arc<[Tool]>;
    /// How long a call may take.
    fn within(&self) -> Duration;
    /// Calls one; dropping the future gives it up.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<String, ToolFailure>>;
}

/// The person's documents.
pub trait Documents: Send + Sync + 'static {
    /// Whether there are none: then nobody is told that they can be searched.
    fn is_empty(&self) -> bool;
    /// What they say about something, with where it stands.
    fn look_up(&self, query: String) -> BoxFuture<'static, Result<String, ToolFailure>>;
}

/// There are no documents.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDocuments;

impl Documents for NoDocuments {
    fn is_empty(&self) -> bool {
        true
    }

    fn look_up(&self, _: String) -> BoxFuture<'static, Result<String, ToolFailure>> {
        Box::pin(async { Err(ToolFailure::new("no_documents", "there are no documents yet")) })
    }
}

/// All of it, shared by every session.
#[derive(Clone)]
pub struct ServerTools {
    /// Other programs.
    pub sources: Arc<[Arc<dyn ToolSource>]>,
    /// Documents.
    pub documents: Arc<dyn Documents>,
    /// Whether the personas' own abilities are offered.
    pub abilities: bool,
}

impl Default for ServerTools {
    fn default() -> Self {
        Self { sources: Arc::new([]), documents: Arc::new(NoDocuments), abilities: true }
    }
}

impl ServerTools {
    /// The program that has this function; none has one that is called like an ability.
    pub(crate) fn source_of(&self, name: &str) -> Option<Arc<dyn ToolSource>> {
        let has = |source: &&Arc<dyn ToolSource>| source.tools().iter().any(|tool| tool.name == name);
        self.sources.iter().find(has).cloned()
    }
}

/// The server's functions that a persona may call: its own abilities, then those of other programs, each name once. The
/// same for every session of the persona in a language, so that the model may read them once for all.
///
/// What another program calls like an ability is left out, even where abilities are not offered: a call of that name
/// would be carried out as the ability.
pub fn of_persona(persona: &Persona, language: Language, server: &ServerTools) -> Vec<Tool> {
    let may_use = |name: &str| persona.tools.iter().any(|allowed| allowed == EVERY || allowed == name);
    let fits = |ability: &Ability| match ability {
        _ if !server.abilities => false,
        Ability::LookUp => !server.documents.is_empty(),
        _ => true,
    };
    let abilities = Ability::ALL.into_iter().filter(fits).map(|ability| ability.tool(language));
    let others = server.sources.iter().flat_map(|source| source.tools().to_vec());
    let others = others.filter(|tool| Ability::of_name(&tool.name).is_none());
    let mut seen = HashSet::new();
    let each = abilities.chain(others).filter(|tool| may_use(&tool.name));
    each.filter(|tool| seen.insert(tool.name.clone())).collect()
}

impl fmt::Debug for ServerTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTools").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

/// The same ones, not alike ones; none are the same as none.
impl PartialEq for ServerTools {
    fn eq(&self, other: &Self) -> bool {
        let no_sources = self.sources.is_empty() && other.sources.is_empty();
        let no_documents = self.documents.is_empty() && other.documents.is_empty();
        self.abilities == other.abilities
            && (no_sources || Arc::ptr_eq(&self.sources, &other.sources))
            && (no_documents || Arc::ptr_eq(&self.documents, &other.documents))
    }
}
