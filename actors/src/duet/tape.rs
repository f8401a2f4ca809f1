//! The recording of a duet: what everybody played, bounded, and how it becomes a score with bars.

use std::collections::VecDeque;

use duologue_music::{
    improv::{Part, Planned, PlayerId, Transport},
    score::{Metre, Note, Score, Track, sort},
};

use super::{beats::Beats, channel};

/// Notes that are kept: half an hour of a frantic duet.
const MOST_NOTES: usize = 100_000;

/// How long they are kept.
const KEPT_US: u64 = 30 * 60 * 1_000_000;

/// Changes of tempo that are kept: the follower changes it a few times a bar.
const MOST_CHANGES: usize = 20_000;

/// Keys that one player holds down at a time; there are no more.
const MOST_OPEN: usize = 128 * 8;

/// Who played something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Player(PlayerId),
    Partner(Part),
}

/// A note that was played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taped {
    pub(super) who: Who,
    /// The promise that it was.
    id: u32,
    pub(super) at_us: u64,
    pub(super) end_us: u64,
    pub(super) pitch: u8,
    velocity: u8,
    program: u8,
}

/// The beats from a time on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) from_us: u64,
    pub(super) transport: Transport,
    pub(super) metre: Metre,
}

/// What was played.
#[derive(Debug, Default)]
pub(super) struct Tape {
    notes: VecDeque<Taped>,
    /// Notes of players whose keys are down: the end is not known yet.
    open: Vec<Taped>,
    changes: VecDeque<Change>,
    programs: [u8; 8],
    dropped: u64,
}

impl Tape {
    /// A message of a player.
    pub(super) fn player(&mut self, player: PlayerId, at_us: u64, bytes: [u8; 3]) {
        let [status, data, value] = bytes;
        match (status >> 4, value) {
            (9, 1..) if self.open.len() < MOST_OPEN => {
                let program = self.programs.get(usize::from(player)).copied().unwrap_or(0);
                let who = Who::Player(player);
                let note = Taped { who, id: 0, at_us, end_us: at_us, pitch: data, velocity: value, program };
                self.close(player, Some(data), at_us);
                self.open.push(note);
            }
            (8 | 9, _) => self.close(player, Some(data), at_us),
            (11, _) if data == 120 || data >= 123 => self.close(player, None, at_us),
            (12, _) => {
                if let Some(program) = self.programs.get_mut(usize::from(player)) {
                    *program = data;
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, player: PlayerId, pitch: Option<u8>, at_us: u64) {
        let mut closed = Vec::new();
        self.open.retain(|note| {
            let ends = note.who == Who::Player(player) && pitch.is_none_or(|pitch| note.pitch == pitch);
            if ends {
                closed.push(Taped { end_us: at_us.max(note.at_us), ..*note });
            }
            !ends
        });
        for note in closed {
            self.push(note);
        }
    }

    /// A promise of the partner's.
    pub(super) fn partner(&mut self, note: &Planned) {
        self.push(Taped {
            who: Who::Partner(note.part),
            id: note.id,
            at_us: note.at_us,
            end_us: note.at_us + note.duration_us,
            pitch: note.pitch,
            velocity: note.velocity,
            program: note.program,
        });
    }

    /// Promises that were taken back: what has not begun was not played, what sounds ends now.
    pub(super) fn cancel(&mut self, ids: &[u32], now_us: u64) {
        self.notes.retain_mut(|note| {
            let is_cut =
                matches!(note.who, Who::Partner(_)) && note.end_us > now_us && ids.contains(&note.id);
            if is_cut {
                note.end_us = note.end_us.min(now_us);
            }
            note.at_us < now_us || !is_cut
        });
    }

    /// Other beats from now on.
    pub(super) fn beats(&mut self, change: Change) {
        // A start that was planned and has been planned anew before it came.
        while self.changes.back().is_some_and(|last| last.from_us >= change.from_us) {
            self.changes.pop_back();
        }
        if self.changes.len() >= MOST_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }

    fn push(&mut self, note: Taped) {
        let oldest_us = note.at_us.saturating_sub(KEPT_US);
        while self.notes.len() >= MOST_NOTES
            || self.notes.front().is_some_and(|first| first.at_us < oldest_us)
        {
            self.notes.pop_front();
            self.dropped += 1;
        }
        self.notes.push_back(note);
    }

    /// Everything from a time on, in no order of its own; what is held lasts until now.
    pub(super) fn since(&self, from_us: u64, now_us: u64) -> impl Iterator<Item = Taped> {
        // Notes are kept when they end or are promised, so that some stand a little out of their order.
        let kept = self.notes.iter().rev().take_while(move |note| note.end_us + 60_000_000 >= from_us);
        let held = self.open.iter().map(move |note| Taped { end_us: now_us.max(note.at_us), ..*note });
        kept.copied().chain(held).filter(move |note| note.at_us >= from_us)
    }

    /// Whether nothing was played.
    pub(super) fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.open.is_empty()
    }

    /// The recording so far: a track for each who played, in quarter notes on the beats that held.
    pub(super) fn score(&self, now_us: u64) -> Score {
        let mut taped = self.since(0, now_us).collect::<Vec<_>>();
        taped.retain(|note| note.at_us <= now_us);
        let Some(first_us) = taped.iter().map(|note| note.at_us).min() else { return Score::default() };
        let beats = Beats::new(first_us, self.changes.iter().filter(|change| change.from_us <= now_us));
        let mut whos: Vec<Who> = Vec::new();
        for note in &taped {
            if !whos.contains(&note.who) {
                whos.push(note.who);
            }
        }
        whos.sort_by_key(|who| rank(*who));
        let tracks = whos.iter().map(|who| track(*who)).collect();
        let mut notes = taped
            .iter()
            .map(|note| {
                let onset = beats.quarters(note.at_us);
                let place = whos.iter().position(|who| *who == note.who).unwrap_or(0);
                Note {
                    onset,
                    duration: (beats.quarters(note.end_us) - onset).max(0.0),
                    pitch: note.pitch,
                    velocity: note.velocity,
                    channel: rank(note.who).1,
                    program: note.program,
                    track: place as u16,
                }
            })
            .collect::<Vec<_>>();
        sort(&mut notes);
        let mut score = Score { notes, tracks, ..Score::default() };
        score.length = score.notes.iter().map(Note::end).fold(0.0, f64::max);
        (score.tempos, score.metres) = beats.maps();
        score.count_tracks();
        score
    }
}

/// Players first, then the partner; with the channel.
fn rank(who: Who) -> (u8, u8) {
    match who {
        Who::Player(player) => (player, channel(player)),
        Who::Partner(part) => (100 + part as u8, part.channel()),
    }
}

fn track(who: Who) -> Track {
    let name = match who {
        Who::Player(player) => format!("player {}", player + 1),
        Who::Partner(part) => format!("partner, {}", part.code()),
    };
    Track { name, channel: rank(who).1, ..Track::default() }
}
