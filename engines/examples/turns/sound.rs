//! Sessions of speech: clips one after the other, with silence after each and, if wished, inside.

use std::{fs, ops::Range, path::Path};

/// Samples in a millisecond.
pub(crate) const MS: usize = 16;

/// Silence after a turn: longer than anybody waits.
const AFTER: usize = 5_000 * MS;

/// Human English speech with its transcription, from Debian's `pocketsphinx-testdata`.
const ENGLISH: &str = "/usr/share/pocketsphinx/test/data/librivox";

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

/// All clips one after the other. With a seed, silences of 200 to 1500 ms are put into some gaps, evenly in
/// the logarithm of their length.
pub(crate) fn session(clips: &[Clip], seed: Option<u64>) -> Session {
    let mut dice = Dice(seed.unwrap_or(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut session = Session { audio: Vec::new(), turns: Vec::new() };
    for clip in clips {
        let level = room(&clip.audio);
        dice.silence(&mut session.audio, 600 * MS, level);
        let start = session.audio.len();
        let mut from = 0;
        for &gap in clip.gaps.iter().filter(|_| seed.is_some()) {
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

/// The five human English clips.
pub(crate) fn english() -> Vec<Clip> {
    let folder = Path::new(ENGLISH);
    let listing = fs::read_to_string(folder.join("fileids"))
        .unwrap_or_else(|error| panic!("{ENGLISH}: {error}; install Debian's pocketsphinx-testdata"));
    let clip = |name: &str| {
        let audio = wav(&folder.join(format!("{}.wav", name.trim())));
        let gaps = word_gaps(&audio);
        Clip { audio, gaps }
    };
    listing.lines().filter(|line| !line.trim().is_empty()).map(clip).collect()
}

/// Sentences in phrases, as files `NN-M.wav` of one folder.
pub(crate) fn korean(folder: &Path) -> Vec<Clip> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.ends_with(".wav"))
        .collect();
    names.sort();
    let mut clips: Vec<(String, Clip)> = Vec::new();
    for name in names {
        let sentence = name.split('-').next().unwrap_or_default().to_owned();
        let phrase = trimmed(&wav(&folder.join(&name)));
        match clips.last_mut().filter(|(last, _)| *last == sentence) {
            Some((_, clip)) => {
                clip.gaps.push(clip.audio.len());
                clip.audio.extend(phrase);
            }
            None => clips.push((sentence, Clip { audio: phrase, gaps: Vec::new() })),
        }
    }
    assert!(!clips.is_empty(), "no NN-M.wav in {}", folder.display());
    clips.into_iter().map(|(_, clip)| clip).collect()
}

/// The quietest places between words: at least 40 ms some 25 dB below the loudest, 700 ms apart.
fn word_gaps(audio: &[f32]) -> Vec<usize> {
    let frame = 10 * MS;
    let levels: Vec<f32> = audio.chunks(frame).map(rms).collect();
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    let mut gaps: Vec<usize> = Vec::new();
    let mut quiet = 0;
    for (index, level) in levels.iter().enumerate() {
        if *level < loudest * 0.056 {
            quiet += 1;
            continue;
        }
        let middle = (index - quiet / 2) * frame;
        let apart = middle.saturating_sub(gaps.last().copied().unwrap_or(0)) >= 700 * MS;
        if quiet >= 4 && apart && middle + 500 * MS < audio.len() {
            gaps.push(middle);
        }
        quiet = 0;
    }
    gaps
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
