//! What was written or played: notes in quarter notes, with the maps of tempo and metre that they stand on.

/// The channel of drums in General MIDI, counted from 0.
pub const DRUMS: u8 = 9;

/// One note. Times are in quarter notes from the beginning of the piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// Where it begins.
    pub onset: f64,
    /// How long it is held; never negative.
    pub duration: f64,
    /// MIDI key, 0 to 127; 60 is middle C.
    pub pitch: u8,
    /// How hard it was struck, 1 to 127.
    pub velocity: u8,
    /// MIDI channel, 0 to 15.
    pub channel: u8,
    /// General MIDI program of its channel when it began, 0 to 127.
    pub program: u8,
    /// Which of the score's tracks it belongs to.
    pub track: u16,
}

impl Note {
    /// Where it is let go.
    pub fn end(&self) -> f64 {
        self.onset + self.duration
    }

    /// 0 for C to 11 for B.
    pub fn pitch_class(&self) -> u8 {
        self.pitch % 12
    }

    /// Whether it is a drum, whose key is no pitch.
    pub fn is_drum(&self) -> bool {
        self.channel == DRUMS
    }
}

/// One part: what one chunk of a file sends on one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// The name that the file gives, empty when it gives none.
    pub name: String,
    /// MIDI channel, 0 to 15.
    pub channel: u8,
    /// The General MIDI program that most of its notes are played with.
    pub program: u8,
    /// How many notes it has.
    pub notes: usize,
    /// Its lowest and highest key; none without notes.
    pub range: Option<(u8, u8)>,
}

/// The tempo from a place on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tempo {
    /// Where it begins, in quarter notes.
    pub at: f64,
    /// Quarter notes a minute.
    pub bpm: f64,
}

/// The metre from a place on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metre {
    /// Where it begins, in quarter notes.
    pub at: f64,
    /// Beats of a bar as written, 1 to 255.
    pub num: u8,
    /// The note that is a beat: 1, 2, 4, 8, 16 …
    pub den: u16,
}

impl Metre {
    /// Four quarters a bar: what holds when nothing is said.
    pub const COMMON: Self = Self { at: 0.0, num: 4, den: 4 };

    /// Quarter notes of a bar.
    pub fn bar(&self) -> f64 {
        4.0 * f64::from(self.num) / f64::from(self.den)
    }

    /// Whether beats are of three parts: 6/8, 9/8, 12/8.
    pub fn is_compound(&self) -> bool {
        self.den >= 8 && self.num > 3 && self.num.is_multiple_of(3)
    }

    /// Quarter notes of what is felt as a beat: three eighths in 6/8.
    pub fn beat(&self) -> f64 {
        let written = 4.0 / f64::from(self.den);
        if self.is_compound() { 3.0 * written } else { written }
    }
}

/// What a file says that its key is; many say C major without meaning it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySignature {
    /// Sharps, or flats when negative: −7 to 7.
    pub sharps: i8,
    /// Whether it is called minor.
    pub minor: bool,
}

/// What was mended while a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Notes that nobody let go: they end with their track.
    pub unended: usize,
    /// Ends of notes that had not begun: left out.
    pub unbegun: usize,
    /// Notes on top of the same note: the first was ended.
    pub doubled: usize,
}

/// A piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// In the order of their beginning, then from low to high.
    pub notes: Vec<Note>,
    /// The parts, in the order of the file.
    pub tracks: Vec<Track>,
    /// In rising order; never empty, the first at 0.
    pub tempos: Vec<Tempo>,
    /// In rising order; never empty, the first at 0.
    pub metres: Vec<Metre>,
    /// What the file says of its key.
    pub key_signature: Option<KeySignature>,
    /// Where the last thing ends, in quarter notes.
    pub length: f64,
    /// What was mended.
    pub repairs: Repairs,
}

impl Default for Score {
    fn default() -> Self {
        Self {
            notes: Vec::new(),
            tracks: Vec::new(),
            tempos: vec![Tempo { at: 0.0, bpm: 120.0 }],
            metres: vec![Metre::COMMON],
            key_signature: None,
            length: 0.0,
            repairs: Repairs::default(),
        }
    }
}

impl Score {
    /// A score of one track from notes alone, in common time at 120 quarters a minute.
    pub fn from_notes(mut notes: Vec<Note>) -> Self {
        sort(&mut notes);
        let length = notes.iter().map(Note::end).fold(0.0, f64::max);
        let mut score = Self { notes, length, ..Self::default() };
        score.count_tracks();
        score
    }

    /// Notes that have a pitch: no drums.
    pub fn pitched(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| !note.is_drum())
    }

    /// The tempo that holds at a place.
    pub fn bpm(&self, at: f64) -> f64 {
        let idx = self.tempos.partition_point(|tempo| tempo.at <= at);
        self.tempos.get(idx.saturating_sub(1)).map_or(120.0, |tempo| tempo.bpm)
    }

    /// The metre that holds at a place.
    pub fn metre(&self, at: f64) -> Metre {
        let idx = self.metres.partition_point(|metre| metre.at <= at + 1e-6);
        self.metres.get(idx.saturating_sub(1)).copied().unwrap_or(Metre::COMMON)
    }

    /// Seconds from the beginning to a place.
    pub fn seconds(&self, at: f64) -> f64 {
        let mut seconds = 0.0;
        for (idx, tempo) in self.tempos.iter().enumerate().take_while(|(_, tempo)| tempo.at < at) {
            let until = self.tempos.get(idx + 1).map_or(at, |next| next.at.min(at));
            seconds += (until - tempo.at).max(0.0) * 60.0 / tempo.bpm;
        }
        seconds
    }

    /// The tempo that holds for most of the piece.
    pub fn main_bpm(&self) -> f64 {
        let mut best = (0.0, 120.0);
        for (idx, tempo) in self.tempos.iter().enumerate() {
            let until = self.tempos.get(idx + 1).map_or(self.length, |next| next.at);
            if until - tempo.at > best.0 {
                best = (until - tempo.at, tempo.bpm);
            }
        }
        if best.0 > 0.0 { best.1 } else { self.tempos.first().map_or(120.0, |tempo| tempo.bpm) }
    }

    /// Counts notes, ranges and programs of the tracks anew; adds tracks that notes name and nobody listed.
    pub fn count_tracks(&mut self) {
        let most = self.notes.iter().map(|note| usize::from(note.track) + 1).max().unwrap_or(0);
        self.tracks.resize(self.tracks.len().max(most), Track::default());
        let mut programs = vec![[0_u32; 128]; self.tracks.len()];
        for track in &mut self.tracks {
            (track.notes, track.range) = (0, None);
        }
        for note in &self.notes {
            let track = &mut self.tracks[usize::from(note.track)];
            (track.notes, track.channel) = (track.notes + 1, note.channel);
            let (low, high) = track.range.unwrap_or((note.pitch, note.pitch));
            track.range = Some((low.min(note.pitch), high.max(note.pitch)));
            programs[usize::from(note.track)][usize::from(note.program & 127)] += 1;
        }
        for (track, counts) in self.tracks.iter_mut().zip(&programs) {
            let most = (0_u8..128).max_by_key(|program| (counts[usize::from(*program)], 255 - program));
            track.program = most.filter(|_| track.notes > 0).unwrap_or(track.program);
        }
    }
}

/// The order that every function here expects.
pub fn sort(notes: &mut [Note]) {
    notes.sort_by(|a, b| a.onset.total_cmp(&b.onset).then(a.pitch.cmp(&b.pitch)).then(a.track.cmp(&b.track)));
}
