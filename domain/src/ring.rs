//! A bounded queue of samples that forgets the oldest when it is full.
//!
//! Audio that arrives faster than it is used is worth less the older it gets, so the ring drops from the front
//! and counts what it dropped; positions stay absolute, so that a reader can tell that it lost something.

use std::collections::VecDeque;

/// Samples with absolute positions: the first sample ever pushed has position 0.
#[derive(Clone, Debug)]
pub struct SampleRing<T> {
    samples: VecDeque<T>,
    capacity: usize,
    start: u64,
    dropped: u64,
}

impl<T: Copy> SampleRing<T> {
    /// A ring that holds at most `capacity` samples; memory grows only with use.
    pub fn new(capacity: usize) -> Self {
        Self { samples: VecDeque::new(), capacity, start: 0, dropped: 0 }
    }

    /// Appends; returns how many of the oldest samples were dropped for it.
    pub fn push(&mut self, samples: &[T]) -> usize {
        self.samples.extend(samples);
        let excess = self.samples.len().saturating_sub(self.capacity);
        self.samples.drain(..excess);
        self.start += excess as u64;
        self.dropped += excess as u64;
        excess
    }

    /// Takes everything out, oldest first.
    pub fn drain(&mut self) -> Vec<T> {
        self.start += self.samples.len() as u64;
        self.samples.drain(..).collect()
    }

    /// The samples from `from` (inclusive) to `to` (exclusive), as far as they are still held.
    pub fn range(&self, from: u64, to: u64) -> Vec<T> {
        let from = from.clamp(self.start, self.end());
        let to = to.clamp(from, self.end());
        let (first, last) = ((from - self.start) as usize, (to - self.start) as usize);
        self.samples.range(first..last).copied().collect()
    }

    /// Forgets everything before `position`, on purpose: not counted as dropped.
    pub fn forget_before(&mut self, position: u64) {
        let count = position.clamp(self.start, self.end()) - self.start;
        self.samples.drain(..count as usize);
        self.start += count;
        if self.samples.capacity() > 4 * self.samples.len().max(1024) {
            self.samples.shrink_to(2 * self.samples.len());
        }
    }

    /// Position of the oldest sample held.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Position after the newest sample.
    pub fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }

    /// How many samples are held.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many samples were ever dropped because the ring was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_oldest_and_keeps_positions() {
        let mut ring = SampleRing::new(4);
        assert_eq!(ring.push(&[1, 2, 3]), 0);
        assert_eq!(ring.push(&[4, 5, 6]), 2);
        assert_eq!((ring.start(), ring.end(), ring.dropped()), (2, 6, 2));
        assert_eq!(ring.range(0, 100), vec![3, 4, 5, 6]);
        assert_eq!(ring.range(4, 5), vec![5]);
        assert_eq!(ring.range(5, 4), Vec::<i32>::new());
    }

    #[test]
    fn a_chunk_larger_than_the_ring_keeps_its_tail() {
        let mut ring = SampleRing::new(3);
        assert_eq!(ring.push(&[1, 2, 3, 4, 5]), 2);
        assert_eq!(ring.drain(), vec![3, 4, 5]);
        assert_eq!((ring.start(), ring.len()), (5, 0));
    }

    #[test]
    fn forgetting_is_not_dropping() {
        let mut ring = SampleRing::new(10);
        ring.push(&[1, 2, 3, 4]);
        ring.forget_before(2);
        ring.forget_before(1);
        assert_eq!((ring.start(), ring.dropped()), (2, 0));
        assert_eq!(ring.range(0, 9), vec![3, 4]);
        ring.forget_before(99);
        assert!(ring.is_empty());
        assert_eq!(ring.end(), 4);
    }
}
