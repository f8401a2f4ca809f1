//! The mel filter bank that a ggml whisper file carries: Slaney's scale and normalisation, 16 kHz, 400-point FFT.

/// Samples a second.
const RATE: f64 = 16_000.0;
/// Points of the FFT.
const POINTS: usize = 400;
/// Bins of its real half.
pub(super) const BINS: usize = POINTS / 2 + 1;
/// 8 kHz on the mel scale.
const TOP_MEL: f64 = 45.245640471924965;
/// Hz of one mel below 1 kHz, where the scale is linear.
const LINEAR_HZ: f64 = 200.0 / 3.0;
/// Where the scale turns logarithmic.
const CORNER_HZ: f64 = 1000.0;

/// `bands` rows of [`BINS`] weights.
pub(super) fn filters(bands: usize) -> Vec<f32> {
    let edges = edges(bands + 2);
    let bin_hz: Vec<f64> = (0..BINS).map(|bin| bin as f64 * (1.0 / (POINTS as f64 * (1.0 / RATE)))).collect();
    let mut weights = Vec::with_capacity(bands * BINS);
    for band in 0..bands {
        let [low, centre, high] = [edges[band], edges[band + 1], edges[band + 2]];
        let area = 2.0 / (high - low);
        for &hz in &bin_hz {
            let rising = -(low - hz) / (centre - low);
            let falling = (high - hz) / (high - centre);
            let overlap = rising.min(falling);
            // Not `max`: the very first weight is minus zero in every published file, and the sha256 sees it.
            weights.push(if overlap < 0.0 { 0.0 } else { (overlap * area) as f32 });
        }
    }
    weights
}

/// Frequencies of `count` points that lie evenly on the mel scale.
fn edges(count: usize) -> Vec<f64> {
    let step = TOP_MEL / (count - 1) as f64;
    let corner_mel = CORNER_HZ / LINEAR_HZ;
    let log_step = 6.4_f64.ln() / 27.0;
    (0..count)
        .map(|point| {
            // The last point is the top itself, not its rounded multiple.
            let mel = if point == count - 1 { TOP_MEL } else { point as f64 * step };
            if mel >= corner_mel {
                CORNER_HZ * (log_step * (mel - corner_mel)).exp()
            } else {
                LINEAR_HZ * mel
            }
        })
        .collect()
}
