//! What the cells of the model's cache hold: which tokens were evaluated in which sequence. Pure
//! bookkeeping; whoever asks carries the plan out on the real cache.
//!
//! There are two kinds of sequences. *Persona* sequences keep what all sessions of a persona begin
//! with; *session* sequences keep a conversation between its turns. A reply starts from whichever
//! sequence shares the longest beginning with its prompt: cells are shared, so a copy costs nothing.

/// Personas whose beginnings are kept (a persona in two languages counts twice).
pub(crate) const PERSONAS: usize = 8;

/// Sessions kept for each reply that may be made at once: people listen and think longer than a
/// model speaks, so several conversations share one place at the model.
pub(crate) const SESSIONS_PER_REPLY: usize = 4;

/// A beginning shorter than this is not worth a persona's place.
const WORTH_KEEPING: usize = 16;

/// One sequence of the model's cache. Its number there is its index here.
#[derive(Debug, Default)]
struct Sequence {
    tokens: Vec<i32>,
    owner: Option<u64>,
    busy: bool,
    used: u64,
}

/// All sequences: first the personas', then the sessions'.
#[derive(Debug)]
pub(crate) struct Cache {
    sequences: Vec<Sequence>,
    clock: u64,
}

/// Where a reply starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// From the first so many tokens that its own sequence holds already.
    Keep(usize),
    /// From the first `len` tokens of another sequence; its own is emptied first.
    Copy {
        /// The other one.
        from: usize,
        /// How many.
        len: usize,
    },
}

impl Start {
    /// Tokens that need not be evaluated.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Keep(len) | Self::Copy { len, .. } => len,
        }
    }
}

/// A place for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The sequence.
    pub(crate) sequence: usize,
    /// What it starts with.
    pub(crate) start: Start,
}

impl Cache {
    /// Room for [`PERSONAS`] and for `sessions`.
    pub(crate) fn new(sessions: usize) -> Self {
        let sequences = (0..PERSONAS + sessions).map(|_| Sequence::default()).collect();
        Self { sequences, clock: 0 }
    }

    /// Takes a place for a reply of `session` to `tokens`. `None` when all are busy.
    pub(crate) fn take(&mut self, session: u64, tokens: &[i32]) -> Option<Plan> {
        let sequence = self.place(session)?;
        Some(self.occupy(sequence, Some(session), tokens))
    }

    /// Takes a place for the beginning of a persona. `None` when all are busy.
    pub(crate) fn take_persona(&mut self, tokens: &[i32]) -> Option<Plan> {
        let sequence = self.least_used(0..PERSONAS)?;
        Some(self.occupy(sequence, None, tokens))
    }

    /// `tokens[..shared]` of a sequence in work should outlive it: the persona's sequence to copy
    /// them into, or `None` when they are kept already (or are not worth it).
    pub(crate) fn keep_beginning(&mut self, tokens: &[i32], shared: usize) -> Option<usize> {
        let beginning = tokens.get(..shared)?;
        if shared < WORTH_KEEPING || self.knows_persona(beginning) {
            return None;
        }
        let sequence = self.least_used(0..PERSONAS)?;
        self.clock += 1;
        self.sequences[sequence].tokens = beginning.to_vec();
        self.sequences[sequence].used = self.clock;
        Some(sequence)
    }

    /// Whether exactly these tokens are kept as a persona's beginning.
    pub(crate) fn knows_persona(&self, tokens: &[i32]) -> bool {
        self.sequences[..PERSONAS].iter().any(|kept| !kept.busy && kept.tokens == tokens)
    }

    /// These tokens were evaluated after those before.
    pub(crate) fn extend(&mut self, sequence: usize, tokens: &[i32]) {
        self.sequences[sequence].tokens.extend_from_slice(tokens);
    }

    /// The work in a sequence has ended; what it holds stays for the next turn.
    pub(crate) fn release(&mut self, sequence: usize) {
        self.clock += 1;
        self.sequences[sequence].busy = false;
        self.sequences[sequence].used = self.clock;
    }

    /// Gives up the idle sequence that was used longest ago, sessions before personas; the caller
    /// empties it. `None` when nothing idle holds anything.
    pub(crate) fn evict(&mut self) -> Option<usize> {
        let holding = |range: std::ops::Range<usize>| {
            range
                .filter(|at| !self.sequences[*at].busy && !self.sequences[*at].tokens.is_empty())
                .min_by_key(|at| self.sequences[*at].used)
        };
        let all = self.sequences.len();
        let sequence = holding(PERSONAS..all).or_else(|| holding(0..PERSONAS))?;
        self.forget(sequence);
        Some(sequence)
    }

    /// A sequence was emptied.
    pub(crate) fn forget(&mut self, sequence: usize) {
        self.sequences[sequence].tokens.clear();
        self.sequences[sequence].owner = None;
    }

    /// The whole cache was emptied.
    pub(crate) fn forget_all(&mut self) {
        for sequence in &mut self.sequences {
            *sequence = Sequence::default();
        }
    }

    fn place(&self, session: u64) -> Option<usize> {
        let sessions = PERSONAS..self.sequences.len();
        let own = |at: &usize| !self.sequences[*at].busy && self.sequences[*at].owner == Some(session);
        sessions.clone().find(own).or_else(|| self.least_used(sessions))
    }

