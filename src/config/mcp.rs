//! `[[mcp]]`: programs and servers whose functions personas may call.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// Without these hardly a program starts; everything else of our environment stays here.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"];

/// Letters of a name: with a function's it must fit into 64.
const LONGEST_NAME: usize = 24;

/// Seconds that a call may take: a person waits meanwhile.
const TIMEOUT_S: std::ops::RangeInclusive<u64> = 1..=60;

/// One server. Its variables and its token are never printed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpConfig {
    /// What its functions' names begin with.
    pub name: String,
    /// The program, for one over its standard streams.
    #[serde(default)]
    pub command: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The address, for one over HTTP.
    #[serde(default)]
    pub url: String,
    /// The bearer token for that.
    #[serde(default)]
    pub bearer: String,
    /// Which functions, by its own names; empty is all.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Seconds that a call may take.
    #[serde(default = "ten")]
    pub timeout_s: u64,
}

fn ten() -> u64 {
    10
}

impl fmt::Debug for McpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpConfig")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("url", &super::hidden(&self.url))
            .field("env", &self.env.len())
            .field("bearer", &super::hidden(&self.bearer))
            .finish_non_exhaustive()
    }
}

/// Fills in what a program needs of the environment to run at all.
pub(super) fn complete(servers: &mut [McpConfig], env: &[(String, String)]) {
    for server in servers.iter_mut().filter(|server| !server.command.is_empty()) {
        for (name, value) in env.iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str())) {
            server.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// What cannot work.
pub(super) fn problems(servers: &[McpConfig]) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let name = &server.name;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
            problems.push(format!("mcp.name: {name:?} must be 1 to {LONGEST_NAME} of a-z, 0-9 and _"));
        }
        let clash = |other: &&McpConfig| begins(name, &other.name) || begins(&other.name, name);
        if let Some(other) = servers.iter().take(index).find(clash) {
            problems.push(match other.name == *name {
                true => format!("mcp.name: there are two servers called {name:?}"),
                false => format!(
                    "mcp.name: a function of {:?} could be taken for one of {name:?}; rename one of them",
                    other.name
                ),
            });
        }
        if server.command.is_empty() == server.url.is_empty() {
            problems.push(format!("mcp {name:?}: set either command or url"));
        }
        let url = &server.url;
        if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
            problems.push(format!("mcp {name:?}: url must be an http or https address"));
        }
        if !TIMEOUT_S.contains(&server.timeout_s) {
            problems.push(format!("mcp {name:?}: timeout_s must be 1 to 60, not {}", server.timeout_s));
        }
    }
    problems
}

/// Whether names of functions of `long` may begin as those of `short` do: `a_b` and `a` have both an `a_b_c`.
fn begins(short: &str, long: &str) -> bool {
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
