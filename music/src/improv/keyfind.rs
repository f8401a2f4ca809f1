//! The key by ear: what was heard lately counts, and a key that holds is left only for a better one.

use crate::key::{Key, Mode, profiles};

/// Quarter notes after which a note counts half: a quick memory that notices a new key, and a slow one that keeps it.
const QUICK: f64 = 3.0;
const SLOW: f64 = 16.0;
/// Another key has to fit better by so much, for so many onsets.
const AHEAD: f32 = 0.07;
/// By so much when nearly nothing was played that is not in the key that holds.
const AHEAD_INSIDE: f32 = 0.22;
const INSIDE: f32 = 0.04;
const ONSETS: u8 = 3;
/// Onsets before a first guess.
const FIRST: u32 = 5;

/// What was heard, by pitch class.
#[derive(Clone, Debug)]
pub(super) struct KeyFinder {
    quick: [f32; 12],
    slow: [f32; 12],
    at: f64,
    key: Option<Key>,
    rival: Option<(Key, u8)>,
    heard: u32,
}

impl KeyFinder {
    pub(super) fn new() -> Self {
        Self { quick: [0.0; 12], slow: [0.0; 12], at: 0.0, key: None, rival: None, heard: 0 }
    }

    /// The key that it is taken for.
    pub(super) fn key(&self) -> Option<Key> {
        self.key
    }

    /// Places are counted anew.
    pub(super) fn restart(&mut self) {
        self.at = 0.0;
    }

    /// A pitch class of some weight begins at a place (in quarter notes, never going back). Notes that are struck together
    /// are judged with the next `fresh` one.
    pub(super) fn hear(&mut self, note: (u8, f32), at: f64, fresh: bool) {
        let (pitch_class, weight) = note;
        let passed = (at - self.at).clamp(0.0, 1e6);
        self.at = self.at.max(at);
        let (quick, slow) = (0.5_f64.powf(passed / QUICK) as f32, 0.5_f64.powf(passed / SLOW) as f32);
        for (fast, long) in self.quick.iter_mut().zip(&mut self.slow) {
            (*fast, *long) = (*fast * quick, *long * slow);
        }
        let idx = usize::from(pitch_class % 12);
        self.quick[idx] = (self.quick[idx] + weight).min(1e4);
        self.slow[idx] = (self.slow[idx] + weight).min(1e4);
        self.heard = self.heard.saturating_add(1);
        if self.heard >= FIRST && (fresh || self.key.is_none()) {
            self.judge();
        }
    }

    fn judge(&mut self) {
        let mut scores = [0.0_f32; 24];
        for key in Key::all() {
            scores[key.index()] = self.fit(key);
        }
        let best = (0..24).max_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a))).unwrap_or(0);
        let candidate = Key::from_index(best);
        let Some(key) = self.key else {
            self.key = Some(candidate);
            return;
        };
        let all: f32 = self.quick.iter().sum();
        let outside: f32 = (0..12_u8).filter(|pc| !key.has(*pc)).map(|pc| self.quick[usize::from(pc)]).sum();
        let ahead = if outside < INSIDE * all { AHEAD_INSIDE } else { AHEAD };
        if candidate == key || scores[best] < scores[key.index()] + ahead {
            self.rival = None;
            return;
        }
        let count = match self.rival {
            Some((rival, count)) if rival == candidate => count + 1,
            _ => 1,
        };
        self.rival = Some((candidate, count));
        if count >= ONSETS {
            (self.key, self.rival) = (Some(candidate), None);
        }
    }

    fn fit(&self, key: Key) -> f32 {
        let of = |weights: &[f32; 12]| {
            // The square root tames a note that is repeated over and over.
            let tamed = weights.map(f32::sqrt);
            let mut fit = profiles::KOSTKA_PAYNE.correlation(&tamed, key);
            let all: f32 = tamed.iter().sum();
            let own: f32 = (0..12_u8).filter(|pc| key.has(*pc)).map(|pc| tamed[usize::from(pc)]).sum();
            if all > 0.0 {
                fit += 0.6 * own / all;
            }
            // Minor has eight tones in its scale and would win where major does as well.
            if key.mode == Mode::Minor { fit - 0.05 } else { fit }
        };
        0.65 * of(&self.quick) + 0.35 * of(&self.slow)
    }
}
