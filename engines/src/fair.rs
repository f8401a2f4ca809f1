//! Whose turn it is at an engine: by client before session, by urgency before both.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use crate::port::SessionKey;

/// Bits of a key that number the session; those above tell the client.
const SESSION_BITS: u32 = 32;

/// The key of session `number` of `client` (a name of any form). Without a client the session stands for itself.
pub fn session_key(client: Option<&str>, number: u32) -> SessionKey {
    let Some(client) = client else { return SessionKey::from(number) };
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    // Zero is nobody's. Two clients that share a number share their turns, nothing else.
    let client = (hasher.finish() as u32).max(1);
    SessionKey::from(client) << SESSION_BITS | SessionKey::from(number)
}

/// Whom `key` belongs to: the same for all sessions of a client, and another for each session without one.
pub fn lane(key: SessionKey) -> u64 {
    match key >> SESSION_BITS {
        0 => key,
        client => client << SESSION_BITS,
    }
}

/// How soon work is wanted, the most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody waits for it.
    #[default]
    Now,
    /// Nice to have while it is fresh: words so far. When somebody waits, it stops.
    Soon,
    /// Nobody waits for it, or nobody yet: what is begun on a chance, and recordings.
    Ahead,
}

impl Urgency {
    fn of(level: u8) -> Self {
        match level {
            0 => Self::Now,
            1 => Self::Soon,
            _ => Self::Ahead,
        }
    }
}

/// An urgency that its requester may raise while the work waits. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Haste(Arc<AtomicU8>);

impl Haste {
    /// Work that is wanted this soon.
    pub fn new(urgency: Urgency) -> Self {
        Self(Arc::new(AtomicU8::new(urgency as u8)))
    }

    /// Somebody waits for it now.
    pub fn raise(&self) {
        self.0.store(Urgency::Now as u8, Ordering::Release);
    }

    /// How soon it is wanted.
    pub fn urgency(&self) -> Urgency {
        Urgency::of(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_a_client_share_a_lane_and_others_do_not() {
        let of = |client, number| lane(session_key(client, number));
        assert_eq!(of(Some("a"), 1), of(Some("a"), 2));
        assert_ne!(of(Some("a"), 1), of(Some("b"), 1));
        assert_ne!(of(None, 1), of(None, 2));
        assert_ne!(session_key(Some("a"), 1), session_key(Some("a"), 2));
        assert_eq!(session_key(None, 7), 7);
    }

    #[test]
    fn haste_is_raised_for_all_who_share_it() {
        let haste = Haste::new(Urgency::Ahead);
        let other = haste.clone();
        assert_eq!(other.urgency(), Urgency::Ahead);
        haste.raise();
        assert_eq!(other.urgency(), Urgency::Now);
        assert_eq!(Haste::default().urgency(), Urgency::Now);
        assert_eq!(Haste::new(Urgency::Soon).urgency(), Urgency::Soon);
    }
}
