//! MCP servers as sources of functions, by configuration: programs of this machine over their standard streams, and
//! servers over HTTP.
//!
//! Every server has a keeper, one task that connects, lists, waits for the end and connects again, later each time. A call
//! borrows the connection that there is; without one it fails at once, and the persona says so. Names are prefixed with
//! the server's, so that two servers cannot take each other's calls (the configuration sees to it that no prefix begins
//! as another does).

mod connection;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use duologue_actors::tools::{MOST_TOOLS, ServerTools, ToolFailure, ToolSource};
use duologue_domain::tool::{Tool, ToolCall};
use duologue_engines::port::Health;
use futures_util::{FutureExt, future::BoxFuture};
use rmcp::{
    Peer, RoleClient, ServiceError,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult},
};
use tokio::{
    select,
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use crate::config::McpConfig;

/// A server that does not answer within this is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at what a server offers; some change it without saying so.
const LIST_EVERY: Duration = Duration::from_secs(60);

/// The first wait before connecting again, and the longest. A server that held for the longest counts as new.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Letters of a function's name with its prefix, as models and the protocol have it.
const LONGEST_NAME: usize = 64;

/// Bytes of one function's description and schema: more would fill a prompt by itself.
const LONGEST_TEXTS: usize = 8 * 1024;

/// Letters of an error that a server returns.
const LONGEST_ERROR: usize = 500;

/// All configured servers.
pub struct McpServers {
    servers: Vec<Arc<Server>>,
    keepers: Vec<tokio::task::JoinHandle<()>>,
}

impl fmt::Debug for McpServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServers").field("servers", &self.servers.len()).finish_non_exhaustive()
    }
}

