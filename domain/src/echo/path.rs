//! The way from the loudspeaker to the microphone: its lag and its gain in each band.

use super::meter::{Bands, SILENCE, is_active};

/// Resemblance that speaks neither for a lag nor against it. Two voices that have nothing to do with each other
/// reach 0.9 for a moment at some lag, and half of this at any one lag in the long run.
const NEUTRAL: f32 = 0.5;
/// Resemblance above [`NEUTRAL`], added up look by look, that makes a lag the path: more than one chance likeness,
/// as long as a window, adds up to.
const FOUND: f32 = 4.0;
/// More is not remembered, so that a room that changes is found out within seconds.
const MOST: f32 = 12.0;
/// What a known lag may lose before it is given up.
const LOST: f32 = 0.5;
/// Resemblance at the known lag from which nothing but the echo is heard.
const ALONE: f32 = 0.85;
/// What a look adds when something was played and nothing at all moved in the microphone.
const DEAF: f32 = -0.1;
/// Hops of playing from which a gain can be told.
const ENOUGH: usize = 12;
/// The percentile of "heard per played" that is the echo, in per cent.
const PERCENTILE: usize = 35;

#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    lag: Option<usize>,
    gain: Option<Bands>,
    /// For each lag, how much has spoken for it.
    signs: Vec<f32>,
}

impl Path {
    pub(super) fn lag(&self) -> Option<usize> {
        self.lag
    }

    pub(super) fn gain(&self) -> Bands {
        self.gain.unwrap_or(SILENCE)
    }

    /// Whether what was heard lately is the echo and nothing else.
    pub(super) fn is_alone(&self, resemblances: &[Option<f32>]) -> bool {
        self.lag.and_then(|lag| resemblances.get(lag).copied().flatten()).is_some_and(|found| found >= ALONE)
    }

    /// How much the sounds resemble each other now at each lag; `None` where the microphone was flat.
    pub(super) fn handle_look(&mut self, resemblances: &[Option<f32>]) {
        self.signs.resize(resemblances.len(), 0.0);
        for (sign, resemblance) in self.signs.iter_mut().zip(resemblances) {
            *sign = (*sign + resemblance.map_or(DEAF, |found| found - NEUTRAL)).clamp(0.0, MOST);
        }
        let best = (0..self.signs.len()).max_by(|one, other| self.signs[*one].total_cmp(&self.signs[*other]));
        let Some(best) = best else { return };
        let known = self.lag.map_or(0.0, |lag| self.signs[lag]);
        if self.signs[best] >= FOUND && self.signs[best] > known {
            if self.lag.is_none_or(|lag| lag.abs_diff(best) > 1) {
                self.gain = None;
            }
            self.lag = Some(best);
        } else if self.lag.is_some() && known < LOST {
            (self.lag, self.gain) = (None, None);
        }
    }

    /// What was heard and played at this lag, newest first. Down at once, up slowly, and only while nothing but the
    /// echo is heard (`alone`): too high a gain would make the person inaudible.
    pub(super) fn handle_pairs<'a>(
        &mut self,
        alone: bool,
        pairs: impl Iterator<Item = (&'a Bands, &'a Bands)> + Clone,
    ) {
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
        let Some(known) = self.gain.or(alone.then_some(fresh)) else { return };
        self.gain = Some(std::array::from_fn(|band| {
            let (known, fresh) = (known[band], fresh[band]);
            let share = match fresh < known {
                true => 0.6,
                false if alone => 0.15,
                false => 0.0,
            };
            known + (fresh - known) * share
        }));
    }
}
