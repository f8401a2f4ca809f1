//! Which expression a face shows, by rules over facial actions.
//!
//! The blendshapes stand for action units of the Facial Action Coding System; the combinations are the prototypes of
//! EMFACS (Friesen & Ekman 1983): joy 6+12, sadness 1+4+15(+17), anger 4+5+7+23/24, surprise 1+2+5+26, fear
//! 1+2+4+5+20, disgust 9/10+15+17 with 4 and 7, contempt 12 or 14 on one side. An expression that is shown is no
//! emotion that is felt (Barrett 2019). This landmarker hardly ever moves its cheek and nose shapes, so that joy goes by
//! 12 alone, and disgust also by lip corners that fall under lowered brows.

use super::{
    frame::{SHAPES, shape},
    median::quantile,
};

/// What a face shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression {
    /// 기쁨.
    Joy,
    /// 슬픔.
    Sadness,
    /// 분노.
    Anger,
    /// 놀람.
    Surprise,
    /// 두려움.
    Fear,
    /// 혐오.
    Disgust,
    /// 중립.
    Neutral,
    /// 경멸.
    Contempt,
}

impl Expression {
    /// All, in the order in which shares are given.
    pub const ALL: [Self; 8] = [
        Self::Joy,
        Self::Sadness,
        Self::Anger,
        Self::Surprise,
        Self::Fear,
        Self::Disgust,
        Self::Neutral,
        Self::Contempt,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joy => "joy",
            Self::Sadness => "sadness",
            Self::Anger => "anger",
            Self::Surprise => "surprise",
            Self::Fear => "fear",
            Self::Disgust => "disgust",
            Self::Neutral => "neutral",
            Self::Contempt => "contempt",
        }
    }
}

/// What resting faces show: brows and lids are never at 0.
const RESTING: [(usize, f32); 9] = [
    (shape::BROW_INNER_UP, 0.15),
    (shape::BROW_OUTER_UP[0], 0.1),
    (shape::BROW_OUTER_UP[1], 0.1),
    (shape::SQUINT[0], 0.35),
    (shape::SQUINT[1], 0.35),
    (shape::SHRUG_LOWER, 0.05),
    (shape::ROLL[0], 0.08),
    (shape::ROLL[1], 0.05),
    (shape::JAW_OPEN, 0.03),
];

/// Shapes that are looked at once a second for the baseline, and kept a minute.
const KEPT_S: usize = 60;
/// Seconds after which the own baseline counts fully.
const OWN_AFTER_S: f32 = 20.0;
/// How far an own baseline may lie above the resting one when nobody has calibrated: who smiles for a whole minute
/// is smiling.
const MOST_ABOVE: f32 = 0.2;

/// What this person's face shows at rest.
#[derive(Clone, Debug)]
pub(super) struct Resting {
    values: [f32; SHAPES],
    calibrated: bool,
    seconds: Vec<[u8; SHAPES]>,
    next: usize,
    due_ms: u64,
}

impl Default for Resting {
    fn default() -> Self {
        Self { values: usual(), calibrated: false, seconds: Vec::new(), next: 0, due_ms: 0 }
    }
}

fn usual() -> [f32; SHAPES] {
    let mut values = [0.0; SHAPES];
    for (index, value) in RESTING {
        values[index] = value;
    }
    values
}

impl Resting {
    pub(super) fn handle(&mut self, at_ms: u64, shapes: &[f32; SHAPES]) {
        if self.calibrated || at_ms < self.due_ms {
            return;
        }
        self.due_ms = at_ms + 1_000;
        let second = shapes.map(|value| (value * 255.0).round() as u8);
        if self.seconds.len() < KEPT_S {
            self.seconds.push(second);
        } else {
            self.seconds[self.next] = second;
            self.next = (self.next + 1) % KEPT_S;
        }
        let own = (self.seconds.len() as f32 / OWN_AFTER_S).min(1.0);
        let usual = usual();
        for (index, value) in self.values.iter_mut().enumerate() {
            let mut seen: Vec<f32> =
                self.seconds.iter().map(|second| f32::from(second[index]) / 255.0).collect();
            // The lower quartile: a face rests more often than it moves.
            let resting = quantile(&mut seen, 0.25).unwrap_or(usual[index]).min(usual[index] + MOST_ABOVE);
            *value = usual[index] + (resting - usual[index]) * own;
        }
    }

    /// Fixed while the person kept a neutral face.
    pub(super) fn set(&mut self, values: [f32; SHAPES]) {
        *self = Self { values: values.map(|value| value.min(0.7)), calibrated: true, ..Self::default() };
    }

    pub(super) fn values(&self) -> &[f32; SHAPES] {
        &self.values
    }
}

