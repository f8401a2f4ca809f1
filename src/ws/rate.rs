//! How often a client may say something.

use std::time::Duration;

use tokio::time::Instant;

/// Messages of one client within [`RATE_WINDOW`]: three times what 20 ms packets and landmarks at 30 fps need.
const MAX_MESSAGES: u32 = 2_000;

/// See [`MAX_MESSAGES`].
const RATE_WINDOW: Duration = Duration::from_secs(10);

pub(super) enum Admission {
    Yes,
    FirstRefusal,
    No,
}

/// Counts messages in windows.
#[derive(Default)]
pub(super) struct Rate {
    window: Option<Instant>,
    count: u32,
}

impl Rate {
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        if self.window.is_none_or(|start| now.duration_since(start) > RATE_WINDOW) {
            self.window = Some(now);
            self.count = 0;
        }
        self.count += 1;
        match self.count {
            count if count <= MAX_MESSAGES => Admission::Yes,
            count if count == MAX_MESSAGES + 1 => Admission::FirstRefusal,
            _ => Admission::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_refused_once_per_window() {
        let mut rate = Rate::default();
        let now = Instant::now();
        let outcomes = (0..MAX_MESSAGES + 10).map(|_| rate.admit(now)).collect::<Vec<_>>();
        let refusals = outcomes.iter().filter(|outcome| matches!(outcome, Admission::FirstRefusal)).count();
        let admitted = outcomes.iter().filter(|outcome| matches!(outcome, Admission::Yes)).count();
        assert_eq!((refusals, admitted), (1, MAX_MESSAGES as usize));
        assert!(matches!(rate.admit(now + RATE_WINDOW * 2), Admission::Yes));
    }
}
