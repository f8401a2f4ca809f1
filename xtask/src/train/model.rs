//! The network: a gated recurrent unit over notes, a head for lengths, a head for steps.

use std::{path::Path, time::Instant};

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::{
    AdamW, Embedding, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, embedding, linear, loss,
    ops,
    rnn::{GRU, GRUConfig, GRUState, RNN, gru},
};

use super::{
    Guesser,
    corpus::{INTERVALS, KINDS, LENGTHS, METRES, PLACES, Piece, Step},
};

/// Notes of a training example.
const WINDOW: usize = 48;
/// Examples of a batch.
const BATCH: usize = 64;
/// What is forgotten at random while it learns.
const DROPOUT: f32 = 0.2;
/// What a note is told as: sizes of its fields, which share one table.
const FIELDS: [usize; 8] = [INTERVALS, LENGTHS.len(), PLACES, 12, 2, 12, KINDS, METRES];
/// What is known of the next note when its pitch is guessed.
const AHEAD: [usize; 4] = [LENGTHS.len(), PLACES, 12, KINDS];

/// How it is trained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) epochs: usize,
    pub(crate) hidden: usize,
    pub(crate) seed: u64,
}

/// The trained thing.
#[derive(Clone)]
pub(crate) struct Network {
    variables: VarMap,
    table: Embedding,
    ahead: Embedding,
    memory: GRU,
    lengths: Linear,
    inner: Linear,
    intervals: Linear,
    /// The state after so many notes of the piece that is being guessed.
    heard: (usize, Option<GRUState>),
}

impl Network {
    fn new(hidden: usize) -> anyhow::Result<Self> {
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let width = hidden / 2;
        Ok(Self {
            table: embedding(FIELDS.iter().sum(), width, builder.pp("table"))?,
            ahead: embedding(AHEAD.iter().sum(), width, builder.pp("ahead"))?,
            memory: gru(width, hidden, GRUConfig::default(), builder.pp("memory"))?,
            lengths: linear(hidden, LENGTHS.len(), builder.pp("lengths"))?,
            inner: linear(hidden + width, hidden, builder.pp("inner"))?,
            intervals: linear(hidden, INTERVALS, builder.pp("intervals"))?,
            heard: (0, None),
            variables,
        })
    }

    /// Reads weights of that width.
    pub(crate) fn load(path: &Path, hidden: usize) -> anyhow::Result<Self> {
        let mut network = Self::new(hidden)?;
        network.variables.load(path)?;
        Ok(network)
    }

    /// Writes the weights.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        Ok(self.variables.save(path)?)
    }

    /// What it takes to hear a note and guess the next.
    pub(crate) fn micros_per_note(&mut self, steps: &[Step]) -> f64 {
        self.begin();
        let started = Instant::now();
        for at in 0..steps.len() - 1 {
            self.lengths(steps, at);
            self.intervals(steps, at);
        }
        (started.elapsed().as_micros() as f64 / (steps.len() - 1) as f64).round()
    }

    /// The sums of what each note's fields stand for.
    fn told(
        &self,
        fields: &[u32],
        (examples, notes): (usize, usize),
        table: &Embedding,
    ) -> candle_core::Result<Tensor> {
        let width = fields.len() / (examples * notes);
        let ids = Tensor::from_slice(fields, (examples, notes, width), &Device::Cpu)?;
        table.forward(&ids)?.sum(2)
    }

    fn heads(
        &self,
        states: &Tensor,
        ahead: &Tensor,
        keep: Option<&Tensor>,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let states = match keep {
            Some(keep) => states.broadcast_mul(keep)?,
            None => states.clone(),
        };
        let inner = self.inner.forward(&Tensor::cat(&[&states, ahead], 2)?)?.relu()?;
        Ok((self.lengths.forward(&states)?, self.intervals.forward(&inner)?))
    }

    /// The states up to note `at`, going on from where the last guess was.
    fn state(&mut self, steps: &[Step], at: usize) -> candle_core::Result<Tensor> {
        if self.heard.0 > at + 1 {
            self.heard = (0, None);
        }
        for idx in self.heard.0..=at {
            let input = self.told(&fields(steps, idx), (1, 1), &self.table)?.i((.., 0, ..))?;
            let before = match self.heard.1.take() {
                Some(state) => state,
                None => self.memory.zero_state(1)?,
            };
            // Nothing is learned here: what led to the state can be forgotten.
            let h = self.memory.step(&input.contiguous()?, &before)?.h().detach();
            self.heard = (idx + 1, Some(GRUState { h }));
        }
        let state = self.heard.1.as_ref().map(|state| state.h().unsqueeze(1));
        state.unwrap_or_else(|| Tensor::zeros((1, 1, 1), DType::F32, &Device::Cpu))
    }

    fn chances(&mut self, steps: &[Step], at: usize, of_intervals: bool) -> candle_core::Result<Vec<f32>> {
        let state = self.state(steps, at)?;
        let next = if of_intervals { ahead_of(steps, at) } else { [0; 4] };
        let ahead = self.told(&offset(next, AHEAD), (1, 1), &self.ahead)?;
        let (lengths, intervals) = self.heads(&state, &ahead, None)?;
        let logits = if of_intervals { intervals } else { lengths };
        ops::softmax(&logits.flatten_all()?, 0)?.to_vec1()
    }
}

impl Guesser for Network {
    fn lengths(&mut self, steps: &[Step], at: usize) -> Vec<f32> {
        self.chances(steps, at, false).unwrap_or_else(|_| vec![0.0; LENGTHS.len()])
    }

    fn intervals(&mut self, steps: &[Step], at: usize) -> Vec<f32> {
        self.chances(steps, at, true).unwrap_or_else(|_| vec![0.0; INTERVALS])
    }

