//! What a face landmarker sees in one picture, and the numbering of its shapes and points.

/// Blendshapes of one face: the model's own 52, the first of which is `_neutral`.
pub const SHAPES: usize = 52;
/// Points that the measures need, of the 478 of the mesh; [`MESH_IDS`] says which.
pub const POINTS: usize = 36;
/// Points of the whole mesh, the irises included.
pub const MESH: usize = 478;

/// Which points of the mesh a [`Frame`] keeps, in its order: the right eye, the left eye, the irises, nose, chin, brow,
/// sides of the face, mouth, brows, between the eyes.
pub const MESH_IDS: [usize; POINTS] = [
    33, 160, 158, 133, 153, 144, 362, 387, 385, 263, 380, 373, 468, 469, 470, 471, 472, 473, 474, 475, 476,
    477, 1, 152, 10, 234, 454, 61, 291, 13, 14, 78, 308, 70, 300, 168,
];

/// The names of the blendshapes, in the model's order. Left and right are the person's own.
pub const SHAPE_NAMES: [&str; SHAPES] = [
    "_neutral",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
];

/// Numbers of the shapes that are used, the left one of a pair first.
pub(super) mod shape {
    pub(in crate::face) const BROW_DOWN: [usize; 2] = [1, 2];
    pub(in crate::face) const BROW_INNER_UP: usize = 3;
    pub(in crate::face) const BROW_OUTER_UP: [usize; 2] = [4, 5];
    pub(in crate::face) const BLINK: [usize; 2] = [9, 10];
    pub(in crate::face) const LOOK_DOWN: [usize; 2] = [11, 12];
    pub(in crate::face) const LOOK_IN: [usize; 2] = [13, 14];
    pub(in crate::face) const LOOK_OUT: [usize; 2] = [15, 16];
    pub(in crate::face) const LOOK_UP: [usize; 2] = [17, 18];
    pub(in crate::face) const SQUINT: [usize; 2] = [19, 20];
    pub(in crate::face) const WIDE: [usize; 2] = [21, 22];
    pub(in crate::face) const JAW_OPEN: usize = 25;
    pub(in crate::face) const DIMPLE: [usize; 2] = [28, 29];
    pub(in crate::face) const FROWN: [usize; 2] = [30, 31];
    pub(in crate::face) const PRESS: [usize; 2] = [36, 37];
    pub(in crate::face) const ROLL: [usize; 2] = [40, 41];
    pub(in crate::face) const SHRUG_LOWER: usize = 42;
    pub(in crate::face) const SMILE: [usize; 2] = [44, 45];
    pub(in crate::face) const STRETCH: [usize; 2] = [46, 47];
    pub(in crate::face) const UPPER_UP: [usize; 2] = [48, 49];
    pub(in crate::face) const SNEER: [usize; 2] = [50, 51];
}

/// Places of the points in a [`Frame`].
pub(super) mod point {
    /// p1 to p6 of the eye aspect ratio: a corner, two of the upper lid, the other corner, two of the lower lid.
    pub(in crate::face) const RIGHT_EYE: [usize; 6] = [0, 1, 2, 3, 4, 5];
    pub(in crate::face) const LEFT_EYE: [usize; 6] = [6, 7, 8, 9, 10, 11];
    pub(in crate::face) const RIGHT_IRIS: usize = 12;
    pub(in crate::face) const LEFT_IRIS: usize = 17;
    pub(in crate::face) const CHIN: usize = 23;
    pub(in crate::face) const FOREHEAD: usize = 24;
    pub(in crate::face) const SIDES: [usize; 2] = [25, 26];
}

/// Where each shape goes when left and right change places.
const SHAPE_TWIN: [usize; SHAPES] = [
    0, 2, 1, 3, 5, 4, 6, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 23, 26, 25, 24, 27, 29,
    28, 31, 30, 32, 39, 35, 34, 37, 36, 38, 33, 40, 41, 42, 43, 45, 44, 47, 46, 49, 48, 51, 50,
];