/// Strength of the action units that are used, 0 to 1, against the person's own rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Units {
    /// AU1, inner brow raised.
    inner_brow: f32,
    /// AU2, outer brow raised.
    outer_brow: f32,
    /// AU4, brow lowered.
    brow_lowered: f32,
    /// AU5, upper lid raised.
    lid_raised: f32,
    /// AU7, lid tightened.
    lid_tight: f32,
    /// AU9 or AU10, nose wrinkled or upper lip raised.
    nose: f32,
    /// AU12, lip corners pulled up.
    smile: f32,
    /// The stronger side of AU12 and AU14 less the weaker.
    one_sided: f32,
    /// AU15, lip corners down.
    frown: f32,
    /// AU17, chin raised.
    chin: f32,
    /// AU20, lips stretched.
    stretch: f32,
    /// AU23 or AU24, lips tight or pressed.
    lips_tight: f32,
    /// AU26, jaw dropped.
    jaw: f32,
}

/// Beyond this yaw a face seems one-sided, in degrees.
const ONE_SIDED_YAW: f32 = 20.0;
/// A smile or a frown that counts.
const SHOWN: f32 = 0.35;

impl Units {
    /// Of one picture. The second number of each pair is what the landmarker gives for the full action; it rarely
    /// reaches 1.
    pub(super) fn read(shapes: &[f32; SHAPES], rest: &[f32; SHAPES], yaw: f32) -> Self {
        let one = |index: usize, full: f32| ((shapes[index] - rest[index]) / full).clamp(0.0, 1.0);
        let pair = |pair: [usize; 2], full: f32| (one(pair[0], full) + one(pair[1], full)) / 2.0;
        let apart = |pair: [usize; 2], full: f32| (one(pair[0], full) - one(pair[1], full)).abs();
        let facing = (1.0 - yaw.abs() / ONE_SIDED_YAW).clamp(0.0, 1.0);
        Self {
            inner_brow: one(shape::BROW_INNER_UP, 0.6),
            outer_brow: pair(shape::BROW_OUTER_UP, 0.5),
            brow_lowered: pair(shape::BROW_DOWN, 0.4),
            lid_raised: pair(shape::WIDE, 0.25),
            lid_tight: pair(shape::SQUINT, 0.35),
            nose: pair(shape::SNEER, 0.25).max(pair(shape::UPPER_UP, 0.6)),
            smile: pair(shape::SMILE, 0.6),
            one_sided: facing * apart(shape::SMILE, 0.5).max(apart(shape::DIMPLE, 0.4)),
            frown: pair(shape::FROWN, 0.2),
            chin: one(shape::SHRUG_LOWER, 0.4),
            stretch: pair(shape::STRETCH, 0.4),
            lips_tight: pair(shape::PRESS, 0.3).max(one(shape::ROLL[0], 0.4)),
            jaw: one(shape::JAW_OPEN, 0.4),
        }
    }

    pub(super) fn smiles(&self) -> bool {
        self.smile >= SHOWN
    }

    /// Brows lowered or lip corners down, and no smile.
    pub(super) fn frowns(&self) -> bool {
        !self.smiles() && self.brow_lowered.max(self.frown) >= SHOWN
    }

    /// Strength of each expression but neutral, 0 to 1, in the order of [`Expression::ALL`].
    fn strengths(&self) -> [f32; 8] {
        let (no_smile, raised) = (1.0 - self.smile, 1.0 - self.brow_lowered);
        let brows = (self.inner_brow + self.outer_brow) / 2.0;
        let sadness = (0.6 * self.frown + 0.25 * self.chin) * (0.4 + 0.6 * self.inner_brow)
            + 0.3 * self.inner_brow * self.frown;
        let anger = self.brow_lowered * (0.4 + 0.25 * self.lid_tight + 0.35 * self.lips_tight);
        let surprise = brows * (0.3 + 0.7 * self.jaw.max(self.lid_raised)) * raised;
        let fear =
            self.inner_brow * (0.4 + 0.6 * self.brow_lowered) * self.stretch.max(0.5 * self.lid_raised);
        let corners = (self.brow_lowered * self.frown).sqrt() * (1.0 - self.inner_brow);
        let disgust =
            (0.5 * self.nose * (0.5 + 0.5 * self.brow_lowered.max(self.lid_tight))).max(0.6 * corners);
        let contempt = self.one_sided * (1.0 - brows) * raised;
        let mut strengths = [
            self.smile * (1.0 - self.one_sided),
            sadness * no_smile,
            anger * no_smile,
            surprise * (1.0 - 0.7 * self.smile),
            fear * no_smile,
            disgust * no_smile,
            0.0,
            contempt,
        ];
        strengths.iter_mut().for_each(|strength| *strength = strength.clamp(0.0, 1.0));
        strengths
    }

    /// Shares that add up to 1, in the order of [`Expression::ALL`]: squares, so that the strongest leads, against a
    /// neutral face that recedes as anything is shown.
    pub(super) fn shares(&self) -> [f32; 8] {
        let mut strengths = self.strengths();
        let most = strengths.iter().copied().fold(0.0, f32::max);
        strengths[6] = 0.05 + 0.25 * (1.0 - most);
        let total: f32 = strengths.iter().map(|strength| strength * strength).sum();
        strengths.map(|strength| strength * strength / total)
    }
}
