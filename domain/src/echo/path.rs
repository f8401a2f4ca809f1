//! The way from the loudspeaker to the microphone: its lag and its gain in each band.

use super::meter::{Bands, SILENCE, is_active};

/// Resemblance that counts for a lag, and one that needs no second look.
const ALIKE: f32 = 0.7;
const SURE: f32 = 0.88;
/// Looks that agree before a first lag is taken, and before a known one is given up for another.
const AGREED: u32 = 2;
const MOVED: u32 = 5;
/// Hops of playing from which a gain can be told.
const ENOUGH: usize = 12;
/// The percentile of "heard per played" that is the echo, in per cent.
const PERCENTILE: usize = 35;

#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    lag: Option<usize>,
    gain: Option<Bands>,
    candidate: usize,
    agreed: u32,
}

impl Path {
    pub(super) fn lag(&self) -> Option<usize> {
        self.lag
    }

    pub(super) fn gain(&self) -> Bands {
        self.gain.unwrap_or(SILENCE)
    }

    /// The lag at which sounds resemble each other best now, and how much.
    pub(super) fn handle_resemblance(&mut self, lag: usize, resemblance: f32) {
        if resemblance < ALIKE {
            return;
        }
        self.agreed = if lag.abs_diff(self.candidate) <= 1 { self.agreed + 1 } else { 1 };
        self.candidate = lag;
        let enough = match self.lag {
            None => self.agreed >= AGREED || resemblance >= SURE,
            Some(known) if known.abs_diff(lag) <= 1 => self.agreed >= AGREED,
            Some(_) => self.agreed >= MOVED,
        };
        if !enough {
            return;
        }
        if self.lag.is_some_and(|known| known.abs_diff(lag) > 1) {
            self.gain = None;
        }
        self.lag = Some(lag);
    }

    /// What was heard and played at this lag, newest first. Down at once, up slowly: too high a gain would make
    /// the person inaudible.
    pub(super) fn handle_pairs<'a>(&mut self, pairs: impl Iterator<Item = (&'a Bands, &'a Bands)> + Clone) {
        let mut fresh = SILENCE;
        for (band, fresh) in fresh.iter_mut().enumerate() {
            let playing = pairs.clone().filter(|(_, played)| is_active(played) && played[band] > 1e-7);
            let mut ratios = playing.map(|(heard, played)| heard[band] / played[band]).collect::<Vec<_>>();
            if ratios.len() < ENOUGH {
                // Too little was played in this band to tell; what is known stays.
                *fresh = self.gain.map_or(0.0, |gain| gain[band]);
                continue;
            }
            let rank = ratios.len() * PERCENTILE / 100;
            let (_, ratio, _) = ratios.select_nth_unstable_by(rank, f32::total_cmp);
            *fresh = *ratio;
        }
        let known = self.gain.unwrap_or(fresh);
        self.gain = Some(std::array::from_fn(|band| {
            let (known, fresh) = (known[band], fresh[band]);
            let share = if known == 0.0 || fresh < known { 0.6 } else { 0.15 };
            known + (fresh - known) * share
        }));
    }
}

