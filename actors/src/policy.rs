//! Who restarts whom, and what happens when it does not help: the one table of supervision.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The children of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Audio in.
    Ingest,
    /// Speech to text.
    Transcriber,
    /// The one who answers.
    Persona,
    /// Text to speech.
    Speaker,
    /// Messages to the store.
    Scribe,
    /// What the face shows.
    Face,
    /// The scores and their tips.
    Coach,
    /// The partner of a duet; there is none before one is opened.
    Improviser,
}

impl Role {
    /// The stable name on the wire and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Transcriber => "transcriber",
            Self::Persona => "persona",
            Self::Speaker => "speaker",
            Self::Scribe => "scribe",
            Self::Face => "face",
            Self::Coach => "coach",
            Self::Improviser => "improviser",
        }
    }
}

/// What a session is like after a child has failed more often than its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The person can still write.
    TextInput,
    /// The persona still writes.
    TextOutput,
    /// Each request is refused with the reason.
    NoReplies,
    /// The scene goes on, its history stays in memory.
    NotStored,
    /// The scores of the face go, the others stay.
    NoFaceScores,
    /// The scene goes on without scores.
    NoScores,
    /// The players of a duet go on among themselves.
    NoPartner,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Which child.
    pub role: Role,
    /// This many restarts…
    pub max: usize,
    /// …within this time are tried.
    pub within: Duration,
    /// Then this.
    pub then: Fallback,
    /// What the person reads then.
    pub words: &'static str,
    /// A child that has work and whose mailbox does not move for this long hangs.
    pub answers_within: Duration,
    /// A child whose work does not move for this long hangs.
    pub moves_within: Duration,
    /// What the person reads when a repair takes longer than two seconds.
    pub meanwhile: &'static str,
    /// Whether it is there from the beginning; if not, it costs nothing until there is something to do for it.
    pub from_start: bool,
}

/// Every child restarts alone: none holds a reference to another, all of them speak with the Session only, and the
/// Session repeats to a new child what the old one had not finished. A part that was given up is tried again
/// after [`GIVEN_UP_FOR`]. Three within half a minute is a loop, not bad luck.
///
/// The engines judge their own calls first, so `moves_within` is longer than their patience: it is for what they
/// do not notice. It is shorter than the time after which the whole reply is given up.
pub const CHILDREN: [Policy; 8] = [
    Policy {
        // It waits for the voice activity inside its mailbox, which gives up after two seconds.
        answers_within: Duration::from_secs(4),
        words: "The microphone path keeps failing. You can write instead.",
        meanwhile: "The microphone path is being restarted.",
        ..row(Role::Ingest, Fallback::TextInput)
    },
    Policy {
        moves_within: Duration::from_secs(15),
        words: "Speech recognition keeps failing. You can write instead.",
        meanwhile: "Speech recognition is being restarted. What you said is heard again.",
        ..row(Role::Transcriber, Fallback::TextInput)
    },
    Policy {
        // A cold prompt on two busy cores takes half of this.
        moves_within: Duration::from_secs(30),
        words: "The persona keeps failing. Try again in a minute.",
        meanwhile: "The persona lost the thread and begins anew.",
        ..row(Role::Persona, Fallback::NoReplies)
    },
    Policy {
        // A clause without sound for 15 s stays text by itself.
        moves_within: Duration::from_secs(16),
        words: "The voice keeps failing. Replies are written for now.",
        meanwhile: "The voice is being restarted.",
        ..row(Role::Speaker, Fallback::TextOutput)
    },
    Policy {
        // A write may take ten seconds by right.
        answers_within: Duration::from_secs(15),
        words: "Storing keeps failing. What is said now may not be kept.",
        meanwhile: "Storing is being restarted. What was said is written again.",
        ..row(Role::Scribe, Fallback::NotStored)
    },
    Policy {
        words: "Looking at the face keeps failing. The scene goes on without its scores.",
        meanwhile: "Looking at the face is being restarted. Its scores go on from where they were.",
        from_start: false,
        ..row(Role::Face, Fallback::NoFaceScores)
    },
    Policy {
        // Half a minute of voice is measured in a fraction of a second.
        moves_within: Duration::from_secs(15),
        words: "The scores keep failing. The scene goes on without them.",
        meanwhile: "The scores are being restarted. They go on from where they were.",
        ..row(Role::Coach, Fallback::NoScores)
    },
    Policy {
        // It answers within a millisecond; a bar without it is long enough.
        answers_within: Duration::from_secs(2),
        words: "The partner of the duet keeps failing. It is silent for now.",
        meanwhile: "The partner of the duet is being restarted.",
        from_start: false,
        ..row(Role::Improviser, Fallback::NoPartner)
    },
];

/// How long a part stays given up.
pub const GIVEN_UP_FOR: Duration = Duration::from_secs(60);

const fn row(role: Role, then: Fallback) -> Policy {
    Policy {
        role,
        max: 3,
        within: Duration::from_secs(30),
        then,
        words: "",
        answers_within: Duration::from_secs(3),
        moves_within: Duration::MAX,
        meanwhile: "",
        from_start: true,
    }
}

/// The row of `role`.
pub fn policy(role: Role) -> &'static Policy {
    CHILDREN.iter().find(|policy| policy.role == role).expect("the table has a row for every role")
}

/// What to do about a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Again, after this long.
    Restart(Duration),
    /// Not any more.
    GiveUp,
}

/// The restarts of one child in the recent past.
#[derive(Clone, Debug, Default)]
pub struct RestartBudget(VecDeque<Instant>);

impl RestartBudget {
    /// Judges a death at `now`. The first restart is immediate; each further one waits longer.
    pub fn handle_death(&mut self, now: Instant, policy: &Policy) -> Verdict {
        while self.0.front().is_some_and(|death| now.duration_since(*death) > policy.within) {
            self.0.pop_front();
        }
        if self.0.len() >= policy.max {
            self.0.clear();
            return Verdict::GiveUp;
        }
        self.0.push_back(now);
        // 0, 100, 400 ms: long enough for a cause outside to pass, short enough not to be felt as an end.
        let steps = self.0.len() as u64 - 1;
        Verdict::Restart(Duration::from_millis(100 * steps * steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_the_budget_and_forgets_old_deaths() {
        let row = policy(Role::Speaker);
        let mut budget = RestartBudget::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(budget.handle_death(at(0), row), Verdict::Restart(Duration::ZERO));
        assert_eq!(budget.handle_death(at(1), row), Verdict::Restart(Duration::from_millis(100)));
        assert_eq!(budget.handle_death(at(2), row), Verdict::Restart(Duration::from_millis(400)));
        assert_eq!(budget.handle_death(at(3), row), Verdict::GiveUp);
        assert_eq!(budget.handle_death(at(4), row), Verdict::Restart(Duration::ZERO), "a new chance");
        assert_eq!(
            budget.handle_death(at(40), row),
            Verdict::Restart(Duration::ZERO),
            "the old one is forgotten"
        );
    }

    #[test]
    fn every_role_has_one_row() {
        let roles = [
            Role::Ingest,
            Role::Transcriber,
            Role::Persona,
            Role::Speaker,
            Role::Scribe,
            Role::Face,
            Role::Coach,
            Role::Improviser,
        ];
        for role in roles {
            assert_eq!(CHILDREN.iter().filter(|policy| policy.role == role).count(), 1);
            assert_eq!(CHILDREN[role as usize].role, role, "in the order of the roles");
            assert!(!policy(role).words.is_empty() && !policy(role).meanwhile.is_empty());
        }
    }
}
