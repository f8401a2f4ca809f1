//! The landmark frame, binary and JSON: what a face landmarker saw in one picture, at 700 bytes.
//!
//! Binary, version 1, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | 0x44 |
//! | 1 | version, 1 |
//! | 2 | kind, 2 = landmarks |
//! | 3 | how many faces there were, 0 to 16; what follows is of one of them |
//! | 4–7 | sequence number, u32 |
//! | 8–15 | when it was seen, in microseconds of the sender's clock, u64 |
//! | 16–17, 18–19 | width and height of the picture in pixels, u16, at most 8192 |
//! | 20 | flags: 1 the picture was mirrored, 2 blendshapes follow, 4 a matrix follows |
//! | 21 | 0 |
//! | 22–23 | number of points, u16: 0, 478, or 36 (those of `duologue_domain::face::MESH_IDS`) |
//! | … | with flag 2: 52 × u8, blendshape × 255, in MediaPipe's order (`_neutral` first) |
//! | … | with flag 4: 16 × f32, the head's matrix, column by column |
//! | … | points × (i16 x, i16 y, i16 z), each × 16384 |
//!
//! JSON: `{"type":"duologue.landmarks","t_us":0,"faces":1,"width":640,"height":360,"mirrored":false,"blendshapes":
//! {"eyeBlinkLeft":0.1,…} or [52],"matrix":[16],"landmarks":[[x,y,z],…]}`; what is left out is not known.

use duologue_domain::face::{Frame, MESH, POINTS, SHAPE_NAMES, SHAPES};
use serde_json::Value;

/// The event's type in JSON.
pub const EVENT: &str = "duologue.landmarks";

/// Bytes before the parts.
const HEADER: usize = 24;
/// What a point is multiplied by.
const POINT_SCALE: f32 = 16_384.0;
/// Coordinates beyond this many pictures are no face's.
const FARTHEST: f64 = 4.0;
/// Entries of a head's matrix in centimetres.
const FARTHEST_CM: f64 = 1_000.0;
/// Pixels on one side.
const LARGEST_PICTURE: u64 = 8_192;
/// Faces that a landmarker may report.
const MOST_FACES: u64 = 16;

const MIRRORED: u8 = 1;
const WITH_SHAPES: u8 = 2;
const WITH_MATRIX: u8 = 4;

/// A frame with its sender's time.
#[derive(Clone, Debug, PartialEq)]
pub struct Landmarks {
    /// Microseconds of the sender's clock.
    pub sent_us: u64,
    /// What was seen.
    pub frame: Frame,
}

/// Why a frame was not taken: a stable code and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Stable code.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Which field.
    pub param: &'static str,
}

fn refused(code: &'static str, param: &'static str, message: impl Into<String>) -> Refused {
    Refused { code, message: message.into(), param }
}

fn wrong_count(param: &'static str, message: impl Into<String>) -> Refused {
    refused("landmarks_wrong_count", param, message)
}

fn not_a_number(param: &'static str) -> Refused {
    refused("landmarks_not_a_number", param, format!("The field {param} holds something that is no number."))
}

fn out_of_range(param: &'static str, rule: &str) -> Refused {
    refused("landmarks_out_of_range", param, format!("The field {param} {rule}."))
}

/// Whether binary data is meant as landmarks and not as sound: no sound begins with these bytes but once in 10¹².
pub fn claims(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[..3] == [0x44, 1, 2] && bytes[20] < 8 && bytes[21] == 0
}

/// Reads little-endian numbers one after the other.
struct Reader<'bytes>(&'bytes [u8]);

impl Reader<'_> {
    /// The next bytes; zeros past the end, which the length of the whole excludes.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((taken, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *taken
    }
}