/// The same for points.
const POINT_TWIN: [usize; POINTS] = [
    9, 7, 8, 6, 10, 11, 3, 1, 2, 0, 4, 5, 17, 20, 19, 18, 21, 12, 15, 14, 13, 16, 22, 23, 24, 26, 25, 28, 27,
    29, 30, 32, 31, 34, 33, 35,
];

/// Beyond this many picture widths a point is no point of a face in the picture.
const FARTHEST: f32 = 4.0;
/// Beyond this many centimetres nobody sits before a camera.
const FARTHEST_CM: f32 = 1_000.0;

/// One picture as the landmarker saw it. Without a face everything but `faces` and the size is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// How many faces there were; the rest describes one of them.
    pub faces: u8,
    /// Of the picture, in pixels: the points are in shares of it.
    pub width: u16,
    /// See `width`.
    pub height: u16,
    /// Whether the picture was mirrored before it was looked at.
    pub mirrored: bool,
    /// 0 to 1 each, in the order of [`SHAPE_NAMES`].
    pub blendshapes: Option<[f32; SHAPES]>,
    /// From the model face (centimetres, looking along +z) to the camera's space (x right, y up, the camera at the
    /// origin looking along −z), column by column.
    pub matrix: Option<[f32; 16]>,
    /// x and y in shares of the picture's width and height from its upper left corner, z in shares of its width with
    /// smaller values nearer; in the order of [`MESH_IDS`].
    pub points: Option<[[f32; 3]; POINTS]>,
}

impl Frame {
    /// A picture without a face.
    pub fn empty(width: u16, height: u16) -> Self {
        Self { width, height, ..Self::default() }
    }

    /// The points that are used, out of a whole mesh of [`MESH`]; none from anything shorter.
    pub fn points_of(mesh: &[[f32; 3]]) -> Option<[[f32; 3]; POINTS]> {
        let mut points = [[0.0; 3]; POINTS];
        for (point, id) in points.iter_mut().zip(MESH_IDS) {
            *point = *mesh.get(id)?;
        }
        Some(points)
    }

    /// Without the parts that hold no numbers, or numbers that no face has.
    pub(super) fn sound(&self) -> Self {
        let within = |value: &f32, most: f32| value.is_finite() && value.abs() <= most;
        let points = self
            .points
            .filter(|points| self.faces > 0 && points.iter().flatten().all(|value| within(value, FARTHEST)));
        Self {
            blendshapes: self
                .blendshapes
                .filter(|shapes| self.faces > 0 && shapes.iter().all(|value| value.is_finite()))
                .map(|shapes| shapes.map(|value| value.clamp(0.0, 1.0))),
            matrix: self
                .matrix
                .filter(|matrix| self.faces > 0 && matrix.iter().all(|value| within(value, FARTHEST_CM))),
            points: points.filter(|_| self.width > 0 && self.height > 0),
            ..*self
        }
    }

    /// As an unmirrored camera would have seen it: left and right change places.
    pub(super) fn unmirrored(&self) -> Self {
        if !self.mirrored {
            return self.clone();
        }
        self.flipped()
    }

    /// The same face in a mirror.
    pub fn flipped(&self) -> Self {
        let shapes = self.blendshapes.map(|shapes| SHAPE_TWIN.map(|twin| shapes[twin]));
        let points = self.points.map(|points| {
            POINT_TWIN.map(|twin| {
                let [x, y, z] = points[twin];
                [1.0 - x, y, z]
            })
        });
        // A reflection on both sides: what points along x changes its sign, once for its row and once for its column.
        let matrix = self.matrix.map(|mut matrix| {
            for (index, value) in matrix.iter_mut().enumerate() {
                if (index % 4 == 0) != (index / 4 == 0) {
                    *value = -*value;
                }
            }
            matrix
        });
        Self { mirrored: !self.mirrored, blendshapes: shapes, matrix, points, ..*self }
    }
}
