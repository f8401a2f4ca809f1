//! Medians of the recent past in a fixed little memory.

/// Samples that are kept.
const KEPT: usize = 48;
/// Between two samples: 48 of them span 6 s.
const EVERY_MS: u64 = 125;
/// Fewer say nothing.
const LEAST: usize = 4;

/// The median of the last 6 s.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    samples: [f32; KEPT],
    held: usize,
    next: usize,
    due_ms: u64,
    median: Option<f32>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { samples: [0.0; KEPT], held: 0, next: 0, due_ms: 0, median: None }
    }
}

impl Recent {
    pub(super) fn push(&mut self, at_ms: u64, value: f32) {
        if at_ms < self.due_ms || !value.is_finite() {
            return;
        }
        self.due_ms = at_ms + EVERY_MS;
        self.samples[self.next] = value;
        self.next = (self.next + 1) % KEPT;
        self.held = (self.held + 1).min(KEPT);
        let mut held = self.samples;
        self.median = if self.held < LEAST { None } else { quantile(&mut held[..self.held], 0.5) };
    }

    pub(super) fn median(&self) -> Option<f32> {
        self.median
    }
}

/// The value below which `share` of the values lie; they are left sorted. None of nothing.
pub(super) fn quantile(values: &mut [f32], share: f32) -> Option<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((share.clamp(0.0, 1.0) * last as f32).round() as usize).copied()
}
