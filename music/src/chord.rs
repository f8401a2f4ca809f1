//! Chords: a root and a quality, their tones and their names.

/// Names of the twelve pitch classes with sharps.
const SHARP: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
/// And with flats.
const FLAT: [&str; 12] = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"];

/// The name of a pitch class, 0 for C to 11 for B.
pub fn pitch_class_name(pitch_class: u8, with_flats: bool) -> &'static str {
    let names = if with_flats { &FLAT } else { &SHARP };
    names[usize::from(pitch_class % 12)]
}

/// The pitch class of a name such as `C`, `f#`, `Bb` or `E♭`.
pub fn parse_pitch_class(name: &str) -> Option<u8> {
    let mut letters = name.trim().chars();
    let natural: i32 = match letters.next()?.to_ascii_uppercase() {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' => 11,
        _ => return None,
    };
    let mut raised = 0;
    for letter in letters {
        match letter {
            '#' | '♯' => raised += 1,
            'b' | '♭' | '-' => raised -= 1,
            _ => return None,
        }
    }
    u8::try_from((natural + raised % 12).rem_euclid(12)).ok()
}

/// Twelve bits, turned up by so many semitones.
pub(crate) fn turn(mask: u16, up: u8) -> u16 {
    let up = up % 12;
    (mask << up | mask >> (12 - up)) & 0xFFF
}

/// What stands on a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// 0 4 7
    Major,
    /// 0 3 7
    Minor,
    /// 0 3 6
    Diminished,
    /// 0 4 8
    Augmented,
    /// 0 4 7 10
    Dominant7,
    /// 0 4 7 11
    Major7,
    /// 0 3 7 10
    Minor7,
    /// 0 3 6 10
    HalfDiminished7,
    /// 0 3 6 9
    Diminished7,
    /// 0 5 7, or 0 2 7 read from its fifth
    Suspended,
    /// Anything else: the root is a guess.
    Other,
}

impl Quality {
    /// All that can be recognised, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Major,
        Self::Minor,
        Self::Diminished,
        Self::Augmented,
        Self::Dominant7,
        Self::Major7,
        Self::Minor7,
        Self::HalfDiminished7,
        Self::Diminished7,
        Self::Suspended,
    ];

    /// How it is written in files: `maj`, `min`, `dim`, `aug`, `7`, `maj7`, `min7`, `hdim7`, `dim7`, `sus`, `other`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Major => "maj",
            Self::Minor => "min",
            Self::Diminished => "dim",
            Self::Augmented => "aug",
            Self::Dominant7 => "7",
            Self::Major7 => "maj7",
            Self::Minor7 => "min7",
            Self::HalfDiminished7 => "hdim7",
            Self::Diminished7 => "dim7",
            Self::Suspended => "sus",
            Self::Other => "other",
        }
    }

    /// The quality that a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Other]).find(|quality| quality.code() == code)
    }

    /// Semitones above the root of root, third (or what stands for it), fifth and seventh.
    pub fn intervals(self) -> &'static [u8] {
        match self {
            Self::Major => &[0, 4, 7],
            Self::Minor => &[0, 3, 7],
            Self::Diminished => &[0, 3, 6],
            Self::Augmented => &[0, 4, 8],
            Self::Dominant7 => &[0, 4, 7, 10],
            Self::Major7 => &[0, 4, 7, 11],
            Self::Minor7 => &[0, 3, 7, 10],
            Self::HalfDiminished7 => &[0, 3, 6, 10],
            Self::Diminished7 => &[0, 3, 6, 9],
            Self::Suspended => &[0, 5, 7],
            Self::Other => &[0],
        }
    }

    /// Its tones as bits counted from the root: the same as its intervals, kept apart since searches ask for it often.
    fn mask(self) -> u16 {
        match self {
            Self::Major => 1 | 1 << 4 | 1 << 7,
            Self::Minor => 1 | 1 << 3 | 1 << 7,
            Self::Diminished => 1 | 1 << 3 | 1 << 6,
            Self::Augmented => 1 | 1 << 4 | 1 << 8,
            Self::Dominant7 => 1 | 1 << 4 | 1 << 7 | 1 << 10,
            Self::Major7 => 1 | 1 << 4 | 1 << 7 | 1 << 11,
            Self::Minor7 => 1 | 1 << 3 | 1 << 7 | 1 << 10,
            Self::HalfDiminished7 => 1 | 1 << 3 | 1 << 6 | 1 << 10,
            Self::Diminished7 => 1 | 1 << 3 | 1 << 6 | 1 << 9,
            Self::Suspended => 1 | 1 << 5 | 1 << 7,
            Self::Other => 1,
        }
    }

    /// Its number in [`Quality::ALL`].
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|quality| *quality == self).unwrap_or(0)
    }

    /// Whether its third is minor.
    pub fn is_minor(self) -> bool {
        self.intervals().get(1) == Some(&3)
    }

    /// Whether it has a seventh.
    pub fn has_seventh(self) -> bool {
        self.intervals().len() == 4
    }
}

/// A chord without its inversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// 0 for C to 11 for B.
    pub root: u8,
    /// What stands on it.
    pub quality: Quality,
}

impl Chord {
    /// A chord.
    pub fn new(root: u8, quality: Quality) -> Self {
        Self { root: root % 12, quality }
    }

    /// Its pitch classes as bits: bit 0 is C.
    pub fn mask(self) -> u16 {
        turn(self.quality.mask(), self.root)
    }

    /// Whether a pitch class belongs to it.
    pub fn has(self, pitch_class: u8) -> bool {
        self.mask() >> (pitch_class % 12) & 1 == 1
    }

    /// Which of its tones a pitch class is: 0 the root, 1 the third, 2 the fifth, 3 the seventh.
    pub fn factor(self, pitch_class: u8) -> Option<usize> {
        let above = (pitch_class % 12 + 12 - self.root) % 12;
        self.quality.intervals().iter().position(|interval| *interval == above)
    }

    /// The same chord, so many semitones higher.
    pub fn transposed(self, semitones: u8) -> Self {
        Self::new(self.root + semitones % 12, self.quality)
    }

    /// Its name as musicians write it, such as `F#m7b5`.
    pub fn symbol(self, with_flats: bool) -> String {
        let tail = match self.quality {
            Quality::Major => "",
            Quality::Minor => "m",
            Quality::Diminished => "dim",
            Quality::Augmented => "aug",
            Quality::Dominant7 => "7",
            Quality::Major7 => "maj7",
            Quality::Minor7 => "m7",
            Quality::HalfDiminished7 => "m7b5",
            Quality::Diminished7 => "dim7",
            Quality::Suspended => "sus4",
            Quality::Other => "?",
        };
        format!("{}{tail}", pitch_class_name(self.root, with_flats))
    }

    /// One of the 120 chords that can be recognised, by its number: those of one quality stand together.
    pub(crate) fn from_index(idx: usize) -> Self {
        let root = u8::try_from(idx % 12).unwrap_or(0);
        Self { root, quality: Quality::ALL[idx / 12 % Quality::ALL.len()] }
    }
}
