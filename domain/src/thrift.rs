//! How much work may be done ahead of time and thrown away.
//!
//! Transcriptions and replies that are begun in a pause save their whole time when the pause was the end of the turn,
//! and are waste when the person goes on. Who is always waited for should not cost the others their machine: each
//! attempt costs a credit, a success earns more than it cost, and every turn brings a little, so that a person who
//! pauses often is tried again from time to time.

/// Credits of a session, in quarters.
#[derive(Clone, Debug)]
pub struct Thrift {
    credit: u32,
    begun: u64,
    used: u64,
}

const START: u32 = 16;
const MOST: u32 = 24;
const ATTEMPT: u32 = 4;
const SUCCESS: u32 = 7;
const TURN: u32 = 1;

impl Default for Thrift {
    fn default() -> Self {
        Self { credit: START, begun: 0, used: 0 }
    }
}

impl Thrift {
    /// Asks for an attempt; `false` means that it is not worth it now.
    pub fn begin(&mut self) -> bool {
        let Some(left) = self.credit.checked_sub(ATTEMPT) else { return false };
        self.credit = left;
        self.begun += 1;
        true
    }

    /// The attempt was of use.
    pub fn handle_used(&mut self) {
        self.used += 1;
        self.earn(SUCCESS);
    }

    /// A turn has ended.
    pub fn handle_turn(&mut self) {
        self.earn(TURN);
    }

    /// Attempts that were thrown away so far, the one in progress included.
    pub fn wasted(&self) -> u64 {
        self.begun - self.used
    }

    fn earn(&mut self, quarters: u32) {
        self.credit = (self.credit + quarters).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_guessed_right_is_always_tried() {
        let mut thrift = Thrift::default();
        for _ in 0..1000 {
            assert!(thrift.begin());
            thrift.handle_used();
            thrift.handle_turn();
        }
        assert_eq!(thrift.wasted(), 0);
    }

    #[test]
    fn waste_is_bounded_by_the_turns() {
        let mut thrift = Thrift::default();
        let attempts = |thrift: &mut Thrift, pauses: usize| (0..pauses).filter(|_| thrift.begin()).count();
        assert_eq!(attempts(&mut thrift, 100), 4, "one breath after the other");
        let mut wasted = 0;
        for _ in 0..100 {
            thrift.handle_turn();
            wasted += attempts(&mut thrift, 10);
        }
        assert_eq!(wasted, 25, "one attempt in four turns");
    }

    #[test]
    fn half_right_is_worth_it() {
        let mut thrift = Thrift::default();
        let mut tried = 0;
        for turn in 0..1000 {
            for pause in 0..2 {
                if thrift.begin() {
                    tried += 1;
                    if pause == turn % 2 {
                        thrift.handle_used();
                    }
                }
            }
            thrift.handle_turn();
        }
        assert!(tried > 1500, "{tried}");
    }
}
