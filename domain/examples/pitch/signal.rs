//! Sounds whose pitch is known, because we make them.

use std::f32::consts::TAU;

const RATE: f32 = 16_000.0;

/// A sound, and its pitch at every sample: 0 where there is no voice.
pub(crate) struct Signal {
    pub(crate) samples: Vec<f32>,
    pub(crate) hz: Vec<f32>,
}

/// The same numbers on every machine.
struct Random(u64);

impl Random {
    /// Even in [-1, 1).
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// About normal, with a deviation of 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next()).sum::<f32>() / 2.0
    }
}

/// White noise so far below the sound, measured over all of it.
pub(crate) fn noisy(samples: &[f32], snr_db: f32) -> Vec<f32> {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
    let height = (power / 10f32.powf(snr_db / 10.0)).sqrt();
    let mut random = Random(11);
    samples.iter().map(|sample| sample + height * random.normal()).collect()
}

/// Up to `most` harmonics below 6 kHz, each half as strong as one an octave lower.
pub(crate) fn harmonics(seconds: f32, most: usize, melody: impl Fn(f32) -> f32) -> Signal {
    let hz = (0..(seconds * RATE) as usize).map(|index| melody(index as f32 / RATE)).collect::<Vec<_>>();
    let mut phase = 0.0f32;
    let sample = |hz: &f32| {
        phase = (phase + hz / RATE).fract();
        let count = ((6_000.0 / hz) as usize).clamp(1, most);
        0.25 * (1..=count).map(|number| (TAU * phase * number as f32).sin() / number as f32).sum::<f32>()
    };
    Signal { samples: hz.iter().map(sample).collect(), hz }
}

/// Vowels and pauses: pulses of a throat through three resonances that wander, with a melody, shaking periods, breath.
pub(crate) fn vowels(seconds: f32, base: f32) -> Signal {
    const VOWELS: [[f32; 3]; 5] = [
        [730.0, 1090.0, 2440.0],
        [270.0, 2290.0, 3010.0],
        [300.0, 870.0, 2240.0],
        [530.0, 1840.0, 2480.0],
        [570.0, 840.0, 2410.0],
    ];
    let mut random = Random(base as u64 + 5);
    let mut resonators = [Resonator::default(); 3];
    let (mut phase, mut shake) = (0.0f32, 1.0f32);
    let (mut samples, mut hz) = (Vec::new(), Vec::new());
    for index in 0..(seconds * RATE) as usize {
        let at = index as f32 / RATE;
        // 1.2 s of voice, then 0.3 s of silence, as phrases go.
        let voiced = at % 1.5 < 1.2;
        let pitch = base * f32::exp2(0.3 * (at * 4.1).sin() - 0.25 * (at % 1.5) + 0.05 * (at * 31.0).sin());
        phase += pitch * shake / RATE;
        let mut pulse = 0.0;
        if phase >= 1.0 {
            phase -= 1.0;
            shake = 1.0 + 0.005 * random.normal();
        }
        if voiced {
            // A throat that opens slowly and closes quickly (Rosenberg 1971).
            pulse = match phase {
                open if open < 0.4 => 0.5 - 0.5 * (TAU * 0.5 * open / 0.4).cos(),
                closing if closing < 0.56 => (TAU * 0.25 * (closing - 0.4) / 0.16).cos(),
                _ => 0.0,
            } - 0.3
                + 0.02 * random.normal();
        }
        let (vowel, into) = ((at * 3.0) as usize, (at * 3.0).fract());
        for (number, resonator) in resonators.iter_mut().enumerate() {
            let (from, to) = (VOWELS[vowel % 5][number], VOWELS[(vowel + 1) % 5][number]);
            resonator.tune(from + (to - from) * into, 60.0 + 40.0 * number as f32);
            pulse = resonator.pass(pulse);
        }
        samples.push(0.1 * pulse);
        hz.push(if voiced { pitch } else { 0.0 });
    }
    Signal { samples, hz }
}

/// A resonance of second order with unit gain at 0 Hz (Klatt 1980).
#[derive(Clone, Copy, Default)]
struct Resonator {
    factors: [f32; 3],
    last: [f32; 2],
}

impl Resonator {
    fn tune(&mut self, hz: f32, width: f32) {
        let radius = (-std::f32::consts::PI * width / RATE).exp();
        let (back, further) = (2.0 * radius * (TAU * hz / RATE).cos(), -radius * radius);
        self.factors = [1.0 - back - further, back, further];
    }

    fn pass(&mut self, sample: f32) -> f32 {
        let [gain, back, further] = self.factors;
        let out = gain * sample + back * self.last[0] + further * self.last[1];
        self.last = [out, self.last[0]];
        out
    }
}

