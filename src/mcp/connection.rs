//! How a server is reached.

use std::process::Stdio;

use rmcp::{
    RoleClient, ServiceExt,
    service::RunningService,
    transport::{
        StreamableHttpClientTransport, TokioChildProcess,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use tokio::process::Command;

use crate::config::McpConfig;

/// Bytes of one message over HTTP: a result is cut at 16 KiB anyway.
const LARGEST_MESSAGE: usize = 1024 * 1024;

/// A connection whose handshake is done. Dropping it ends the program, or the HTTP session.
pub(super) type Connection = RunningService<RoleClient, ()>;

/// Connects to one server; why not, in words without its secrets, otherwise.
pub(super) async fn open(config: &McpConfig) -> Result<Connection, String> {
    match config.url.is_empty() {
        true => program(config).await,
        false => over_http(config).await,
    }
}

/// The program sees the variables of its configuration and those without which nothing runs, and none of ours.
async fn program(config: &McpConfig) -> Result<Connection, String> {
    let mut command = Command::new(&config.command);
    command.args(&config.args).env_clear().envs(&config.env).kill_on_drop(true);
    // Programs write what they are asked into their logs; that is not for ours.
    let spawned = TokioChildProcess::builder(command).stderr(Stdio::null()).spawn();
    let (process, _) = spawned.map_err(|error| format!("{} did not start: {error}", config.command))?;
    ().serve(process).await.map_err(|_| format!("{} does not speak MCP", config.command))
}

async fn over_http(config: &McpConfig) -> Result<Connection, String> {
    // Without a provider of TLS the client cannot be made; whoever was first has installed ring's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        // A kept connection whose last answer was not read to its end stalls for 40 ms.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(super::CONNECT_WITHIN)
        .build()
        .map_err(|_| "the HTTP client could not be made".to_owned())?;
    let mut settings = StreamableHttpClientTransportConfig::with_uri(config.url.as_str())
        .max_sse_event_size(LARGEST_MESSAGE);
    if !config.bearer.is_empty() {
        settings = settings.auth_header(config.bearer.as_str());
    }
    let transport = StreamableHttpClientTransport::with_client(client, settings);
    ().serve(transport).await.map_err(|_| "it does not answer as an MCP server".to_owned())
}
