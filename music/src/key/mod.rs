//! Keys: of a piece as a whole, and of its places.

pub mod global;
pub mod local;
pub mod profiles;

use crate::chord::{pitch_class_name, turn};

/// Major or minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The scale 0 2 4 5 7 9 11.
    Major,
    /// The scale 0 2 3 5 7 8 10, with 11 before the tonic.
    Minor,
}

impl Mode {
    /// `major` or `minor`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
        }
    }
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// 0 for C to 11 for B.
    pub tonic: u8,
    /// Major or minor.
    pub mode: Mode,
}

impl Key {
    /// A key.
    pub fn new(tonic: u8, mode: Mode) -> Self {
        Self { tonic: tonic % 12, mode }
    }

    /// All 24: the major keys from C up, then the minor ones.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..24).map(Self::from_index)
    }

    /// Its number among the 24.
    pub fn index(self) -> usize {
        usize::from(self.tonic) + if self.mode == Mode::Minor { 12 } else { 0 }
    }

    /// The key of a number below 24.
    pub fn from_index(idx: usize) -> Self {
        let tonic = u8::try_from(idx % 12).unwrap_or(0);
        Self { tonic, mode: if idx % 24 < 12 { Mode::Major } else { Mode::Minor } }
    }

    /// Semitones of a pitch class above the tonic.
    pub fn above(self, pitch_class: u8) -> u8 {
        (pitch_class % 12 + 12 - self.tonic) % 12
    }

    /// The pitch classes of its scale as bits counted from the tonic; in minor with both sevenths.
    pub fn scale(self) -> u16 {
        match self.mode {
            Mode::Major => 0b1010_1011_0101,
            Mode::Minor => 0b1101_1010_1101,
        }
    }

    /// The pitch classes of its scale as bits counted from C.
    pub fn mask(self) -> u16 {
        turn(self.scale(), self.tonic)
    }

    /// Whether a pitch class is in its scale.
    pub fn has(self, pitch_class: u8) -> bool {
        self.scale() >> self.above(pitch_class) & 1 == 1
    }

    /// Sharps of its signature, or flats when negative; −5 to 6, the side with fewer.
    pub fn sharps(self) -> i8 {
        let relative = if self.mode == Mode::Minor { (self.tonic + 3) % 12 } else { self.tonic };
        // Seven semitones are one step on the circle of fifths, and seven times seven is one more than four octaves.
        let fifths = i8::try_from(relative * 7 % 12).unwrap_or(0);
        if fifths > 6 { fifths - 12 } else { fifths }
    }

    /// Whether it is written with flats.
    pub fn with_flats(self) -> bool {
        self.sharps() < 0
    }

    /// The name of its tonic, such as `Bb`.
    pub fn tonic_name(self) -> &'static str {
        pitch_class_name(self.tonic, self.with_flats())
    }

    /// The same key, so many semitones higher.
    pub fn transposed(self, semitones: u8) -> Self {
        Self::new(self.tonic + semitones % 12, self.mode)
    }
}
