//! Reads arrays of 32-bit floats out of a numpy archive.

use std::{fs::File, io::Read, path::Path};

use crate::port::{EngineError, ErrorKind};

/// An archive member larger than this is no voice.
const MAX_BYTES: u64 = 64 << 20;

/// The floats of `name` in the archive at `path`, in C order, with their shape.
pub(super) fn floats(
    engine: &'static str,
    path: &Path,
    name: &str,
) -> Result<(Vec<usize>, Vec<f32>), EngineError> {
    let fail = |what: String| {
        let message = format!("{}: {what}; run `duologue models pull`", path.display());
        EngineError::new(ErrorKind::Unavailable, engine, message)
    };
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| fail(error.to_string()))?;
    let member = archive.by_name(&format!("{name}.npy")).map_err(|error| fail(error.to_string()))?;
    let mut bytes = Vec::new();
    member.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
    parse(&bytes).ok_or_else(|| fail(format!("{name} is no array of 32-bit floats")))
}

/// A version 1 to 3 `.npy` with dtype `<f4` in C order.
fn parse(bytes: &[u8]) -> Option<(Vec<usize>, Vec<f32>)> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (header, data) = match rest.first()? {
        1 => {
            let length = usize::from(u16::from_le_bytes(rest.get(2..4)?.try_into().ok()?));
            (rest.get(4..4 + length)?, &rest[4 + length..])
        }
        _ => {
            let length = u32::from_le_bytes(rest.get(2..6)?.try_into().ok()?) as usize;
            let end = length.checked_add(6)?;
            (rest.get(6..end)?, &rest[end..])
        }
    };
    let header = std::str::from_utf8(header).ok()?;
    if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
        return None;
    }
    let (_, shape) = header.split_once("'shape': (")?;
    let (shape, _) = shape.split_once(')')?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape: Vec<usize> = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    let count = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?;
    if data.len() != count.checked_mul(4)? {
        return None;
    }
    let floats = data.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    Some((shape, floats.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(header: &str, data: &[f32]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    #[test]
    fn an_array_is_read_and_garbage_is_not() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        assert_eq!(parse(&array(header, &[1.0, -2.5])), Some((vec![2, 1], vec![1.0, -2.5])));
        assert_eq!(parse(&array(header, &[1.0])), None);
        assert_eq!(parse(&array("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", &[1.0])), None);
        assert_eq!(parse(&array("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", &[1.0])), None);
        let whole = array(header, &[1.0, 2.0]);
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length]), None, "{length}");
        }
        let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 9), }";
        assert_eq!(parse(&array(huge, &[])), None);
    }
}
