//! Reads the weights of a CTranslate2 model file (binary versions 4 to 6).
//!
//! The layout, little-endian throughout: version u32, name of the specification, revision u32, number of variables
//! u32; then each variable: name, rank u8, dimensions u32 each, type u8, number of bytes u32, the bytes. A string is
//! a u16 length that counts the closing zero, then the bytes. What follows the variables (aliases) is not needed.

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};

/// A sane upper bound: whisper large has about 1,300 variables.
const MAX_VARIABLES: u32 = 100_000;

/// The variables of a model, borrowed from the bytes of its file.
#[derive(Debug)]
pub(super) struct Variables<'a> {
    by_name: HashMap<&'a str, Tensor<'a>>,
}

/// One variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers<'a>,
}

/// The numbers of a tensor as the file holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Numbers<'a> {
    /// IEEE half precision.
    F16(&'a [u8]),
    /// IEEE single precision.
    F32(&'a [u8]),
}

impl<'a> Variables<'a> {
    /// Reads the table of variables; refuses what it cannot understand rather than guessing.
    pub(super) fn read(bytes: &'a [u8]) -> anyhow::Result<Self> {
        let mut reader = Reader { rest: bytes };
        let version = reader.u32()?;
        ensure!((4..=6).contains(&version), "binary version {version} is not one of 4 to 6");
        let _specification = reader.string()?;
        let _revision = reader.u32()?;
        let count = reader.u32()?;
        ensure!(count <= MAX_VARIABLES, "{count} variables are too many");
        let mut by_name = HashMap::new();
        for _ in 0..count {
            let name = reader.string()?;
            let tensor = reader.tensor().with_context(|| format!("variable {name}"))?;
            by_name.insert(name, tensor);
        }
        Ok(Self { by_name })
    }

    /// The variable of that name.
    pub(super) fn get(&self, name: &str) -> anyhow::Result<&Tensor<'a>> {
        self.by_name.get(name).with_context(|| format!("there is no variable {name}"))
    }

    /// Whether there is a variable of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}

impl<'a> Tensor<'a> {
    /// Numbers in the tensor.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Rows `from..to` of the first dimension.
    pub(super) fn rows(&self, from: usize, to: usize) -> anyhow::Result<Self> {
        let rows = *self.shape.first().context("a number has no rows")?;
        ensure!(from <= to && to <= rows, "rows {from} to {to} of {rows}");
        let row_len = self.len() / rows.max(1);
        let cut = |bytes: &'a [u8], size: usize| &bytes[from * row_len * size..to * row_len * size];
        let numbers = match self.numbers {
            Numbers::F16(bytes) => Numbers::F16(cut(bytes, 2)),
            Numbers::F32(bytes) => Numbers::F32(cut(bytes, 4)),
        };
        let mut shape = self.shape.clone();
        shape[0] = to - from;
        Ok(Self { shape, numbers })
    }

    /// The numbers in single precision.
    pub(super) fn singles(&self) -> Vec<f32> {
        match self.numbers {
            Numbers::F16(bytes) => {
                bytes.chunks_exact(2).map(|two| f16_to_f32(u16::from_le_bytes([two[0], two[1]]))).collect()
            }
            Numbers::F32(bytes) => bytes
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect(),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        ensure!(count <= self.rest.len(), "the file ends in the middle of something");
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> anyhow::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> anyhow::Result<u16> {
        let two = self.take(2)?;
        Ok(u16::from_le_bytes([two[0], two[1]]))
    }

    fn u32(&mut self) -> anyhow::Result<u32> {
        let four = self.take(4)?;
        Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    fn string(&mut self) -> anyhow::Result<&'a str> {
        let length = usize::from(self.u16()?);
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes.strip_suffix(&[0]).unwrap_or(bytes)).context("a name is not UTF-8")
    }

    fn tensor(&mut self) -> anyhow::Result<Tensor<'a>> {
        let rank = self.u8()?;
        let mut shape = Vec::new();
        let mut length: usize = 1;
        for _ in 0..rank {
            let dimension = self.u32()? as usize;
            length = length.checked_mul(dimension).context("its dimensions are absurd")?;
            shape.push(dimension);
        }
        let kind = self.u8()?;
        let bytes = self.u32()? as usize;
        let numbers = self.take(bytes)?;
        let (numbers, size) = match kind {
            0 => (Numbers::F32(numbers), 4),
            4 => (Numbers::F16(numbers), 2),
            1..=3 => {
                // Integers only say how the file was made; they are kept empty so that nothing can use them.
                return Ok(Tensor { shape: vec![0], numbers: Numbers::F16(&[]) });
            }
            other => bail!("number type {other} is not known"),
        };
        ensure!(length.checked_mul(size) == Some(bytes), "{bytes} bytes do not fill shape {shape:?}");
        Ok(Tensor { shape, numbers })
    }
}

/// Half to single precision, exactly.
pub(super) fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x3ff);
    match (exponent, fraction) {
        (0, _) => {
            // A subnormal half is its fraction times 2^-24, which single precision holds exactly.
            let magnitude = fraction as f32 / 16_777_216.0;
            f32::from_bits(magnitude.to_bits() | sign)
        }
        (0x1f, _) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

/// Single to half precision, to nearest, ties to even.
pub(super) fn f32_to_f16(single: f32) -> u16 {
    let bits = single.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520 and above round to infinity.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    // Below 2^-14 the result is subnormal: count it in steps of 2^-24, which is exact before the rounding.
    if magnitude < 0x3880_0000 {
        let steps = (f32::from_bits(magnitude) * 16_777_216.0).round_ties_even();
        return sign | steps as u16;
    }
    let rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
    sign | ((rounded - 0x3800_0000) >> 13) as u16
}
