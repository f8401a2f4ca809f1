//! Where the person looks: on the target or away, and how steadily.
//!
//! A direction is the head's plus the eyes' in it, against the camera's. Its zero is this person's own: calibrated by
//! looking at the camera, or, without that, the direction in which they look most often, if it is near the camera. The
//! target is a cone around it, max(4°, 2σ) with σ the spread while calibrating. Every face has its own offset of
//! several degrees, so that what was not calibrated is trusted less.

use super::median::quantile;

/// Directions that a calibration keeps: ten seconds at 25 a second.
const KEPT: usize = 256;
/// Fewer directions make no calibration: three seconds at 15.
pub(super) const LEAST: usize = 45;
/// The widest spread that a calibration may have, in degrees; beyond it the person was looking around.
const WIDEST_SPREAD: f32 = 6.0;
/// RMS distance from the centre over the median distance, of a round normal spread: √2 / 1.1774.
const RMS_OF_MEDIAN: f32 = 1.2011;

/// Cells of the map of all directions: 2° wide, ±32° by ±18°.
const MAP: (usize, usize) = (32, 18);
const CELL_DEG: f32 = 2.0;
/// The farthest from the camera that a target is looked for without calibration: the edge of a laptop's screen.
const FARTHEST_TARGET: f32 = 14.0;
/// Observed time before the map has a centre to speak of.
const SETTLED_MS: f32 = 3_000.0;
/// Half of the map is forgotten in this time, so that a moved chair moves the centre.
const FORGET_AFTER_MS: f32 = 60_000.0;

/// Columns and rows of the grid for reports, each [`GRID_DEG`] wide, around the target: x to the picture's right, the
/// first row on top.
pub const GRID: (usize, usize) = (16, 9);
/// See [`GRID`].
pub const GRID_DEG: f32 = 3.0;

/// A target that was calibrated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) centre: [f32; 2],
    pub(super) cone: f32,
}

/// A direction against the target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Degrees from the target: x to the picture's right, y up.
    pub(super) from_target: [f32; 2],
    pub(super) on_target: bool,
}

/// The machine.
#[derive(Clone, Debug)]
pub(super) struct Gaze {
    calibrated: Option<Target>,
    guessed: Option<[f32; 2]>,
    map: Box<[[f32; MAP.0]; MAP.1]>,
    mapped_ms: f32,
    /// The last three directions: their median is less shaky than each.
    recent: [[f32; 2]; 3],
    held: usize,
    pub(super) grid: Box<[[f32; GRID.0]; GRID.1]>,
}

impl Default for Gaze {
    fn default() -> Self {
        Self {
            calibrated: None,
            guessed: None,
            map: Box::new([[0.0; MAP.0]; MAP.1]),
            mapped_ms: 0.0,
            recent: [[0.0; 2]; 3],
            held: 0,
            grid: Box::new([[0.0; GRID.0]; GRID.1]),
        }
    }
}

impl Gaze {
    pub(super) fn is_calibrated(&self) -> bool {
        self.calibrated.is_some()
    }

    pub(super) fn set_target(&mut self, target: Option<Target>) {
        self.calibrated = target;
    }

    /// The eyes are closed or not seen.
    pub(super) fn lose(&mut self) {
        self.held = 0;
    }

    /// A direction that was held for `lasted_ms`. None until there is a target.
    pub(super) fn handle(&mut self, direction: [f32; 2], lasted_ms: f32, open_cone: f32) -> Option<Look> {
        if !direction.iter().all(|angle| angle.is_finite()) {
            return None;
        }
        let direction = self.steadied(direction);
        self.chart(direction, lasted_ms);
        let target = match (self.calibrated, self.guessed) {
            (Some(target), _) => target,
            (None, Some(centre)) => Target { centre, cone: open_cone },
            (None, None) => return None,
        };
        let from_target = [direction[0] - target.centre[0], direction[1] - target.centre[1]];
        self.count(from_target, lasted_ms);
        Some(Look { from_target, on_target: from_target[0].hypot(from_target[1]) <= target.cone })
    }

