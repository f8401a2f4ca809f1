//! A duet without people: a script is played, and what the partner did is judged.

use super::{
    engine::Improviser,
    players::{self, Player},
    types::{Input, Part, Planned, Settings, Transport},
};
use crate::{
    chord::Chord,
    groove,
    key::Key,
    metre::Grid,
    metrics,
    score::{Metre, Note, Score},
};

/// How often the partner is asked, as an owner would.
const STEP_US: u64 = 20_000;
/// Bars of a judgement.
const BARS: u32 = 32;

/// A promise and what was known of its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Played {
    /// The promise.
    pub note: Planned,
    /// Quarter notes from the start.
    pub at: f64,
    /// Quarter notes that it is held.
    pub len: f64,
    /// The chord that held there.
    pub chord: Chord,
    /// And the key.
    pub key: Key,
    /// When it was promised.
    pub promised_us: u64,
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Performance {
    /// The partner's notes in the order of their promises.
    pub played: Vec<Played>,
    /// The players' notes, in quarter notes; those before the start are below 0.
    pub heard: Vec<Note>,
    /// Every transport that was told, with the time of telling.
    pub transports: Vec<(u64, Transport)>,
    /// What was taken back.
    pub cancelled: Vec<u32>,
    /// When it said that it had ended.
    pub ended_us: Option<u64>,
}

/// Plays a script to its end, or for `until_us` when it has none.
pub fn perform(settings: &Settings, script: &[Input], until_us: u64) -> Performance {
    run(&mut Improviser::new(settings.clone()), script, until_us)
}

/// The same with a partner that may have begun already.
pub(super) fn run(partner: &mut Improviser, script: &[Input], until_us: u64) -> Performance {
    let mut performance = Performance::default();
    let mut inputs = script.iter().peekable();
    let mut now = 0;
    while now <= until_us {
        while let Some(input) = inputs.next_if(|input| delivered_us(input) <= now) {
            note_heard(partner, input, &mut performance.heard);
            partner.handle(input.clone());
        }
        let update = partner.advance(now);
        for note in update.promised {
            let at = partner.quarters_at(note.at_us);
            let len = partner.quarters_at(note.at_us + note.duration_us) - at;
            let (chord, key) = partner.harmony_at(at);
            performance.played.push(Played { note, at, len, chord, key, promised_us: now });
        }
        performance.transports.extend(update.transport.map(|transport| (now, transport)));
        performance.cancelled.extend(update.cancelled);
        if update.ended {
            performance.ended_us = Some(now);
            break;
        }
        now += STEP_US;
    }
    performance
}

/// When an input is handed over: at its time, but a start when the script begins.
fn delivered_us(input: &Input) -> u64 {
    match input {
        Input::Start { .. } => 0,
        Input::NoteOn { at_us, .. }
        | Input::NoteOff { at_us, .. }
        | Input::Pedal { at_us, .. }
        | Input::AllOff { at_us, .. }
        | Input::Set { at_us, .. }
        | Input::End { at_us }
        | Input::Stop { at_us }
        | Input::Ask { at_us, .. } => *at_us,
    }
}

fn note_heard(partner: &Improviser, input: &Input, heard: &mut Vec<Note>) {
    let Input::NoteOn { at_us, pitch, velocity, .. } = input else { return };
    let onset = partner.quarters_at(*at_us);
    heard.push(Note {
        onset,
        duration: 0.25,
        pitch: *pitch,
        velocity: *velocity,
        channel: 0,
        program: 0,
        track: 0,
    });
}

/// How well the partner played; figures are none where there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scorecard {
    /// Notes of the partner's that have a pitch.
    pub notes: usize,
    /// Share of them in the scale of the key.
    pub in_key: Option<f64>,
    /// Share of them in the scale or in the chord of their place: a secondary dominant is no wrong note.
    pub in_harmony: Option<f64>,
    /// Share of those on a beat that belong to the chord.
    pub strong_chord_tones: Option<f64>,
    /// Entropy of pitch classes over one bar, in bits.
    pub entropy_1: Option<f64>,
    /// And over four bars.
    pub entropy_4: Option<f64>,
    /// How the density of strokes (without drums) matches the players', 0 to 1.
    pub density_match: Option<f64>,
    /// How alike the onsets of both are, bar by bar, 0 to 1.
    pub groove: Option<f64>,
    /// Share of the melody's figures that the players played before.
    pub motif_reuse: Option<f64>,
    /// How often the same four bars come in a row at most.
    pub longest_repetition: usize,
    /// The longest silence of all parts, in bars, from the first note to the last.
    pub longest_silence: f64,
}

