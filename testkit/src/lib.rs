//! Fake engines, scripted speech and a store in memory, for tests only: everything on the runtime's clock, so that
//! a whole scene runs in paused time.

mod engines;
mod persona;
mod store;

use duologue_domain::pcm;

pub use self::{
    engines::{FakeLlm, FakeStt, FakeTts, FakeTurn, FakeVad, Gate, engines},
    persona::persona,
    store::MemoryStore,
};

/// A tone that the fake voice activity takes for speech: `ms` milliseconds at `rate` Hz.
pub fn speech(ms: u64, rate: u32) -> Vec<i16> {
    (0..pcm::samples(ms, rate))
        .map(|index| {
            let phase = std::f32::consts::TAU * 220.0 * index as f32 / rate as f32;
            (phase.sin() * 10_000.0) as i16
        })
        .collect()
}

/// Digital silence.
pub fn silence(ms: u64, rate: u32) -> Vec<i16> {
    vec![0; pcm::samples(ms, rate) as usize]
}
