//! Who is still listening to sound that was made for them, and who waits for the next. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::port::{SPEECH_RATE, SessionKey};

/// Sessions that are remembered before those who have heard everything are forgotten: it only bounds the
/// table, and one entry is a few bytes.
const REMEMBERED: usize = 1_024;

/// Until when the sound that each session was given lasts, if it is played as it comes.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    until: HashMap<SessionKey, Instant>,
}

impl Cover {
    /// Whether the listener of `session` has nothing left to hear, so that every moment of work is a
    /// moment of silence.
    pub(crate) fn is_over(&self, session: SessionKey, now: Instant) -> bool {
        self.until.get(&session).is_none_or(|until| *until <= now)
    }

    /// `samples` more were sent to `session`. That they may have been thrown away unheard is not known
    /// here; the next clause is then begun as if somebody listened, which costs a fraction of a second.
    pub(crate) fn sent(&mut self, session: SessionKey, samples: usize, now: Instant) {
        if self.until.len() >= REMEMBERED {
            self.until.retain(|_, until| *until > now);
        }
        let length = Duration::from_secs_f64(samples as f64 / f64::from(SPEECH_RATE));
        let until = self.until.entry(session).or_insert(now);
        *until = (*until).max(now) + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_covers_the_work_on_what_follows() {
        let (mut cover, now) = (Cover::default(), Instant::now());
        let after = |millis| now + Duration::from_millis(millis);
        assert!(cover.is_over(1, now));
        cover.sent(1, 24_000, now);
        cover.sent(1, 12_000, after(100));
        assert!(!cover.is_over(1, after(1_499)) && cover.is_over(1, after(1_500)));
        assert!(cover.is_over(2, now), "another's sound is no cover");
        cover.sent(1, 12_000, after(9_000));
        assert!(!cover.is_over(1, after(9_400)) && cover.is_over(1, after(9_500)));
    }

    #[test]
    fn the_table_is_bounded() {
        let (mut cover, now) = (Cover::default(), Instant::now());
        for session in 0..10_000 {
            cover.sent(session, 240, now + Duration::from_millis(session));
        }
        assert!(cover.until.len() <= REMEMBERED, "{}", cover.until.len());
    }
}
