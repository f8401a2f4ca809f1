//! The Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2019): from pieces to 512 numbers.
//!
//! Each piece has 512 numbers; with P their projection to 3 × 256, normalised over all 768, three branches look at windows
//! of 2, 3 and 5 pieces twice, each time adding what they found to what they had; the 512 + 3 × 256 numbers of each piece
//! are normalised, summed over the sentence, projected to 512, and divided by the root of its length; and
//! four dense layers with two shortcuts end in a hyperbolic tangent and length one. Pieces beyond the ends are zeros.
//!
//! The table of pieces is held as it comes, a byte a number, in [`CHUNKS`] blocks, each with its scale: 65 MB. A quarter
//! of a gigabyte as floats would save a thousandth of the time.

use std::path::Path;

use candle_core::{Device, Tensor};

use crate::{npz::Archive, port::EngineError};

/// Numbers of a piece, and of a sentence.
pub(super) const DIMENSIONS: usize = 512;
/// The piece `id` is row `id / CHUNKS` of block `id % CHUNKS`.
const CHUNKS: usize = 17;
/// Numbers of a branch.
const BRANCH: usize = 256;
/// What a branch looks at: how many pieces, and how many of them before the current one.
const WINDOWS: [(usize, usize); 3] = [(2, 0), (3, 1), (5, 2)];
/// Numbers of all branches.
const BRANCHES: usize = WINDOWS.len() * BRANCH;
/// Numbers of a piece with what the branches found.
const FEATURES: usize = DIMENSIONS + BRANCHES;
/// Keeps the division by a spread or a length of zero finite; the model was made with it.
const EPSILON: f32 = 1e-12;

/// The weights.
pub(super) struct Encoder {
    blocks: Vec<Vec<u8>>,
    scales: Vec<f32>,
    lowest: Vec<f32>,
    projections: Vec<Layer>,
    branches: Vec<[Layer; 2]>,
    norm_of_branches: Norm,
    norm_of_features: Norm,
    summary: Layer,
    dense: Dense,
}

/// `x · weights + bias`.
struct Layer {
    /// Rows: numbers in; columns: numbers out.
    weights: Tensor,
    bias: Vec<f32>,
}

/// To mean 0 and spread 1, then `x · gain + bias`.
struct Norm {
    gain: Vec<f32>,
    bias: Vec<f32>,
}

/// The layers behind the sum, by the names that they have in the file.
struct Dense {
    d0: Layer,
    d1: Layer,
    d2: Layer,
    d3: Layer,
    p1: Layer,
    p3: Layer,
}

impl Encoder {
    /// Reads the archive at `path`, for `engine`.
    pub(super) fn open(engine: &'static str, path: &Path) -> Result<Self, EngineError> {
        let mut file = Weights { archive: Archive::open(engine, path)?, engine, path };
        let mut blocks = Vec::with_capacity(CHUNKS);
        for chunk in 1..=CHUNKS {
            blocks.push(file.block(&format!("q{chunk}"))?);
        }
        let (mut projections, mut branches) = (Vec::new(), Vec::new());
        let mut norm_of_branches = Norm { gain: Vec::new(), bias: Vec::new() };
        for (width, _) in WINDOWS {
            let mut named = |weights: &str, bias: &str, rows: usize| {
                file.layer(&format!("{weights}{width}"), Some(&format!("{bias}{width}")), (rows, BRANCH))
            };
            projections.push(named("proj", "proj_b", DIMENSIONS)?);
            branches.push([named("w1_", "b1_", width * BRANCH)?, named("w2_", "b2_", width * BRANCH)?]);
            norm_of_branches.gain.extend(file.floats(&format!("ln_g{width}"), BRANCH)?);
            norm_of_branches.bias.extend(file.floats(&format!("ln_b{width}"), BRANCH)?);
        }
        // Between the layers behind the sum there are so many numbers.
        let narrow = 320;
        let dense = Dense {
            d0: file.layer("d0", None, (DIMENSIONS, narrow))?,
            d1: file.layer("d1", None, (narrow, narrow))?,
            p1: file.layer("p1", None, (DIMENSIONS, narrow))?,
            d2: file.layer("d2", None, (narrow, DIMENSIONS))?,
            p3: file.layer("p3", None, (narrow, DIMENSIONS))?,
            d3: file.layer("d3", None, (DIMENSIONS, DIMENSIONS))?,
        };
        Ok(Self {
            blocks,
            scales: file.floats("scale", CHUNKS)?,
            lowest: file.floats("lo", CHUNKS)?,
            projections,
            branches,
            norm_of_branches,
            norm_of_features: Norm {
                gain: file.floats("ln_g", FEATURES)?,
                bias: file.floats("ln_b", FEATURES)?,
            },
            summary: file.layer("cnn_W", Some("cnn_b"), (FEATURES, DIMENSIONS))?,
            dense,
        })
    }

