//! Posture, as far as a head tells it: upright against the person's own baseline.
//!
//! Shoulders are not among the points of a face, so this measures the head alone: how far it is tilted, how far it has
//! sunk, how much nearer or farther it is. It claims no clinical angle.

use super::{
    config::FaceConfig,
    geometry::{Place, Pose},
    median::quantile,
};

/// Where this person's head rests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rest {
    pub(super) pose: Pose,
    place: Place,
}

/// Between two samples of the baseline: a second's worth would do, ten make a calibration short.
const EVERY_MS: u64 = 200;
/// Samples that make a baseline by themselves: the first 20 s with a face.
const ENOUGH: usize = 100;
/// Samples that make one when asked for.
const LEAST: usize = 15;

/// Learns where a head rests.
#[derive(Clone, Debug, Default)]
pub(super) struct Learning {
    samples: Vec<(Pose, Place)>,
    due_ms: u64,
}

impl Learning {
    /// True when there is enough for a baseline.
    pub(super) fn handle(&mut self, at_ms: u64, pose: Pose, place: Place) -> bool {
        if at_ms >= self.due_ms && self.samples.len() < ENOUGH {
            self.due_ms = at_ms + EVERY_MS;
            self.samples.push((pose, place));
        }
        self.samples.len() >= ENOUGH
    }

    /// The medians of the kind of place that was seen more often.
    pub(super) fn rest(&self) -> Option<Rest> {
        let by_points =
            self.samples.iter().filter(|(_, place)| place.by_points).count() * 2 >= self.samples.len();
        let chosen: Vec<_> = self.samples.iter().filter(|(_, place)| place.by_points == by_points).collect();
        if chosen.len() < LEAST {
            return None;
        }
        let median = |of: fn(&(Pose, Place)) -> f32| {
            let mut values: Vec<f32> = chosen.iter().map(|sample| of(sample)).collect();
            quantile(&mut values, 0.5)
        };
        Some(Rest {
            pose: Pose {
                yaw: median(|(pose, _)| pose.yaw)?,
                pitch: median(|(pose, _)| pose.pitch)?,
                roll: median(|(pose, _)| pose.roll)?,
            },
            place: Place {
                at: [median(|(_, place)| place.at[0])?, median(|(_, place)| place.at[1])?],
                scale: median(|(_, place)| place.scale)?,
                by_points,
            },
        })
    }
}

/// How a head is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    /// 0 to 1, 1 upright: the worst of tilt, sinking and leaning.
    pub(super) upright: f32,
    /// Which of them: a stable name.
    pub(super) worst: &'static str,
}

/// Judges a head against its rest; none where the two were measured differently.
pub(super) fn judge(rest: &Rest, pose: Pose, place: Place, config: &FaceConfig) -> Option<Held> {
    if place.by_points != rest.place.by_points {
        return None;
    }
    let sunk = rest.place.at[1] - place.at[1];
    let nearer = (place.scale / rest.place.scale).max(1e-3).ln();
    let judged = [
        ("tilted", config.tilt.judge((pose.roll - rest.pose.roll).abs())),
        ("sunk", config.sinking.judge(sunk)),
        (if nearer > 0.0 { "too_near" } else { "too_far" }, config.leaning.judge(nearer)),
    ];
    let worst = judged.into_iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Held { upright: worst.1 / 100.0, worst: worst.0 })
}
