//! What was sent, numbered, until it is known to have arrived and for a while longer: what a resume replays.

use std::collections::VecDeque;

use duologue_domain::turn::TurnId;

use super::{
    MAX_UNHEARD, Outgoing,
    weight::{numbers, weight},
};

/// Unacknowledged entries beyond this leave, the oldest first: a client that is so far behind rebuilds instead. It
/// is some minutes of a lively scene.
const MAX_ENTRIES: usize = 1024;

/// See [`MAX_ENTRIES`]; speech not counted, which [`super::MAX_UNHEARD`] bounds.
const MAX_BYTES: usize = 96 * 1024;

/// What has arrived is kept for a client that comes back in another tab and knows a little less than the one
/// before. Small, because an idle session must cost little.
const MAX_ARRIVED_ENTRIES: usize = 256;

/// See [`MAX_ARRIVED_ENTRIES`].
const MAX_ARRIVED_BYTES: usize = 16 * 1024;

/// Something to send, with the numbers that its events have on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number of the first event that it becomes.
    pub first: u64,
    /// How many of its events the client has already; in a call it may be all of them.
    pub skip: usize,
    /// What.
    pub outgoing: Outgoing,
}

impl Numbered {
    /// The number of the last event that it becomes.
    pub fn last(&self) -> u64 {
        self.first + numbers(&self.outgoing) - 1
    }
}

#[derive(Debug)]
struct Entry {
    first: u64,
    last: u64,
    bytes: usize,
    outgoing: Outgoing,
}

impl Entry {
    fn samples(&self) -> usize {
        if let Outgoing::Audio(frame) = &self.outgoing { frame.samples.len() } else { 0 }
    }
}

/// The log. It begins empty and takes no memory until something was sent.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Which entry the reader gets next; at the end there is nothing to replay.
    position: usize,
    /// Of what is replayed, the reader has the events up to this number.
    known: u64,
    /// The last number given.
    last: u64,
    /// The last number that has arrived.
    arrived: u64,
}

impl Log {
    /// Numbers something that is sent for the first time.
    pub(super) fn push(&mut self, outgoing: Outgoing) -> Numbered {
        debug_assert!(self.position == self.entries.len(), "what is new comes after what is replayed");
        let first = self.last + 1;
        self.last += numbers(&outgoing);
        let bytes = weight(&outgoing);
        self.bytes += bytes;
        self.entries.push_back(Entry { first, last: self.last, bytes, outgoing: outgoing.clone() });
        self.position += 1;
        self.trim();
        Numbered { first, skip: 0, outgoing }
    }

    /// The next thing that was sent before and has to be sent again.
    pub(super) fn replay(&mut self) -> Option<Numbered> {
        let entry = self.entries.get(self.position)?;
        self.position += 1;
        let skip = match entry.outgoing {
            Outgoing::Event(_) => (self.known.min(entry.last) + 1).saturating_sub(entry.first) as usize,
            Outgoing::Audio(_) => 0,
        };
        Some(Numbered { first: entry.first, skip, outgoing: entry.outgoing.clone() })
    }

    /// The client has everything up to `number`. Of speech that has arrived the last two seconds are kept: a page that
    /// is loaded anew had not played them yet.
    pub(super) fn acknowledge(&mut self, number: u64) {
        let number = number.min(self.last);
        if number <= self.arrived {
            return;
        }
        self.arrived = number;
        self.forget_sound(MAX_UNHEARD);
        self.trim();
        // What a lively minute took is given back; not at every turn.
        if self.entries.capacity() > 4 * self.entries.len() + 64 {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Of speech that has arrived, all but the last `kept` samples leave; their places stay.
    pub(super) fn forget_sound(&mut self, kept: usize) {
        let mut newer = 0;
        for entry in self.entries.iter_mut().rev() {
            newer += entry.samples();
            if newer > kept && entry.last <= self.arrived {
                forget_sound(entry);
            }
        }
    }

    /// Goes back to what came after `number`. False when that is not known any more, or never was.
    pub(super) fn rewind(&mut self, number: u64) -> bool {
        let first_kept = self.entries.front().map_or(self.last + 1, |entry| entry.first);
        if number > self.last || number + 1 < first_kept {
            return false;
        }
        self.position = self.entries.partition_point(|entry| entry.last <= number);
        self.known = number;
        true
    }

    /// Goes further back, to the first of what has not arrived: the events on the way are known, and come with nothing to
    /// be told of them.
    pub(super) fn rewind_sound(&mut self) {
        let first = self.entries.partition_point(|entry| entry.last <= self.arrived);
        self.position = self.position.min(first);
    }

    /// The same within a connection, which has every event that was sent so far. Answers the number with which that begins.
    pub(super) fn repeat_sound(&mut self) -> u64 {
        let sent = self.position.checked_sub(1).and_then(|last| self.entries.get(last));
        self.known = self.known.max(sent.map_or(0, |entry| entry.last));
        self.rewind_sound();
        self.entries.get(self.position).map_or(self.last + 1, |entry| entry.first)
    }

    /// Nothing will be replayed: whoever comes now begins anew.
    pub(super) fn settle(&mut self) {
        self.acknowledge(self.last);
        self.forget_sound(0);
        self.position = self.entries.len();
    }

    /// Speech of turns before `live` is not replayed; its place stays, so that numbers stay without gaps.
    pub(super) fn supersede(&mut self, live: TurnId) {
        for entry in &mut self.entries {
            if matches!(&entry.outgoing, Outgoing::Audio(frame) if frame.turn < live) {
                forget_sound(entry);
            }
        }
    }

    /// Speech that was sent and is not known to have arrived.
    pub(super) fn unheard(&self) -> usize {
        self.entries.iter().rev().take_while(|entry| entry.last > self.arrived).map(Entry::samples).sum()
    }

    /// The last number that has arrived.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived
    }

    fn trim(&mut self) {
        while let Some(oldest) = self.entries.front() {
            let has_arrived = oldest.last <= self.arrived;
            let full = self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES;
            let enough = self.entries.len() > MAX_ARRIVED_ENTRIES || self.bytes > MAX_ARRIVED_BYTES;
            // What is being replayed stays until the reader has had it.
            if self.position == 0 || !(full || (has_arrived && enough)) {
                return;
            }
            self.bytes -= oldest.bytes;
            self.position -= 1;
            self.entries.pop_front();
        }
    }
}

fn forget_sound(entry: &mut Entry) {
    if let Outgoing::Audio(frame) = &mut entry.outgoing {
        frame.samples = Vec::new();
    }
}
