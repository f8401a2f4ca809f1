//! Where the log goes, and what strangers cannot fill it with.

use std::io::IsTerminal;

use anyhow::Context;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::{self, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::config::{LogConfig, LogFormat};

/// How the targets of the WebRTC library's crates begin: `webrtc::…`, `rtc::…`, `rtc_ice::…`.
const LIBRARY: [&str; 2] = ["webrtc", "rtc"];

/// Sends the log to standard error, as configured.
///
/// # Errors
/// The filter is none, or there is a log already.
pub(super) fn log_to_stderr(log: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level).context("log.level")?;
    let registry = tracing_subscriber::registry().with(Complaints::unless_named(&log.level)).with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let installed = match log.format {
        LogFormat::Json => registry.with(lines.json()).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!("the log cannot be opened: {error}"))
}

/// Keeps the WebRTC library out of the log and counts what it says: it complains of single packets, at the level of
/// errors, and whoever knows the port of a call can send it any number of odd ones.
#[derive(Debug)]
struct Complaints {
    /// Who names the library in the filter wants to read it.
    shown: bool,
}

impl Complaints {
    fn unless_named(filter: &str) -> Self {
        let names = |directive: &str| LIBRARY.iter().any(|name| directive.trim_start().starts_with(name));
        Self { shown: filter.split(',').any(names) }
    }

    fn shows(&self, target: &str) -> bool {
        self.shown || !LIBRARY.iter().any(|name| target.starts_with(name))
    }
}

impl<S: Subscriber> Layer<S> for Complaints {
    fn enabled(&self, metadata: &Metadata<'_>, _: layer::Context<'_, S>) -> bool {
        if self.shows(metadata.target()) {
            return true;
        }
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return false,
        };
        metrics::counter!("rtc_library_complaints_total", "level" => level).increment(1);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_read_by_who_names_it() {
        for filter in ["info", "debug,duologue::rtc=trace", "warn,duologue_rtc=debug"] {
            let complaints = Complaints::unless_named(filter);
            for target in ["webrtc::peer_connection::driver", "rtc::peer_connection", "rtc_ice::agent"] {
                assert!(!complaints.shows(target), "{target} with {filter}");
            }
            for target in ["duologue::rtc::call", "duologue_rtc::peer", "rustls", "h2"] {
                assert!(complaints.shows(target), "{target} with {filter}");
            }
        }
        for filter in ["webrtc=warn", "info, rtc=warn", "info,rtc_ice::agent=debug"] {
            assert!(Complaints::unless_named(filter).shows("webrtc::peer_connection::driver"), "{filter}");
        }
    }
}
