//! A face model in three dimensions, moved by a script and projected as a landmarker would see it.
//!
//! The model is a rough one, in centimetres: what matters is that lids, irises and head move as scripted, with the noise
//! that landmarkers have. Compiled here and, for the unit tests of the core, there too.

use super::{Frame, MESH_IDS, POINTS, SHAPE_NAMES, SHAPES, Span};

/// Numbers that look random and are the same each time.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// Between 0 and 1.
    pub fn share(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Between two values.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share()
    }

    /// Normal, mean 0, deviation 1: twelve uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.share()).sum::<f32>() - 6.0
    }
}

/// What the face does.
#[derive(Clone, Debug)]
pub struct Script {
    /// Same seed, same track.
    pub seed: u64,
    /// How long, the calibration included.
    pub seconds: f32,
    /// Pictures a second.
    pub fps: f32,
    /// Blinks of 100 to 400 ms.
    pub blinks_per_minute: f32,
    /// Closures of 1.2 to 2.5 s, which are no blinks, once every 20 s.
    pub closures: bool,
    /// Of the lids against each other and of every shape: 0.02 is a good camera, 0.05 a bad one.
    pub noise: f32,
    /// Turns to 18° all the time and to 32° every 15 s.
    pub head_turns: bool,
    /// Share of the time that they look at the target; afterwards they look away by `away_deg`.
    pub on_target: f32,
    /// How far they look away.
    pub away_deg: f32,
    /// How much a look trembles, on each axis.
    pub tremble_deg: f32,
    /// They look at the target without blinking for so long at the beginning.
    pub calibration_s: f32,
    /// Shapes that are added all the time.
    pub shows: Vec<(&'static str, f32)>,
    /// Distance from the camera.
    pub distance_cm: f32,
    /// Tilt of the head after half of the time, in degrees.
    pub tilt_deg: f32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 1,
            seconds: 60.0,
            fps: 30.0,
            blinks_per_minute: 18.0,
            closures: false,
            noise: 0.02,
            head_turns: false,
            on_target: 1.0,
            away_deg: 15.0,
            tremble_deg: 0.7,
            calibration_s: 0.0,
            shows: Vec::new(),
            distance_cm: 50.0,
            tilt_deg: 0.0,
        }
    }
}

/// Pictures with their times, and what is true of them.
#[derive(Clone, Debug)]
pub struct Track {
    /// Milliseconds, and what the landmarker saw.
    pub frames: Vec<(u64, Frame)>,
    /// The blinks.
    pub blinks: Vec<Span>,
    /// After the calibration.
    pub on_target_share: f32,
    /// Where the calibration ends.
    pub calibrated_ms: u64,
}

/// How the head and the eyes are in one picture.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    yaw: f32,
    pitch: f32,
    roll: f32,
    gaze: [f32; 2],
    closed: f32,
    on_target: bool,
}

impl Script {
    /// Plays it.
    pub fn play(&self) -> Track {
        let mut dice = Dice::new(self.seed);
        let blinks = self.blinks(&mut dice);
        let closures = self.closures(&blinks, &mut dice);
        let looks = self.looks(&mut dice);
        let calibrated_ms = (self.calibration_s * 1_000.0) as u64;
        let (mut frames, mut on, mut all) = (Vec::new(), 0, 0);
        for index in 0..(self.seconds * self.fps) as u64 {
            let at = index as f32 * 1_000.0 / self.fps + dice.between(0.0, 3.0);
            let mut moment = self.moment(at, &looks, &mut dice);
            moment.closed = closed_at(at, &blinks).max(closed_at(at, &closures));
            if at as u64 >= calibrated_ms {
                (on, all) = (on + u32::from(moment.on_target), all + 1);
            }
            frames.push((at as u64, self.frame(&moment, &mut dice)));
        }
        Track { frames, blinks, on_target_share: on as f32 / all.max(1) as f32, calibrated_ms }
    }

    /// One in every equal part of the time, somewhere in it.
    fn blinks(&self, dice: &mut Dice) -> Vec<Span> {
        let from = self.calibration_s * 1_000.0 + 1_500.0;
        let rest = (self.seconds * 1_000.0 - from - 1_000.0).max(0.0);
        let count = (self.blinks_per_minute * rest / 60_000.0).round();
        let part = rest / count.max(1.0);
        let one = |index: usize| {
            let length = 100.0 * 4.0_f32.powf(dice.share());
            let start = from + part * index as f32 + dice.between(0.0, (part - length - 300.0).max(0.0));
            Span { from_ms: start as u64, to_ms: (start + length) as u64 }
        };
        (0..count as usize).map(one).collect()
    }

