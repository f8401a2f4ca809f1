//! Curves of wait against cut-offs, and the tables made of them.

use duologue_domain::endpoint::{EndpointConfig, EndpointMode, tail_of};

use crate::{
    models::{Heard, Models},
    play::{JUDGING, Outcome, Play, Silence, silences},
    sound::MS,
};

/// Silence at which smart-turn alone is asked: seven frames, 224 ms, as its makers do.
const ASKED: u64 = 224 * MS as u64;

/// One setting of one system.
struct Point {
    setting: String,
    median: f64,
    late: f64,
    cut: f64,
}

impl Point {
    fn new(setting: String, outcome: &Outcome) -> Self {
        let cut = 100.0 * outcome.cuts as f64 / outcome.pauses.max(1) as f64;
        Self { setting, median: quantile(&outcome.waits, 0.5), late: quantile(&outcome.waits, 0.95), cut }
    }
}

/// All systems on one set of sessions.
pub(crate) async fn compare(title: &str, models: &mut Models, heard: &[Heard<'_>]) {
    let known: Vec<Vec<Silence>> = heard.iter().map(silences).collect();
    let pauses = known.iter().flatten().filter(|silence| !silence.is_end).count();
    let ends = known.iter().flatten().count() - pauses;
    say(&format!("\n## {title}\n{ends} ends of turns, {pauses} pauses of 200 ms or more inside turns"));
    for (session, silences) in heard.iter().zip(&known) {
        let ends = silences.iter().filter(|silence| silence.is_end).count();
        say(&format!("  {}: {ends} ends, {} pauses", session.source, silences.len() - ends));
    }
    let systems = [
        ("voice activity alone", silence_alone(models, heard).await),
        ("smart-turn alone", smart_turn_alone(models, heard, &known).await),
        ("ours, semantic", ours(models, heard).await),
    ];
    say(
        "\n| system | cut-offs at a median wait ≤ 300 ms | ≤ 600 ms | median wait at ≤ 5 % cut-offs |\n|---|---|---|---|",
    );
    for (name, points) in &systems {
        let cut_at = |wait: f64| {
            let found = points.iter().filter(|point| point.median <= wait);
            found
                .map(|point| point.cut)
                .min_by(f64::total_cmp)
                .map_or("–".into(), |cut| format!("{cut:.1} %"))
        };
        let at_five = points.iter().filter(|point| point.cut <= 5.0).map(|point| point.median);
        let at_five = at_five.min_by(f64::total_cmp).map_or("–".into(), |wait| format!("{wait:.0} ms"));
        say(&format!("| {name} | {} | {} | {at_five} |", cut_at(300.0), cut_at(600.0)));
    }
    for (name, points) in &systems {
        say(&format!("\ncurve of {name} (median wait ms / p95 / cut-offs %):"));
        for point in front(points) {
            say(&format!(
                "  {:>5.0} / {:>5.0} / {:>5.1}   {}",
                point.median, point.late, point.cut, point.setting
            ));
        }
    }
    let eager = EndpointConfig { words_within_ms: 0, least_wait_ms: 0, complete_at: 0.6, ..with(2000) };
    let patient = EndpointConfig { least_wait_ms: 700, ..with(8000) };
    for (name, config) in [("medium", with(4000)), ("eagerness high", eager), ("eagerness low", patient)] {
        let outcome = play(models, heard, config).await;
        let point = Point::new(String::new(), &outcome);
        say(&format!(
            "ours, {name}: wait p50 {:.0} ms, p95 {:.0} ms, cut-offs {:.1} % ({} of {})",
            point.median, point.late, point.cut, outcome.cuts, outcome.pauses
        ));
    }
}

fn with(max_wait_ms: u32) -> EndpointConfig {
    EndpointConfig { mode: EndpointMode::Semantic { max_wait_ms }, ..EndpointConfig::default() }
}

/// The endpointer itself in its mode of silence alone, so that a click in a pause is the same for both.
async fn silence_alone(models: &mut Models, heard: &[Heard<'_>]) -> Vec<Point> {
    let mut points = Vec::new();
    for silence_ms in (3..=50).map(|frames| frames * 32) {
        let config =
            EndpointConfig { mode: EndpointMode::Server { silence_ms }, ..EndpointConfig::default() };
        points.push(Point::new(format!("silence {silence_ms} ms"), &play(models, heard, config).await));
    }
    points
}

async fn play(models: &mut Models, heard: &[Heard<'_>], config: EndpointConfig) -> Outcome {
    let mut outcome = Outcome::default();
    for session in heard {
        outcome.add(Play::new(models, session, config).run().await);
    }
    outcome
}

/// Asked once; believed from a threshold on, else waited for.
async fn smart_turn_alone(models: &mut Models, heard: &[Heard<'_>], known: &[Vec<Silence>]) -> Vec<Point> {
    let mut answers: Vec<Vec<f32>> = Vec::new();
    for (session, silences) in heard.iter().zip(known) {
        let mut said = Vec::new();
        for silence in silences {
            let start = silence.turn.saturating_sub(300 * MS as u64);
            said.push(models.completeness(session, start as usize, (silence.from + ASKED) as usize).await);
        }
        answers.push(said);
    }
    let mut points = Vec::new();
    let thresholds =
        (1..18).map(|step| step as f32 * 0.05).chain((180..=199).map(|step| step as f32 * 0.005));
    for threshold in thresholds {
        for fallback in (5..=20).map(|step| step * 100_u64).chain([3000]) {
            let mut outcome = Outcome::default();
            for (silences, said) in known.iter().zip(&answers) {
                outcome.add(Outcome::of(silences, |index, _| match said[index] >= threshold {
                    true => ASKED + JUDGING,
                    false => fallback * MS as u64,
                }));
            }
            points.push(Point::new(format!("believed from {threshold:.3}, else {fallback} ms"), &outcome));
        }
    }
    points
}

async fn ours(models: &mut Models, heard: &[Heard<'_>]) -> Vec<Point> {
    let mut points = Vec::new();
    // From too eager to too patient, evenly in log odds.
    let bars = (-14..=20).map(|step| 1.0 / (1.0 + (-0.3 * step as f32).exp()));
    for complete_at in bars {
        for words_within_ms in [0, 480] {
            for least_wait_ms in [0, 480, 700, 900] {
                let config = EndpointConfig { complete_at, words_within_ms, least_wait_ms, ..with(4000) };
                let outcome = play(models, heard, config).await;
                let setting = format!(
                    "complete_at {complete_at:.3}, words_within {words_within_ms}, least_wait {least_wait_ms} ms"
                );
                points.push(Point::new(setting, &outcome));
            }
        }
    }
    points
}

/// The settings that no other beats in both, by wait.
fn front(points: &[Point]) -> Vec<&Point> {
    let mut sorted: Vec<&Point> = points.iter().collect();
    sorted.sort_by(|left, right| {
        (left.median, left.cut).partial_cmp(&(right.median, right.cut)).expect("numbers")
    });
    let mut best = f64::INFINITY;
    sorted.retain(|point| {
        let better = point.cut < best;
        best = best.min(point.cut);
        better
    });
    sorted
}

/// Every silence with what each model says in it.
pub(crate) async fn explain(models: &mut Models, heard: &[Heard<'_>]) {
    for session in heard {
        for silence in silences(session) {
            let start = silence.turn.saturating_sub(300 * MS as u64) as usize;
            let mut said = String::new();
            for frames in [3, 4, 5, 6, 7, 10, 15, 20, 30] {
                let end = silence.from as usize + frames * 512;
                if end as u64 > silence.to {
                    break;
                }
                said += &format!(" {:.2}", models.completeness(session, start, end).await);
            }
            let text = models.words(session, (start, silence.from as usize + 3 * 512), false).await;
            let kind = if silence.is_end { "END  " } else { "pause" };
            say(&format!("{kind} {:>5} ms |{said} | {:?} | {text}", silence.ms(), tail_of(&text)));
        }
    }
}

/// Nearest rank.
fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::print_stdout, reason = "this program's purpose is to print figures")]
fn say(line: &str) {
    println!("{line}");
}