/// Reads a binary frame.
///
/// # Errors
/// A header that is none, a length that does not fit it, a count that there is not, a number that is none.
pub fn decode(bytes: &[u8]) -> Result<Landmarks, Refused> {
    if !claims(bytes) {
        let message = "This does not begin as landmarks do: 0x44, version 1, kind 2.";
        return Err(refused("landmarks_bad_header", "header", message));
    }
    let mut reader = Reader(bytes);
    let [_, _, _, faces] = reader.take();
    let _sequence: [u8; 4] = reader.take();
    let sent_us = u64::from_le_bytes(reader.take());
    let (width, height) = (u16::from_le_bytes(reader.take()), u16::from_le_bytes(reader.take()));
    let [flags, _] = reader.take();
    let count = usize::from(u16::from_le_bytes(reader.take()));
    check_count(count)?;
    let has = |flag: u8| flags & flag != 0;
    let expected = HEADER
        + if has(WITH_SHAPES) { SHAPES } else { 0 }
        + if has(WITH_MATRIX) { 16 * 4 } else { 0 }
        + count * 6;
    if bytes.len() != expected {
        let message = format!("The frame has {} bytes; by its header it has {expected}.", bytes.len());
        return Err(refused("landmarks_wrong_length", "frame", message));
    }
    check_picture(u64::from(faces), u64::from(width), u64::from(height))?;
    let mut frame = Frame { faces, mirrored: has(MIRRORED), ..Frame::empty(width, height) };
    if has(WITH_SHAPES) {
        frame.blendshapes = Some(reader.take::<SHAPES>().map(|value| f32::from(value) / 255.0));
    }
    if has(WITH_MATRIX) {
        let matrix: [f32; 16] = std::array::from_fn(|_| f32::from_le_bytes(reader.take()));
        matrix.iter().try_for_each(|value| check_number(f64::from(*value), FARTHEST_CM, "matrix"))?;
        frame.matrix = Some(matrix);
    }
    let points: Vec<[f32; 3]> = (0..count)
        .map(|_| [(); 3].map(|()| f32::from(i16::from_le_bytes(reader.take())) / POINT_SCALE))
        .collect();
    frame.points = chosen(&points);
    Ok(Landmarks { sent_us, frame })
}

/// Writes a binary frame, as clients do; its points are the 36.
pub fn encode(landmarks: &Landmarks, sequence: u32) -> Vec<u8> {
    let frame = &landmarks.frame;
    let flags = [
        (frame.mirrored, MIRRORED),
        (frame.blendshapes.is_some(), WITH_SHAPES),
        (frame.matrix.is_some(), WITH_MATRIX),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |flags, (_, flag)| flags | flag);
    let mut bytes = vec![0x44, 1, 2, frame.faces];
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(landmarks.sent_us.to_le_bytes());
    bytes.extend(frame.width.to_le_bytes());
    bytes.extend(frame.height.to_le_bytes());
    bytes.extend([flags, 0]);
    bytes.extend((frame.points.map_or(0, |points| points.len()) as u16).to_le_bytes());
    bytes.extend(frame.blendshapes.iter().flatten().map(|value| (value * 255.0).round() as u8));
    bytes.extend(frame.matrix.iter().flatten().flat_map(|value| value.to_le_bytes()));
    let coordinates = frame.points.iter().flatten().flatten();
    bytes.extend(coordinates.flat_map(|value| ((value * POINT_SCALE).round() as i16).to_le_bytes()));
    bytes
}

/// Reads the JSON form.
///
/// # Errors
/// As with [`decode`].
pub fn from_json(value: &Value) -> Result<Landmarks, Refused> {
    let whole = |key: &'static str, default: u64| match value.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(number) => number.as_u64().ok_or_else(|| not_a_number(key)),
    };
    let points = points(value.get("landmarks"))?;
    let shapes = shapes(value.get("blendshapes"))?;
    let matrix = matrix(value.get("matrix"))?;
    let seen = points.is_some() || shapes.is_some() || matrix.is_some();
    let (faces, width, height) = (whole("faces", u64::from(seen))?, whole("width", 0)?, whole("height", 0)?);
    check_picture(faces, width, height)?;
    let frame = Frame {
        faces: faces as u8,
        width: width as u16,
        height: height as u16,
        mirrored: value.get("mirrored").and_then(Value::as_bool).unwrap_or(false),
        blendshapes: shapes,
        matrix,
        points,
    };
    Ok(Landmarks { sent_us: whole("t_us", 0)?, frame })
}