    /// Long closures where nobody blinks.
    fn closures(&self, blinks: &[Span], dice: &mut Dice) -> Vec<Span> {
        let mut closures = Vec::new();
        let mut at = self.calibration_s * 1_000.0 + 8_000.0;
        while self.closures && at < self.seconds * 1_000.0 - 4_000.0 {
            let span = Span { from_ms: at as u64, to_ms: (at + dice.between(1_300.0, 2_500.0)) as u64 };
            if blinks.iter().all(|blink| blink.to_ms + 400 < span.from_ms || blink.from_ms > span.to_ms + 400)
            {
                closures.push(span);
                at += 20_000.0;
            }
            at += 100.0;
        }
        closures
    }

    /// Times away from the target with their directions, in cycles of about 8 s.
    fn looks(&self, dice: &mut Dice) -> Vec<(f32, f32, f32)> {
        let mut looks = Vec::new();
        let mut at = self.calibration_s * 1_000.0;
        while at < self.seconds * 1_000.0 {
            let cycle = dice.between(6_000.0, 10_000.0);
            let away = at + cycle * self.on_target;
            looks.push((away, at + cycle, dice.between(0.0, std::f32::consts::TAU)));
            at += cycle;
        }
        looks
    }

    fn moment(&self, at: f32, looks: &[(f32, f32, f32)], dice: &mut Dice) -> Moment {
        let away = looks.iter().find(|(from, to, _)| (*from..*to).contains(&at));
        let offset =
            away.map_or([0.0; 2], |(_, _, angle)| [self.away_deg * angle.cos(), self.away_deg * angle.sin()]);
        let mut moment = Moment { on_target: away.is_none(), ..Moment::default() };
        if self.head_turns {
            let seconds = at / 1_000.0;
            moment.yaw = 18.0 * (seconds / 7.0 * std::f32::consts::TAU).sin();
            moment.pitch = 8.0 * (seconds / 11.0 * std::f32::consts::TAU).sin();
            let far = (seconds % 15.0 - 12.0).clamp(0.0, 3.0);
            moment.yaw += 14.0 * (far / 3.0 * std::f32::consts::PI).sin();
        }
        if at > self.seconds * 500.0 {
            moment.roll = self.tilt_deg;
        }
        // Everybody's eyes have an offset of their own; the calibration has to find it.
        let own = [-2.0, 4.0];
        moment.gaze = [0, 1].map(|axis| own[axis] + offset[axis] + self.tremble_deg * dice.normal());
        moment
    }

    fn frame(&self, moment: &Moment, dice: &mut Dice) -> Frame {
        // A little below the middle of the picture, as people sit.
        let place = [1.5, -2.0, -self.distance_cm];
        let turn = rotation(moment);
        let camera = [(-place[0]).atan2(-place[2]), (-place[1]).atan2(place[0].hypot(place[2]))];
        let eye = [
            moment.gaze[0] + camera[0].to_degrees() - moment.yaw,
            moment.gaze[1] + camera[1].to_degrees() - moment.pitch,
        ];
        // A raised head narrows what is seen of the eyes, a lowered one too.
        let seen = (1.0 - 0.01 * moment.pitch.abs()) * (1.0 + self.noise * dice.normal());
        let open = 0.3 * seen * (1.0 - 0.78 * moment.closed);
        let model = model(open, eye);
        let points = model.map(|point| project(point, &turn, place));
        let mut shapes = [0.0; SHAPES];
        let mut add = |name: &str, value: f32| {
            if let Some(index) = SHAPE_NAMES.iter().position(|known| *known == name) {
                shapes[index] += value;
            }
        };
        for (side, inward) in [("Left", -1.0), ("Right", 1.0)] {
            let [x, y] = eye.map(|angle| angle / 30.0);
            add(&format!("eyeBlink{side}"), 0.12 + 0.45 * moment.closed);
            add(&format!("eyeLookIn{side}"), (x * inward).max(0.0));
            add(&format!("eyeLookOut{side}"), (-x * inward).max(0.0));
            add(&format!("eyeLookUp{side}"), y.max(0.0));
            add(&format!("eyeLookDown{side}"), (-y).max(0.0) + 0.5 * moment.closed);
            add(&format!("eyeSquint{side}"), 0.3);
        }
        add("browInnerUp", 0.12);
        self.shows.iter().for_each(|(name, value)| add(name, *value));
        let shapes = shapes.map(|value: f32| (value + self.noise * 0.5 * dice.normal()).clamp(0.0, 1.0));
        let mut matrix = [0.0; 16];
        for column in 0..3 {
            for row in 0..3 {
                matrix[4 * column + row] = turn[row][column];
            }
            matrix[12 + column] = place[column];
        }
        matrix[15] = 1.0;
        Frame {
            faces: 1,
            width: 640,
            height: 360,
            mirrored: false,
            blendshapes: Some(shapes),
            matrix: Some(matrix),
            points: Some(points),
        }
    }
}

