//! How a person comes across by their face: expression, gaze, blinks, attention and posture, out of landmarks.
//!
//! Pure: [`Face::handle_frame`] takes what a face landmarker saw at a time of the session, [`Face::scores`] says what it
//! amounts to. Everything is compared with the person's own baseline, calibrated or learned; all sums are of time and
//! not of pictures, so that 15 and 30 pictures a second give the same scores. Only sums and the moments that made them
//! are kept, ten minutes of them. Gaps, lost faces, other faces and numbers that are none take away from what was
//! observed and from nothing else.

mod blinks;
mod calibration;
mod config;
mod counting;
mod expression;
mod frame;
mod gaze;
mod geometry;
mod history;
mod judge;
mod median;
mod posture;
#[cfg(test)]
#[path = "../../testkit/src/face/track.rs"]
#[expect(unreachable_pub, reason = "the same file is a public module of the test kit")]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;
mod who;

use self::{
    blinks::Blinks,
    calibration::Session,
    expression::{Resting, Units},
    gaze::Gaze,
    history::{History, Runs},
    judge::{Evidences, Kept},
    posture::{Learning, Rest},
    who::Who,
};
pub use self::{
    config::{FaceConfig, Needs},
    expression::Expression,
    frame::{Frame, MESH, MESH_IDS, POINTS, SHAPE_NAMES, SHAPES},
    gaze::{GRID, GRID_DEG},
    geometry::Pose,
};
use crate::score::{Evidence, Score, Span};

/// Pictures that are farther apart leave what lay between them unobserved.
const GAP_MS: u64 = 500;
/// Pictures that are nearer than at 120 a second add nothing.
const NEAREST_MS: u64 = 8;

/// The calibration: ten seconds of looking at the camera with a neutral face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// It begins. Nothing is scored until it ends.
    Begin,
    /// It ends, and counts if enough of a steady face was seen; otherwise what was before goes on.
    End,
    /// Forget it.
    Clear,
}

/// What the face amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceScores {
    /// Blinks a minute.
    pub blinking: Score,
    /// Share of the time on the target; its evidence are runs on it (with their angular spread in degrees) and away.
    pub gaze_stability: Score,
    /// Share of the time turned to the camera with open eyes.
    pub concentration: Score,
    /// Share of the time with the head upright against its own baseline. Shoulders are not seen.
    pub posture: Score,
    /// Share of the time smiling less frowning.
    pub expression: Score,
    /// Of what was shown, adding up to 1; all 0 when nothing was.
    pub shares: [(Expression, f32); 8],
    /// Share of the last 30 s.
    pub smiling: f32,
    /// Share of the last 30 s with a face.
    pub present: f32,
}

/// The tracker of one person's face.
#[derive(Clone, Debug, Default)]
pub struct Face {
    config: FaceConfig,
    last_ms: Option<u64>,
    interval_ms: f32,
    who: Who,
    blinks: Blinks,
    gaze: Gaze,
    resting: Resting,
    rest: Option<Rest>,
    learning: Learning,
    /// Bad posture that has not lasted long enough yet: its time, and how much of it was upright.
    leaning: Option<(f32, f32)>,
    calibrating: Option<Session>,
    calibrated: bool,
    pose: Option<Pose>,
    history: History,
    moments: Evidences,
    runs: AllRuns,
}

#[derive(Clone, Debug, Default)]
struct AllRuns {
    gaze: Runs,
    attention: Runs,
    posture: Runs,
    expression: Runs,
}

/// What a single picture shows, against the rest of most faces, since this one's is not known: shares that add up to
/// 1. None without blendshapes.
pub fn shown(frame: &Frame) -> Option<[(Expression, f32); 8]> {
    let frame = frame.sound().unmirrored();
    let yaw = geometry::measure(&frame).pose.map_or(0.0, |pose| pose.yaw);
    let shares = Units::read(frame.blendshapes.as_ref()?, Resting::default().values(), yaw).shares();
    Some(std::array::from_fn(|index| (Expression::ALL[index], shares[index])))
}

/// Where the head points in a single picture.
pub fn pose(frame: &Frame) -> Option<Pose> {
    geometry::measure(&frame.sound().unmirrored()).pose
}

impl Face {
    /// A tracker that has seen nothing.
    pub fn new(config: FaceConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// One picture, seen at a time of the session in milliseconds. Times that do not rise are ignored.
    pub fn handle_frame(&mut self, at_ms: u64, frame: &Frame) {
        if self.last_ms.is_some_and(|last| at_ms < last + NEAREST_MS) {
            return;
        }
        let since = self.last_ms.map(|last| at_ms - last).filter(|since| *since <= GAP_MS);
        self.last_ms = Some(at_ms);
        if let Some(since) = since {
            let weight = if self.interval_ms > 0.0 { 0.1 } else { 1.0 };
            self.interval_ms += (since as f32 - self.interval_ms) * weight;
        }
        let frame = frame.sound().unmirrored();
        let seen = geometry::measure(&frame);
        self.pose = seen.pose;
        let span = Span { from_ms: at_ms - since.unwrap_or(0), to_ms: at_ms };
        let is_face = frame.blendshapes.is_some() || seen.place.is_some();
        let is_theirs = is_face && seen.place.is_none_or(|place| self.who.is_same(at_ms, place));
        if self.calibrating.is_none() {
            let second = self.history.second(at_ms);
            second.frames = second.frames.saturating_add(1);
            second.seen.add(span.ms() as f32);
            if frame.faces > 1 {
                second.several.add(span.ms() as f32);
            }
        }
        if is_theirs {
            self.handle_face(span, &frame, seen);
        } else {
            self.handle_nobody(span, is_face);
        }
    }

    /// Begins, ends or forgets the calibration.
    pub fn calibrate(&mut self, command: Calibration) {
        match command {
            Calibration::Begin => self.calibrating = Some(Session::default()),
            Calibration::End => self.end_calibration(),
            Calibration::Clear => {
                (self.calibrating, self.calibrated) = (None, false);
                self.gaze.set_target(None);
                self.resting = Resting::default();
                (self.rest, self.learning) = (None, Learning::default());
            }
        }
    }

    /// Whether gaze goes by a calibration.
    pub fn is_calibrated(&self) -> bool {
        self.calibrated
    }

    /// Where the head pointed in the last picture.
    pub fn pose(&self) -> Option<Pose> {
        self.pose
    }

    /// Where they looked, in milliseconds for each cell around the target; see [`GRID`].
    pub fn gaze_grid(&self) -> &[[f32; GRID.0]; GRID.1] {
        &self.gaze.grid
    }

    /// The scores of all that is kept: the last ten minutes.
    pub fn scores(&self, now_ms: u64) -> FaceScores {
        self.scores_since(0, now_ms)
    }

    /// The scores of what was seen from `from_ms` on, as far as it is kept.
    pub fn scores_since(&self, from_ms: u64, now_ms: u64) -> FaceScores {
        let kept = Kept {
            config: &self.config,
            history: &self.history,
            moments: &self.moments,
            running: self.running(),
            interval_ms: self.interval_ms,
            calibrated: self.calibrated,
            from_ms,
            now_ms,
        };
        kept.scores()
    }

    /// What is going on now: the expression that is shown and since when.
    pub fn showing(&self) -> Option<Evidence> {
        let run = self.runs.expression.current()?;
        Some(Evidence { span: run.span, what: run.what, value: run.root_mean_square(), turn: None })
    }
}
