//! What is at the far end's ears: how far the sound has been heard that was sent as RTP.
//!
//! Pure. Sound goes out in real time, so that a moment ago tells what is heard now: half of the round trip, and what the
//! far end keeps to even out its network, which follows the jitter that it reports. A receiver report (RFC 3550 §6.4.2)
//! names the highest packet that arrived; what should have arrived by then and did not was not heard, whatever the
//! time, until a later report says otherwise. Where a network is cut, no report comes that could say so: then the silence
//! of the far end does.

use std::{collections::VecDeque, time::Duration};

/// Packets that are remembered: ten seconds, twice the time between two reports of a browser about sound.
const KEPT: usize = 512;

/// What a far end keeps at least: a frame in its decoder, one in its sound card, one to even out.
const LEAST_KEPT: Duration = Duration::from_millis(60);

/// What it keeps at most; browsers go no further on a network that can be talked over.
const MOST_KEPT: Duration = Duration::from_millis(400);

/// How much of the reported jitter, an average deviation, is kept: three times, which few packets exceed.
const JITTERS: u32 = 3;

/// A packet older than this when a report was sent should be in it.
const IN_REPORT_AFTER: Duration = Duration::from_millis(300);

/// Without a sign of the far end for so long, what was sent since the last one counts as not heard until there is another.
const DOUBTED_AFTER: Duration = Duration::from_millis(1_500);

/// What the far end reported; times since any beginning that all calls share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// When it came.
    pub at: Duration,
    /// The lower 16 bits of the highest sequence number that arrived there.
    pub highest: u16,
    /// Jitter in units of the RTP clock, 48 kHz.
    pub jitter: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sent<Place> {
    at: Duration,
    sequence: u64,
    place: Place,
}

/// The clock. `Place` is where in the sound a packet ends.
#[derive(Clone, Debug)]
pub struct PlayClock<Place> {
    sent: VecDeque<Sent<Place>>,
    next: u64,
    round_trip: Duration,
    kept: Duration,
    /// The highest packet that arrived, when the last report came, and what should have arrived by then.
    report: Option<(u64, Duration)>,
    /// When there was a sign of the far end last.
    sign: Option<Duration>,
}

impl<Place> Default for PlayClock<Place> {
    fn default() -> Self {
        let round_trip = Duration::ZERO;
        Self { sent: VecDeque::new(), next: 0, round_trip, kept: LEAST_KEPT, report: None, sign: None }
    }
}