    /// How many pieces it knows.
    pub(super) fn pieces(&self) -> usize {
        self.blocks.iter().map(|block| block.len() / DIMENSIONS).sum()
    }

    /// [`DIMENSIONS`] numbers of length one for each of `sentences`, which hold at least one piece each and only such
    /// as it knows. Together they cost less than one by one: the weights come from memory once.
    pub(super) fn encode(&self, sentences: &[Vec<u32>]) -> candle_core::Result<Vec<Vec<f32>>> {
        let features = self.features(sentences)?;
        let mut sums = vec![0.0f32; sentences.len() * DIMENSIONS];
        let mut summed = vec![0.0f32; sentences.len() * FEATURES];
        let mut pieces = features.chunks_exact(FEATURES);
        for (sum, sentence) in summed.chunks_exact_mut(FEATURES).zip(sentences) {
            for piece in pieces.by_ref().take(sentence.len()) {
                add(sum, piece);
            }
        }
        // The projection is linear: of the sum it is the sum of the projections, with the bias as often.
        let projected = product(&summed, &self.summary.weights)?;
        for ((sum, projected), sentence) in
            sums.chunks_exact_mut(DIMENSIONS).zip(projected.chunks_exact(DIMENSIONS)).zip(sentences)
        {
            let length = sentence.len() as f32;
            for ((number, value), bias) in sum.iter_mut().zip(projected).zip(&self.summary.bias) {
                *number = (value + length * bias) / length.sqrt();
            }
        }
        let ends = self.dense.apply(&sums)?;
        Ok(ends.chunks_exact(DIMENSIONS).map(unit).collect())
    }

    /// [`FEATURES`] numbers for each piece of all `sentences`, normalised.
    fn features(&self, sentences: &[Vec<u32>]) -> candle_core::Result<Vec<f32>> {
        let table = self.look_up(sentences);
        let rows = table.len() / DIMENSIONS;
        let mut projected = vec![0.0f32; rows * BRANCHES];
        for (index, projection) in self.projections.iter().enumerate() {
            let narrow = projection.apply(&table)?;
            put_columns(&mut projected, (BRANCHES, index * BRANCH), &narrow);
        }
        self.norm_of_branches.apply(&mut projected);
        let mut features = vec![0.0f32; rows * FEATURES];
        for (row, piece) in features.chunks_exact_mut(FEATURES).zip(table.chunks_exact(DIMENSIONS)) {
            row[..DIMENSIONS].copy_from_slice(piece);
        }
        for (index, layers) in self.branches.iter().enumerate() {
            let mut found = columns(&projected, index * BRANCH);
            for layer in layers {
                let mut news = layer.apply(&windows(&found, sentences, WINDOWS[index]))?;
                rectify(&mut news);
                add(&mut found, &news);
            }
            put_columns(&mut features, (FEATURES, DIMENSIONS + index * BRANCH), &found);
        }
        self.norm_of_features.apply(&mut features);
        Ok(features)
    }

    /// The numbers of each piece, one after the other.
    fn look_up(&self, sentences: &[Vec<u32>]) -> Vec<f32> {
        let mut table = Vec::with_capacity(sentences.iter().map(Vec::len).sum::<usize>() * DIMENSIONS);
        for &id in sentences.iter().flatten() {
            let (chunk, row) = (id as usize % CHUNKS, id as usize / CHUNKS);
            let (scale, lowest) = (self.scales[chunk], self.lowest[chunk]);
            let row = &self.blocks[chunk][row * DIMENSIONS..(row + 1) * DIMENSIONS];
            table.extend(row.iter().map(|&step| f32::from(step) * scale + lowest));
        }
        table
    }
}

impl Layer {
    fn apply(&self, rows: &[f32]) -> candle_core::Result<Vec<f32>> {
        let mut out = product(rows, &self.weights)?;
        if !self.bias.is_empty() {
            for row in out.chunks_exact_mut(self.bias.len()) {
                add(row, &self.bias);
            }
        }
        Ok(out)
    }
}