    fn steadied(&mut self, direction: [f32; 2]) -> [f32; 2] {
        self.recent.rotate_left(1);
        self.recent[2] = direction;
        self.held = (self.held + 1).min(3);
        if self.held < 3 {
            return direction;
        }
        [0, 1].map(|axis| {
            let mut three = self.recent.map(|recent| recent[axis]);
            three.sort_unstable_by(f32::total_cmp);
            three[1]
        })
    }

    /// Adds to the map; once a second of it, looks for its peak.
    fn chart(&mut self, direction: [f32; 2], lasted_ms: f32) {
        let before = self.mapped_ms;
        self.mapped_ms += lasted_ms;
        if let Some(cell) = cell_of(direction, CELL_DEG, MAP) {
            self.map[cell.1][cell.0] += lasted_ms;
        }
        if (before / 1_000.0).floor() == (self.mapped_ms / 1_000.0).floor() || self.mapped_ms < SETTLED_MS {
            return;
        }
        let keep = 0.5_f32.powf(1_000.0 / FORGET_AFTER_MS);
        self.map.iter_mut().flatten().for_each(|cell| *cell *= keep);
        self.guessed = self.peak().filter(|at| at[0].hypot(at[1]) <= FARTHEST_TARGET);
    }

    /// The middle of the three by three cells that hold most.
    fn peak(&self) -> Option<[f32; 2]> {
        let mut best = (0.0, [0.0; 2]);
        for y in 1..MAP.1 - 1 {
            for x in 1..MAP.0 - 1 {
                let (mut weight, mut sum) = (0.0, [0.0; 2]);
                for row in y - 1..=y + 1 {
                    for column in x - 1..=x + 1 {
                        let held = self.map[row][column];
                        weight += held;
                        sum[0] += held * (column as f32 + 0.5 - MAP.0 as f32 / 2.0) * CELL_DEG;
                        sum[1] += held * (MAP.1 as f32 / 2.0 - row as f32 - 0.5) * CELL_DEG;
                    }
                }
                if weight > best.0 {
                    best = (weight, [sum[0] / weight, sum[1] / weight]);
                }
            }
        }
        (best.0 > 0.0).then_some(best.1)
    }

    fn count(&mut self, from_target: [f32; 2], lasted_ms: f32) {
        if let Some(cell) = cell_of(from_target, GRID_DEG, GRID) {
            self.grid[cell.1][cell.0] += lasted_ms;
        }
    }
}

/// The cell of a direction in a grid around 0 whose first row is on top; none outside.
fn cell_of(direction: [f32; 2], cell_deg: f32, (columns, rows): (usize, usize)) -> Option<(usize, usize)> {
    let x = (direction[0] / cell_deg + columns as f32 / 2.0).floor();
    let y = (rows as f32 / 2.0 - direction[1] / cell_deg).floor();
    let inside = (0.0..columns as f32).contains(&x) && (0.0..rows as f32).contains(&y);
    inside.then_some((x as usize, y as usize))
}

/// Directions while the person looks at the camera.
#[derive(Clone, Debug, Default)]
pub(super) struct Calibrating {
    directions: Vec<[f32; 2]>,
}

impl Calibrating {
    pub(super) fn push(&mut self, direction: [f32; 2]) {
        if self.directions.len() < KEPT && direction.iter().all(|angle| angle.is_finite()) {
            self.directions.push(direction);
        }
    }

    /// The target, if they looked long and steadily enough.
    pub(super) fn target(&self, least_cone: f32) -> Option<Target> {
        if self.directions.len() < LEAST {
            return None;
        }
        let axis = |axis: usize| {
            let mut values: Vec<f32> = self.directions.iter().map(|direction| direction[axis]).collect();
            quantile(&mut values, 0.5)
        };
        let centre = [axis(0)?, axis(1)?];
        let mut distances: Vec<f32> = self
            .directions
            .iter()
            .map(|direction| (direction[0] - centre[0]).hypot(direction[1] - centre[1]))
            .collect();
        let spread = quantile(&mut distances, 0.5)? * RMS_OF_MEDIAN;
        (spread <= WIDEST_SPREAD).then(|| Target { centre, cone: least_cone.max(2.0 * spread) })
    }
}
