//! Whether the microphone hears the person or the reply that comes back through the loudspeakers.
//!
//! Pure: two streams of band energies on one clock, one hop of 16 ms at a time, of the microphone and of what is being
//! played. Three steps:
//!
//! - **Lag.** Envelopes that go on resembling each other at one lag show a path from the speaker to the microphone.
//! - **Gain.** The microphone holds at least the echo, so a low percentile of "heard per played" in each band is the
//!   echo's gain, whoever speaks over it. With headphones it is next to nothing, and then nothing is masked.
//! - **Residual.** What stands out of the predicted echo, band by band, is somebody else: so a person is heard while
//!   the reply comes back too.

mod meter;
mod path;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use meter::{BANDS, is_active};
pub use meter::{BandMeter, Bands, HOP_MS, SILENCE};
use path::Path;

/// Longest way from the server's clock of playing to its microphone: buffers of the sound card, air, network.
const LAGS: usize = 32;
/// Hops over which resemblance is judged: 384 ms, several syllables.
const WINDOW: usize = 24;
/// Hops from which the gain is learned: 1.5 s, so that a person's word does not fill it.
const MEMORY: usize = 96;
/// Resemblance is judged every so many hops.
const STUDY_EVERY: u32 = 4;
/// Hops of playing that must be seen before "no echo" is believed: as long as finding a path takes.
const TRIED: u32 = 60;
/// How far above the prediction counts as part of it: rooms ring, and gains are estimates.
const MARGIN_DB: f32 = 6.0;
/// How far above the margin is wholly somebody else.
const SPAN_DB: f32 = 8.0;
/// Hops of sound decaying in the room: 60 dB in 0.4 s.
const DECAY: f32 = 0.58;
/// Scores are the mean of so many hops: two frames of voice activity.
const SMOOTH: usize = 4;
/// Neither echo nor person: nobody knows yet.
const UNKNOWN: f32 = 0.5;
/// Hops that the reply must have explained wholly before a dip means somebody: 0.5 s.
const STEADY: u32 = 32;
/// What counts as wholly.
const WHOLLY: f32 = 0.95;
/// A score below this, right after so many that were whole, is a dip.
const DIP: f32 = 0.75;

/// The gate. Feed it every hop while a reply is audible.
#[derive(Clone, Debug, Default)]
pub struct EchoGate {
    heard: VecDeque<Bands>,
    /// With the room's decay; newest last, like `heard`.
    played: VecDeque<Bands>,
    room: Option<Bands>,
    path: Path,
    tried: u32,
    since_study: u32,
    recent: [f32; SMOOTH],
    next: usize,
    /// Of the latest hops, how many more the reply explained than not.
    whole: u32,
    /// Hops in a row in which something was played that could have explained what was heard.
    run: usize,
    score: f32,
}

impl EchoGate {
    /// A gate that knows no room.
    pub fn new() -> Self {
        Self::default()
    }

    /// One hop of the microphone and what was played at the same time; answers how much of what was heard lately
    /// is explained by what was played: 0 is a person (or nothing), 1 is the reply.
    pub fn handle_hop(&mut self, heard: Bands, played: Bands) -> f32 {
        let before = self.played.back().copied().unwrap_or(SILENCE);
        let ringing = std::array::from_fn(|band| finite(played[band]).max(before[band] * DECAY));
        let heard = heard.map(finite);
        push(&mut self.played, ringing, MEMORY + LAGS);
        push(&mut self.heard, heard, MEMORY);
        self.learn_room(heard);
        self.tried = self.tried.saturating_add(u32::from(is_active(&ringing)));
        self.since_study += 1;
        if self.since_study >= STUDY_EVERY {
            self.since_study = 0;
            self.study();
        }
        let explained = self.explain(heard);
        self.recent[self.next] = explained.unwrap_or(0.0);
        self.next = (self.next + 1) % SMOOTH;
        self.score = self.recent.iter().sum::<f32>() / SMOOTH as f32;
        let whole = self.score >= WHOLLY;
        self.run = if explained.is_some() { self.run.saturating_add(1) } else { 0 };
        self.whole = match explained {
            Some(_) if whole => (self.whole + 1).min(2 * STEADY),
            Some(_) => self.whole.saturating_sub(1),
            None => self.whole,
        };
        self.score
    }

    /// Whether the reply explained everything for a while and does not any more. Somebody who begins under a loud echo
    /// shows here before they can be told from it.
    pub fn dips(&self) -> bool {
        self.whole >= STEADY && self.run >= SMOOTH && self.score < DIP
    }

    /// The lag of the echo in milliseconds, when there is a path.
    pub fn lag_ms(&self) -> Option<u64> {
        self.path.lag().map(|lag| lag as u64 * HOP_MS)
    }

