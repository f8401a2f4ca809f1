//! What is measured: one table of names, and the recorder behind `/metrics`.
//!
//! Names are `<area>_<noun>_<unit>`. A metric may be recorded anywhere, but it is described here, so that this
//! file tells an operator all there is.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

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

/// The table.
pub const METRICS: &[Metric] = &[
    Metric(HTTP_REQUEST_SECONDS, Kind::Histogram, "method, route, status", "until a request was answered"),
    Metric(
        HTTP_RATE_LIMITED_TOTAL,
        Kind::Counter,
        "",
        "requests refused because one address asked too often",
    ),
    Metric(
        HTTP_ORIGIN_REFUSED_TOTAL,
        Kind::Counter,
        "",
        "requests refused because of the page that sent them",
    ),
    Metric("rtc_peers_open", Kind::Gauge, "", "peer connections that are open"),
    Metric("rtc_calls_total", Kind::Counter, "", "calls over WebRTC that were answered"),
    Metric("rtc_calls_ended_total", Kind::Counter, "why", "calls over WebRTC that have ended, and why"),
    Metric("rtc_connect_seconds", Kind::Histogram, "", "from the answer until sound and messages flow"),
    Metric("sessions_open", Kind::Gauge, "", "scenes that are open"),
    Metric("sessions_refused_total", Kind::Counter, "", "scenes refused because there is no room"),
    Metric(
        "sessions_talking",
        Kind::Gauge,
        "",
        "scenes in conversation, where it is measured how many may be",
    ),
    Metric("sessions_waiting", Kind::Gauge, "", "scenes whose turn waits for a place in conversation"),
    Metric("sessions_places", Kind::Gauge, "", "how many scenes may be in conversation"),
    Metric("session_turns_waited_total", Kind::Counter, "", "turns that found no place in conversation"),
    Metric("session_turns_refused_total", Kind::Counter, "", "turns for which no place came in time"),
    Metric("event_loop_lag_seconds", Kind::Gauge, "", "how late the event loop was at the last look"),
    Metric("engine_gave_way_total", Kind::Counter, "engine", "words so far, stopped for somebody who waits"),
    Metric(
        "connections_refused_total",
        Kind::Counter,
        "",
        "connections beyond an address's or the server's limit",
    ),
    Metric(
        "connections_idle_closed_total",
        Kind::Counter,
        "",
        "connections over which nothing moved any more",
    ),
    Metric(
        "http_requests_over_share_total",
        Kind::Counter,
        "",
        "requests refused because their client has enough at work",
    ),
    Metric(
        "session_replies_stalled_total",
        Kind::Counter,
        "",
        "replies given up because nothing came any more",
    ),
    Metric("session_stale_events_total", Kind::Counter, "", "results of superseded turns, dropped"),
    Metric("session_stale_transcripts_total", Kind::Counter, "", "transcripts of superseded turns, dropped"),
    Metric("persona_denials_replaced_total", Kind::Counter, "", "replies that denied being an AI, replaced"),
    Metric("journal_writes_waiting", Kind::Gauge, "", "writes that wait on disk for the store"),
    Metric(
        "journal_writes_refused_total",
        Kind::Counter,
        "",
        "writes of the journal whose session was gone when the store was back",
    ),
    Metric("sockets_resumed_total", Kind::Counter, "outcome", "clients that came back, resumed or gap"),
    Metric("sockets_cut_off_total", Kind::Counter, "", "clients cut off because they did not read"),
    Metric("sockets_open", Kind::Gauge, "", "WebSockets that are open"),
    Metric("wire_errors_total", Kind::Counter, "code", "client events that could not be understood"),
    Metric("turn_stage_seconds", Kind::Histogram, "stage", "from the end of speech to each stage of a turn"),
    Metric("turn_outside_models_seconds", Kind::Histogram, "", "time of a turn that no model accounts for"),
    Metric("actor_deaths_total", Kind::Counter, "role", "actors that died and were restarted or given up"),
    Metric("actor_hangs_total", Kind::Counter, "role", "actors that hung and were replaced"),
    Metric("actor_tasks_panicked_total", Kind::Counter, "", "tasks of actors that panicked"),
    Metric("actor_recovery_seconds", Kind::Histogram, "role", "from a failure until its work went on"),
    Metric("actors_alive", Kind::Gauge, "role", "actors that live"),
    Metric(TASKS_ALIVE, Kind::Gauge, "", "tasks of the runtime that have not ended"),
    Metric("session_replies_repeated_total", Kind::Counter, "", "replies asked for again after a failure"),
    Metric("engine_stalls_total", Kind::Counter, "engine", "calls of a model that hung and were abandoned"),
    Metric("engine_panics_total", Kind::Counter, "engine", "calls of a model that panicked"),
    Metric("engine_threads_abandoned", Kind::Gauge, "engine", "abandoned calls that still hang"),
    Metric("engine_workers_lost_total", Kind::Counter, "engine", "worker processes that died or were killed"),
    Metric("ingest_lag_seconds", Kind::Histogram, "", "from the arrival of sound until it was heard"),
    Metric("ingest_dropped_samples_total", Kind::Counter, "", "audio dropped because a scene was behind"),
    Metric(
        "transcriber_partials_skipped_total",
        Kind::Counter,
        "",
        "partial captions skipped because the recogniser was busy",
    ),
    Metric(
        "transcriber_speculations_used_total",
        Kind::Counter,
        "",
        "transcripts that were ready before the turn had ended",
    ),
    Metric("transcriber_stale_answers_total", Kind::Counter, "", "transcripts that came too late"),
    Metric(
        "speaker_clauses_dropped_total",
        Kind::Counter,
        "",
        "clauses not spoken because of an interruption or a failure",
    ),
    Metric("duets_opened_total", Kind::Counter, "", "scenes in which somebody came to play"),
    Metric("duet_players", Kind::Gauge, "", "players who are at their places"),
    Metric(
        "duet_step_seconds",
        Kind::Histogram,
        "",
        "from a player's note until the partner had worked it out",
    ),
    Metric("duet_plan_seconds", Kind::Histogram, "", "from a player's note until the revised plan was sent"),
    Metric("duet_midi_dropped_total", Kind::Counter, "", "messages of MIDI that came too fast"),
    Metric("duet_midi_restamped_total", Kind::Counter, "", "messages of MIDI whose time could not be"),
    Metric("duet_promises_late_total", Kind::Counter, "", "notes left out because their time had passed"),
    Metric("duet_notes_late_total", Kind::Counter, "", "notes that clients reported as too late"),
    Metric("duet_clients_cut_off_total", Kind::Counter, "", "players cut off because they did not read"),
    Metric(
        "duet_engines_anew_total",
        Kind::Counter,
        "",
        "partners that began anew because their state kept failing",
    ),
    Metric(
        "duet_asked_in_words_total",
        Kind::Counter,
        "",
        "wishes to be played something that were said or written",
    ),
];

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
    use super::*;

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
