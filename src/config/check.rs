//! What a configuration must satisfy beyond its types, and how a key that does not exist is guessed.

use std::path::PathBuf;

use super::{Config, ConfigError};
use crate::http::client::Proxies;

/// Fills what depends on the machine: the home folder and the database in it.
pub(super) fn resolve(config: &mut Config, env: &[(String, String)]) -> Result<(), ConfigError> {
    if config.home.as_os_str().is_empty() {
        config.home = default_home(env)?;
    }
    if config.store.path.as_os_str().is_empty() {
        config.store.path = config.home.join("duologue.db");
    }
    if config.store.journal_path.as_os_str().is_empty() {
        config.store.journal_path = config.home.join("journal");
    }
    super::mcp::complete(&mut config.mcp, env);
    if config.duet.soundfont.as_os_str().is_empty() {
        config.duet.soundfont = config.home.join(crate::models::SOUNDFONT);
    }
    Ok(())
}

fn default_home(env: &[(String, String)]) -> Result<PathBuf, ConfigError> {
    let read = |name: &str| {
        env.iter().find(|(other, value)| other == name && !value.is_empty()).map(|(_, value)| value)
    };
    if let Some(data) = read("XDG_DATA_HOME") {
        return Ok(PathBuf::from(data).join("duologue"));
    }
    match read("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".local/share/duologue")),
        None => Err("home: neither HOME nor XDG_DATA_HOME is set; set DUOLOGUE_HOME to the folder for models and data".to_owned().into()),
    }
}

/// One rule over a number.
struct Range {
    key: &'static str,
    value: fn(&Config) -> f64,
    low: f64,
    high: f64,
}

macro_rules! range {
    ($section:ident . $key:ident, $low:expr, $high:expr) => {
        Range {
            key: concat!(stringify!($section), ".", stringify!($key)),
            value: |config| config.$section.$key as f64,
            low: $low,
            high: $high,
        }
    };
}

/// The ranges, each as wide as makes sense at all.
const RANGES: &[Range] = &[
    range!(server.max_upload_bytes, 1024.0, 4_294_967_296.0),
    range!(server.request_timeout_s, 1.0, 3600.0),
    range!(server.drain_s, 0.0, 600.0),
    range!(server.connections_per_client, 1.0, 100_000.0),
    range!(server.max_connections, 16.0, 1_000_000.0),
    range!(server.requests_per_client, 1.0, 100_000.0),
    range!(server.model_requests_per_client, 1.0, 100_000.0),
    range!(store.journal_max_mb, 1.0, 65_536.0),
    range!(sessions.max, 1.0, 100_000.0),
    range!(sessions.per_user, 1.0, 100_000.0),
    range!(sessions.per_client, 1.0, 100_000.0),
    range!(sessions.max_voice_to_voice_ms, 100.0, 600_000.0),
    range!(sessions.least_talking, 1.0, 100_000.0),
    range!(sessions.created_per_minute, 1.0, 1_000_000.0),
    range!(sessions.idle_timeout_s, 1.0, 604_800.0),
    range!(sessions.max_duration_s, 1.0, 604_800.0),
    range!(rtc.max, 1.0, 10_000.0),
    range!(turn.threshold, 0.05, 0.95),
    range!(turn.silence_ms, 100.0, 10_000.0),
    range!(turn.prefix_padding_ms, 0.0, 2000.0),
    range!(turn.ask_after_ms, 64.0, 5000.0),
    range!(turn.complete_at, 0.05, 0.95),
    range!(turn.max_wait_ms, 200.0, 20_000.0),
    range!(turn.max_turn_ms, 1000.0, 30_000.0),
    range!(turn.budget_ms, 0.0, 60_000.0),
    range!(coach.least_turns, 1.0, 100.0),
    range!(coach.least_s, 1.0, 3600.0),
    range!(coach.least_coverage, 0.0, 1.0),
    range!(coach.first_likability, 0.0, 100.0),
    range!(coach.likability_step, 1.0, 20.0),
    range!(coach.tip_every_s, 5.0, 3600.0),
    range!(coach.tip_again_s, 5.0, 86_400.0),
    range!(coach.tip_below, 0.0, 100.0),
    range!(coach.fillers_per_100, 0.0, 100.0),
    range!(coach.smoothing_ms, 1.0, 60_000.0),
    range!(coach.points_per_second, 0.5, 100.0),
    range!(face.closed_below, 0.1, 0.95),
    range!(face.least_cone_deg, 0.5, 45.0),
    range!(face.uncalibrated_cone_deg, 0.5, 45.0),
    range!(face.bad_after_ms, 0.0, 60_000.0),
    range!(stt.threads, 1.0, 256.0),
    range!(llm.threads, 1.0, 256.0),
    range!(tts.threads, 1.0, 256.0),
    range!(llm.context_tokens, 512.0, 1_048_576.0),
    range!(llm.parallel, 1.0, 256.0),
    range!(llm.timeout_s, 1.0, 600.0),
];