    /// Playing has stopped for good: what was learned of the room stays, the sound itself goes.
    pub fn rest(&mut self) {
        self.heard = VecDeque::new();
        self.played = VecDeque::new();
        self.recent = [0.0; SMOOTH];
        (self.whole, self.run) = (0, 0);
    }

    /// The room's own noise: falls at once, rises by 2 dB a second.
    fn learn_room(&mut self, heard: Bands) {
        let room = self.room.get_or_insert(heard);
        for (room, heard) in room.iter_mut().zip(heard) {
            *room = if heard < *room { heard } else { (*room * 1.007).min(heard).max(1e-10) };
        }
    }

    fn study(&mut self) {
        // Without sound on its way for most of the window there is nothing to learn.
        let active =
            self.played.iter().rev().take(WINDOW + LAGS / 2).filter(|bands| is_active(bands)).count();
        if active < WINDOW / 2 || self.heard.len() < WINDOW {
            return;
        }
        let newest_first = |ring: &VecDeque<Bands>, count| {
            ring.iter().rev().take(count).map(|bands| bands.map(compress)).collect::<Vec<_>>()
        };
        let heard = newest_first(&self.heard, WINDOW);
        let played = newest_first(&self.played, WINDOW + LAGS);
        let resemblances: [_; LAGS] =
            std::array::from_fn(|lag| resemblance(&heard, played.get(lag..).unwrap_or_default()));
        self.path.handle_look(&resemblances);
        if let Some(lag) = self.path.lag() {
            let pairs = self.heard.iter().rev().zip(self.played.iter().rev().skip(lag));
            self.path.handle_pairs(self.path.is_alone(&resemblances), pairs);
        }
    }

    /// The share of this hop that the reply explains; `None` when nothing was played that could.
    fn explain(&self, heard: Bands) -> Option<f32> {
        let lag = self.path.lag().unwrap_or(0);
        // Clocks drift by a hop between two reports.
        let near = |offset: usize| self.played.iter().rev().nth((lag + offset).saturating_sub(1));
        let mut played = SILENCE;
        for other in (0..3).filter_map(near) {
            played = std::array::from_fn(|band| played[band].max(other[band]));
        }
        if !is_active(&played) && self.path.lag().is_some() {
            return None;
        }
        if self.path.lag().is_none() {
            let recent = self.played.iter().rev().take(LAGS).any(is_active);
            return Some(if recent && self.tried < TRIED { UNKNOWN } else { 0.0 });
        }
        let room = self.room.unwrap_or(SILENCE);
        let gain = self.path.gain();
        let (mut foreign, mut weights) = (0.0, 0.0);
        for band in 0..BANDS {
            let expected = gain[band] * played[band] + 2.0 * room[band];
            let excess = 10.0 * (heard[band].max(1e-12) / expected.max(1e-12)).log10() - MARGIN_DB;
            let weight = compress(heard[band]);
            foreign += weight * (excess / SPAN_DB).clamp(0.0, 1.0);
            weights += weight;
        }
        Some(if weights > 0.0 { 1.0 - foreign / weights } else { 0.0 })
    }
}

/// Correlation of envelopes, newest first, mean over the bands weighted by how much moves in them.
fn resemblance(heard: &[Bands], played: &[Bands]) -> Option<f32> {
    let length = heard.len().min(played.len());
    if length < WINDOW / 2 {
        return None;
    }
    let n = length as f32;
    let (mut sum, mut weights) = (0.0, 0.0);
    for band in 0..BANDS {
        let (mut x, mut y, mut xx, mut yy, mut xy) = (0.0f32, 0.0, 0.0, 0.0, 0.0);
        for (heard, played) in heard.iter().zip(played) {
            let (heard, played) = (heard[band], played[band]);
            x += heard;
            y += played;
            xx += heard * heard;
            yy += played * played;
            xy += heard * played;
        }
        let (var_x, var_y) = (xx - x * x / n, yy - y * y / n);
        // Bands in which hardly anything moves say nothing.
        if var_x > 1e-5 && var_y > 1e-5 {
            sum += (xy - x * y / n).max(0.0);
            weights += (var_x * var_y).sqrt();
        }
    }
    (weights > 0.0).then(|| sum / weights)
}

/// About what an ear makes of power: quiet syllables count beside loud ones.
fn compress(power: f32) -> f32 {
    power.sqrt().sqrt()
}

fn finite(power: f32) -> f32 {
    if power.is_finite() { power.max(0.0) } else { 0.0 }
}

fn push(ring: &mut VecDeque<Bands>, bands: Bands, capacity: usize) {
    if ring.len() == capacity {
        ring.pop_front();
    }
    ring.push_back(bands);
}