/// How closed the lids are: closing takes a third of a blink, opening half of it.
fn closed_at(at: f32, spans: &[Span]) -> f32 {
    let blink = spans.iter().find(|span| (span.from_ms as f32..=span.to_ms as f32).contains(&at));
    blink.map_or(0.0, |span| {
        let length = span.to_ms as f32 - span.from_ms as f32;
        let (since, left) = (at - span.from_ms as f32, span.to_ms as f32 - at);
        let (closing, opening) = ((length / 3.0).min(120.0), (length / 2.0).min(200.0));
        (since / closing).min(left / opening).clamp(0.0, 1.0)
    })
}

/// Rows of the matrix that turns the model: yaw to the right, then pitch up, then roll counter-clockwise.
fn rotation(moment: &Moment) -> [[f32; 3]; 3] {
    let [(ys, yc), (ps, pc), (rs, rc)] =
        [moment.yaw, moment.pitch, moment.roll].map(|angle| angle.to_radians().sin_cos());
    let yaw = [[yc, 0.0, ys], [0.0, 1.0, 0.0], [-ys, 0.0, yc]];
    let pitch = [[1.0, 0.0, 0.0], [0.0, pc, ps], [0.0, -ps, pc]];
    let roll = [[rc, -rs, 0.0], [rs, rc, 0.0], [0.0, 0.0, 1.0]];
    times(&times(&yaw, &pitch), &roll)
}

fn times(a: &[[f32; 3]; 3], b: &[[f32; 3]; 3]) -> [[f32; 3]; 3] {
    a.map(|row| [0, 1, 2].map(|column| (0..3).map(|index| row[index] * b[index][column]).sum()))
}

/// The points in centimetres: x to the picture's right, y up, z out of the face.
fn model(open: f32, eye_deg: [f32; 2]) -> [[f32; 3]; POINTS] {
    const WIDTH: f32 = 2.9;
    let mut points = [[0.0, 0.0, 2.0]; POINTS];
    let mut put = |id: usize, point: [f32; 3]| {
        if let Some(index) = MESH_IDS.iter().position(|known| *known == id) {
            points[index] = point;
        }
    };
    let (up, down) = (open * WIDTH * 0.55, -open * WIDTH * 0.45);
    let shift = eye_deg.map(|angle| 1.2 * angle.clamp(-60.0, 60.0).to_radians().sin());
    for (side, corner, lids, iris) in
        [(-1.0, [33, 133], [160, 158, 153, 144], 468), (1.0, [263, 362], [387, 385, 380, 373], 473)]
    {
        let (outer, inner, y) = (4.6 * side, 1.7 * side, 2.5);
        put(corner[0], [outer, y, 2.0]);
        put(corner[1], [inner, y, 2.0]);
        put(lids[0], [outer - 0.9 * side, y + up, 2.0]);
        put(lids[1], [inner + 0.9 * side, y + up, 2.0]);
        put(lids[2], [inner + 0.9 * side, y + down, 2.0]);
        put(lids[3], [outer - 0.9 * side, y + down, 2.0]);
        let centre = [(outer + inner) / 2.0 + shift[0], y + shift[1], 2.0];
        for id in iris..iris + 5 {
            put(id, centre);
        }
    }
    put(1, [0.0, -1.0, 5.0]);
    put(152, [0.0, -8.5, 0.0]);
    put(10, [0.0, 8.5, 0.0]);
    put(234, [-7.0, 0.0, 0.0]);
    put(454, [7.0, 0.0, 0.0]);
    points
}

/// Into shares of a picture of 16:9 with 63° from top to bottom.
fn project(point: [f32; 3], turn: &[[f32; 3]; 3], place: [f32; 3]) -> [f32; 3] {
    const ASPECT: f32 = 640.0 / 360.0;
    const WHOLE_VIEW: f32 = 2.0 * 0.613;
    let seen: [f32; 3] =
        [0, 1, 2].map(|row| (0..3).map(|index| turn[row][index] * point[index]).sum::<f32>() + place[row]);
    let away = -seen[2];
    let near = (seen[2] - place[2]) / -place[2];
    [
        0.5 + seen[0] / away / WHOLE_VIEW / ASPECT,
        0.5 - seen[1] / away / WHOLE_VIEW,
        -near / WHOLE_VIEW / ASPECT,
    ]
}