/// Refuses what cannot work, all of it at once.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let mut problems: Vec<String> = RANGES.iter().filter_map(|range| out_of_range(range, config)).collect();
    problems.extend(check_host(config));
    problems.extend(config.coach.problems());
    problems.extend(config.face.problems());
    problems.extend(config.rtc.problems());
    problems.extend(check_texts(config));
    problems.extend(super::mcp::problems(&config.mcp));
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}

fn out_of_range(range: &Range, config: &Config) -> Option<String> {
    let value = (range.value)(config);
    let inside = (range.low..=range.high).contains(&value);
    (!inside).then(|| format!("{} must be between {} and {}, not {value}", range.key, range.low, range.high))
}

fn check_host(config: &Config) -> Option<String> {
    let host = &config.server.host;
    if host.is_empty() || host.contains(char::is_whitespace) || host.contains("://") {
        return Some(format!("server.host must be an address or a name such as 127.0.0.1, not {host:?}"));
    }
    let open =
        !config.server.is_loopback() && !config.auth.is_configured() && !config.server.open_without_auth;
    open.then(|| {
        format!(
            "server.host is {host}, so other machines could reach the server, but nobody would have to authenticate. \
             Either keep 127.0.0.1 (and put a proxy in front), or configure who may come in: \
             auth.api_keys (DUOLOGUE_AUTH__API_KEYS), auth.jwt_secret (JWT_SECRET_KEY) or auth.jwks_url (SUPABASE_URL). \
             If a proxy or a container already guards the port, say so with server.open_without_auth = true"
        )
    })
}

fn check_texts(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    for origin in &config.server.allowed_origins {
        let has_scheme = origin.starts_with("http://") || origin.starts_with("https://");
        let rest = origin.split("://").nth(1).unwrap_or_default();
        if origin != "*" && (!has_scheme || rest.is_empty() || rest.trim_end_matches('/').contains('/')) {
            problems.push(format!("server.allowed_origins: {origin:?} is not an origin such as \"https://talk.example.org\" or \"*\""));
        }
    }
    if let Err(wrong) = Proxies::parse(&config.server.trusted_proxies, config.server.client_header) {
        problems.push(format!(
            "server.trusted_proxies: {wrong:?} is neither an address such as \"10.0.0.7\" nor a network such as \"10.0.0.0/8\""
        ));
    }
    if config.auth.api_keys.iter().any(|key| key.len() < 16) {
        problems.push(
            "auth.api_keys: a key must have at least 16 characters, for example from `openssl rand -hex 24`"
                .into(),
        );
    }
    let url = &config.auth.jwks_url;
    if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
        problems.push(format!("auth.jwks_url must be an http or https address, not {url:?}"));
    }
    if config.auth.required && !config.auth.is_configured() {
        problems.push(
            "auth.required is true, but there is no api_keys, jwt_secret or jwks_url to authenticate with"
                .into(),
        );
    }
    if config.store.kind == super::StoreKind::Mongodb && config.store.mongodb_uri.is_empty() {
        problems.push("store.kind is \"mongodb\", but store.mongodb_uri (MONGODB_URI) is empty".into());
    }
    let name = &config.store.database_name;
    if name.is_empty() || name.len() > 63 || name.contains(['/', '\\', '.', ' ', '"', '$']) {
        problems.push(format!("store.database_name: {name:?} is not a name that MongoDB accepts"));
    }
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.level) {
        problems.push(format!("log.level: {:?} is neither a level nor a filter: {error}", config.log.level));
    }
    problems
}

/// The known name that is most like `name`, if any is close enough to have been meant.
pub(super) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let best = known.iter().min_by_key(|other| distance(name, other))?;
    let close = (name.chars().count() / 3).max(2);
    (distance(name, best) <= close).then_some(best.as_str())
}

/// Levenshtein's distance: how many characters to insert, remove or replace.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (left_idx, left_char) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = left_idx + 1;
        for (right_idx, right_char) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left_char != *right_char);
            diagonal = row[right_idx + 1];
            row[right_idx + 1] = replaced.min(diagonal + 1).min(row[right_idx] + 1);
        }
    }
    row[right.len()]
}
