//! Angles and lengths out of one frame.

use super::frame::{Frame, POINTS, point, shape};

/// Where the head points, in degrees: yaw to the picture's right, pitch up, roll towards the picture's left shoulder
/// (counter-clockwise).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pose {
    /// Turned to the picture's right.
    pub yaw: f32,
    /// Raised.
    pub pitch: f32,
    /// Tilted counter-clockwise in the picture.
    pub roll: f32,
}

/// Where the head is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Of its middle, in heights of the face from the camera's axis: x right, y up.
    pub(super) at: [f32; 2],
    /// Height of the face, in heights of the picture; or 1 / distance in decimetres where only the matrix is known.
    pub(super) scale: f32,
    /// Whether it came from the points.
    pub(super) by_points: bool,
}

/// One frame, measured.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Eye aspect ratios, the person's right eye first.
    pub(super) ears: Option<[f32; 2]>,
    /// Blink shapes in the same order.
    pub(super) lids: Option<[f32; 2]>,
    pub(super) pose: Option<Pose>,
    pub(super) place: Option<Place>,
    /// Degrees between the line of sight and the camera: x to the picture's right, y up.
    pub(super) gaze: Option<[f32; 2]>,
}

type Vector = [f32; 3];

fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn length(a: Vector) -> f32 {
    dot(a, a).sqrt()
}

fn unit(a: Vector) -> Option<Vector> {
    let length = length(a);
    (length > 1e-6).then(|| a.map(|value| value / length))
}

/// Measures a frame that is sound and not mirrored.
pub(super) fn measure(frame: &Frame) -> Seen {
    let points = frame.points.map(|points| metric(&points, frame));
    let shapes = frame.blendshapes.as_ref();
    let pose = frame
        .matrix
        .and_then(|matrix| pose_of_matrix(&matrix))
        .or_else(|| points.as_ref().and_then(pose_of_points));
    let eyes = eye_angles(points.as_ref(), shapes);
    let camera = frame
        .matrix
        .and_then(|matrix| camera_by_matrix(&matrix))
        .or_else(|| points.as_ref().map(camera_by_points));
    let gaze = match (pose, eyes, camera) {
        (Some(pose), Some(eyes), Some(camera)) => {
            Some([pose.yaw + eyes[0] - camera[0], pose.pitch + eyes[1] - camera[1]])
        }
        _ => None,
    };
    Seen {
        ears: points.as_ref().and_then(|points| {
            Some([aspect_ratio(points, &point::RIGHT_EYE)?, aspect_ratio(points, &point::LEFT_EYE)?])
        }),
        lids: shapes.map(|shapes| [shapes[shape::BLINK[1]], shapes[shape::BLINK[0]]]),
        pose,
        place: place(points.as_ref(), frame.matrix.as_ref()),
        gaze,
    }
}

/// The points in heights of the picture, from its middle: x right, y up, z towards the camera.
fn metric(points: &[[f32; 3]; POINTS], frame: &Frame) -> [Vector; POINTS] {
    let aspect = f32::from(frame.width) / f32::from(frame.height.max(1));
    points.map(|[x, y, z]| [(x - 0.5) * aspect, 0.5 - y, -z * aspect])
}

/// EAR = (‖p2−p6‖ + ‖p3−p5‖) / (2 ‖p1−p4‖) (Soukupová & Čech 2016), in three dimensions, so that a turned head does
/// not shorten the eye.
fn aspect_ratio(points: &[Vector; POINTS], eye: &[usize; 6]) -> Option<f32> {
    let between = |a: usize, b: usize| length(minus(points[eye[a]], points[eye[b]]));
    let width = between(0, 3);
    (width > 1e-5).then(|| (between(1, 5) + between(2, 4)) / (2.0 * width))
}

/// The head's axes out of the matrix; none when it is no rotation at all.
fn pose_of_matrix(matrix: &[f32; 16]) -> Option<Pose> {
    let column = |index: usize| unit([matrix[4 * index], matrix[4 * index + 1], matrix[4 * index + 2]]);
    Some(angles(column(0)?, column(2)?))
}

/// The same out of the points: from side to side, from chin to forehead, and forward across both.
fn pose_of_points(points: &[Vector; POINTS]) -> Option<Pose> {
    let right = unit(minus(points[point::SIDES[1]], points[point::SIDES[0]]))?;
    let up = unit(minus(points[point::FOREHEAD], points[point::CHIN]))?;
    Some(angles(right, unit(cross(right, up))?))
}

