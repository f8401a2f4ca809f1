//! What is shown moves; it does not jump.
//!
//! Each second the shown value goes `1 - exp(-dt / constant)` of the way to what was measured, and never faster than a
//! given number of points a second. A score that appears, appears where it is; one that is lost, is lost at once. A long
//! time between two looks counts as one second, so that nothing jumps after a pause or a restart.

use super::CoachConfig;

/// The longest step that is taken at once.
const LONGEST_STEP_MS: u64 = 1_000;

/// The shown value of one score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shown {
    at_ms: u64,
    value: Option<f32>,
}

impl Shown {
    /// What to show at `now_ms` when `measured` is what was measured.
    pub fn step(&mut self, now_ms: u64, measured: Option<f32>, config: &CoachConfig) -> Option<u8> {
        let seconds = now_ms.saturating_sub(self.at_ms).min(LONGEST_STEP_MS) as f32 / 1000.0;
        self.at_ms = self.at_ms.max(now_ms);
        self.value = measured.map(|measured| {
            let Some(shown) = self.value else { return measured };
            let constant = config.smoothing_ms.max(1) as f32 / 1000.0;
            let way = (measured - shown) * (1.0 - (-seconds / constant).exp());
            let most = config.points_per_second * seconds;
            let next = shown + way.clamp(-most, most);
            // The last half point is not worth ten more events.
            if (measured - next).abs() < 0.5 && seconds > 0.0 { measured } else { next }
        });
        self.value.map(|value| value.round().clamp(0.0, 100.0) as u8)
    }

    /// Whether it has arrived where it goes.
    pub fn is_at(&self, measured: Option<f32>) -> bool {
        self.value == measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrives_without_a_jump_from_wherever_to_wherever() {
        let config = CoachConfig::default();
        for (from, to) in [(0.0, 100.0), (100.0, 0.0), (50.0, 51.0), (80.0, 20.0)] {
            let mut shown = Shown::default();
            assert_eq!(shown.step(0, Some(from), &config), Some(from as u8), "appears where it is");
            let mut before = from;
            let mut now = 0;
            while !shown.is_at(Some(to)) {
                now += 1_000;
                let next = f32::from(shown.step(now, Some(to), &config).expect("measured"));
                assert!((next - before).abs() <= config.points_per_second + 1.0, "{before} {next}");
                assert!((to - next).abs() <= (to - before).abs(), "only towards it");
                before = next;
                assert!(now < 60_000, "arrives");
            }
        }
    }

    #[test]
    fn a_pause_is_no_leap_and_a_lost_score_is_lost() {
        let config = CoachConfig::default();
        let mut shown = Shown::default();
        shown.step(0, Some(90.0), &config);
        assert!(shown.step(3_600_000, Some(10.0), &config).is_some_and(|value| value >= 85));
        assert_eq!(shown.step(3_601_000, None, &config), None);
        assert_eq!(shown.step(3_602_000, Some(10.0), &config), Some(10));
    }
}
