//! What is laid over a reply: interruptions, signs of listening, noise. Every sound begins at its first sample.

use std::process::Command;

use anyhow::{Context, bail};

use super::super::clip::{self, RATE};

/// What a sound is meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Interruption,
    Backchannel,
    Noise,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interruption => "interruption",
            Self::Backchannel => "backchannel",
            Self::Noise => "noise",
        }
    }
}

pub(super) struct Overlay {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// At [`RATE`], the onset at 0.
    pub(super) samples: Vec<i16>,
}

/// How loud voices are brought to: an ordinary microphone at arm's length.
const VOICE_DB: f64 = -24.0;

const INTERRUPTIONS_EN: [&str; 12] = [
    "stop",
    "wait a moment",
    "no, that is not what I meant",
    "hold on, can you say that again?",
    "sorry, I have a question",
    "what do you mean by that?",
    "let us talk about something else",
    "I already know that story",
    "actually, tell me about your family",
    "excuse me, what was the name again?",
    "can we change the subject please",
    "okay but where did you grow up?",
];

const INTERRUPTIONS_KO: [&str; 12] = [
    "그만",
    "잠깐만요",
    "아니 그게 아니라",
    "잠깐만 다시 한번 말해 줄래요?",
    "저기요 질문 있어요",
    "그게 무슨 뜻이에요?",
    "우리 다른 얘기 하면 안 돼요?",
    "그 얘기는 벌써 들었어요",
    "근데 가족은 어떻게 돼요?",
    "이름이 뭐라고 했죠?",
    "주제를 바꿔서 이야기해 볼까요",
    "네 그런데 어디서 자랐어요?",
];

const BACKCHANNELS_EN: [&str; 14] = [
    "mm hmm",
    "uh huh",
    "yeah",
    "right",
    "okay",
    "oh",
    "hmm",
    "I see",
    "sure",
    "really",
    "wow",
    "yeah yeah",
    "oh okay",
    "of course",
];

const BACKCHANNELS_KO: [&str; 14] = [
    "응",
    "네",
    "어",
    "음",
    "예",
    "아",
    "그래",
    "맞아",
    "그렇구나",
    "네네",
    "그래요",
    "아 진짜?",
    "아하",
    "오",
];

/// Speakers: espeak-ng variant, words a minute, pitch.
const VOICES: [(&str, u32, u32); 6] =
    [("", 150, 50), ("+f3", 175, 60), ("+m3", 145, 40), ("+f2", 200, 65), ("+m7", 160, 45), ("+f5", 140, 55)];

/// The set of a language: per kind `count` sounds, voices and sentences taken in turn.
///
/// No free human Korean speech is packaged; half of the Korean is spoken by the program's own Korean voice, which is
/// nearer to a person than espeak-ng.
pub(super) fn set(korean: bool, count: usize, program: &str) -> anyhow::Result<Vec<Overlay>> {
    let mut overlays = Vec::new();
    let (language, sentences, words) = match korean {
        true => ("ko", &INTERRUPTIONS_KO, &BACKCHANNELS_KO),
        false => ("en-us", &INTERRUPTIONS_EN, &BACKCHANNELS_EN),
    };
    let humans = if korean { Vec::new() } else { humans()? };
    for index in 0..count {
        let kind = Kind::Interruption;
        // English: half of them people, half synthetic.
        overlays.push(match humans.get(index / 2 % humans.len().max(1)) {
            Some((name, samples)) if index % 2 == 0 => {
                Overlay { name: name.clone(), kind, samples: samples.clone() }
            }
            _ => say(program, language, sentences[index % sentences.len()], (index, kind))?,
        });
        let listening = (index, Kind::Backchannel);
        overlays.push(say(program, language, words[index % words.len()], listening)?);
        overlays.push(noise(index));
    }
    Ok(overlays)
}

/// Spoken by the program's own voice or by one of espeak-ng's.
fn say(program: &str, language: &str, words: &str, (index, kind): (usize, Kind)) -> anyhow::Result<Overlay> {
    // Two in turn, so that every other word or sentence, of which there are even numbers, has both over two rounds.
    if language != "ko" || (index + index / 12) % 2 == 0 {
        return spoken(language, words, index, kind);
    }
    let path = std::env::temp_dir().join(format!("duologue-bargein-{}.wav", std::process::id()));
    let status = Command::new(program).args(["say", words, "--language", "ko", "--out"]).arg(&path).status();
    if !status.with_context(|| format!("{program} cannot be run: build it with `make setup`"))?.success() {
        bail!("{program} could not speak");
    }
    let samples = from_onset(&clip::read(&path)?);
    let _ = std::fs::remove_file(&path);
    Ok(Overlay { name: format!("{words} (own Korean voice)"), kind, samples })
}

fn spoken(language: &str, words: &str, index: usize, kind: Kind) -> anyhow::Result<Overlay> {
    let (variant, speed, pitch) = VOICES[(index + index / 12) % VOICES.len()];
    let voice = format!("{language}{variant}");
    let path = std::env::temp_dir().join(format!("duologue-bargein-{}.wav", std::process::id()));
    let status = Command::new("espeak-ng")
        .args(["-v", &voice, "-s", &speed.to_string(), "-p", &pitch.to_string(), "-w"])
        .arg(&path)
        .arg(words)
        .status()
        .context("espeak-ng is missing: run `cargo xtask setup --for-tests`")?;
    if !status.success() {
        bail!("espeak-ng could not say {words:?} with {voice}");
    }
    let samples = from_onset(&clip::read(&path)?);
    // A leftover file of a few KiB in the temporary folder harms nobody.
    let _ = std::fs::remove_file(&path);
    Ok(Overlay { name: format!("{words} ({voice} {speed})"), kind, samples })
}

