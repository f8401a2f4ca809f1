//! How often each degree of the chromatic scale is heard in a key, as several studies found it.

use super::{Key, Mode};

/// Weights of the twelve degrees from the tonic up, for major and for minor.
pub struct Profile {
    /// Whose it is.
    pub name: &'static str,
    /// In major.
    pub major: [f32; 12],
    /// In minor.
    pub minor: [f32; 12],
}

/// Krumhansl and Kessler 1982: how well a tone fits, asked of listeners.
pub const KRUMHANSL_KESSLER: Profile = Profile {
    name: "krumhansl-kessler",
    major: [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
    minor: [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
};
/// Temperley 1999: Krumhansl's, corrected by hand where it confuses keys.
pub const TEMPERLEY: Profile = Profile {
    name: "temperley",
    major: [5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0],
    minor: [5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0],
};
/// Temperley 2007, from the examples of a textbook by Kostka and Payne: how likely a degree is heard in a bar.
pub const KOSTKA_PAYNE: Profile = Profile {
    name: "kostka-payne",
    major: [0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400],
    minor: [0.712, 0.048, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330],
};
/// Albrecht and Shanahan 2013: shares of notes in the first and last bars of 490 pieces.
pub const ALBRECHT_SHANAHAN: Profile = Profile {
    name: "albrecht-shanahan",
    major: [0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081],
    minor: [0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052],
};

/// The profiles that vote on the key of a piece.
pub const ALL: [Profile; 4] = [KRUMHANSL_KESSLER, TEMPERLEY, KOSTKA_PAYNE, ALBRECHT_SHANAHAN];

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Profile {
    /// The weights of a mode.
    pub fn of(&self, mode: Mode) -> &[f32; 12] {
        match mode {
            Mode::Major => &self.major,
            Mode::Minor => &self.minor,
        }
    }

    /// Pearson's r between pitch classes (how long each sounds) and the profile turned to a key; 0 for silence.
    pub fn correlation(&self, weights: &[f32; 12], key: Key) -> f32 {
        let profile = self.of(key.mode);
        let mean = |values: &[f32; 12]| values.iter().sum::<f32>() / 12.0;
        let (mean_a, mean_b) = (mean(weights), mean(profile));
        let (mut both, mut one, mut other) = (0.0_f32, 0.0_f32, 0.0_f32);
        for pitch_class in 0..12_u8 {
            let a = weights[usize::from(pitch_class)] - mean_a;
            let b = profile[usize::from(key.above(pitch_class))] - mean_b;
            (both, one, other) = (both + a * b, one + a * a, other + b * b);
        }
        let scale = (one * other).sqrt();
        if scale > 0.0 { both / scale } else { 0.0 }
    }

    /// ln of the share of each degree, for adding up evidence.
    pub fn log_shares(&self, mode: Mode) -> [f32; 12] {
        let profile = self.of(mode);
        let sum: f32 = profile.iter().sum();
        profile.map(|weight| (weight / sum).ln())
    }
}
