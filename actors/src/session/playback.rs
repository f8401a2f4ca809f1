//! What is at the person's ears: the sound of one reply, and how far it has been played.

use std::{sync::Arc, time::Duration};

use duologue_domain::{heard::Playout, turn::TurnId};
use duologue_engines::port::SPEECH_RATE;
use tokio::time::Instant;

/// The sound of a reply. A client that reports how far it has come is believed; else it is taken to play without a
/// break from the first frame on.
#[derive(Debug)]
pub(super) struct Playback {
    pub(super) turn: TurnId,
    pub(super) item: Arc<str>,
    pub(super) response: Arc<str>,
    /// The clauses with their sound, as far as they were sent.
    pub(super) sound: Playout,
    begun: Option<Instant>,
    clock: Option<Clock>,
    /// The client has taken back what comes after so many samples.
    cut: Option<u64>,
    /// Nothing of it is heard any more.
    over: bool,
}

/// Where the play stood at an instant.
#[derive(Clone, Copy, Debug)]
struct Clock {
    at: Instant,
    samples: u64,
    running: bool,
}

impl Playback {
    pub(super) fn new(turn: TurnId, item: Arc<str>, response: Arc<str>) -> Self {
        Self {
            turn,
            item,
            response,
            sound: Playout::default(),
            begun: None,
            clock: None,
            cut: None,
            over: false,
        }
    }

    /// The first frame has left.
    pub(super) fn start(&mut self, at: Instant) {
        self.begun.get_or_insert(at);
        self.clock.get_or_insert(Clock { at, samples: 0, running: true });
    }

    /// More of it leaves now. Where all that was sent has been played, the play stood still until then.
    pub(super) fn goes_on(&mut self, now: Instant) {
        let sent = self.sound.samples();
        if self.played(now) == sent
            && let Some(clock) = self.clock.as_mut().filter(|clock| clock.running)
        {
            (clock.at, clock.samples) = (now, sent);
        }
    }

    /// When the first frame left.
    pub(super) fn since(&self) -> Instant {
        self.begun.unwrap_or_else(Instant::now)
    }

    /// Whether any of it was sent.
    pub(super) fn has_begun(&self) -> bool {
        self.clock.is_some()
    }

    /// Samples that were played by `now`.
    pub(super) fn played(&self, now: Instant) -> u64 {
        let Some(clock) = self.clock else { return 0 };
        let elapsed = if clock.running { now.saturating_duration_since(clock.at) } else { Duration::ZERO };
        let since = elapsed.as_micros() as u64 * u64::from(SPEECH_RATE) / 1_000_000;
        (clock.samples + since).min(self.sound.samples())
    }

    /// Nothing of it will be heard any more: it was played to its end, or stopped.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    /// Whether all of it was played, or it was stopped.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The client says how far it has come.
    pub(super) fn report(&mut self, samples: u64, now: Instant) {
        let samples = samples.min(self.sound.samples());
        if let Some(clock) = &mut self.clock {
            (clock.samples, clock.at) = (samples, now);
        }
    }

    /// The client stops where it is.
    pub(super) fn hold(&mut self, now: Instant) {
        let samples = self.played(now);
        if let Some(clock) = &mut self.clock {
            *clock = Clock { at: now, samples, running: false };
        }
    }

    /// And goes on from there.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(clock) = self.clock.as_mut().filter(|clock| !clock.running) {
            (clock.at, clock.running) = (now, true);
        }
    }

    /// How long what was sent still sounds; `None` while it is held.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let running = self.clock.is_none_or(|clock| clock.running);
        let samples = self.sound.samples() - self.played(now);
        running.then(|| Duration::from_micros(samples * 1_000_000 / u64::from(SPEECH_RATE)))
    }

    /// The words heard by `now`.
    pub(super) fn heard(&self, now: Instant) -> String {
        self.sound.heard_text(self.played(now).min(self.cut.unwrap_or(u64::MAX)))
    }

    /// What comes after so many samples is taken back, and never heard again. Answers the words that are left.
    pub(super) fn cut_at(&mut self, samples: u64) -> String {
        let cut = samples.min(self.cut.unwrap_or(u64::MAX));
        self.cut = Some(cut);
        self.sound.heard_text(cut)
    }

    /// The words that are left of a reply that was cut.
    pub(super) fn left_of_cut(&self) -> Option<String> {
        self.cut.map(|cut| self.sound.heard_text(cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_runs_stops_and_believes_the_client() {
        let start = Instant::now();
        let mut playback = Playback::new(TurnId(1), "item".into(), "response".into());
        assert_eq!((playback.played(start), playback.has_begun()), (0, false));
        playback.sound.push_clause("안녕하세요, 반가워요!", 48_000);
        playback.start(start);
        playback.start(after(start, 900));
        assert_eq!(playback.played(after(start, 500)), 12_000, "the first start counts");
        playback.hold(after(start, 500));
        assert_eq!(playback.played(after(start, 9_000)), 12_000);
        assert_eq!(playback.left(after(start, 9_000)), None);
        playback.resume(after(start, 1_000));
        playback.resume(after(start, 1_200));
        assert_eq!(playback.played(after(start, 1_500)), 24_000);
        playback.report(18_000, after(start, 1_500));
        assert_eq!(playback.played(after(start, 1_500)), 18_000, "its buffer is longer than we thought");
        assert_eq!(playback.left(after(start, 1_500)), Some(Duration::from_millis(1_250)));
        assert_eq!(playback.played(after(start, 60_000)), 48_000, "never more than was sent");
        playback.report(u64::MAX, after(start, 1_500));
        assert_eq!(playback.played(after(start, 1_500)), 48_000);
        // Ten seconds later there is more: it begins then, not ten seconds ago.
        playback.goes_on(after(start, 11_500));
        playback.sound.push_clause(" 그래서요.", 24_000);
        assert_eq!(playback.played(after(start, 11_600)), 50_400);
        playback.goes_on(after(start, 11_700));
        playback.sound.extend(24_000);
        assert_eq!(playback.played(after(start, 11_700)), 52_800, "it has not stood still");
        assert_eq!(playback.heard(after(start, 1_500)), "안녕하세요, 반가워요!");
    }
}