impl Norm {
    fn apply(&self, rows: &mut [f32]) {
        let width = self.gain.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = row.iter().sum::<f32>() / width as f32;
            let spread = row.iter().map(|number| (number - mean).powi(2)).sum::<f32>() / width as f32;
            let scale = (spread + EPSILON).sqrt().recip();
            for ((number, gain), bias) in row.iter_mut().zip(&self.gain).zip(&self.bias) {
                *number = (*number - mean) * scale * gain + bias;
            }
        }
    }
}

impl Dense {
    fn apply(&self, rows: &[f32]) -> candle_core::Result<Vec<f32>> {
        let mut first = self.d0.apply(rows)?;
        rectify(&mut first);
        let mut second = self.p1.apply(rows)?;
        add(&mut second, &self.d1.apply(&first)?);
        rectify(&mut second);
        let mut third = self.d2.apply(&second)?;
        rectify(&mut third);
        let mut end = self.p3.apply(&second)?;
        add(&mut end, &self.d3.apply(&third)?);
        for number in &mut end {
            *number = number.tanh();
        }
        Ok(end)
    }
}

/// `rows`, one after the other, times `weights`.
fn product(rows: &[f32], weights: &Tensor) -> candle_core::Result<Vec<f32>> {
    let width = weights.dim(0)?;
    let rows = Tensor::from_slice(rows, (rows.len() / width, width), &Device::Cpu)?;
    rows.matmul(weights)?.flatten_all()?.to_vec1()
}

/// Beside each other for each piece: itself and its neighbours within its sentence, zeros beyond.
fn windows(rows: &[f32], sentences: &[Vec<u32>], (width, before): (usize, usize)) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len() * width);
    let mut rest = rows;
    for sentence in sentences {
        let (own, others) = rest.split_at(sentence.len() * BRANCH);
        rest = others;
        for at in 0..sentence.len() {
            for slot in 0..width {
                let neighbour = (at + slot).checked_sub(before).filter(|&index| index < sentence.len());
                match neighbour {
                    Some(index) => out.extend_from_slice(&own[index * BRANCH..(index + 1) * BRANCH]),
                    None => out.resize(out.len() + BRANCH, 0.0),
                }
            }
        }
    }
    out
}

/// The [`BRANCH`] columns from `from` on of rows of [`BRANCHES`].
fn columns(rows: &[f32], from: usize) -> Vec<f32> {
    rows.chunks_exact(BRANCHES).flat_map(|row| &row[from..from + BRANCH]).copied().collect()
}

/// The other way round, into rows of `width`.
fn put_columns(rows: &mut [f32], (width, from): (usize, usize), columns: &[f32]) {
    for (row, part) in rows.chunks_exact_mut(width).zip(columns.chunks_exact(BRANCH)) {
        row[from..from + BRANCH].copy_from_slice(part);
    }
}

fn add(to: &mut [f32], other: &[f32]) {
    for (number, more) in to.iter_mut().zip(other) {
        *number += more;
    }
}

fn rectify(numbers: &mut [f32]) {
    for number in numbers {
        *number = number.max(0.0);
    }
}

fn unit(numbers: &[f32]) -> Vec<f32> {
    let length = numbers.iter().map(|number| number * number).sum::<f32>().max(EPSILON).sqrt();
    numbers.iter().map(|number| number / length).collect()
}

/// The file, with what is expected of it.
struct Weights<'a> {
    archive: Archive,
    engine: &'static str,
    path: &'a Path,
}

impl Weights<'_> {
    fn floats(&mut self, name: &str, count: usize) -> Result<Vec<f32>, EngineError> {
        let (_, floats) = self.archive.floats(name)?;
        if floats.len() == count { Ok(floats) } else { Err(self.other_shape(name)) }
    }

    fn layer(
        &mut self,
        name: &str,
        bias: Option<&str>,
        (rows, columns): (usize, usize),
    ) -> Result<Layer, EngineError> {
        let floats = self.floats(name, rows * columns)?;
        let weights = Tensor::from_vec(floats, (rows, columns), &Device::Cpu);
        let weights = weights.map_err(|_| self.other_shape(name))?;
        let bias = bias.map(|bias| self.floats(bias, columns)).transpose()?;
        Ok(Layer { weights, bias: bias.unwrap_or_default() })
    }

    fn block(&mut self, name: &str) -> Result<Vec<u8>, EngineError> {
        let (_, bytes) = self.archive.bytes(name)?;
        let fits = !bytes.is_empty() && bytes.len().is_multiple_of(DIMENSIONS);
        if fits { Ok(bytes) } else { Err(self.other_shape(name)) }
    }

    fn other_shape(&self, name: &str) -> EngineError {
        super::missing(self.engine, format!("{}: {name} has another shape", self.path.display()))
    }
}
