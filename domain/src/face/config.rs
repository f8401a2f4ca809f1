//! The bands and limits of the face scores. Those without a source are our choice.

use crate::score::Band;

/// What the face is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceConfig {
    /// Blinks a minute: 10.5 to 32.5 in conversation (Doughty 2001, 95 %).
    pub blinking: Band,
    /// Share of the time on target: about 0.6 between people (Rogers 2018).
    pub gaze: Band,
    /// Share of the time turned to the camera with open eyes.
    pub concentration: Band,
    /// Share of the time upright.
    pub posture: Band,
    /// Tilt of the head against its own baseline, in degrees.
    pub tilt: Band,
    /// Sinking of the head against its own baseline, in heights of the face.
    pub sinking: Band,
    /// Nearness of the face against its own baseline, as the logarithm of the ratio; both ways.
    pub leaning: Band,
    /// Share of the time smiling less share frowning.
    pub expression: Band,
    /// An eye is closed below this share of its own open aspect ratio.
    pub closed_below: f32,
    /// The gaze cone is never narrower, in degrees (perceived contact: Horstmann & Linke 2022).
    pub least_cone_deg: f32,
    /// The cone while nobody has calibrated.
    pub uncalibrated_cone_deg: f32,
    /// Turned farther than this is not attending; yaw, pitch.
    pub attentive_deg: [f32; 2],
    /// A posture is bad only when it lasts this long.
    pub bad_after_ms: u64,
    /// Observed time without which there is no score.
    pub needs: Needs,
}

/// Milliseconds of observation that each score needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// One minute at least: the rate repeats only within ±12 a minute.
    pub blinking: u64,
    /// A few runs of mutual gaze, which last 2.2 s.
    pub gaze: u64,
    /// As for gaze.
    pub concentration: u64,
    /// The baseline and some time after it.
    pub posture: u64,
    /// Some expressions, which last a second or two.
    pub expression: u64,
}

impl Default for FaceConfig {
    fn default() -> Self {
        const OPEN: f32 = f32::INFINITY;
        Self {
            blinking: Band::new([5.0, 10.5, 32.5, 45.0]),
            gaze: Band::new([0.2, 0.45, 0.85, 1.05]),
            concentration: Band::new([0.4, 0.9, OPEN, OPEN]),
            posture: Band::new([0.2, 0.95, OPEN, OPEN]),
            tilt: Band::new([-OPEN, -OPEN, 5.0, 15.0]),
            sinking: Band::new([-OPEN, -OPEN, 0.2, 0.6]),
            leaning: Band::new([-0.5, -0.2, 0.2, 0.5]),
            expression: Band::new([-0.4, 0.2, OPEN, OPEN]),
            closed_below: 0.7,
            least_cone_deg: 4.0,
            uncalibrated_cone_deg: 6.0,
            attentive_deg: [25.0, 20.0],
            bad_after_ms: 2_000,
            needs: Needs {
                blinking: 60_000,
                gaze: 20_000,
                concentration: 20_000,
                posture: 30_000,
                expression: 10_000,
            },
        }
    }
}
