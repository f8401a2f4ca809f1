//! Sessions of speech: clips one after the other, with silence after each and, if wished, inside.

use std::{fs, ops::Range, path::Path};

/// Samples in a millisecond.
pub(crate) const MS: usize = 16;

/// Silence after a turn: longer than anybody waits.
const AFTER: usize = 5_000 * MS;

/// One turn: phrases that may be pulled apart.
pub(crate) struct Clip {
    audio: Vec<f32>,
    /// Where a silence may be put.
    gaps: Vec<usize>,
}

/// What one person says in one session.
pub(crate) struct Session {
    pub(crate) audio: Vec<f32>,
    /// The sound of each turn, the silence after it not included.
    pub(crate) turns: Vec<Range<usize>>,
}

/// How silences are put into a session.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pauses {
    /// None beside the clips' own.
    AsSpoken,
    /// Three of four places where phrases meet, or of the clips' own short pauses, get 200 to 1500 ms, evenly in the
    /// logarithm of the length.
    Stretched {
        /// Of the chance.
        seed: u64,
    },
}

/// The clips of one voice.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) clips: Vec<Clip>,
}

impl Source {
    /// Whether the clips are whole recordings of people.
    pub(crate) fn is_human(&self) -> bool {
        self.name.starts_with("human")
    }

    /// All clips one after the other.
    pub(crate) fn session(&self, pauses: Pauses) -> Session {
        let seed = if let Pauses::Stretched { seed } = pauses { seed } else { 1 };
        let mut session = Session { audio: Vec::new(), turns: Vec::new() };
        for (index, clip) in self.clips.iter().enumerate() {
            // Each clip has its own chance, so that it stays as it is when others come and go.
            let mut dice = Dice((seed + 1000 * index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let level = room(&clip.audio);
            dice.silence(&mut session.audio, 600 * MS, level);
            let start = session.audio.len();
            let mut from = 0;
            for &gap in clip.gaps.iter().filter(|_| matches!(pauses, Pauses::Stretched { .. })) {
                // Words run on now and then.
                if dice.share() < 0.25 {
                    continue;
                }
                session.audio.extend(&clip.audio[from..gap]);
                let length = 200.0 * (1500.0_f64 / 200.0).powf(dice.share());
                dice.silence(&mut session.audio, length as usize * MS, level);
                from = gap;
            }
            session.audio.extend(&clip.audio[from..]);
            session.turns.push(start..session.audio.len());
            dice.silence(&mut session.audio, AFTER, level);
        }
        session
    }
}

/// The voices of `folder`, each a folder of `NN-M.wav`: phrase M of turn NN.
pub(crate) fn sources(folder: &Path) -> Vec<Source> {
    let load = |name: String| {
        let is_human = name.starts_with("human");
        let clips = turns(&folder.join(&name), is_human);
        Source { name, clips }
    };
    names(folder).into_iter().map(load).collect()
}

fn turns(folder: &Path, is_human: bool) -> Vec<Clip> {
    let mut clips: Vec<(String, Clip)> = Vec::new();
    for name in names(folder) {
        let turn = name.split('-').next().unwrap_or_default().to_owned();
        let phrase = trimmed(&wav(&folder.join(&name)));
        match clips.last_mut().filter(|(last, _)| *last == turn) {
            Some((_, clip)) => {
                clip.gaps.push(clip.audio.len());
                clip.audio.extend(phrase);
            }
            None => {
                let gaps = if is_human { own_pauses(&phrase) } else { Vec::new() };
                clips.push((turn, Clip { audio: phrase, gaps }));
            }
        }
    }
    assert!(!clips.is_empty(), "no NN-M.wav in {}", folder.display());
    clips.into_iter().map(|(_, clip)| clip).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

/// The middles of the speaker's own pauses: at least 80 ms some 30 dB below the loudest, longer than a stop
/// consonant closes, and not where a word begins late or ends early.
fn own_pauses(audio: &[f32]) -> Vec<usize> {
    let frame = 10 * MS;
    let levels: Vec<f32> = audio.chunks(frame).map(rms).collect();
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    let mut pauses: Vec<usize> = Vec::new();
    let mut quiet = 0;
    for (index, level) in levels.iter().enumerate() {
        if *level < loudest * 0.03 {
            quiet += 1;
            continue;
        }
        let middle = (index - quiet / 2) * frame;
        let inside = middle >= 400 * MS && middle + 300 * MS < audio.len();
        if quiet >= 8 && inside && middle >= pauses.last().copied().unwrap_or(0) + 400 * MS {
            pauses.push(middle);
        }
        quiet = 0;
    }
    pauses
}

/// Without the silence before and after: a synthesiser's own.
fn trimmed(audio: &[f32]) -> Vec<f32> {
    let frame = 10 * MS;
    let levels: Vec<f32> = audio.chunks(frame).map(rms).collect();
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    let is_loud = |level: &f32| *level > loudest * 0.02;
    let first = levels.iter().position(is_loud).unwrap_or(0) * frame;
    let last = (levels.iter().rposition(is_loud).unwrap_or(0) + 3) * frame;
    audio[first..last.min(audio.len())].to_vec()
}

/// The level of the room: of the quietest tenth of a second that is not digital silence.
fn room(audio: &[f32]) -> f32 {
    let quietest = audio.chunks(100 * MS).map(rms).fold(1.0, f32::min);
    quietest.clamp(1e-4, 0.003)
}

fn rms(frame: &[f32]) -> f32 {
    (frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32).sqrt()
}

/// Mono WAV; other rates than 16 kHz by linear interpolation.
fn wav(path: &Path) -> Vec<f32> {
    let mut reader =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rate = reader.spec().sample_rate as f32;
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|sample| f32::from(sample.expect("a whole file")) / 32_768.0).collect();
    let step = rate / 16_000.0;
    let at = |index: usize| samples.get(index).copied().unwrap_or(0.0);
    (0..(samples.len() as f32 / step) as usize)
        .map(|index| {
            let position = index as f32 * step;
            let (whole, part) = (position as usize, position.fract());
            at(whole) * (1.0 - part) + at(whole + 1) * part
        })
        .collect()
}

/// Reproducible chance.
struct Dice(u64);

impl Dice {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1 << 24)
    }

    /// Room noise of the given level.
    fn silence(&mut self, audio: &mut Vec<f32>, length: usize, level: f32) {
        audio.extend((0..length).map(|_| (self.share() as f32 - 0.5) * 3.46 * level));
    }
}