/// Plays a scripted player of 32 bars against a partner, and judges the partner.
pub fn judge(settings: &Settings, player: Player) -> Scorecard {
    let script = players::script(player, settings, BARS);
    scorecard(settings, &perform(settings, &script, 600_000_000))
}

/// Judges what was played.
pub fn scorecard(settings: &Settings, performance: &Performance) -> Scorecard {
    let metre = Metre { at: 0.0, ..settings.metre };
    let grid = Grid::new(&Score { metres: vec![metre], ..Score::default() });
    let pitched: Vec<&Played> =
        performance.played.iter().filter(|played| played.note.part != Part::Drums).collect();
    let mut notes: Vec<Note> = pitched.iter().map(|played| as_note(played)).collect();
    crate::score::sort(&mut notes);
    let share = |is: &dyn Fn(&Played) -> Option<bool>| {
        let told: Vec<bool> = pitched.iter().filter_map(|played| is(played)).collect();
        let yes = told.iter().filter(|is| **is).count();
        (!told.is_empty()).then(|| yes as f64 / told.len() as f64)
    };
    let beat = metre.beat();
    let lead: Vec<Note> = notes.iter().filter(|note| note.channel == Part::Lead.channel()).copied().collect();
    let heard: Vec<Note> = performance.heard.iter().filter(|note| note.onset >= -0.1).copied().collect();
    Scorecard {
        notes: notes.len(),
        in_key: share(&|played| Some(played.key.has(played.note.pitch % 12))),
        in_harmony: share(&|played| {
            let pitch_class = played.note.pitch % 12;
            Some(played.key.has(pitch_class) || played.chord.has(pitch_class))
        }),
        strong_chord_tones: share(&|played| {
            let beats = played.at / beat;
            let is_strong = (beats - beats.round()).abs() * beat < 0.04;
            is_strong.then(|| played.chord.has(played.note.pitch % 12))
        }),
        entropy_1: metrics::entropy_over_bars(&notes, &grid, 1),
        entropy_4: metrics::entropy_over_bars(&notes, &grid, 4),
        density_match: (!heard.is_empty())
            .then(|| metrics::density_match(strokes(&notes, Part::Bass.channel()), strokes(&heard, u8::MAX))),
        groove: metrics::groove_similarity(&patterns(&notes, metre.bar()), &patterns(&heard, metre.bar()))
            .filter(|_| !heard.is_empty()),
        motif_reuse: metrics::motif_reuse(&lead, &heard).filter(|_| !heard.is_empty()),
        longest_repetition: metrics::longest_repetition(&notes, &grid),
        longest_silence: silence(&performance.played) / metre.bar(),
    }
}

/// A promise as a note of a score.
pub(super) fn as_note(played: &Played) -> Note {
    Note {
        onset: played.at.max(0.0),
        duration: played.len,
        pitch: played.note.pitch,
        velocity: played.note.velocity,
        channel: played.note.part.channel(),
        program: played.note.program,
        track: u16::from(played.note.part.channel()),
    }
}

/// Moments a quarter at which something begins, but on one channel.
fn strokes(notes: &[Note], but: u8) -> f64 {
    let mut onsets: Vec<f64> =
        notes.iter().filter(|note| note.channel != but).map(|note| note.onset).collect();
    onsets.sort_by(f64::total_cmp);
    onsets.dedup_by(|later, earlier| *later - *earlier < 0.08);
    let length = onsets.last().copied().unwrap_or(0.0).max(1.0);
    onsets.len() as f64 / length
}

fn patterns(notes: &[Note], bar: f64) -> Vec<u16> {
    let last = notes.iter().map(|note| note.onset).fold(0.0, f64::max);
    let bars = ((last / bar).ceil() as u32).min(4096);
    let onsets = |_: u32| notes.iter().map(|note| note.onset);
    (0..bars).map(|idx| groove::bar_pattern(onsets(idx), f64::from(idx) * bar, bar)).collect()
}

/// The longest time in which nothing sounds, in quarter notes.
fn silence(played: &[Played]) -> f64 {
    let mut spans: Vec<(f64, f64)> = played.iter().map(|note| (note.at, note.at + note.len)).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut longest, mut until) = (0.0_f64, f64::MAX);
    for (start, end) in spans {
        longest = longest.max(start - until);
        until = if until == f64::MAX { end } else { until.max(end) };
    }
    longest
}