// ---------------------------------------------------------------- human speech with our melody

/// Coefficients of the filter that stands for throat and mouth.
const ORDER: usize = 18;
/// 10 ms.
const HOP: usize = 160;
/// 30 ms.
const WINDOW: usize = 480;

/// Real speech taken apart into its resonances and spoken again: where it had voice (by its low, periodic energy) with
/// pulses of a melody around `base`, elsewhere with noise. Its pitch is then known exactly.
pub(crate) fn respoken(speech: &[f32], base: f32) -> Signal {
    let frames = speech.len().saturating_sub(WINDOW) / HOP;
    let analysed =
        (0..frames).map(|frame| Frame::of(&speech[frame * HOP..frame * HOP + WINDOW])).collect::<Vec<_>>();
    let loud = analysed.iter().map(|frame| frame.power).fold(0.0, f32::max);
    let voiced =
        steady(analysed.iter().map(|frame| frame.low_share > 0.5 && frame.power > loud * 1e-3).collect());
    let mut random = Random(base as u64);
    let mut last = [0.0f32; ORDER];
    let mut phase = 0.0f32;
    let (mut samples, mut hz) = (vec![0.0; HOP], vec![0.0; HOP]);
    for (frame, voice) in analysed.iter().zip(voiced) {
        for _ in 0..HOP {
            let at = samples.len() as f32 / RATE;
            let pitch = base * f32::exp2(0.25 * (at * 3.7).sin() + 0.15 * (at * 9.1).sin());
            phase = (phase + pitch / RATE).fract();
            let source = if voice { pulse(phase, pitch) } else { random.normal() };
            let heard = frame.filter.iter().zip(&last).map(|(factor, last)| factor * last).sum::<f32>();
            let out = (frame.gain * source - heard).clamp(-4.0, 4.0);
            last.rotate_right(1);
            last[0] = out;
            samples.push(out);
            hz.push(if voice { pitch } else { 0.0 });
        }
    }
    Signal { samples, hz }
}

/// A train of pulses without anything above half of the rate, with a power of 1.
fn pulse(phase: f32, hz: f32) -> f32 {
    let count = (7_000.0 / hz).floor().max(1.0);
    let angle = std::f32::consts::PI * phase;
    let sum = if angle.sin().abs() < 1e-4 {
        count
    } else {
        0.5 * (((2.0 * count + 1.0) * angle).sin() / angle.sin() - 1.0)
    };
    sum * (2.0 / count).sqrt()
}

/// Voice of at least 50 ms, silence of at least 30.
fn steady(mut voiced: Vec<bool>) -> Vec<bool> {
    for (value, least) in [(false, 3), (true, 5)] {
        let mut from = 0;
        while from < voiced.len() {
            let length = voiced[from..].iter().take_while(|flag| **flag == voiced[from]).count();
            if voiced[from] == value && length < least {
                voiced[from..from + length].fill(!value);
            }
            from += length;
        }
    }
    voiced
}

struct Frame {
    filter: [f32; ORDER],
    gain: f32,
    power: f32,
    /// The share of the power below 1 kHz.
    low_share: f32,
}

impl Frame {
    /// Linear prediction by the method of autocorrelation and Levinson's recursion.
    fn of(window: &[f32]) -> Self {
        let shaped = window
            .iter()
            .enumerate()
            .map(|(index, sample)| sample * (0.54 - 0.46 * (TAU * index as f32 / (WINDOW - 1) as f32).cos()));
        let shaped = shaped.collect::<Vec<_>>();
        let mut low = Resonator::default();
        low.tune(300.0, 900.0);
        let below = shaped.iter().map(|sample| low.pass(*sample).powi(2)).sum::<f32>();
        let along =
            |lag: usize| shaped[lag..].iter().zip(&shaped).map(|(one, other)| one * other).sum::<f32>();
        let mut products = [0.0f32; ORDER + 1];
        for (lag, product) in products.iter_mut().enumerate() {
            *product = along(lag);
        }
        let total = products[0];
        products[0] = total * 1.0001 + 1e-6;
        let mut filter = [0.0f32; ORDER];
        let mut error = products[0];
        for order in 0..ORDER {
            let sum = (0..order).map(|at| filter[at] * products[order - at]).sum::<f32>();
            let reflection = -(products[order + 1] + sum) / error;
            let before = filter;
            filter[order] = reflection;
            for at in 0..order {
                filter[at] = before[at] + reflection * before[order - 1 - at];
            }
            error *= 1.0 - reflection * reflection;
        }
        let power = total / WINDOW as f32;
        Self {
            filter,
            gain: (error.max(0.0) / WINDOW as f32).sqrt(),
            power,
            low_share: below / total.max(1e-9),
        }
    }
}
