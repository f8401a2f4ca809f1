//! How well the pitch is found, and what that costs: tones, glides and voices whose pitch is known, clean and with noise
//! 10 dB below, and human speech that is spoken again with a melody of our own.
//!
//! `cargo run --release --package duologue-domain --example pitch -- FILE.pcm…` prints one JSON object. The files are
//! PCM16 at 16 kHz, mono, without a header. `cargo xtask bench voice-analysis` makes them and reads the answer.

use std::{env, fs, io, io::Write, time::Instant};

use duologue_domain::{
    pcm,
    voice::{Prosody, Track, VoiceConfig},
};

#[path = "pitch/signal.rs"]
mod signal;

use signal::{Signal, harmonics, noisy, respoken, vowels};

/// Further from the truth than this is a gross error, as is usual.
const GROSS: f32 = 0.2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut human = Vec::new();
    for path in env::args().skip(1) {
        let samples = pcm::from_le_bytes(&fs::read(&path)?).map_err(|_| format!("{path} is not PCM16"))?;
        human.push(samples.into_iter().map(pcm::to_float).collect::<Vec<_>>());
    }
    let mut rows = Vec::new();
    for (name, signals) in corpora(&human) {
        for snr in [None, Some(10.0)] {
            let mut errors = Errors::default();
            for signal in &signals {
                let samples = snr.map_or_else(|| signal.samples.clone(), |db| noisy(&signal.samples, db));
                errors.add(&track(&samples), signal);
            }
            rows.push(errors.row(name, snr));
        }
    }
    // Written by hand: the core has no serialiser, and neither have its examples.
    writeln!(io::stdout(), "{{\"rows\":[{}],\"cost\":{}}}", rows.join(","), cost(&human))?;
    Ok(())
}

/// Every kind of signal.
fn corpora(human: &[Vec<f32>]) -> Vec<(&'static str, Vec<Signal>)> {
    let steady = (0..24).map(|step| 62.0 * f32::exp2(step as f32 / 8.0)).collect::<Vec<_>>();
    let tones = steady.iter().map(|hz| harmonics(2.0, 1, |_| *hz)).collect();
    let rich = steady.iter().map(|hz| harmonics(2.0, 24, |_| *hz)).collect();
    let glide = |from: f32, octaves: f32| move |at: f32| from * f32::exp2(octaves * (1.0 - (at - 1.0).abs()));
    let glides = [70.0, 100.0, 140.0, 200.0, 240.0]
        .into_iter()
        .flat_map(|from| [0.5, 1.0].map(|octaves| harmonics(2.0, 24, glide(from, octaves))))
        .collect();
    let vowels = [85.0, 110.0, 150.0, 200.0, 260.0, 330.0].map(|hz| vowels(6.0, hz)).into();
    let pitches = [95.0, 125.0, 190.0, 230.0];
    let again = |index: usize, samples: &Vec<f32>| respoken(samples, pitches[index % pitches.len()]);
    let human = human.iter().enumerate().map(|(index, samples)| again(index, samples)).collect();
    vec![
        ("pure tones", tones),
        ("harmonic tones", rich),
        ("glides", glides),
        ("vowels with formants and a melody", vowels),
        ("speech spoken again with a known melody", human),
    ]
}

fn track(samples: &[f32]) -> Track {
    let mut prosody = Prosody::new(VoiceConfig::default());
    prosody.handle(samples);
    prosody.finish()
}

/// What was wrong.
#[derive(Default)]
struct Errors {
    voiced: usize,
    missed: usize,
    gross: usize,
    silent: usize,
    invented: usize,
    fine: Vec<f32>,
}

impl Errors {
    /// Compares frame by frame. Frames at an edge of the voice belong to neither side.
    fn add(&mut self, track: &Track, signal: &Signal) {
        for (index, frame) in track.frames().iter().enumerate() {
            let around = [index * 160 + 80, (index * 160 + 80).saturating_sub(400), index * 160 + 480];
            let truth = around.map(|at| signal.hz.get(at).copied().unwrap_or(0.0));
            let hz = truth[0];
            if truth.iter().all(|hz| *hz > 0.0) {
                self.voiced += 1;
                match frame.f0_hz {
                    None => self.missed += 1,
                    Some(found) if (found / hz - 1.0).abs() > GROSS => self.gross += 1,
                    Some(found) => self.fine.push((12.0 * (found / hz).log2()).abs()),
                }
            } else if truth.iter().all(|hz| *hz == 0.0) {
                self.silent += 1;
                self.invented += usize::from(frame.voiced());
            }
        }
    }

    fn row(&mut self, name: &str, snr: Option<f32>) -> String {
        self.fine.sort_by(f32::total_cmp);
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let median = self.fine.get(self.fine.len() / 2).copied().unwrap_or(f32::NAN);
        let snr = snr.map_or_else(|| "null".to_owned(), |db| db.to_string());
        format!(
            "{{\"signals\":\"{name}\",\"snr_db\":{snr},\"voiced_frames\":{},\"gross_error\":{:.5},\
             \"fine_error_semitones\":{median:.4},\"missed_voice\":{:.5},\"invented_voice\":{:.5}}}",
            self.voiced,
            share(self.gross, self.voiced - self.missed),
            share(self.missed, self.voiced),
            share(self.invented, self.silent),
        )
    }
}

/// Milliseconds of computing for a second of sound: the best of five runs over everything that was given.
fn cost(human: &[Vec<f32>]) -> String {
    let own;
    let sounds = if human.is_empty() {
        own = vec![noisy(&vowels(20.0, 140.0).samples, 20.0)];
        &own[..]
    } else {
        human
    };
    let seconds = sounds.iter().map(Vec::len).sum::<usize>() as f64 / f64::from(pcm::HEARING_RATE);
    let run = || {
        let begun = Instant::now();
        for sound in sounds {
            let mut prosody = Prosody::new(VoiceConfig::default());
            // As they come from a session: 20 ms at a time.
            sound.chunks(320).for_each(|packet| prosody.handle(packet));
            assert!(prosody.finish().ms() > 0, "nothing was analysed");
        }
        begun.elapsed().as_secs_f64() * 1000.0
    };
    let best = (0..5).map(|_| run()).fold(f64::INFINITY, f64::min);
    format!("{{\"seconds\":{seconds:.1},\"ms_per_second\":{:.4}}}", best / seconds)
}
