//! Reads arrays out of a numpy archive.

use std::{fs::File, io::Read, path::Path};

use zip::ZipArchive;

use crate::port::{EngineError, ErrorKind};

/// An archive member larger than this is none of ours.
const MAX_BYTES: u64 = 64 << 20;

/// An open `.npz` file.
pub(crate) struct Archive {
    engine: &'static str,
    path: String,
    members: ZipArchive<File>,
}

impl Archive {
    /// The archive at `path`, for `engine`, which is blamed for what is wrong with it.
    pub(crate) fn open(engine: &'static str, path: &Path) -> Result<Self, EngineError> {
        let path_text = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(engine, &path_text, &error.to_string()))?;
        match ZipArchive::new(file) {
            Ok(members) => Ok(Self { engine, path: path_text, members }),
            Err(error) => Err(unreadable(engine, &path_text, &error.to_string())),
        }
    }

    /// The 32-bit floats of `name`, in C order, with their shape.
    pub(crate) fn floats(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), EngineError> {
        let bytes = self.member(name)?;
        let Some((shape, data)) = parse(&bytes, "'<f4'", 4) else {
            return Err(self.fail(&format!("{name} is no array of 32-bit floats")));
        };
        let floats =
            data.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Ok((shape, floats.collect()))
    }

    /// The bytes of `name`, in C order, with their shape.
    #[cfg(feature = "embed")]
    pub(crate) fn bytes(&mut self, name: &str) -> Result<(Vec<usize>, Vec<u8>), EngineError> {
        let mut bytes = self.member(name)?;
        let Some((shape, length)) = parse(&bytes, "'|u1'", 1).map(|(shape, data)| (shape, data.len())) else {
            return Err(self.fail(&format!("{name} is no array of bytes")));
        };
        // The data is the end of the member; the copy of a table of megabytes is spared.
        Ok((shape, bytes.split_off(bytes.len() - length)))
    }

    fn member(&mut self, name: &str) -> Result<Vec<u8>, EngineError> {
        let (engine, path) = (self.engine, self.path.as_str());
        let member = self
            .members
            .by_name(&format!("{name}.npy"))
            .map_err(|error| unreadable(engine, path, &format!("{name}: {error}")))?;
        let mut bytes = Vec::new();
        member
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(engine, path, &format!("{name}: {error}")))?;
        Ok(bytes)
    }

    fn fail(&self, what: &str) -> EngineError {
        unreadable(self.engine, &self.path, what)
    }
}

fn unreadable(engine: &'static str, path: &str, what: &str) -> EngineError {
    let message = format!("{path}: {what}; run `duologue models pull`");
    EngineError::new(ErrorKind::Unavailable, engine, message)
}

/// Shape and data of a version 1 to 3 `.npy` in C order whose items are `dtype`, `size` bytes each.
fn parse<'a>(bytes: &'a [u8], dtype: &str, size: usize) -> Option<(Vec<usize>, &'a [u8])> {
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
    if !header.contains(dtype) || !header.contains("'fortran_order': False") {
        return None;
    }
    let (_, shape) = header.split_once("'shape': (")?;
    let (shape, _) = shape.split_once(')')?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape: Vec<usize> = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    let count = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?;
    (data.len() == count.checked_mul(size)?).then_some((shape, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn an_array_is_read_and_garbage_is_not() {
        let floats = |bytes: &[u8]| parse(bytes, "'<f4'", 4).map(|(shape, data)| (shape, data.to_vec()));
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let data: Vec<u8> = [1.0f32, -2.5].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(floats(&array(header, &data)), Some((vec![2, 1], data.clone())));
        assert_eq!(floats(&array(header, &data[..4])), None);
        for other in [
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }",
        ] {
            assert_eq!(floats(&array(other, &data[..4])), None);
        }
        let whole = array(header, &data);
        for length in 0..whole.len() {
            assert_eq!(floats(&whole[..length]), None, "{length}");
        }
        let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 9), }";
        assert_eq!(floats(&array(huge, &[])), None);
        let bytes = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
        assert_eq!(parse(&array(bytes, &[7, 8, 9]), "'|u1'", 1), Some((vec![3], &[7u8, 8, 9][..])));
    }
}
