//! Writes a whisper model in ggml's file format, weights in blocks of 32 eight-bit numbers (`q8_0`).

use std::io::{self, Write};

use super::{
    ct2::{Numbers, Tensor, f32_to_f16},
    mel,
};

const MAGIC: u32 = 0x6767_6d6c;
/// `ftype` of q8_0 in quantisation version 2: 2 × 1000 + 7.
const FTYPE_Q8_0: i32 = 2007;
/// Numbers that share one scale.
const BLOCK: usize = 32;

/// The sizes that the header states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) vocabulary: i32,
    pub(super) audio_context: i32,
    pub(super) width: i32,
    pub(super) heads: i32,
    pub(super) encoder_layers: i32,
    pub(super) text_context: i32,
    pub(super) decoder_layers: i32,
    pub(super) mel_bands: i32,
}

/// How a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32 = 0,
    F16 = 1,
    Q8 = 8,
}

/// Header, mel filters and vocabulary: everything before the tensors.
pub(super) fn write_head(out: &mut impl Write, shape: Shape, tokens: &[Vec<u8>]) -> io::Result<()> {
    out.write_all(&MAGIC.to_le_bytes())?;
    let sizes = [
        shape.vocabulary,
        shape.audio_context,
        shape.width,
        shape.heads,
        shape.encoder_layers,
        shape.text_context,
        shape.width,
        shape.heads,
        shape.decoder_layers,
        shape.mel_bands,
        FTYPE_Q8_0,
    ];
    write_integers(out, &sizes)?;
    write_integers(out, &[shape.mel_bands, mel::BINS as i32])?;
    for weight in mel::filters(shape.mel_bands as usize) {
        out.write_all(&weight.to_le_bytes())?;
    }
    write_integers(out, &[tokens.len() as i32])?;
    for token in tokens {
        write_integers(out, &[token.len() as i32])?;
        out.write_all(token)?;
    }
    Ok(())
}

/// One tensor: matrices are quantised, convolutions stay in half precision, everything small stays exact.
pub(super) fn write_tensor(out: &mut impl Write, name: &str, tensor: &Tensor<'_>) -> io::Result<()> {
    let kind = kind_of(name, tensor);
    // whisper.cpp adds the bias of a convolution to columns of frames, so it wants it as a column.
    let mut shape = tensor.shape.clone();
    if is_convolution_bias(name) {
        shape.push(1);
    }
    write_integers(out, &[shape.len() as i32, name.len() as i32, kind as i32])?;
    for &dimension in shape.iter().rev() {
        write_integers(out, &[dimension as i32])?;
    }
    out.write_all(name.as_bytes())?;
    match kind {
        Kind::F32 => tensor.singles().iter().try_for_each(|number| out.write_all(&number.to_le_bytes())),
        Kind::F16 => write_halves(out, tensor),
        Kind::Q8 => write_blocks(out, &tensor.singles()),
    }
}

fn kind_of(name: &str, tensor: &Tensor<'_>) -> Kind {
    if tensor.shape.len() < 2 || name.contains("positional_embedding") || is_convolution_bias(name) {
        Kind::F32
    } else if tensor.shape.len() == 2 && tensor.shape[1].is_multiple_of(BLOCK) {
        Kind::Q8
    } else {
        Kind::F16
    }
}

fn is_convolution_bias(name: &str) -> bool {
    matches!(name, "encoder.conv1.bias" | "encoder.conv2.bias")
}

fn write_halves(out: &mut impl Write, tensor: &Tensor<'_>) -> io::Result<()> {
    match tensor.numbers {
        Numbers::F16(bytes) => out.write_all(bytes),
        Numbers::F32(_) => {
            tensor.singles().iter().try_for_each(|number| out.write_all(&f32_to_f16(*number).to_le_bytes()))
        }
    }
}

/// A block is its scale in half precision and 32 steps of it; the steps are counted with the scale before its
/// rounding, as ggml itself does.
fn write_blocks(out: &mut impl Write, numbers: &[f32]) -> io::Result<()> {
    let mut bytes = [0_u8; 2 + BLOCK];
    for block in numbers.chunks_exact(BLOCK) {
        let peak = block.iter().fold(0.0_f32, |peak, number| peak.max(number.abs()));
        let scale = peak / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        bytes[..2].copy_from_slice(&f32_to_f16(scale).to_le_bytes());
        for (byte, number) in bytes[2..].iter_mut().zip(block) {
            *byte = (number * inverse).round_ties_even() as i8 as u8;
        }
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn write_integers(out: &mut impl Write, integers: &[i32]) -> io::Result<()> {
    integers.iter().try_for_each(|integer| out.write_all(&integer.to_le_bytes()))
}