fn angles(right: Vector, forward: Vector) -> Pose {
    Pose {
        yaw: forward[0].atan2(forward[2]).to_degrees(),
        pitch: forward[1].atan2(forward[0].hypot(forward[2])).to_degrees(),
        roll: right[1].atan2(right[0].hypot(right[2])).to_degrees(),
    }
}

/// Half the height of the picture over the distance, for the camera that the landmarker assumes: 63° from top to bottom.
const HALF_VIEW: f32 = 0.613;

/// The direction from the face to the camera, in degrees as in [`Pose`].
fn camera_by_matrix(matrix: &[f32; 16]) -> Option<[f32; 2]> {
    let [x, y, z] = [matrix[12], matrix[13], matrix[14]];
    (z < -1.0).then(|| [(-x).atan2(-z).to_degrees(), (-y).atan2(x.hypot(z)).to_degrees()])
}

fn camera_by_points(points: &[Vector; POINTS]) -> [f32; 2] {
    let middle = middle(points);
    [0, 1].map(|axis| -(middle[axis] * 2.0 * HALF_VIEW).atan().to_degrees())
}

/// Of the line from chin to forehead.
fn middle(points: &[Vector; POINTS]) -> Vector {
    let (chin, forehead) = (points[point::CHIN], points[point::FOREHEAD]);
    [0, 1, 2].map(|axis| (chin[axis] + forehead[axis]) / 2.0)
}

/// Height of the model face in centimetres, chin to forehead.
const FACE_CM: f32 = 17.0;

fn place(points: Option<&[Vector; POINTS]>, matrix: Option<&[f32; 16]>) -> Option<Place> {
    if let Some(points) = points {
        let height = length(minus(points[point::FOREHEAD], points[point::CHIN]));
        let middle = middle(points);
        return (height > 1e-3).then(|| Place {
            at: [middle[0] / height, middle[1] / height],
            scale: height,
            by_points: true,
        });
    }
    let matrix = matrix?;
    (matrix[14] < -1.0).then(|| Place {
        at: [matrix[12] / FACE_CM, matrix[13] / FACE_CM],
        scale: -10.0 / matrix[14],
        by_points: false,
    })
}

/// Widths of the eye's opening in radii of the eyeball: 29 mm in 12 mm.
const EYE_IN_RADII: f32 = 29.0 / 12.0;
/// The angle that a look shape of 1 stands for.
const LOOK_DEG: f32 = 30.0;

/// The eyes' angle in the head: half what the irises say, half what the look shapes say; one of them where the other
/// is not known.
fn eye_angles(points: Option<&[Vector; POINTS]>, shapes: Option<&[f32; 52]>) -> Option<[f32; 2]> {
    let by_iris = points.and_then(|points| {
        let right = iris_angles(points, &point::RIGHT_EYE, point::RIGHT_IRIS)?;
        let left = iris_angles(points, &point::LEFT_EYE, point::LEFT_IRIS)?;
        Some([(right[0] + left[0]) / 2.0, (right[1] + left[1]) / 2.0])
    });
    let by_shapes = shapes.map(|shapes| {
        let [left, right] = [0, 1];
        let x = shapes[shape::LOOK_OUT[left]] - shapes[shape::LOOK_IN[left]] + shapes[shape::LOOK_IN[right]]
            - shapes[shape::LOOK_OUT[right]];
        let y = shapes[shape::LOOK_UP[left]] + shapes[shape::LOOK_UP[right]]
            - shapes[shape::LOOK_DOWN[left]]
            - shapes[shape::LOOK_DOWN[right]];
        [x * LOOK_DEG / 2.0, y * LOOK_DEG / 2.0]
    });
    match (by_iris, by_shapes) {
        (Some(iris), Some(shapes)) => Some([(iris[0] + shapes[0]) / 2.0, (iris[1] + shapes[1]) / 2.0]),
        (iris, shapes) => iris.or(shapes),
    }
}

/// How far the iris is from the middle between the corners, as the turn of an eyeball behind it.
fn iris_angles(points: &[Vector; POINTS], eye: &[usize; 6], iris: usize) -> Option<[f32; 2]> {
    let (first, last) = (points[eye[0]], points[eye[3]]);
    let width = length(minus(last, first));
    let along = unit(minus(last, first))?;
    let middle = [0, 1, 2].map(|axis| (first[axis] + last[axis]) / 2.0);
    let offset = minus(points[iris], middle);
    // Up is across the eye in the picture's plane; the depth of an iris is the least certain of all.
    let up = unit([-along[1], along[0], 0.0])?;
    let turn = |shift: f32| (shift / width * EYE_IN_RADII).clamp(-0.95, 0.95).asin().to_degrees();
    Some([turn(dot(offset, along)), turn(dot(offset, up))])
}
