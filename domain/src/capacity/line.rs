//! Who is in conversation, and who waits to be. A place is free when its scene ends or has been quiet for a while.
//! Places go to the client that holds the fewest, then to who came first. Nobody is sent away in the middle of a turn;
//! but a client that holds two more than one who waits gives a place up at its next turn, or it could keep all others
//! out by never being quiet.

use std::collections::{BTreeMap, VecDeque};

use super::Drain;

/// What a scene hears that wants to be in conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is.
    In,
    /// It waits.
    Waits(Wait),
}

/// A wait, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Scenes before it.
    pub ahead: usize,
    /// How long it takes at the pace so far, in milliseconds; `None` where nothing tells.
    pub about_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    client: u64,
    /// `None` while a turn of it is being answered.
    quiet_since: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    key: u64,
    client: u64,
}

/// The line. It holds each scene at most once, so the number of scenes bounds it.
#[derive(Clone, Debug)]
pub struct Line {
    quiet_ms: u64,
    holders: BTreeMap<u64, Holder>,
    waiting: VecDeque<Waiting>,
    drain: Drain,
}

impl Line {
    /// A scene that says nothing for `quiet_ms` gives its place up.
    pub fn new(quiet_ms: u64) -> Self {
        Self { quiet_ms, holders: BTreeMap::new(), waiting: VecDeque::new(), drain: Drain::default() }
    }

    /// Scenes in conversation.
    pub fn talking(&mut self, now_ms: u64) -> usize {
        self.expire(now_ms);
        self.holders.len()
    }

    /// Scenes that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether scene `key` is in conversation.
    pub fn holds(&self, key: u64) -> bool {
        self.holders.contains_key(&key)
    }

    /// A turn of scene `key` is to be answered, with room for `places` scenes.
    pub fn handle_turn(&mut self, now_ms: u64, (key, client): (u64, u64), places: usize) -> Entry {
        if self.has_too_many(client) && self.holders.remove(&key).is_some() {
            self.drain.handle_departure(now_ms);
        }
        if let Some(holder) = self.holders.get_mut(&key) {
            holder.quiet_since = None;
            return Entry::In;
        }
        self.expire(now_ms);
        if self.waiting.is_empty() && self.holders.len() < places {
            self.holders.insert(key, Holder { client, quiet_since: None });
            return Entry::In;
        }
        let position = self.waiting.iter().position(|waiting| waiting.key == key);
        let ahead = position.unwrap_or_else(|| {
            self.waiting.push_back(Waiting { key, client });
            self.waiting.len() - 1
        });
        Entry::Waits(Wait { ahead, about_ms: self.about_ms(now_ms, ahead + 1) })
    }

    /// Its turn was answered, or nobody answers it any more: from now on it is quiet.
    pub fn handle_rest(&mut self, now_ms: u64, key: u64) {
        if let Some(holder) = self.holders.get_mut(&key) {
            holder.quiet_since = Some(now_ms);
        }
    }

    /// Somebody speaks in it.
    pub fn handle_speech(&mut self, now_ms: u64, key: u64) {
        if let Some(since) = self.holders.get_mut(&key).and_then(|holder| holder.quiet_since.as_mut()) {
            *since = now_ms;
        }
    }

    /// It has ended, or waits no longer.
    pub fn handle_gone(&mut self, now_ms: u64, key: u64) {
        self.waiting.retain(|waiting| waiting.key != key);
        if self.holders.remove(&key).is_some() {
            self.drain.handle_departure(now_ms);
        }
    }

    /// Gives what is free to those who wait; answers who got it.
    pub fn admit(&mut self, now_ms: u64, places: usize) -> Vec<u64> {
        self.expire(now_ms);
        let mut admitted = Vec::new();
        while self.holders.len() < places {
            let next = (0..self.waiting.len()).min_by_key(|at| (self.held(self.waiting[*at].client), *at));
            let Some(Waiting { key, client }) = next.and_then(|at| self.waiting.remove(at)) else { break };
            self.holders.insert(key, Holder { client, quiet_since: None });
            admitted.push(key);
        }
        admitted
    }

    /// Milliseconds until the `nth` place is free: at the pace of those before, or, where there was none, when as many
    /// of those who are quiet now give up theirs.
    pub fn about_ms(&self, now_ms: u64, nth: usize) -> Option<u64> {
        self.drain.wait_ms(now_ms, nth).or_else(|| {
            let mut quiet = self.holders.values().filter_map(|holder| holder.quiet_since).collect::<Vec<_>>();
            quiet.sort_unstable();
            let since = quiet.get(nth.checked_sub(1)?)?;
            Some((since + self.quiet_ms).saturating_sub(now_ms))
        })
    }

    fn held(&self, client: u64) -> usize {
        self.holders.values().filter(|holder| holder.client == client).count()
    }

    /// Whether a place less would still leave `client` with more than somebody has who waits.
    fn has_too_many(&self, client: u64) -> bool {
        let fewest = self.waiting.iter().map(|waiting| self.held(waiting.client)).min();
        fewest.is_some_and(|fewest| self.held(client) > fewest + 1)
    }

    fn expire(&mut self, now_ms: u64) {
        let over = |holder: &Holder| holder.quiet_since.is_some_and(|since| since + self.quiet_ms <= now_ms);
        let before = self.holders.len();
        self.holders.retain(|_, holder| !over(holder));
        for _ in self.holders.len()..before {
            self.drain.handle_departure(now_ms);
        }
    }
}
