//! How late packets are, and how much later than the fastest of them to play.

use std::collections::VecDeque;

use super::{Config, FRAME_US, us};

/// Packets that are remembered: 10 s of 20 ms. In them, clocks that differ by 200 ppm part by 2 ms.
const MEMORY: usize = 512;
/// The latest of them, which tell at once that the network got worse: 1.3 s.
const RECENT: usize = 64;
/// Share of the latest packets that shall not be too late.
const RECENT_IN_TIME: f64 = 0.9;
/// On top of the lateness: what the one who plays may be late himself.
const MARGIN_US: i64 = 10_000;
/// Steps over which a delay must have been too long before it is shortened: 1 s, so that a burst of steps after a stall
/// of the one who plays changes nothing.
const OBSERVED: usize = 50;
/// So much above the target is too long while it is quiet: without one frame the delay is not yet so short that one would
/// be put in.
const LONG_US: i64 = 15_000;
/// So much above the target is too long even in speech.
const LONG_IN_SPEECH_US: i64 = 100_000;
/// Packets over which losses are averaged.
const LOSS_MEMORY: f64 = 64.0;
/// From this share on, the next packet is waited for, since it has a copy of the lost one.
const LOSSY: f64 = 0.01;
/// A packet that came so much earlier or later than the others is of another timeline.
const FITS_WITHIN_US: i64 = 2_000_000;

/// What the arrivals tell.
#[derive(Clone, Debug)]
pub(super) struct Delay {
    config: Config,
    /// Arrival less timestamp, in microseconds; the oldest first.
    offsets: VecDeque<i64>,
    /// The least of them: the fastest way.
    base: i64,
    target: i64,
    lossy: f64,
    jitter: i64,
    observed: VecDeque<i64>,
}

impl Delay {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            offsets: VecDeque::new(),
            base: 0,
            target: config.first_us,
            lossy: 0.0,
            jitter: 0,
            observed: VecDeque::new(),
        }
    }

    /// Whether an arrival resembles the others at all.
    pub(super) fn fits(&self, at: i64, arrival_us: u64) -> bool {
        self.offsets.is_empty() || (offset(at, arrival_us) - self.base).abs() <= FITS_WITHIN_US
    }

    /// A packet of this place came.
    pub(super) fn arrived(&mut self, at: i64, arrival_us: u64) {
        let offset = offset(at, arrival_us);
        if let Some(last) = self.offsets.back() {
            self.jitter += ((offset - last).abs() - self.jitter) / 16;
        }
        self.offsets.push_back(offset);
        if self.offsets.len() > MEMORY {
            self.offsets.pop_front();
        }
        self.base = self.offsets.iter().copied().min().unwrap_or(offset);
        self.study();
    }

    /// A frame was lost, or was not.
    pub(super) fn lost(&mut self, lost: bool) {
        self.lossy += (f64::from(u8::from(lost)) - self.lossy) / LOSS_MEMORY;
    }

    fn study(&mut self) {
        let recent = self.offsets.iter().rev().take(RECENT).copied().collect::<Vec<_>>();
        let lateness = quantile(self.offsets.iter().copied().collect(), self.config.in_time)
            .max(quantile(recent, RECENT_IN_TIME))
            - self.base;
        let for_copies = if self.lossy > LOSSY { FRAME_US } else { 0 };
        let wanted = lateness + MARGIN_US + for_copies;
        // Few packets prove nothing yet: what is assumed of a network gives way to what is seen.
        let assumed =
            self.config.first_us * (RECENT.saturating_sub(self.offsets.len())) as i64 / RECENT as i64;
        self.target = wanted.max(assumed).clamp(self.config.least_us, self.config.most_us);
    }

    /// How long after the fastest packet's arrival a place is played, when it is played now.
    pub(super) fn of(&self, at: i64, now_us: u64) -> i64 {
        offset(at, now_us) - self.base
    }

    /// The place that would be played now if the delay were as wanted.
    pub(super) fn place(&self, now_us: u64) -> i64 {
        (signed(now_us) - self.base - self.target).saturating_mul(6) / 125
    }

    /// What the delay shall be, in microseconds.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// Interarrival jitter, in microseconds.
    pub(super) fn jitter(&self) -> i64 {
        self.jitter
    }

    /// A step was asked for at this delay.
    pub(super) fn observe(&mut self, delay: i64) {
        self.observed.push_back(delay);
        if self.observed.len() > OBSERVED {
            self.observed.pop_front();
        }
    }

    /// Whether a frame should be put in.
    pub(super) fn is_short(&self, delay: i64) -> bool {
        delay + FRAME_US / 2 < self.target
    }

    /// Whether a delay is no longer than it shall be, to the nearest frame.
    pub(super) fn affords(&self, delay: i64) -> bool {
        delay <= self.target + FRAME_US / 2
    }

    /// Whether a frame should be left out: the delay has been too long all the time.
    pub(super) fn is_long(&self, quiet: bool) -> bool {
        let least = self.observed.iter().copied().min().unwrap_or(0);
        let allowed = if quiet { LONG_US } else { LONG_IN_SPEECH_US };
        self.observed.len() == OBSERVED && least > self.target + allowed
    }

    /// A packet of this span was left out.
    pub(super) fn caught_up(&mut self, span: i64) {
        for delay in &mut self.observed {
            *delay -= us(span);
        }
    }
}

fn offset(at: i64, now_us: u64) -> i64 {
    signed(now_us).saturating_sub(us(at))
}

fn signed(now_us: u64) -> i64 {
    i64::try_from(now_us).unwrap_or(i64::MAX)
}

/// The value that this share does not exceed; 0 of nothing.
fn quantile(mut values: Vec<i64>, share: f64) -> i64 {
    let last = values.len().saturating_sub(1);
    if values.is_empty() {
        return 0;
    }
    let rank = ((last as f64) * share) as usize;
    *values.select_nth_unstable(rank.min(last)).1
}