    /// An empty idle one, or else the one used longest ago.
    fn least_used(&self, range: std::ops::Range<usize>) -> Option<usize> {
        range.filter(|at| !self.sequences[*at].busy).min_by_key(|at| {
            let sequence = &self.sequences[*at];
            (!sequence.tokens.is_empty(), sequence.used)
        })
    }

    fn occupy(&mut self, sequence: usize, owner: Option<u64>, tokens: &[i32]) -> Plan {
        // At least one token must be evaluated, or there is nothing to sample from.
        let usable = &tokens[..tokens.len().saturating_sub(1)];
        let kept = common(&self.sequences[sequence].tokens, usable);
        let longest = (0..self.sequences.len())
            .filter(|at| *at != sequence)
            .map(|at| (common(&self.sequences[at].tokens, usable), at))
            .max_by_key(|(len, at)| (*len, std::cmp::Reverse(*at)));
        let start = match longest {
            Some((len, from)) if len > kept => Start::Copy { from, len },
            _ => Start::Keep(kept),
        };
        self.clock += 1;
        if let Start::Copy { from, .. } = start {
            self.sequences[from].used = self.clock;
        }
        self.sequences[sequence] =
            Sequence { tokens: tokens[..start.len()].to_vec(), owner, busy: true, used: self.clock };
        Plan { sequence, start }
    }
}

/// How many tokens two sequences begin with in common.
pub(crate) fn common(one: &[i32], other: &[i32]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(range: std::ops::Range<i32>) -> Vec<i32> {
        range.collect()
    }

    #[test]
    fn the_next_turn_of_a_session_evaluates_only_what_is_new() {
        let mut cache = Cache::new(2);
        let first = cache.take(7, &tokens(0..50)).unwrap();
        assert_eq!(first.start, Start::Keep(0));
        cache.extend(first.sequence, &tokens(0..60));
        cache.release(first.sequence);
        let second = cache.take(7, &tokens(0..80)).unwrap();
        assert_eq!(second, Plan { sequence: first.sequence, start: Start::Keep(60) });
    }

    #[test]
    fn at_least_one_token_is_left_to_evaluate() {
        let mut cache = Cache::new(1);
        let plan = cache.take(7, &tokens(0..50)).unwrap();
        cache.extend(plan.sequence, &tokens(0..50));
        cache.release(plan.sequence);
        assert_eq!(cache.take(7, &tokens(0..50)).unwrap().start, Start::Keep(49));
    }

    #[test]
    fn another_session_starts_from_the_persona() {
        let mut cache = Cache::new(4);
        let first = cache.take(1, &tokens(0..50)).unwrap();
        cache.extend(first.sequence, &tokens(0..50));
        let persona = cache.keep_beginning(&tokens(0..50), 40).unwrap();
        assert!(persona < PERSONAS);
        assert_eq!(cache.keep_beginning(&tokens(0..50), 40), None, "kept already");
        cache.release(first.sequence);
        let mut other = tokens(0..40);
        other.extend(900..950);
        let second = cache.take(2, &other).unwrap();
        assert_ne!(second.sequence, first.sequence);
        assert_eq!(second.start, Start::Copy { from: persona, len: 40 });
    }

    #[test]
    fn a_running_session_can_be_shared_from_as_far_as_it_has_come() {
        let mut cache = Cache::new(4);
        let first = cache.take(1, &tokens(0..50)).unwrap();
        cache.extend(first.sequence, &tokens(0..30));
        let second = cache.take(2, &tokens(0..50)).unwrap();
        assert_eq!(second.start, Start::Copy { from: first.sequence, len: 30 });
    }

    #[test]
    fn busy_places_are_never_given_away() {
        let mut cache = Cache::new(2);
        let first = cache.take(1, &tokens(0..5)).unwrap();
        let second = cache.take(1, &tokens(0..5)).unwrap();
        assert_ne!(first.sequence, second.sequence);
        assert_eq!(cache.take(3, &tokens(0..5)), None);
        cache.extend(first.sequence, &tokens(0..5));
        assert_eq!(cache.evict(), None, "nothing is idle");
    }

    #[test]
    fn the_longest_idle_session_makes_room_and_personas_go_last() {
        let mut cache = Cache::new(3);
        let mut at = Vec::new();
        for session in 1..=3 {
            let from = 100 * session as i32;
            let plan = cache.take(session, &tokens(from..from + 30)).unwrap();
            cache.extend(plan.sequence, &tokens(from..from + 30));
            cache.release(plan.sequence);
            at.push(plan.sequence);
        }
        let persona = cache.keep_beginning(&tokens(100..130), 20).unwrap();
        let again = cache.take(1, &tokens(100..140)).unwrap();
        cache.release(again.sequence);
        let order: Vec<_> = std::iter::from_fn(|| cache.evict()).collect();
        assert_eq!(order, [at[1], at[2], at[0], persona]);
    }

    #[test]
    fn short_beginnings_are_not_kept() {
        let mut cache = Cache::new(1);
        assert_eq!(cache.keep_beginning(&tokens(0..50), 5), None);
        assert_eq!(cache.keep_beginning(&tokens(0..5), 40), None, "longer than the prompt");
    }
}
