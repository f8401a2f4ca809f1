//! What was given to a client, and what is known to have reached it.
//!
//! A session numbers what leaves it and wants to know up to where it arrived. Events have arrived when SCTP says so;
//! sound when it was sent and something was heard of the far end since, as RTP is not acknowledged.

use std::{collections::VecDeque, time::Duration};

/// Without a word of the far end, whose microphone may be off, sound counts as arrived after this while the connection
/// stands: it is checked every two seconds.
const TAKEN_FOR_GRANTED: Duration = Duration::from_millis(1_500);

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
    /// When something of it was heard last.
    pub(super) heard: Option<Duration>,
    /// Whether the connection stands.
    pub(super) connected: bool,
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

    /// Speech with this number waits to be spoken.
    pub(super) fn waits(&mut self, number: u64) {
        self.open.push_back((number, Proof::Waiting));
    }

    /// Nobody has to get what has this number.
    pub(super) fn needless(&mut self, number: u64) {
        self.open.push_back((number, Proof::Needless));
    }

    /// The speech with this number is on its way.
    pub(super) fn spoken(&mut self, number: u64, now: Duration) {
        if let Some((_, proof)) = self.open.iter_mut().find(|(other, _)| *other == number) {
            *proof = Proof::Sent(now);
        }
    }

    /// The last number up to which everything has arrived, when that is a newer one.
    pub(super) fn arrived(&mut self, known: Known, now: Duration) -> Option<u64> {
        let mut last = None;
        while let Some((number, proof)) = self.open.front() {
            let has_arrived = match *proof {
                Proof::Needless => true,
                Proof::Waiting => false,
                Proof::Bytes { up_to, .. } => known.bytes >= up_to,
                Proof::Sent(at) => {
                    let granted = known.connected && now.saturating_sub(at) >= TAKEN_FOR_GRANTED;
                    granted || known.heard.is_some_and(|heard| heard > at)
                }
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
        let known = Known { bytes: 200, heard: Some(ms(500)), connected: true };
        assert_eq!(ledger.arrived(Known { bytes: 99, ..known }, ms(20)), None);
        assert_eq!(ledger.arrived(known, ms(20)), Some(1), "the speech waits to be spoken");
        ledger.spoken(2, ms(500));
        assert_eq!(ledger.arrived(known, ms(510)), None, "nothing was heard since");
        assert_eq!(ledger.arrived(Known { heard: Some(ms(501)), ..known }, ms(510)), Some(4));
        assert_eq!(ledger.arrived(known, ms(510)), None);
    }

    #[test]
    fn a_silent_listener_is_believed_while_the_connection_stands() {
        let mut ledger = Ledger::default();
        ledger.waits(1);
        ledger.spoken(1, ms(0));
        let known = Known { bytes: 0, heard: None, connected: true };
        assert_eq!(ledger.arrived(known, ms(1_400)), None);
        assert_eq!(ledger.arrived(Known { connected: false, ..known }, ms(1_600)), None);
        assert_eq!(ledger.arrived(known, ms(1_600)), Some(1));
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
