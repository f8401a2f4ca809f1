//! Players that always play the same: for tests, benchmarks and figures.

use super::{
    dice::Dice,
    types::{Input, Mode, Settings, Style},
};
use crate::{
    chord::{Chord, Quality},
    key::{self, Key},
};

/// How a scripted player plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Player {
    /// A melody in time, with motifs that come back, in phrases of four bars.
    Steady,
    /// Chords, one or two a bar, in a round of four bars.
    Comping,
    /// A melody whose tempo breathes by 7 %.
    Rubato,
    /// Nothing at all.
    Silent,
    /// Sixteenths without an end, loud.
    Frantic,
    /// The steady melody with every sixth note beside the key.
    WrongNotes,
    /// The steady melody, a whole tone higher from the middle on.
    KeyChange,
}

impl Player {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Steady,
        Self::Comping,
        Self::Rubato,
        Self::Silent,
        Self::Frantic,
        Self::WrongNotes,
        Self::KeyChange,
    ];

    /// `steady`, `comping`, `rubato`, `silent`, `frantic`, `wrong_notes`, `key_change`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Comping => "comping",
            Self::Rubato => "rubato",
            Self::Silent => "silent",
            Self::Frantic => "frantic",
            Self::WrongNotes => "wrong_notes",
            Self::KeyChange => "key_change",
        }
    }

    /// What a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|player| player.code() == code)
    }
}

/// When the first bar of a script begins: a second after 0, or later when promises are made earlier.
pub fn first_bar_us(settings: &Settings) -> u64 {
    settings.commit_us.max(1_000_000)
}

/// Everything that a player does in so many bars, in order: the start, the notes, and the wish to end in the last bar
/// but one. They play in the settings' key (or C major) and tempo.
pub fn script(player: Player, settings: &Settings, bars: u32) -> Vec<Input> {
    let mut script = Script::new(player, settings, bars);
    match player {
        Player::Silent => {}
        Player::Comping => script.comp(),
        Player::Frantic => script.rush(),
        _ => script.sing(),
    }
    script.done()
}

#[derive(Debug)]
struct Script<'a> {
    player: Player,
    settings: &'a Settings,
    bars: u32,
    key: Key,
    inputs: Vec<(u64, Input)>,
}

impl<'a> Script<'a> {
    fn new(player: Player, settings: &'a Settings, bars: u32) -> Self {
        let key = settings.key.unwrap_or(Key::new(0, key::Mode::Major));
        let start = first_bar_us(settings);
        Self { player, settings, bars, key, inputs: vec![(0, Input::Start { at_us: start })] }
    }

    /// When a place (in quarter notes) is, for this player.
    fn us(&self, q: f64) -> u64 {
        let quarter = 60_000_000.0 / self.settings.tempo.bpm() / self.settings.metre.beat();
        let bent = if self.player == Player::Rubato {
            // The integral of a tempo that swings by 7 % in 24 quarter notes.
            let turn = std::f64::consts::TAU / 24.0;
            q + 0.07 / turn * (1.0 - (q * turn).cos())
        } else {
            q
        };
        first_bar_us(self.settings) + (bent * quarter).max(0.0).round() as u64
    }

    /// Whoever plays swing swings.
    fn swung(&self, q: f64) -> f64 {
        let swings = matches!(self.settings.style, Style::JazzSwing | Style::Blues);
        let half = (q - q.floor() - 0.5).abs() < 0.01;
        if swings && half && !self.settings.metre.is_compound() { q + 1.0 / 6.0 } else { q }
    }

    fn note(&mut self, place: (f64, f64), pitch: u8, velocity: u8) {
        let (q, len) = place;
        let (at_us, end) = (self.us(self.swung(q)), self.us(q + len));
        self.inputs.push((at_us, Input::NoteOn { player: 0, at_us, pitch, velocity }));
        self.inputs.push((end, Input::NoteOff { player: 0, at_us: end, pitch }));
    }

    /// The key of a bar.
    fn key_at(&self, bar: u32) -> Key {
        let moves = self.player == Player::KeyChange && bar >= self.bars / 2;
        self.key.transposed(if moves { 2 } else { 0 })
    }

    /// Whether the player plays in a bar: of a trade they have the first phrase.
    fn plays(&self, bar: u32) -> bool {
        let phrase = u32::from(self.settings.trade_bars.max(1));
        self.settings.mode != Mode::Trade || (bar / phrase).is_multiple_of(2)
    }

