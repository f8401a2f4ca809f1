//! One bar of the partner's: what it is written from, and what is written.

use super::{
    bass, comp, counter,
    dice::Dice,
    drums, ending, lead,
    types::{Complexity, Part, Style},
    voicing::Voices,
};
use crate::{chord::Chord, key::Key, motif::Token};

/// A chord of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// Quarter notes from the beginning of the bar.
    pub(super) at: f64,
    /// Quarter notes that it holds.
    pub(super) len: f64,
    pub(super) chord: Chord,
    /// The key that it is read in.
    pub(super) key: Key,
}

/// What the partner does in a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Chords, bass, drums.
    Band,
    /// And a few notes of melody, since the player rests.
    Fill,
    /// It listens, and keeps time where the style has someone who does.
    Listen,
    /// It answers.
    Answer,
    /// A second voice.
    Counter,
    /// A solo over the player's chords.
    Solo,
    /// Everything: it was asked to play.
    Show,
}

impl Role {
    /// Whether it plays chords, given whether the player rests.
    fn has_chords(self, rests: bool) -> bool {
        match self {
            Self::Band | Self::Fill | Self::Answer | Self::Show => true,
            Self::Solo => rests,
            Self::Listen | Self::Counter => false,
        }
    }
}

/// What the players do, in coarse steps: a plan is made anew only when one of them changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scene {
    /// Notes a quarter, 0 to 4.
    pub(super) density: u8,
    /// How hard they strike, in eighths of the scale of velocities, 0 to 15.
    pub(super) loud: u8,
    /// The middle of their register in steps of six semitones; 0 for nobody.
    pub(super) centre: u8,
    /// Nobody has played for about a bar.
    pub(super) rests: bool,
    /// Whether their line rises or falls.
    pub(super) trend: i8,
}

/// Everything that a bar is written from.
#[derive(Clone, Debug)]
pub(super) struct Brief<'a> {
    /// Its number in the duet, which decides its chances.
    pub(super) number: i64,
    /// Its number in the form.
    pub(super) form: i64,
    pub(super) quarters: f64,
    /// Quarter notes of a beat, 1.5 in 6/8.
    pub(super) beat: f64,
    /// At least one, without gaps.
    pub(super) spans: &'a [Span],
    /// The first chord of the next bar.
    pub(super) next: Chord,
    pub(super) style: Style,
    pub(super) complexity: Complexity,
    /// Where the second half of a beat is: 0.5 is straight.
    pub(super) swing: f64,
    pub(super) role: Role,
    pub(super) scene: Scene,
    /// Steps to answer with, or to call back.
    pub(super) motif: &'a [Token],
    /// Where the last chord of all begins.
    pub(super) end: Option<f64>,
    pub(super) seed: u64,
}

impl Brief<'_> {
    /// The chances of a purpose.
    pub(super) fn dice(&self, purpose: u64) -> Dice {
        Dice::new(self.seed, self.number, purpose)
    }

    /// The chord at a place of the bar.
    pub(super) fn span(&self, at: f64) -> Span {
        let idx = self.spans.partition_point(|span| span.at <= at + 1e-6).saturating_sub(1);
        self.spans.get(idx).copied().unwrap_or(Span {
            at: 0.0,
            len: self.quarters,
            chord: self.next,
            key: Key::from_index(0),
        })
    }

    /// The chord that a syncopated stroke belongs to: shortly before another, it is that one already.
    pub(super) fn ahead(&self, at: f64) -> Chord {
        let is_off = (at / self.beat - (at / self.beat).round()).abs() > 0.1;
        let soon = at + 0.51;
        if !is_off {
            self.span(at).chord
        } else if soon >= self.quarters {
            self.next
        } else {
            self.span(soon).chord
        }
    }

    /// Whether the beats have three parts.
    pub(super) fn is_compound(&self) -> bool {
        self.beat > 1.2
    }

    /// How loud, 1 to 127, given what share of the players' loudness.
    pub(super) fn velocity(&self, share: f64) -> f64 {
        let level = f64::from(self.scene.loud) * 8.0 + 4.0;
        // The partner follows their dynamics, but is never inaudible or shouting.
        (28.0 + 0.72 * level) * share
    }
}

