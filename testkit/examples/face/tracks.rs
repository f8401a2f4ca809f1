//! Blinks and gaze on synthetic tracks.

use duologue_testkit::face::{
    Calibration, Face, FaceConfig, Span,
    track::{Script, Track},
};

use crate::{figure, say};

/// Rates of blinks that people have, from staring to nervous.
const RATES: [f32; 6] = [5.0, 10.0, 17.0, 24.0, 32.0, 40.0];
const SEEDS: u64 = 8;

/// Prints both tables; true when every bar is kept.
pub(crate) fn run() -> bool {
    let blinks = blinks();
    let gaze = gaze();
    blinks && gaze
}

#[derive(Clone, Copy, Default)]
struct Counted {
    found: usize,
    there: usize,
    both: usize,
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.found += other.found;
        self.there += other.there;
        self.both += other.both;
    }

    fn precision(self) -> f32 {
        self.both as f32 / self.found.max(1) as f32
    }

    fn recall(self) -> f32 {
        self.both as f32 / self.there.max(1) as f32
    }
}

fn watch(track: &Track) -> Face {
    let mut face = Face::new(FaceConfig::default());
    let mut calibrating = track.calibrated_ms > 0;
    if calibrating {
        face.calibrate(Calibration::Begin);
    }
    for (at_ms, frame) in &track.frames {
        if calibrating && *at_ms >= track.calibrated_ms {
            calibrating = false;
            face.calibrate(Calibration::End);
        }
        face.handle_frame(*at_ms, frame);
    }
    face
}

/// Blinks of one track; 64 are kept, so tracks are short.
fn count(script: &Script) -> Counted {
    let track = script.play();
    let end = track.frames.last().map_or(0, |(at_ms, _)| *at_ms);
    let found = watch(&track).scores(end).blinking.evidence;
    let overlap = |a: &Span, b: &Span| a.from_ms < b.to_ms && a.to_ms > b.from_ms;
    let is_found = |blink: &&Span| found.iter().any(|found| overlap(&found.span, blink));
    Counted {
        found: found.len(),
        there: track.blinks.len(),
        both: track.blinks.iter().filter(is_found).count(),
    }
}

fn blinks() -> bool {
    let mut kept = true;
    say("blinks of 100 to 400 ms, 5 to 40 a minute, long closures between them:");
    for fps in [15.0, 30.0] {
        for (name, noise, head_turns) in [
            ("2 % noise", 0.02, false),
            ("5 % noise", 0.05, false),
            ("3 % noise, head turns to 32°", 0.03, true),
        ] {
            let mut counted = Counted::default();
            for blinks_per_minute in RATES {
                for seed in 0..SEEDS {
                    let script = Script { seed: seed + 100, fps, noise, head_turns, ..Script::default() };
                    counted.add(count(&Script {
                        blinks_per_minute,
                        closures: true,
                        seconds: 80.0,
                        ..script
                    }));
                }
            }
            let (precision, recall) = (counted.precision(), counted.recall());
            let value = format!("precision {precision:.3}, recall {recall:.3} of {} (≥ 0.97)", counted.there);
            kept &= figure(&format!("blinks, {fps} fps, {name}"), &value, precision.min(recall) >= 0.97);
        }
    }
    kept
}

fn gaze() -> bool {
    let mut kept = true;
    for (name, away_deg, fps, head_turns) in [
        ("8° away", 8.0, 30.0, false),
        ("15° away, 15 fps", 15.0, 15.0, false),
        ("15° away, head turns", 15.0, 30.0, true),
        ("25° away, head turns", 25.0, 30.0, true),
    ] {
        let mut worst = 0.0_f32;
        for on_target in [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95] {
            for seed in 0..3 {
                let script =
                    Script { seed: seed + 7, fps, on_target, away_deg, head_turns, ..Script::default() };
                let track = Script { seconds: 130.0, calibration_s: 10.0, ..script }.play();
                let end = track.frames.last().map_or(0, |(at_ms, _)| *at_ms);
                let share = watch(&track).scores(end).gaze_stability.measure.unwrap_or(f32::NAN);
                worst = worst.max((share - track.on_target_share).abs());
            }
        }
        let value = format!("worst error {:.1} points (≤ 3)", worst * 100.0);
        kept &= figure(&format!("gaze, {name}"), &value, worst <= 0.03);
    }
    kept
}