impl<Place: Copy> PlayClock<Place> {
    /// A packet went out. Sequence numbers follow each other without a gap.
    pub fn sent(&mut self, at: Duration, sequence: u16, place: Place) {
        // The extended number nearest to the one expected.
        let step = sequence.wrapping_sub(self.next as u16);
        let sequence = self.next + u64::from(step);
        self.next = sequence + 1;
        if self.sent.len() == KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { at, sequence, place });
    }

    /// There and back.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip.min(Duration::from_secs(4));
    }

    /// The far end reported.
    pub fn report(&mut self, reported: Reported) {
        let jitter = Duration::from_micros(u64::from(reported.jitter) * 1_000_000 / 48_000);
        self.kept = (LEAST_KEPT + jitter * JITTERS).min(MOST_KEPT);
        // The number below the next one that has these lower bits.
        let behind = (self.next as u16).wrapping_sub(reported.highest);
        if let Some(highest) = self.next.checked_sub(u64::from(behind)) {
            self.report = Some((highest, reported.at));
        }
    }

    /// There was a sign of the far end: a packet of any kind.
    pub fn sign(&mut self, at: Duration) {
        self.sign = self.sign.max(Some(at));
    }

    /// What was sent since the last sign was sent to nobody, and will be sent again.
    pub fn unsay(&mut self) {
        if let Some(sign) = self.sign {
            self.sent.retain(|sent| sent.at <= sign);
        }
    }

    /// The place of the newest packet.
    pub fn last(&self) -> Option<Place> {
        self.sent.back().map(|sent| sent.place)
    }

    /// From sending to hearing.
    pub fn delay(&self) -> Duration {
        self.round_trip / 2 + self.kept
    }

    /// The place that is heard at `now`; `None` before anything can have been heard.
    pub fn heard(&self, now: Duration) -> Option<Place> {
        let by = now.checked_sub(self.delay())?;
        let doubted = self.sign.filter(|sign| now.saturating_sub(*sign) > DOUBTED_AFTER);
        let by = doubted.map_or(by, |sign| by.min(sign));
        let limit = self.limit();
        let heard = self.sent.iter().rev().find(|sent| sent.at <= by && sent.sequence <= limit);
        heard.map(|sent| sent.place)
    }

    /// The last packet that can have been heard, as far as reports tell.
    fn limit(&self) -> u64 {
        let Some((highest, at)) = self.report else { return u64::MAX };
        let should = at.saturating_sub(self.round_trip + IN_REPORT_AFTER);
        let is_missing = self.sent.iter().any(|sent| sent.sequence > highest && sent.at <= should);
        if is_missing { highest } else { u64::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A second of packets from `first` on, each ending at its own end in milliseconds.
    fn speaking(clock: &mut PlayClock<u64>, first: u16) {
        for idx in 0..50u16 {
            clock.sent(ms(u64::from(idx) * 20), first.wrapping_add(idx), u64::from(idx + 1) * 20);
        }
    }

    #[test]
    fn what_was_sent_is_heard_after_the_way_and_the_buffer() {
        let mut clock = PlayClock::default();
        assert_eq!(clock.heard(ms(1_000)), None);
        speaking(&mut clock, 65_530);
        assert_eq!(clock.heard(ms(59)), None, "the first is on its way");
        assert_eq!(clock.heard(ms(60)), Some(20));
        clock.set_round_trip(ms(100));
        assert_eq!(clock.heard(ms(500)), Some(400), "50 ms of way and 60 ms of buffer: sent by 390 ms");
        assert_eq!(clock.heard(ms(60_000)), Some(1_000));
        // 30 ms of jitter make the far end keep 90 ms more.
        clock.report(Reported { at: ms(990), highest: 65_530u16.wrapping_add(49), jitter: 1_440 });
        assert_eq!(clock.delay(), ms(200));
        assert_eq!(clock.heard(ms(500)), Some(320));
    }

    #[test]
    fn what_a_report_misses_was_not_heard() {
        let mut clock = PlayClock::default();
        speaking(&mut clock, 10);
        clock.report(Reported { at: ms(1_000), highest: 10 + 19, jitter: 0 });
        assert_eq!(clock.heard(ms(5_000)), Some(400), "nothing after the twentieth arrived");
        clock.report(Reported { at: ms(1_500), highest: 10 + 49, jitter: 0 });
        assert_eq!(clock.heard(ms(5_000)), Some(1_000), "it was late, not lost");
    }

    #[test]
    fn what_was_sent_to_nobody_was_not_heard() {
        let mut clock = PlayClock::default();
        clock.sign(ms(300));
        speaking(&mut clock, 10);
        assert_eq!(clock.heard(ms(1_800)), Some(1_000), "a moment of silence means nothing");
        assert_eq!(clock.heard(ms(1_801)), Some(320), "what was sent up to the last sign");
        clock.sign(ms(1_900));
        assert_eq!(clock.heard(ms(1_901)), Some(1_000), "it was the sign that was late");
        clock.sent(ms(2_000), 60, 1_020);
        clock.unsay();
        assert_eq!((clock.last(), clock.heard(ms(2_500))), (Some(1_000), Some(1_000)));
        clock.sent(ms(2_600), 61, 1_020);
        assert_eq!(clock.heard(ms(2_700)), Some(1_020));
    }

    #[test]
    fn a_report_that_came_while_packets_were_on_their_way_limits_nothing() {
        let mut clock = PlayClock::default();
        speaking(&mut clock, 0);
        clock.report(Reported { at: ms(1_000), highest: 40, jitter: 0 });
        assert_eq!(clock.heard(ms(2_000)), Some(1_000));
    }

    #[test]
    fn numbers_that_make_no_sense_limit_to_what_was_sent() {
        let mut clock = PlayClock::<u64>::default();
        clock.report(Reported { at: ms(1), highest: 7, jitter: u32::MAX });
        assert_eq!(clock.delay(), MOST_KEPT);
        assert_eq!(clock.heard(ms(10)), None);
        speaking(&mut clock, 0);
        assert_eq!(clock.heard(ms(2_000)), Some(1_000));
    }
}
