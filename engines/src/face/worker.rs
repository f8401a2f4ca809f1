//! The worker's side, and the bytes that both sides exchange.
//!
//! To the worker: width u32, height u32, then RGB. From it: length u32, then the answer: how many faces u8 and, if there
//! are any, 52 × f32 blendshapes, 16 × f32 matrix, 478 × 3 × f32 points; or a byte 0xFF and why there is none. Everything
//! little-endian. Before the first picture it answers [`READY`], or why it cannot work.

use std::{
    io::{Read, Write},
    num::NonZeroU32,
    path::Path,
};

use duologue_domain::face::{Frame, MESH, SHAPES};
use mediapipe::{FaceLandmarker, Image, ModelSource, Size};

use crate::port::Picture;

/// The first answer of a worker that can work.
pub(super) const READY: &[u8] = b"ready";
/// Every answer is shorter.
pub(super) const LONGEST_ANSWER: u32 = 64 * 1024;
/// Faces that are looked for: one more than is analysed, so that a second one is noticed.
const FACES: NonZeroU32 = NonZeroU32::new(2).expect("two is not zero");
/// Marks an answer that is a reason.
const REASON: u8 = 0xFF;
/// Floats of one face.
const FLOATS: usize = SHAPES + 16 + 3 * MESH;

/// What precedes the pixels.
pub(super) fn header(picture: &Picture) -> [u8; 8] {
    let [a, b, c, d] = picture.width.to_le_bytes();
    let [e, f, g, h] = picture.height.to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Reads an answer.
///
/// # Errors
/// The reason that the worker gave, or that its answer is none.
pub(super) fn read_frame(answer: &[u8], picture: &Picture) -> Result<Frame, String> {
    const BROKEN: &str = "the worker's answer is none";
    let (first, rest) = answer.split_first().ok_or(BROKEN)?;
    if *first == REASON {
        return Err(String::from_utf8_lossy(rest).into_owned());
    }
    let size = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let mut frame = Frame { faces: *first, ..Frame::empty(size(picture.width), size(picture.height)) };
    if *first == 0 {
        return Ok(frame);
    }
    let floats: Vec<f32> = rest
        .chunks_exact(4)
        .map(|bytes| bytes.try_into().map(f32::from_le_bytes).unwrap_or(f32::NAN))
        .collect();
    if floats.len() != FLOATS {
        return Err(BROKEN.into());
    }
    let (shapes, rest) = floats.split_at(SHAPES);
    let (matrix, points) = rest.split_at(16);
    let points: Vec<[f32; 3]> = points.chunks_exact(3).map(|point| [point[0], point[1], point[2]]).collect();
    frame.blendshapes = shapes.try_into().ok();
    frame.matrix = matrix.try_into().ok();
    frame.points = Frame::points_of(&points);
    Ok(frame)
}

/// Looks at pictures until the input ends.
///
/// # Errors
/// The pipes are gone.
pub fn run(model: &Path, mut input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let built = FaceLandmarker::builder(ModelSource::path(model))
        .num_faces(FACES)
        .output_blendshapes(true)
        .output_transformation_matrixes(true)
        .build();
    let mut landmarker = match built {
        Ok(landmarker) => landmarker,
        Err(error) => {
            return say(&mut output, format!("the landmarker cannot be opened: {error}").as_bytes());
        }
    };
    say(&mut output, READY)?;
    let mut header = [0; 8];
    while input.read_exact(&mut header).is_ok() {
        let side =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let size = Size { width: side(0), height: side(4) };
        let mut rgb = vec![0; super::picture::bytes(size.width, size.height)];
        input.read_exact(&mut rgb)?;
        let answer = look(&mut landmarker, size, &rgb).unwrap_or_else(|reason| {
            let mut answer = vec![REASON];
            answer.extend(reason.as_bytes());
            answer
        });
        say(&mut output, &answer)?;
    }
    Ok(())
}

fn say(output: &mut impl Write, answer: &[u8]) -> std::io::Result<()> {
    let length = answer.len().min(LONGEST_ANSWER as usize);
    output.write_all(&(length as u32).to_le_bytes())?;
    output.write_all(&answer[..length])?;
    output.flush()
}

/// The answer to one picture.
fn look(landmarker: &mut FaceLandmarker, size: Size, rgb: &[u8]) -> Result<Vec<u8>, String> {
    let image = Image::from_rgb(size, rgb).map_err(|error| error.to_string())?;
    let found = landmarker.detect(&image).map_err(|error| error.to_string())?;
    let mut answer = vec![found.landmarks.len().min(16) as u8];
    let Some(points) = found.landmarks.first() else { return Ok(answer) };
    let (Some(shapes), Some(matrix)) = (found.blendshapes.first(), found.transformation_matrixes.first())
    else {
        return Err("the landmarker gave no blendshapes".into());
    };
    if points.len() != MESH {
        return Err(format!("the landmarker gave {} points", points.len()));
    }
    let mut in_order = [0.0; SHAPES];
    for shape in shapes {
        if let Some(value) = usize::try_from(shape.index).ok().and_then(|index| in_order.get_mut(index)) {
            *value = shape.score.get();
        }
    }
    let points = points.iter().flat_map(|mark| [mark.point.x(), mark.point.y(), mark.point.z()]);
    let floats = in_order.into_iter().chain(matrix.as_column_major().iter().copied()).chain(points);
    answer.extend(floats.flat_map(f32::to_le_bytes));
    Ok(answer)
}
