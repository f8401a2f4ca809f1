//! The calibration: what is collected while the person looks at the camera, and what becomes of it.

use super::{
    Face,
    frame::{Frame, SHAPES},
    gaze::{self, Calibrating},
    geometry::Seen,
    median::quantile,
    posture::Learning,
};

/// A calibration that nobody ends is ended.
const CALIBRATES_MS: u64 = 20_000;
/// Shapes that a calibration keeps.
const NEUTRALS: usize = 200;

/// A calibration that goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    from_ms: Option<u64>,
    gaze: Calibrating,
    posture: Learning,
    neutrals: Vec<[f32; SHAPES]>,
}

impl Face {
    pub(super) fn collect(&mut self, at_ms: u64, frame: &Frame, seen: &Seen) {
        let Some(session) = &mut self.calibrating else { return };
        let from = *session.from_ms.get_or_insert(at_ms);
        if let Some(direction) = seen.gaze {
            session.gaze.push(direction);
        }
        if let (Some(pose), Some(place)) = (seen.pose, seen.place) {
            session.posture.handle(at_ms, pose, place);
        }
        if let Some(shapes) = frame.blendshapes
            && session.neutrals.len() < NEUTRALS
        {
            session.neutrals.push(shapes);
        }
        if at_ms - from > CALIBRATES_MS {
            self.end_calibration();
        }
    }

    pub(super) fn end_calibration(&mut self) {
        let Some(session) = self.calibrating.take() else { return };
        if let Some(target) = session.gaze.target(self.config.least_cone_deg) {
            self.gaze.set_target(Some(target));
            self.calibrated = self.gaze.is_calibrated();
        }
        if let Some(rest) = session.posture.rest() {
            self.rest = Some(rest);
        }
        if session.neutrals.len() >= gaze::LEAST {
            self.resting.set(std::array::from_fn(|index| {
                let mut values: Vec<f32> = session.neutrals.iter().map(|shapes| shapes[index]).collect();
                quantile(&mut values, 0.5).unwrap_or(0.0)
            }));
        }
    }
}