    /// A melody of two rhythms that come back on other degrees.
    fn sing(&mut self) {
        const RHYTHMS: [&[f64]; 3] =
            [&[0.0, 1.0, 1.5, 2.0, 3.0], &[0.0, 0.5, 1.0, 2.0, 2.5, 3.0], &[0.0, 2.0]];
        const SHAPES: [&[i32]; 3] = [&[0, 2, 1, 2, 4], &[4, 3, 2, 0, 1, 2], &[1, 0]];
        let quarters = self.settings.metre.bar();
        for bar in (0..self.bars).filter(|bar| self.plays(*bar)).collect::<Vec<_>>() {
            let mut dice = Dice::new(self.settings.seed, i64::from(bar), 91);
            let which = [0, 0, 1, 2][(bar % 4) as usize];
            // A fourth bar in two is a rest: there the partner may fill.
            if bar % 8 == 7 {
                continue;
            }
            let base = [0, 4, 1, 0, 2, 4, 3, 0][(bar % 8) as usize];
            let onsets: Vec<f64> = RHYTHMS[which].iter().copied().filter(|at| *at < quarters - 0.2).collect();
            for (idx, at) in onsets.iter().enumerate() {
                let key = self.key_at(bar);
                let mut pitch = degree(key, base + SHAPES[which][idx], 72);
                if self.player == Player::WrongNotes && dice.chance(1.0 / 6.0) {
                    pitch += 1;
                }
                let next = onsets.get(idx + 1).copied().unwrap_or(quarters - 0.2);
                let from = f64::from(bar) * quarters + at;
                self.note((from, (next - at) * 0.9), pitch, 70 + dice.below(20) as u8);
            }
        }
    }

    fn comp(&mut self) {
        let quarters = self.settings.metre.bar();
        let chords: [(u8, Quality); 4] = match self.key.mode {
            key::Mode::Major => {
                [(0, Quality::Major), (9, Quality::Minor), (5, Quality::Major), (7, Quality::Major)]
            }
            key::Mode::Minor => {
                [(0, Quality::Minor), (8, Quality::Major), (5, Quality::Minor), (7, Quality::Major)]
            }
        };
        for bar in (0..self.bars).filter(|bar| self.plays(*bar)).collect::<Vec<_>>() {
            let (above, quality) = chords[(bar % 4) as usize];
            let chord = Chord::new(self.key.tonic + above, quality);
            let mut at = 0.0;
            while at < quarters - 0.5 {
                for (idx, tone) in chord.quality.intervals().iter().enumerate() {
                    let low = if idx == 0 { 48 } else { 55 };
                    let pitch = low + (chord.root + tone + 12 - low % 12) % 12;
                    // A person's fingers are not quite together.
                    let from = f64::from(bar) * quarters + at + 0.01 * idx as f64;
                    self.note((from, 1.7), pitch, 66);
                }
                at += 2.0;
            }
        }
    }

    fn rush(&mut self) {
        let quarters = self.settings.metre.bar();
        for bar in (0..self.bars).filter(|bar| self.plays(*bar)).collect::<Vec<_>>() {
            let mut dice = Dice::new(self.settings.seed, i64::from(bar), 92);
            let mut at = 0.0;
            while at < quarters - 0.1 {
                let pitch = degree(self.key, dice.below(15) as i32, 60);
                self.note((f64::from(bar) * quarters + at, 0.2), pitch, 100 + dice.below(27) as u8);
                at += 0.25;
            }
        }
    }

    fn done(mut self) -> Vec<Input> {
        let quarters = self.settings.metre.bar();
        let end = self.us((f64::from(self.bars) - 1.5).max(0.0) * quarters);
        self.inputs.push((end, Input::End { at_us: end }));
        self.inputs.sort_by_key(|(at, _)| *at);
        self.inputs.into_iter().map(|(_, input)| input).collect()
    }
}

/// The pitch of a degree of a key's scale, counted from the tonic that is nearest above a MIDI key.
fn degree(key: Key, degree: i32, above: u8) -> u8 {
    let scale: [u8; 7] = match key.mode {
        key::Mode::Major => [0, 2, 4, 5, 7, 9, 11],
        key::Mode::Minor => [0, 2, 3, 5, 7, 8, 10],
    };
    let tonic = above + (key.tonic + 12 - above % 12) % 12;
    let tonic = if tonic > above + 6 { tonic - 12 } else { tonic };
    let (octave, step) = (degree.div_euclid(7), degree.rem_euclid(7));
    let pitch = i32::from(tonic) + 12 * octave + i32::from(scale[usize::try_from(step).unwrap_or(0)]);
    u8::try_from(pitch.clamp(0, 127)).unwrap_or(60)
}
