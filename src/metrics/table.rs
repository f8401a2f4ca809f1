//! Everything that is measured, a row each. A metric is recorded where it happens; here an operator finds them all.

use super::{
    HTTP_ORIGIN_REFUSED_TOTAL, HTTP_RATE_LIMITED_TOTAL, HTTP_REQUEST_SECONDS, Kind, Metric, TASKS_ALIVE,
};

/// The table.
pub const METRICS: &[Metric] = &[
    histogram(HTTP_REQUEST_SECONDS, "until a request was answered").by("method, route, status"),
    counter(HTTP_RATE_LIMITED_TOTAL, "requests refused because one address asked too often"),
    counter(HTTP_ORIGIN_REFUSED_TOTAL, "requests refused because of the page that sent them"),
    gauge("rtc_peers_open", "peer connections that are open"),
    counter("rtc_calls_total", "calls over WebRTC that were answered"),
    counter("rtc_calls_ended_total", "calls over WebRTC that have ended").by("why"),
    counter("rtc_library_complaints_total", "lines of the WebRTC library that were kept out of the log")
        .by("level"),
    counter("rtc_cameras_total", "calls over WebRTC whose camera is looked at"),
    histogram("rtc_connect_seconds", "from the answer until sound and messages flow"),
    gauge("sessions_open", "scenes that are open"),
    counter("sessions_refused_total", "scenes refused because there is no room"),
    gauge("sessions_talking", "scenes in conversation, where it is measured how many may be"),
    gauge("sessions_waiting", "scenes whose turn waits for a place in conversation"),
    gauge("sessions_places", "how many scenes may be in conversation"),
    counter("session_turns_waited_total", "turns that found no place in conversation"),
    counter("session_turns_refused_total", "turns for which no place came in time"),
    gauge("event_loop_lag_seconds", "how late the event loop was at the last look"),
    counter("engine_gave_way_total", "words so far, stopped for somebody who waits").by("engine"),
    counter("connections_refused_total", "connections beyond an address's or the server's limit"),
    counter("connections_idle_closed_total", "connections over which nothing moved any more"),
    counter("http_requests_over_share_total", "requests refused because their client has enough at work"),
    counter("session_replies_stalled_total", "replies given up because nothing came any more"),
    counter("session_stale_events_total", "results of superseded turns, dropped"),
    counter("session_stale_transcripts_total", "transcripts of superseded turns, dropped"),
    counter("session_backchannels_total", "remarks over a reply that were shown and not answered"),
    counter("session_interruptions_total", "replies that a person interrupted"),
    counter("session_budget_steps_total", "changes of what a scene gives up to answer in time").by("step"),
    counter("session_drafts_begun_total", "replies begun before the turn had ended"),
    counter("session_drafts_used_total", "of these, those that were spoken"),
    counter("session_drafts_wasted_total", "of these, those that were thrown away"),
    counter("session_words_read_ahead_total", "words that a model read before the turn had ended"),
    counter("session_words_read_in_vain_total", "of these, those that turned out not to be said"),
    counter("session_tool_calls_total", "functions that models called, of the client or the server").by("of"),
    counter("session_tool_rounds_exceeded_total", "turns that wanted to call more functions than a turn may"),
    counter("session_tools_blocked_total", "functions that did not hear that their time was over"),
    histogram("session_tool_seconds", "what the functions of the server took"),
    counter("persona_denials_replaced_total", "replies that denied being an AI, replaced"),
    counter(
        "persona_directions_dropped_total",
        "sentences of a reply that repeated what the persona had been told",
    ),
    gauge("journal_writes_waiting", "writes that wait on disk for the store"),
    counter(
        "journal_writes_refused_total",
        "writes of the journal whose session was gone when the store was back",
    ),
    counter("sockets_resumed_total", "clients that came back, resumed or gap").by("outcome"),
    counter("sockets_cut_off_total", "clients cut off because they did not read"),
    gauge("sockets_open", "WebSockets that are open"),
    counter("wire_errors_total", "client events that could not be understood").by("code"),
    histogram("turn_stage_seconds", "from the end of speech to each stage of a turn").by("stage"),
    histogram("turn_outside_models_seconds", "time of a turn that no model accounts for"),
    counter("actor_deaths_total", "actors that died and were restarted or given up").by("role"),
    counter("actor_hangs_total", "actors that hung and were replaced").by("role"),
    counter("actor_tasks_panicked_total", "tasks of actors that panicked"),
    histogram("actor_recovery_seconds", "from a failure until its work went on").by("role"),
    gauge("actors_alive", "actors that live").by("role"),
    gauge("rings_alive", "rings and queues of scenes that live").by("role"),
    gauge(TASKS_ALIVE, "tasks of the runtime that have not ended"),
    counter("session_replies_repeated_total", "replies asked for again after a failure"),
    counter("engine_stalls_total", "calls of a model that hung and were abandoned").by("engine"),
    counter("engine_panics_total", "calls of a model that panicked").by("engine"),
    gauge("engine_threads_abandoned", "abandoned calls that still hang").by("engine"),
    counter("engine_workers_lost_total", "worker processes that died or were killed").by("engine"),
    counter("llm_calls_refused_total", "calls of functions by a model that were none").by("reason"),
    histogram("ingest_lag_seconds", "from the arrival of sound until it was heard"),
    counter("ingest_dropped_samples_total", "audio dropped because a scene was behind"),
    counter("ingest_interruptions_total", "replies that were stopped by what was said over them")
        .by("reason"),
    counter("ingest_backchannels_total", "what was said over a reply and did not stop it"),
    counter("landmarks_dropped_total", "landmarks of a face that came too fast or too many").by("why"),
    counter("pictures_dropped_total", "pictures of a camera that were not looked at").by("why"),
    counter("transcriber_partials_skipped_total", "partial captions skipped because the recogniser was busy"),
    counter(
        "transcriber_partial_steps_widened_total",
        "captions that came further apart because the recogniser was slow",
    ),
    counter(
        "transcriber_partials_aborted_total",
        "partial captions given up for something that was wanted sooner",
    ),
    counter("transcriber_speculations_begun_total", "transcripts begun in a pause that could be the end"),
    counter(
        "transcriber_speculations_refused_total",
        "pauses in which none was begun, because too many were wasted",
    ),
    counter("transcriber_speculations_wasted_total", "of those begun, those that the person spoke on after"),
    counter("transcriber_speculations_used_total", "transcripts that were ready before the turn had ended"),
    counter("transcriber_stale_answers_total", "transcripts that came too late"),
    counter("speaker_clauses_dropped_total", "clauses not spoken because of an interruption or a failure"),
    counter("duets_opened_total", "scenes in which somebody came to play"),
    gauge("duet_players", "players who are at their places"),
    histogram("duet_step_seconds", "from a player's note until the partner had worked it out"),
    histogram("duet_plan_seconds", "from a player's note until the revised plan was sent"),
    counter("duet_midi_dropped_total", "messages of MIDI that came too fast"),
    counter("duet_midi_restamped_total", "messages of MIDI whose time could not be"),
    counter("duet_promises_late_total", "notes left out because their time had passed"),
    counter("duet_notes_late_total", "notes that clients reported as too late"),
    counter("duet_clients_cut_off_total", "players cut off because they did not read"),
    counter("duet_engines_anew_total", "partners that began anew because their state kept failing"),
    counter("duet_asked_in_words_total", "wishes to be played something that were said or written"),
];

const fn counter(name: &'static str, meaning: &'static str) -> Metric {
    Metric(name, Kind::Counter, "", meaning)
}

const fn gauge(name: &'static str, meaning: &'static str) -> Metric {
    Metric(name, Kind::Gauge, "", meaning)
}

const fn histogram(name: &'static str, meaning: &'static str) -> Metric {
    Metric(name, Kind::Histogram, "", meaning)
}

impl Metric {
    /// With these labels, separated by commas.
    const fn by(self, labels: &'static str) -> Self {
        Self(self.0, self.1, labels, self.3)
    }
}