/// Beginnings of phrases in the human clips, two seconds each.
fn humans() -> anyhow::Result<Vec<(String, Vec<i16>)>> {
    let mut found = Vec::new();
    for clip in clip::english()? {
        let frame = RATE as usize / 100;
        let levels = clip.samples.chunks(frame).map(power).collect::<Vec<_>>();
        let loudest = levels.iter().copied().fold(0.0, f64::max);
        let is_quiet = |level: &f64| *level < loudest * 10f64.powf(-3.0);
        let mut from = 0;
        while let Some(start) = (from..levels.len()).find(|at| !is_quiet(&levels[*at])) {
            let samples = &clip.samples[start * frame..];
            if samples.len() < RATE as usize {
                break;
            }
            let samples = from_onset(&samples[..samples.len().min(2 * RATE as usize)]);
            found.push((format!("human {} +{} s", clip.name, start / 100), samples));
            // The next phrase begins after 150 ms of quiet, two seconds later at the soonest.
            let after = start + 200;
            let pause =
                (after..levels.len().saturating_sub(15)).find(|at| levels[*at..at + 15].iter().all(is_quiet));
            match pause {
                Some(pause) => from = pause + 15,
                None => break,
            }
        }
    }
    Ok(found)
}

fn power(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum::<f64>()
        / samples.len().max(1) as f64
}

/// Cuts what is before the first 30 ms in a row that are less than 22 dB below the loudest 10 ms, which is where one
/// would mark the beginning by eye (a breath before it is further down), and brings the rest to [`VOICE_DB`].
fn from_onset(samples: &[i16]) -> Vec<i16> {
    let frame = RATE as usize / 100;
    let levels = samples.chunks(frame).map(power).collect::<Vec<_>>();
    let loudest = levels.iter().copied().fold(0.0, f64::max);
    let loud = |level: &f64| *level > loudest * 10f64.powf(-2.2);
    let first = levels.windows(3).position(|frames| frames.iter().all(loud)).unwrap_or(0) * frame;
    let last = levels.iter().rposition(loud).map_or(samples.len(), |last| (last + 1) * frame);
    let sound = &samples[first..last.min(samples.len()).max(first)];
    let gain = 10f64.powf(VOICE_DB / 20.0) / power(sound).sqrt().max(1e-6);
    sound.iter().map(|sample| (f64::from(*sample) * gain).clamp(-32_768.0, 32_767.0) as i16).collect()
}

/// Coughs, a hiss, clicks, a thump, typing, a squeak: shaped bursts of a generator.
fn noise(index: usize) -> Overlay {
    let mut random = Random(index as u64 * 7_919 + 17);
    let second = RATE as f64;
    let (name, mut sound) = match index % 6 {
        0 => ("cough", cough(&mut random)),
        1 => ("hiss", burst(&mut random, 0.6, 0.05, 0.9)),
        2 => ("clicks", repeated(&mut random, 5, 0.12, |random| burst(random, 0.004, 0.0, 0.9))),
        3 => ("thump", burst(&mut random, 0.25, 0.004, 0.03)),
        4 => ("typing", repeated(&mut random, 9, 0.09, |random| burst(random, 0.015, 0.001, 0.6))),
        _ => {
            let length = (0.3 * second) as usize;
            let squeak = (0..length).map(|at| {
                let time = at as f64 / second;
                (std::f64::consts::TAU * (900.0 * time + 1_500.0 * time * time)).sin() * (1.0 - time / 0.3)
            });
            ("squeak", squeak.collect())
        }
    };
    let loudest = sound.iter().fold(1e-9, |most: f64, sample| most.max(sample.abs()));
    let level = 0.1 + 0.3 * random.next().abs();
    sound.iter_mut().for_each(|sample| *sample *= level / loudest);
    let samples = sound.iter().map(|sample| (sample * 32_767.0) as i16).collect();
    Overlay { name: format!("{name} {}", index / 6), kind: Kind::Noise, samples }
}

/// Two bursts with a throaty middle.
fn cough(random: &mut Random) -> Vec<f64> {
    let mut sound = burst(random, 0.16, 0.008, 0.25);
    sound.extend(vec![0.0; RATE as usize / 12]);
    sound.extend(burst(random, 0.22, 0.01, 0.2).iter().map(|sample| sample * 0.7));
    sound
}

/// Noise of so many seconds that rises in `attack` and decays, low-passed the more the smaller `bright` is.
fn burst(random: &mut Random, seconds: f64, attack: f64, bright: f64) -> Vec<f64> {
    let length = (seconds * f64::from(RATE)) as usize;
    let mut low = 0.0;
    (0..length.max(1))
        .map(|at| {
            let time = at as f64 / f64::from(RATE);
            low += (random.next() - low) * bright;
            low * (time / attack.max(1e-4)).min(1.0) * (-4.0 * time / seconds).exp()
        })
        .collect()
}

fn repeated(
    random: &mut Random,
    times: usize,
    every: f64,
    one: impl Fn(&mut Random) -> Vec<f64>,
) -> Vec<f64> {
    let mut sound = Vec::new();
    for _ in 0..times {
        sound.extend(one(random));
        let gap = every * (1.0 + 0.3 * random.next());
        sound.extend(vec![0.0; (gap * f64::from(RATE)) as usize]);
    }
    sound
}

/// A generator, so that every run has the same noises.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// In [-1, 1].
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}
