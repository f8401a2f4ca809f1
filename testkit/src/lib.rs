//! Fake engines, scripted speech and a store in memory, for tests only: everything on the runtime's clock, so that
//! a whole scene runs in paused time.

mod engines;
pub mod face;
mod gate;
mod persona;
mod soundfont;
mod store;
mod tools;

use duologue_domain::pcm;

pub use self::{
    engines::{FakeEmbed, FakeFace, FakeLlm, FakeStt, FakeTts, FakeTurn, FakeVad, engines},
    gate::{Gate, Trouble},
    persona::{persona, record},
    soundfont::soundfont,
    store::MemoryStore,
    tools::{FakeTools, tool},
};

/// A tone that the fake voice activity takes for speech: `ms` milliseconds at `rate` Hz.
pub fn speech(ms: u64, rate: u32) -> Vec<i16> {
    tone(220.0, ms, rate)
}

/// The pitch of the first line, and how much higher each further one is.
const PITCH: (f32, f32) = (200.0, 50.0);

/// Speech whose pitch says which `line` it is, for [`FakeStt::understanding`].
pub fn spoken(line: usize, ms: u64, rate: u32) -> Vec<i16> {
    tone(PITCH.0 + PITCH.1 * line as f32, ms, rate)
}

/// Which line the loud part of `audio` at 16 kHz is.
fn line_of(audio: &[f32]) -> Option<usize> {
    let is_loud = |sample: &f32| sample.abs() > 0.1;
    let first = audio.iter().position(is_loud)?;
    let last = audio.iter().rposition(is_loud)?;
    let loud = audio.get(first..=last)?;
    // From well below to well above: the ripple of a resampler that begins anew is no pitch.
    let (mut below, mut rises) = (false, 0);
    for sample in loud {
        if *sample > 0.1 {
            rises += usize::from(std::mem::take(&mut below));
        }
        below |= *sample < -0.1;
    }
    let hertz = rises as f32 * pcm::HEARING_RATE as f32 / loud.len() as f32;
    Some(((hertz - PITCH.0) / PITCH.1).round().max(0.0) as usize)
}

fn tone(hertz: f32, ms: u64, rate: u32) -> Vec<i16> {
    (0..pcm::samples(ms, rate))
        .map(|index| {
            let phase = std::f32::consts::TAU * hertz * index as f32 / rate as f32;
            (phase.sin() * 10_000.0) as i16
        })
        .collect()
}

/// Digital silence.
pub fn silence(ms: u64, rate: u32) -> Vec<i16> {
    vec![0; pcm::samples(ms, rate) as usize]
}
