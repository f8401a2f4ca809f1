//! What is measured: one table of names, and the recorder behind `/metrics`.
//!
//! Names are `<area>_<noun>_<unit>`. A metric may be recorded anywhere, but it is described in the table, so that it tells
//! an operator all there is; a test holds the table against the code.

mod table;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

pub use self::table::METRICS;

/// What a row of the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution, in seconds.
    Histogram,
}

/// One metric: name, kind, labels, meaning.
#[derive(Clone, Copy, Debug)]
pub struct Metric(pub &'static str, pub Kind, pub &'static str, pub &'static str);

/// Seconds until an HTTP request was answered.
pub const HTTP_REQUEST_SECONDS: &str = "http_request_seconds";
/// Requests that were refused because one address asked too often.
pub const HTTP_RATE_LIMITED_TOTAL: &str = "http_rate_limited_total";
/// Requests that were refused because of the page or the name they came by.
pub const HTTP_ORIGIN_REFUSED_TOTAL: &str = "http_origin_refused_total";

/// Tasks of the runtime that have not ended.
pub const TASKS_ALIVE: &str = "tasks_alive";

/// Steps of what happens between two notes: a partner that takes longer than 5 ms is heard.
const MUSICAL_STEPS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_15, 0.000_2, 0.000_3, 0.000_4, 0.000_5, 0.000_7, 0.001, 0.001_5, 0.002, 0.003,
    0.005, 0.007, 0.01, 0.02, 0.05, 0.1,
];

/// Steps of all other histograms of seconds: fine where a person notices (0.1 to 5 s), coarse around it.
const STEPS: [f64; 18] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];

/// How often gathered samples are folded into the histograms when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(10);

/// The process has one recorder, because the `metrics` crate has one; tests start several servers.
static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Installs the recorder, or finds the one that is installed, and describes the table.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = installed.as_ref() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &STEPS)?
        .set_buckets_for_metric(Matcher::Prefix("duet_".into()), &MUSICAL_STEPS)?
        .install_recorder()?;
    for Metric(name, kind, labels, meaning) in METRICS {
        let text = if labels.is_empty() { (*meaning).to_owned() } else { format!("{meaning}, by {labels}") };
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, text),
            Kind::Gauge => metrics::describe_gauge!(*name, text),
            Kind::Histogram => metrics::describe_histogram!(*name, Unit::Seconds, text),
        }
    }
    *installed = Some(handle.clone());
    Ok(handle)
}

/// Keeps the recorder's memory bounded while nobody scrapes; runs until it is dropped.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut every = tokio::time::interval(UPKEEP);
    loop {
        every.tick().await;
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    /// Names in `text` that stand behind one of the macros that record, whatever white space is between.
    fn recorded(text: &str, names: &mut BTreeSet<String>) {
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        for begin in ["counter!(", "gauge!(", "histogram!("] {
            let literals = text.split(begin).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            let found = literals.filter_map(|rest| rest.split('"').next()).filter(is_name);
            names.extend(found.map(str::to_owned));
        }
    }

    fn look_through(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                look_through(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                recorded(&std::fs::read_to_string(&path).expect("text"), names);
            }
        }
    }

    #[test]
    fn whatever_is_recorded_stands_in_the_table_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut names = BTreeSet::new();
        for folder in ["src", "domain/src", "music/src", "engines/src", "actors/src", "rtc/src"] {
            look_through(&root.join(folder), &mut names);
        }
        let known = METRICS.iter().map(|Metric(name, ..)| (*name).to_owned()).collect::<BTreeSet<_>>();
        let missing = names.difference(&known).collect::<Vec<_>>();
        assert!(names.len() > 50 && missing.is_empty(), "recorded and not in the table: {missing:?}");
        assert_eq!(known.len(), METRICS.len(), "twice in the table");
    }

    #[test]
    fn names_say_area_noun_and_unit() {
        for Metric(name, kind, _, meaning) in METRICS {
            let unit_fits = match kind {
                Kind::Counter => name.ends_with("_total"),
                Kind::Histogram => name.ends_with("_seconds"),
                Kind::Gauge => !name.ends_with("_total"),
            };
            assert!(unit_fits, "{name} as {kind:?}");
            assert!(
                name.chars().all(|character| character.is_ascii_lowercase() || character == '_'),
                "{name}"
            );
            assert!(!meaning.is_empty());
        }
    }

    #[test]
    fn recorder_is_installed_once_and_renders() {
        let first = install().expect("the first time");
        let second = install().expect("again");
        metrics::histogram!(HTTP_REQUEST_SECONDS, "route" => "/test").record(0.2);
        first.run_upkeep();
        let text = second.render();
        assert!(text.contains("http_request_seconds_bucket"), "{text}");
        assert!(text.contains("# HELP http_request_seconds until a request was answered"), "{text}");
    }
}