fn check_count(count: usize) -> Result<(), Refused> {
    if [0, POINTS, MESH].contains(&count) {
        return Ok(());
    }
    let message = format!("There are {count} points; send all {MESH}, the documented {POINTS}, or none.");
    Err(wrong_count("landmarks", message))
}

fn check_picture(faces: u64, width: u64, height: u64) -> Result<(), Refused> {
    if faces > MOST_FACES {
        return Err(out_of_range("faces", "may be 0 to 16"));
    }
    if width > LARGEST_PICTURE || height > LARGEST_PICTURE || (faces > 0 && (width == 0 || height == 0)) {
        return Err(out_of_range(
            if width > LARGEST_PICTURE || width == 0 { "width" } else { "height" },
            "may be 1 to 8192",
        ));
    }
    Ok(())
}

fn check_number(value: f64, most: f64, param: &'static str) -> Result<(), Refused> {
    if !value.is_finite() {
        return Err(not_a_number(param));
    }
    if value.abs() > most {
        return Err(out_of_range(param, &format!("may hold numbers up to {most}")));
    }
    Ok(())
}

/// The 36 out of what was sent; none of no points.
fn chosen(points: &[[f32; 3]]) -> Option<[[f32; 3]; POINTS]> {
    <[[f32; 3]; POINTS]>::try_from(points).ok().or_else(|| Frame::points_of(points))
}

fn list<'value>(value: Option<&'value Value>, param: &'static str) -> Result<&'value [Value], Refused> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(refused("landmarks_not_a_list", param, format!("The field {param} must be a list."))),
    }
}

fn number(value: &Value, most: f64, param: &'static str) -> Result<f32, Refused> {
    let value = value.as_f64().ok_or_else(|| not_a_number(param))?;
    check_number(value, most, param)?;
    Ok(value as f32)
}

fn points(value: Option<&Value>) -> Result<Option<[[f32; 3]; POINTS]>, Refused> {
    let list = list(value, "landmarks")?;
    check_count(list.len())?;
    let mut points = Vec::with_capacity(list.len());
    for point in list {
        let Some([x, y, z]) = point.as_array().map(Vec::as_slice) else {
            return Err(wrong_count("landmarks", "Every point must have three numbers: x, y and z."));
        };
        let read = |value: &Value| number(value, FARTHEST, "landmarks");
        points.push([read(x)?, read(y)?, read(z)?]);
    }
    Ok(chosen(&points))
}

fn matrix(value: Option<&Value>) -> Result<Option<[f32; 16]>, Refused> {
    let list = list(value, "matrix")?;
    if list.is_empty() {
        return Ok(None);
    }
    let numbers: Vec<f32> =
        list.iter().take(17).map(|value| number(value, FARTHEST_CM, "matrix")).collect::<Result<_, _>>()?;
    let matrix = <[f32; 16]>::try_from(numbers.as_slice());
    matrix.map(Some).map_err(|_| wrong_count("matrix", "A matrix has 16 numbers, column by column."))
}

fn shapes(value: Option<&Value>) -> Result<Option<[f32; SHAPES]>, Refused> {
    const PARAM: &str = "blendshapes";
    let read = |value: &Value| number(value, 1.0, PARAM).map(|value| value.clamp(0.0, 1.0));
    let Some(Value::Object(named)) = value else {
        let list = list(value, PARAM)?;
        if list.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<f32> = list.iter().take(SHAPES + 1).map(read).collect::<Result<_, _>>()?;
        let shapes = <[f32; SHAPES]>::try_from(numbers.as_slice());
        return shapes
            .map(Some)
            .map_err(|_| wrong_count(PARAM, "There are 52 blendshapes, `_neutral` first."));
    };
    let mut shapes = [0.0; SHAPES];
    for (name, value) in named {
        // Names that are not known are passed over: a newer model may have more.
        if let Some(index) = SHAPE_NAMES.iter().position(|known| known == name) {
            shapes[index] = read(value)?;
        }
    }
    Ok((!named.is_empty()).then_some(shapes))
}

#[cfg(test)]
mod tests;