impl Drop for McpServers {
    fn drop(&mut self) {
        self.keepers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl McpServers {
    /// Begins to connect to each; nothing waits for that.
    pub fn start(configs: &[McpConfig]) -> Self {
        let servers = configs.iter().map(|config| Arc::new(Server::new(config.clone()))).collect::<Vec<_>>();
        let keep = |server: &Arc<Server>| tokio::spawn(keep(server.clone()));
        let keepers = servers.iter().map(keep).collect();
        Self { servers, keepers }
    }

    /// As sessions use them.
    pub fn tools(&self) -> ServerTools {
        let source = |server: &Arc<Server>| -> Arc<dyn ToolSource> { server.clone() };
        ServerTools { sources: self.servers.iter().map(source).collect(), ..ServerTools::default() }
    }

    /// Their names, for `/health`.
    pub fn names(&self) -> String {
        self.servers.iter().map(|server| server.config.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Ready when all are connected; else which are not, and why.
    pub fn health(&self) -> Health {
        let away = self.servers.iter().filter_map(|server| {
            let why = server.state().away.clone()?;
            Some(format!("{}: {why}", server.config.name))
        });
        let away = away.collect::<Vec<_>>();
        match away.is_empty() {
            true => Health::Ready,
            false => Health::Degraded(away.join("; ")),
        }
    }
}

/// One server.
struct Server {
    config: McpConfig,
    state: RwLock<State>,
}

/// What is known of it now.
struct State {
    peer: Option<Peer<RoleClient>>,
    tools: Arc<[Tool]>,
    /// Why it is not there.
    away: Option<String>,
}

impl Server {
    fn new(config: McpConfig) -> Self {
        let away = Some("connecting".to_owned());
        Self { config, state: RwLock::new(State { peer: None, tools: Arc::default(), away }) }
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        // What a panic leaves behind here is a whole state.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn prefix(&self) -> String {
        format!("{}_", self.config.name)
    }

    /// What of the list is offered: what the operator allows, each name once, under names and sizes that models can take.
    /// What is left out is told the first time, for lists come every minute.
    fn offered(&self, listed: Vec<rmcp::model::Tool>, is_first: bool) -> Arc<[Tool]> {
        let is_allowed = |tool: &rmcp::model::Tool| {
            self.config.tools.is_empty() || self.config.tools.iter().any(|name| **name == *tool.name)
        };
        let mut offered: Vec<Tool> = Vec::new();
        for tool in listed.into_iter().filter(is_allowed).take(MOST_TOOLS) {
            let made = Tool {
                name: format!("{}{}", self.prefix(), tool.name),
                description: tool.description.as_deref().unwrap_or_default().to_owned(),
                parameters: serde_json::Value::Object((*tool.input_schema).clone()).to_string(),
            };
            let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
            let fits = made.name.len() <= LONGEST_NAME && made.name.chars().all(plain);
            let is_long = made.description.len() + made.parameters.len() > LONGEST_TEXTS;
            if !fits || is_long || offered.iter().any(|other| other.name == made.name) {
                if is_first {
                    let name = made.name.chars().take(LONGEST_NAME).collect::<String>();
                    warn!(
                        server = self.config.name,
                        tool = name,
                        "mcp tool left out: its name or its texts do not do"
                    );
                }
                continue;
            }
            offered.push(made);
        }
        offered.into()
    }
}

impl ToolSource for Server {
    fn tools(&self) -> Arc<[Tool]> {
        self.state().tools.clone()
    }

    fn within(&self) -> Duration {
        Duration::from_secs(self.config.timeout_s)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<String, ToolFailure>> {
        let (peer, prefix) = (self.state().peer.clone(), self.prefix());
        async move {
            let Some(peer) = peer else {
                return Err(ToolFailure::new("tool_unavailable", "the server of this function is away"));
            };
            let name = call.name.strip_prefix(&prefix).unwrap_or(&call.name).to_owned();
            let arguments = match call.arguments.trim() {
                "" => serde_json::Map::new(),
                text => serde_json::from_str(text).map_err(|_| {
                    ToolFailure::new("tool_bad_arguments", "the arguments must be a JSON object")
                })?,
            };
            let params = CallToolRequestParams::new(name).with_arguments(arguments);
            match peer.call_tool_once(params).await {
                Ok(CallToolResponse::Complete(result)) => read(&result),
                Ok(_) => Err(ToolFailure::new("tool_unsupported", "it asks for more than a call can give")),
                Err(error) => Err(failed(&error)),
            }
        }
        .boxed()
    }
}

/// What a server says of its errors is for the model; nothing of it is logged. What our own transport says of them is for
/// nobody: it names the address, which may hold a key.
fn failed(error: &ServiceError) -> ToolFailure {
    let message = match error {
        ServiceError::McpError(error) => format!("the call failed: {}", error.message),
        ServiceError::Cancelled { .. } => "the server gave the call up".to_owned(),
        ServiceError::UnexpectedResponse => "the server answered something else".to_owned(),
        _ => "the connection to the server failed".to_owned(),
    };
    ToolFailure::new("tool_failed", message.chars().take(LONGEST_ERROR).collect::<String>())
}

/// A result as text: its texts, or its structure; of pictures and sounds only that they are there.
fn read(result: &CallToolResult) -> Result<String, ToolFailure> {
    let texts = result.content.iter().map(|part| match part.as_text() {
        Some(text) => text.text.as_str(),
        None => "(something that is not text)",
    });
    let mut text = texts.collect::<Vec<_>>().join("\n");
    if let (true, Some(structure)) = (text.is_empty(), &result.structured_content) {
        text = structure.to_string();
    }
    match result.is_error {
        Some(true) => {
            Err(ToolFailure::new("tool_failed", text.chars().take(LONGEST_ERROR).collect::<String>()))
        }
        _ => Ok(text),
    }
}

/// Keeps one server connected until it is dropped.
async fn keep(server: Arc<Server>) {
    let (first, longest) = BACK_OFF;
    let mut wait = first;
    loop {
        let begun = Instant::now();
        let why = hold(&server).await;
        server.change(State { peer: None, tools: Arc::default(), away: Some(why.clone()) });
        if begun.elapsed() >= longest {
            wait = first;
        }
        warn!(server = server.config.name, why, wait_s = wait.as_secs(), "mcp server is away");
        sleep(wait).await;
        wait = (wait * 2).min(longest);
    }
}

/// Connects and stays until the connection ends; returns why it did.
async fn hold(server: &Server) -> String {
    let connected = timeout(CONNECT_WITHIN, connection::open(&server.config)).await;
    let service = match connected {
        Ok(Ok(service)) => service,
        Ok(Err(why)) => return why,
        Err(_) => return format!("no answer within {} s", CONNECT_WITHIN.as_secs()),
    };
    let peer = service.peer().clone();
    // It has the connection, and ends with it.
    let mut ended = pin!(service.waiting());
    let mut is_first = true;
    loop {
        // A server that does one thing after the other may be at a call, and dropping the connection would end that.
        let busy = if is_first { Duration::ZERO } else { server.within() };
        let listed = select! {
            _ = &mut ended => return ENDED.into(),
            listed = timeout(CONNECT_WITHIN + busy, peer.list_all_tools()) => listed,
        };
        let tools = match listed {
            Ok(Ok(listed)) => server.offered(listed, is_first),
            Ok(Err(_)) => return "it did not list its tools".into(),
            Err(_) => return "it did not list its tools in time".into(),
        };
        if std::mem::take(&mut is_first) {
            info!(server = server.config.name, tools = tools.len(), "mcp server connected");
        }
        server.change(State { peer: Some(peer.clone()), tools, away: None });
        select! {
            _ = &mut ended => return ENDED.into(),
            () = sleep(LIST_EVERY) => {}
        }
    }
}

/// Why a connection that stood is away.
const ENDED: &str = "the connection ended";
