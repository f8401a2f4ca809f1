//! Energy in a few bands, hop by hop, comparable between rates.

/// How many bands.
pub(super) const BANDS: usize = 6;

/// Mean power in each band over one hop, full scale being 1.
pub type Bands = [f32; BANDS];

/// A hop without sound.
pub const SILENCE: Bands = [0.0; BANDS];

/// Length of a hop: half a frame of voice activity.
pub const HOP_MS: u64 = 16;

/// Where speech is and small loudspeakers still work, in Hz.
const CENTRES: [f32; BANDS] = [300.0, 600.0, 1_100.0, 1_800.0, 2_700.0, 3_700.0];

/// Bands that overlap a little.
const QUALITY: f32 = 1.5;

/// Played sound below this in every band cannot come back audibly: −55 dB.
const ACTIVE: f32 = 3e-6;

pub(super) fn is_active(bands: &Bands) -> bool {
    bands.iter().any(|power| *power > ACTIVE)
}

/// Measures a stream of samples at one rate.
#[derive(Clone, Debug)]
pub struct BandMeter {
    filters: [Filter; BANDS],
    sums: Bands,
    count: u32,
    hop: u32,
}

impl BandMeter {
    /// A meter for samples at `rate` Hz, at least 8000.
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(8_000);
        Self {
            filters: CENTRES.map(|centre| Filter::new(centre, rate as f32)),
            sums: SILENCE,
            count: 0,
            hop: rate * HOP_MS as u32 / 1000,
        }
    }

    /// The hops that these samples complete; the rest waits for the next call.
    pub fn handle_samples(&mut self, samples: impl IntoIterator<Item = f32>) -> Vec<Bands> {
        let mut hops = Vec::new();
        for sample in samples {
            let sample = if sample.is_finite() { sample } else { 0.0 };
            for (filter, sum) in self.filters.iter_mut().zip(&mut self.sums) {
                let passed = filter.pass(sample);
                *sum += passed * passed;
            }
            self.count += 1;
            if self.count == self.hop {
                hops.push(self.sums.map(|sum| sum / self.hop as f32));
                self.sums = SILENCE;
                self.count = 0;
                self.filters.iter_mut().for_each(Filter::settle);
            }
        }
        hops
    }
}

/// A band-pass of second order (bilinear, 0 dB at its centre).
#[derive(Clone, Copy, Debug)]
struct Filter {
    forward: f32,
    feedback: [f32; 2],
    state: [f32; 2],
}

impl Filter {
    fn new(centre: f32, rate: f32) -> Self {
        let angle = std::f32::consts::TAU * centre / rate;
        let alpha = angle.sin() / (2.0 * QUALITY);
        let scale = 1.0 / (1.0 + alpha);
        Self {
            forward: alpha * scale,
            feedback: [-2.0 * angle.cos() * scale, (1.0 - alpha) * scale],
            state: [0.0; 2],
        }
    }

    fn pass(&mut self, sample: f32) -> f32 {
        let output = self.forward * sample + self.state[0];
        self.state[0] = self.state[1] - self.feedback[0] * output;
        self.state[1] = -self.forward * sample - self.feedback[1] * output;
        output
    }

    /// After silence the state would creep through numbers that processors handle slowly.
    fn settle(&mut self) {
        for state in &mut self.state {
            if state.abs() < 1e-18 {
                *state = 0.0;
            }
        }
    }
}