    fn begin(&mut self) {
        self.heard = (0, None);
    }
}

/// Indices into one table for all fields.
fn offset<const N: usize>(fields: [usize; N], sizes: [usize; N]) -> Vec<u32> {
    let mut base = 0;
    let shifted = fields.iter().zip(sizes).map(|(field, size)| {
        let index = base + field;
        base += size;
        index as u32
    });
    shifted.collect()
}

/// What is told of note `at`: how it was reached, where it is, what it is.
fn fields(steps: &[Step], at: usize) -> Vec<u32> {
    let step = &steps[at];
    let before = at.checked_sub(1).map_or((12, 7), |before| (steps[before].interval, steps[before].length));
    let told = [
        before.0,
        before.1,
        step.place,
        step.degree,
        step.mode,
        step.own_above_root(),
        step.kind,
        step.metre,
    ];
    offset(told, FIELDS)
}

fn ahead_of(steps: &[Step], at: usize) -> [usize; 4] {
    let (step, next) = (&steps[at], &steps[at + 1]);
    [step.length, next.place, next.above_root(step.pitch), next.kind]
}

/// Windows of all pieces: the piece and where it begins. Each ends before the last note, which nothing follows.
fn windows(pieces: &[Piece], shift: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (idx, piece) in pieces.iter().enumerate() {
        let mut at = shift % WINDOW;
        while at + WINDOW < piece.steps.len() {
            found.push((idx, at));
            at += WINDOW;
        }
        // The end of a piece is a window of its own, so that nothing is left out.
        if piece.steps.len() > WINDOW {
            found.push((idx, piece.steps.len() - 1 - WINDOW));
        }
    }
    found
}

/// Trains on `learned` and keeps an eye on `held`, which decides nothing.
pub(crate) fn train(learned: &[Piece], held: &[Piece], recipe: &Recipe) -> anyhow::Result<Network> {
    let mut network = Network::new(recipe.hidden)?;
    let rate = 2e-3;
    let parameters = ParamsAdamW { lr: rate, weight_decay: 0.02, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(network.variables.all_vars(), parameters)?;
    let mut dice = recipe.seed.max(1);
    for epoch in 0..recipe.epochs {
        let started = Instant::now();
        let mut order = windows(learned, roll(&mut dice) as usize);
        for idx in (1..order.len()).rev() {
            order.swap(idx, roll(&mut dice) as usize % (idx + 1));
        }
        // A cosine from the full rate to a hundredth.
        let turn = epoch as f64 / recipe.epochs as f64 * std::f64::consts::PI;
        optimizer.set_learning_rate(rate * (0.01 + 0.99 * (1.0 + turn.cos()) / 2.0));
        let (mut nats, mut count) = (0.0, 0);
        for batch in order.chunks(BATCH) {
            let loss = batch_loss(&network, learned, batch, true)?;
            optimizer.backward_step(&loss)?;
            nats += f64::from(loss.to_scalar::<f32>()?) * batch.len() as f64;
            count += batch.len();
        }
        let mut seen = (0.0, 0);
        for batch in windows(held, 0).chunks(BATCH) {
            let loss = batch_loss(&network, held, batch, false)?;
            seen.0 += f64::from(loss.to_scalar::<f32>()?) * batch.len() as f64;
            seen.1 += batch.len();
        }
        let perplexity = |nats: f64, count: usize| (nats / count.max(1) as f64).exp();
        eprintln!(
            "epoch {:2}: learned {:.2}, held out {:.2}, {:.0} s",
            epoch + 1,
            perplexity(nats, count),
            perplexity(seen.0, seen.1),
            started.elapsed().as_secs_f64()
        );
    }
    network.begin();
    Ok(network)
}

fn batch_loss(
    network: &Network,
    pieces: &[Piece],
    batch: &[(usize, usize)],
    learning: bool,
) -> candle_core::Result<Tensor> {
    let (mut told, mut ahead, mut lengths, mut intervals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (piece, from) in batch {
        let steps = &pieces[*piece].steps;
        for at in *from..from + WINDOW {
            told.extend(fields(steps, at));
            ahead.extend(offset(ahead_of(steps, at), AHEAD));
            lengths.push(steps[at].length as u32);
            intervals.push(steps[at].interval as u32);
        }
    }
    let shape = (batch.len(), WINDOW);
    let inputs = network.told(&told, shape, &network.table)?;
    let ahead = network.told(&ahead, shape, &network.ahead)?;
    let states = network.memory.seq(&inputs)?;
    let states = Tensor::stack(&states.iter().map(GRUState::h).collect::<Vec<_>>(), 1)?;
    let keep = if learning { Some(mask(states.dims3()?)?) } else { None };
    let (by_length, by_interval) = network.heads(&states, &ahead, keep.as_ref())?;
    let target = |ids: Vec<u32>| Tensor::from_vec(ids, shape.0 * shape.1, &Device::Cpu);
    let lengths = loss::cross_entropy(&by_length.flatten_to(1)?, &target(lengths)?)?;
    let intervals = loss::cross_entropy(&by_interval.flatten_to(1)?, &target(intervals)?)?;
    lengths + intervals
}

/// Dropout: the same places in all examples of a batch would be too few.
fn mask((examples, notes, width): (usize, usize, usize)) -> candle_core::Result<Tensor> {
    let dice = Tensor::rand(0.0_f32, 1.0, (examples, notes, width), &Device::Cpu)?;
    let keep = dice.ge(DROPOUT)?.to_dtype(DType::F32)?;
    keep / f64::from(1.0 - DROPOUT)
}

fn roll(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 16
}
