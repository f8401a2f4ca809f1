//! What was given to a client, and what is known to have reached it.
//!
//! A session numbers what leaves it and wants to know up to where it arrived. Events have arrived when SCTP says so;
//! sound when it was sent and there was a sign of the far end since, as RTP is not acknowledged.

use std::{collections::VecDeque, time::Duration};

/// An event that the far end does not acknowledge for so long cuts it off, as over a WebSocket.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// What shows that something has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// So many bytes of the channel were acknowledged.
    Bytes { up_to: u64, since: Duration },
    /// Sound that waits to be sent.
    Waiting,
    /// Sound that was sent then.
    Sent(Duration),
    /// Nobody waits for it.
    Needless,
}

/// What is known of the far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Bytes that it acknowledged.
    pub(super) bytes: u64,
    /// When there was a sign of it last; none while it is out of reach.
    pub(super) heard: Option<Duration>,
}

/// The ledger. It holds what the session keeps in its own log until it has arrived, which is bounded there.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: VecDeque<(u64, Proof)>,
}

impl Ledger {
    /// Events up to this number went into the channel, whose bytes are so many now.
    pub(super) fn told(&mut self, number: u64, up_to: u64, now: Duration) {
        self.open.push_back((number, Proof::Bytes { up_to, since: now }));
    }

    /// Speech with this number waits to be spoken; perhaps again.
    pub(super) fn waits(&mut self, number: u64) {
        self.enter(number, Proof::Waiting);
    }

    /// Nobody has to get what has this number.
    pub(super) fn needless(&mut self, number: u64) {
        self.enter(number, Proof::Needless);
    }

    /// What comes again keeps its place.
    fn enter(&mut self, number: u64, proof: Proof) {
        match self.open.iter_mut().find(|(other, _)| *other == number) {
            Some(entry) => entry.1 = proof,
            None => self.open.push_back((number, proof)),
        }
    }

    /// Speech from this number on was said to nobody, and comes again; what came before it does not.
    pub(super) fn unsaid(&mut self, from: u64) {
        for (number, proof) in &mut self.open {
            if matches!(proof, Proof::Sent(_) | Proof::Waiting) {
                *proof = if *number < from { Proof::Needless } else { Proof::Waiting };
            }
        }
    }

    /// The speech with this number is on its way.
    pub(super) fn spoken(&mut self, number: u64, now: Duration) {
        if let Some((_, proof)) = self.open.iter_mut().find(|(other, _)| *other == number) {
            *proof = Proof::Sent(now);
        }
    }

    /// The last number up to which everything has arrived, when that is a newer one.
    pub(super) fn arrived(&mut self, known: Known) -> Option<u64> {
        let mut last = None;
        while let Some((number, proof)) = self.open.front() {
            let has_arrived = match *proof {
                Proof::Needless => true,
                Proof::Waiting => false,
                Proof::Bytes { up_to, .. } => known.bytes >= up_to,
                Proof::Sent(at) => known.heard.is_some_and(|heard| heard > at),
            };
            if !has_arrived {
                break;
            }
            last = Some(*number);
            self.open.pop_front();
        }
        last
    }

    /// Whether an event is not acknowledged for too long.
    pub(super) fn is_stuck(&self, known: Known, now: Duration) -> bool {
        self.open.iter().any(|(_, proof)| match *proof {
            Proof::Bytes { up_to, since } => {
                known.bytes < up_to && now.saturating_sub(since) > ANSWERS_WITHIN
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_comes_later_waits_for_what_came_before() {
        let mut ledger = Ledger::default();
        ledger.told(1, 100, ms(0));
        ledger.waits(2);
        ledger.told(3, 200, ms(10));
        ledger.needless(4);
        let known = Known { bytes: 200, heard: Some(ms(500)) };
        assert_eq!(ledger.arrived(Known { bytes: 99, ..known }), None);
        assert_eq!(ledger.arrived(known), Some(1), "the speech waits to be spoken");
        ledger.spoken(2, ms(500));
        assert_eq!(ledger.arrived(known), None, "there was no sign since");
        assert_eq!(ledger.arrived(Known { heard: None, ..known }), None, "nobody can be reached");
        assert_eq!(ledger.arrived(Known { heard: Some(ms(501)), ..known }), Some(4));
        assert_eq!(ledger.arrived(known), None);
    }

    #[test]
    fn what_was_said_to_nobody_arrives_when_it_was_said_again() {
        let mut ledger = Ledger::default();
        ledger.waits(1);
        ledger.told(2, 10, ms(0));
        ledger.waits(3);
        ledger.spoken(1, ms(0));
        ledger.unsaid(1);
        let known = Known { bytes: 10, heard: Some(ms(9_000)) };
        assert_eq!(ledger.arrived(known), None);
        // Both come again, in their places.
        ledger.waits(1);
        ledger.waits(3);
        ledger.spoken(1, ms(8_000));
        assert_eq!(ledger.arrived(known), Some(2));
        ledger.spoken(3, ms(8_100));
        assert_eq!(ledger.arrived(known), Some(3));
    }

    #[test]
    fn what_does_not_come_again_holds_nothing_up() {
        let mut ledger = Ledger::default();
        (1..=3).for_each(|number| ledger.waits(number));
        ledger.unsaid(2);
        let known = Known { bytes: 0, heard: Some(ms(1)) };
        assert_eq!(ledger.arrived(known), Some(1), "nobody keeps it any more");
        // The turn was superseded meanwhile: only places come again.
        ledger.needless(2);
        assert_eq!(ledger.arrived(known), Some(2));
        ledger.needless(3);
        assert_eq!(ledger.arrived(known), Some(3));
        assert!(ledger.open.is_empty(), "{ledger:?}");
    }

    #[test]
    fn an_event_that_never_arrives_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.told(1, 10, ms(0));
        let known = Known { bytes: 9, ..Known::default() };
        assert!(!ledger.is_stuck(known, ms(19_000)));
        assert!(ledger.is_stuck(known, ms(21_000)));
        assert!(!ledger.is_stuck(Known { bytes: 10, ..known }, ms(21_000)));
    }
}
