//! Whether a series grows, told so that neither noise nor a few odd samples decide: the slope of Theil and Sen, and the
//! test of Mann and Kendall.

/// A sign of growth that chance gives less than once in a thousand series.
const SURE: f64 = 3.1;

/// How a series went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trend {
    /// The median of all slopes between two samples, times the length of the series.
    pub(super) growth: f64,
    /// Mann and Kendall's statistic: above 3.1, growth is not chance.
    pub(super) sureness: f64,
    /// The median of the samples.
    pub(super) median: f64,
}

impl Trend {
    /// Of samples at even times; needs three.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        let count = samples.len();
        if count < 3 {
            return None;
        }
        let (mut slopes, mut sign) = (Vec::with_capacity(count * (count - 1) / 2), 0.0);
        for (from, first) in samples.iter().enumerate() {
            for (to, second) in samples.iter().enumerate().skip(from + 1) {
                let rise = second - first;
                slopes.push(rise / (to - from) as f64);
                sign += if rise == 0.0 { 0.0 } else { rise.signum() };
            }
        }
        let number = count as f64;
        let spread = (number * (number - 1.0) * (2.0 * number + 5.0) / 18.0).sqrt();
        Some(Self {
            growth: median(&mut slopes) * (number - 1.0),
            sureness: (sign - f64::signum(sign)) / spread,
            median: median(&mut samples.to_vec()),
        })
    }

    /// Whether it grows by more than `slack`, or by more than a twentieth of itself where that is more, beyond chance.
    pub(super) fn is_growth(&self, slack: f64) -> bool {
        self.sureness > SURE && self.growth > slack.max(self.median / 20.0)
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that repeats itself.
    fn noise(at: usize) -> f64 {
        let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f64 / (1 << 24) as f64 - 0.5
    }

    fn series(count: usize, of: impl Fn(usize) -> f64) -> Trend {
        Trend::of(&(0..count).map(of).collect::<Vec<_>>()).expect("enough samples")
    }

    #[test]
    fn a_leak_below_the_noise_is_found() {
        let leak = series(300, |at| 1000.0 + 100.0 * noise(at) + 0.5 * at as f64);
        assert!((leak.growth - 150.0).abs() < 20.0, "{leak:?}");
        assert!(leak.is_growth(60.0), "{leak:?}");
        assert!(!leak.is_growth(300.0), "within the slack");
    }

    #[test]
    fn noise_outliers_and_a_level_are_no_leak() {
        assert!(!series(300, |at| 1000.0 + 300.0 * noise(at)).is_growth(1.0));
        assert!(!series(300, |at| if at % 60 == 59 { 9000.0 } else { 1000.0 + noise(at) }).is_growth(1.0));
        assert!(!series(300, |_| 7.0).is_growth(0.0));
        assert!(!series(300, |at| 1000.0 - at as f64).is_growth(0.0), "it shrinks");
    }

    #[test]
    fn steps_up_are_growth_and_two_samples_are_no_series() {
        assert!(series(300, |at| 1000.0 + (at / 50) as f64 * 100.0 + noise(at)).is_growth(100.0));
        assert_eq!(Trend::of(&[1.0, 2.0]), None);
    }
}