/// A note of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draft {
    /// Quarter notes from the beginning of the bar.
    pub(super) at: f64,
    /// Quarter notes.
    pub(super) len: f64,
    pub(super) part: Part,
    pub(super) pitch: u8,
    pub(super) velocity: u8,
}

/// Where hands and voices are: what a bar hands on to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hands {
    pub(super) voices: Voices,
    pub(super) bass: u8,
    pub(super) lead: u8,
    /// Whether the melody goes up.
    pub(super) rises: bool,
}

impl Default for Hands {
    fn default() -> Self {
        Self { voices: Voices::default(), bass: 40, lead: 72, rises: true }
    }
}

/// What is written.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) brief: &'a Brief<'a>,
    pub(super) notes: Vec<Draft>,
}

/// Notes of a bar at most: a bound, not a wish (the busiest has about a hundred).
const NOTES: usize = 192;

impl Sheet<'_> {
    /// Writes a note: where and how long, which key and how hard. What is swung is written straight.
    pub(super) fn put(&mut self, part: Part, place: (f64, f64), key: (u8, f64)) {
        let ((at, len), (pitch, velocity)) = (place, key);
        if self.notes.len() >= NOTES || !(0.0..self.brief.quarters).contains(&(at + 1e-9)) {
            return;
        }
        let (begin, end) = (self.swung(at), self.swung(at + len));
        self.notes.push(Draft {
            at: begin,
            len: (end - begin).max(0.05),
            part,
            pitch: pitch & 127,
            velocity: velocity.round().clamp(12.0, 122.0) as u8,
        });
    }

    fn swung(&self, at: f64) -> f64 {
        let swing = self.brief.swing;
        if self.brief.is_compound() || (swing - 0.5).abs() < 1e-6 {
            return at;
        }
        let (beat, within) = (at.floor(), at - at.floor());
        // Triplets are where they are.
        if ((within * 3.0).round() - within * 3.0).abs() < 1e-3 {
            return at;
        }
        let bent =
            if within < 0.5 { within * 2.0 * swing } else { swing + (within - 0.5) * 2.0 * (1.0 - swing) };
        beat + bent
    }
}

/// Writes a bar.
pub(super) fn write(brief: &Brief<'_>, hands: &mut Hands) -> Vec<Draft> {
    let mut sheet = Sheet { brief, notes: Vec::with_capacity(64) };
    let (role, rests) = (brief.role, brief.scene.rests);
    let keeps_time = drums::has(brief.style);
    if role != Role::Listen || keeps_time {
        bass::write(&mut sheet, hands);
        drums::write(&mut sheet);
    }
    if role.has_chords(rests) {
        comp::write(&mut sheet, hands);
    }
    match role {
        Role::Fill | Role::Answer | Role::Solo | Role::Show => lead::write(&mut sheet, hands),
        Role::Counter => counter::write(&mut sheet, hands),
        Role::Band | Role::Listen => {}
    }
    if let Some(at) = brief.end {
        ending::write(&mut sheet, hands, at);
    }
    tidy(sheet.notes)
}

/// In order, and no key struck again while it is held.
fn tidy(mut notes: Vec<Draft>) -> Vec<Draft> {
    notes.sort_by(|a, b| (a.part, a.pitch).cmp(&(b.part, b.pitch)).then(a.at.total_cmp(&b.at)));
    notes.dedup_by(|later, earlier| {
        let same = later.part == earlier.part && later.pitch == earlier.pitch;
        if same && later.at - earlier.at < 0.04 {
            earlier.len = earlier.len.max(later.len);
            return true;
        }
        if same {
            earlier.len = earlier.len.min(later.at - earlier.at);
        }
        false
    });
    notes.sort_by(|a, b| a.at.total_cmp(&b.at).then((a.part, a.pitch).cmp(&(b.part, b.pitch))));
    notes
}
