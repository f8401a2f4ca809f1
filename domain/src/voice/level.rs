//! Numbers about levels and about lists of values.

/// Digital silence, in dBFS.
pub(super) const SILENCE_DB: f32 = -120.0;

/// The level of a mean power, in dBFS.
pub(super) fn db_of_power(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(SILENCE_DB)
}

/// The value below which `share` of the values lie; `None` without any. Sorts them.
pub(super) fn percentile(values: &mut [f32], share: f32) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f32::total_cmp);
    let at = (values.len() - 1) as f32 * share.clamp(0.0, 1.0);
    let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

/// The mean; `None` without any.
pub(super) fn mean(values: &[f32]) -> Option<f32> {
    (!values.is_empty())
        .then(|| (values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64) as f32)
}

/// The standard deviation of a whole population; `None` without any.
pub(super) fn deviation(values: &[f32]) -> Option<f32> {
    let mean = f64::from(mean(values)?);
    let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>();
    Some((squares / values.len() as f64).sqrt() as f32)
}
