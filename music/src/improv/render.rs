//! Music for a file: the partner alone, or over what a file holds, without a clock.

use super::{
    bar::Role,
    engine::{Improviser, Wish, sane, us_per_q},
    judge, ornament,
    types::{Input, Part, Request, Settings, Tempo as Pace},
};
use crate::{
    analysis,
    chord::Chord,
    key::Key,
    score::{self, Metre, Note, Score, Tempo, Track},
};

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A solo with its band, over the source's harmony or the style's own.
    Improvisation,
    /// Chords, bass and drums under the source's notes.
    Accompaniment,
    /// The source's melody, ornamented, with another accompaniment.
    Variation,
    /// More of the same after the source's end.
    Continuation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Improvisation, Self::Accompaniment, Self::Variation, Self::Continuation];

    /// `improvisation`, `accompaniment`, `variation`, `continuation`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Improvisation => "improvisation",
            Self::Accompaniment => "accompaniment",
            Self::Variation => "variation",
            Self::Continuation => "continuation",
        }
    }

    /// What a code names.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What a piece is made of.
#[derive(Clone, Debug)]
pub struct Offline<'a> {
    /// What is made.
    pub kind: Kind,
    /// What it is made over; without, the settings' changes or the style's own.
    pub source: Option<&'a Score>,
    /// Style, complexity, tempo (of the source when it has one), seed.
    pub settings: Settings,
    /// How long it is to be, in seconds, ending included; an accompaniment or a variation is as long as its source
    /// at most. 600 at most.
    pub seconds: f64,
}

/// Seconds of a piece at most.
const LONGEST: f64 = 600.0;
/// Bars of a piece at most: ten minutes of short ones.
const BARS: u16 = 1200;
/// When the first bar begins on the clock that a piece is made with.
const FIRST_US: u64 = 1_000_000;

/// Makes a piece: the same input gives the same notes.
pub fn render(offline: &Offline<'_>) -> Score {
    let source = offline.source.filter(|source| source.pitched().next().is_some());
    let seconds = if offline.seconds.is_finite() { offline.seconds.clamp(1.0, LONGEST) } else { 60.0 };
    let frame = Frame::new(&offline.settings, source, seconds);
    match (offline.kind, source) {
        (Kind::Accompaniment, Some(source)) => frame.accompaniment(&frame.cut(source)),
        (Kind::Variation, Some(source)) => frame.variation(&frame.cut(source)),
        (Kind::Continuation, Some(source)) => frame.continuation(source),
        (Kind::Accompaniment, None) => frame.alone(Role::Band),
        _ => frame.alone(Role::Show),
    }
}

/// The bars, the tempo and the chords that a piece stands on.
#[derive(Debug)]
struct Frame {
    settings: Settings,
    /// Chords of the source from its first full bar on.
    chords: Vec<(Chord, f64)>,
    key: Option<Key>,
    /// Quarter notes before the first full bar.
    upbeat: f64,
    /// Bars that fit into the seconds, and bars of the source.
    bars: u16,
    own_bars: u16,
    tempos: Vec<Tempo>,
}

impl Frame {
    fn new(settings: &Settings, source: Option<&Score>, seconds: f64) -> Self {
        let mut settings = settings.clone();
        let mut frame = (Vec::new(), settings.key, 0.0, 0.0);
        let mut tempos = Vec::new();
        if let Some(source) = source {
            settings.metre = Metre { at: 0.0, ..source.metre(0.0) };
            settings.tempo = Pace::Fixed(source.main_bpm() / settings.metre.beat());
            let analysis = analysis::analyze(source);
            let chords = analysis.chords.iter().filter(|span| span.end > analysis.upbeat + 1e-6);
            let chords: Vec<(Chord, f64)> =
                chords.map(|span| (span.chord, span.end - span.start.max(analysis.upbeat))).collect();
            let key = settings.key.or(analysis.key.map(|found| found.key));
            frame = (chords, key, analysis.upbeat, source.length - analysis.upbeat);
            tempos.clone_from(&source.tempos);
        }
        let settings = sane(settings);
        let (chords, key, upbeat, length) = frame;
        let bar = settings.metre.bar();
        let bars = |quarters: f64| (quarters / bar).clamp(2.0, f64::from(BARS)) as u16;
        let quarter = us_per_q(&settings) / 1e6;
        if tempos.is_empty() {
            tempos.push(Tempo { at: 0.0, bpm: 60.0 / quarter });
        }
        let chords = if chords.is_empty() { settings.changes.clone() } else { chords };
        Self {
            bars: bars(seconds / quarter),
            own_bars: bars((length + bar * 0.8).max(0.0)),
            settings,
            chords,
            key,
            upbeat,
            tempos,
        }
    }

    fn bar(&self) -> f64 {
        self.settings.metre.bar()
    }

    /// The source as far as the piece goes.
    fn cut(&self, source: &Score) -> Score {
        let end = self.upbeat + f64::from(self.bars.min(self.own_bars)) * self.bar();
        let mut score = source.clone();
        score.notes.retain(|note| note.onset < end - 1e-6);
        for note in &mut score.notes {
            note.duration = note.duration.min(end - note.onset);
        }
        score
    }

    /// Lets the partner play so many bars while somebody else plays, perhaps.
    fn play(&self, bars: u16, role: Role, notes: (&[Note], &[Note])) -> Vec<Note> {
        let (others, learned) = notes;
        let settings =
            Settings { commit_us: 400_000, changes: Vec::new(), key: self.key, ..self.settings.clone() };
        let mut partner = Improviser::new(settings.clone());
        // What was played before is learned before anything begins.
        for input in inputs(learned, 0.0, us_per_q(&settings), 0) {
            partner.handle(input);
        }
        partner.begin(FIRST_US, us_per_q(&settings));
        let request =
            Request { chords: self.chords.clone(), key: self.key, bars: Some(bars), ..Request::default() };
        partner.grant(&request, Wish { resumes: false, longest: BARS, role });
        let script = inputs(others, self.upbeat, us_per_q(&settings), FIRST_US);
        let until = FIRST_US + ((f64::from(bars) + 4.0) * self.bar() * us_per_q(&settings)) as u64;
        let performance = judge::run(&mut partner, &script, until);
        performance.played.iter().map(judge::as_note).collect()
    }

    /// A score of what others play and of the partner, who begins at a place.
    fn score(&self, others: Score, mut own: Vec<Note>, from: f64) -> Score {
        let mut score = Score { tempos: self.tempos.clone(), ..others };
        if score.metres.is_empty() || score.notes.is_empty() {
            score.metres = vec![self.settings.metre];
        }
        let first = u16::try_from(score.tracks.len()).unwrap_or(0);
        let first = if score.notes.is_empty() { 0 } else { first };
        score.tracks.truncate(usize::from(first));
        let parts: Vec<Part> = Part::ALL
            .into_iter()
            .filter(|part| own.iter().any(|note| note.channel == part.channel()))
            .collect();
        for part in &parts {
            score.tracks.push(Track {
                name: part.code().to_owned(),
                channel: part.channel(),
                ..Track::default()
            });
        }
        for note in &mut own {
            let idx = parts.iter().position(|part| part.channel() == note.channel).unwrap_or(0);
            note.track = first + u16::try_from(idx).unwrap_or(0);
            note.onset += from;
        }
        score.notes.extend(own);
        score::sort(&mut score.notes);
        score.length = score.notes.iter().map(Note::end).fold(0.0, f64::max);
        score.count_tracks();
        score
    }

    fn alone(&self, role: Role) -> Score {
        self.score(Score::default(), self.play(self.bars, role, (&[], &[])), 0.0)
    }

    fn accompaniment(&self, source: &Score) -> Score {
        let bars = self.bars.min(self.own_bars);
        let own = self.play(bars, Role::Band, (&source.notes, &[]));
        self.score(source.clone(), own, self.upbeat)
    }

    fn variation(&self, source: &Score) -> Score {
        let bars = self.bars.min(self.own_bars);
        let melody = ornament::vary(&ornament::melody(source), self.key, self.settings.seed);
        let own = self.play(bars, Role::Band, (&melody, &[]));
        let mut others = Score { metres: source.metres.clone(), ..Score::from_notes(melody) };
        others.key_signature = source.key_signature;
        if let Some(track) = others.tracks.first_mut() {
            "melody".clone_into(&mut track.name);
        }
        self.score(others, own, self.upbeat)
    }

    fn continuation(&self, source: &Score) -> Score {
        let own = self.play(self.bars, Role::Show, (&[], &ornament::melody(source)));
        // It begins with the bar after the last.
        let ended = ((source.length - self.upbeat) / self.bar() - 0.05).ceil().max(0.0);
        self.score(source.clone(), own, self.upbeat + ended * self.bar())
    }
}

/// Notes as inputs, in order, from a place on.
fn inputs(notes: &[Note], from: f64, us_per_q: f64, first_us: u64) -> Vec<Input> {
    let us = |q: f64| (first_us as f64 + (q - from) * us_per_q).max(0.0) as u64;
    let mut inputs: Vec<(u64, Input)> = Vec::new();
    for note in notes.iter().filter(|note| !note.is_drum()) {
        let (at_us, end) = (us(note.onset), us(note.end()));
        let (pitch, velocity) = (note.pitch, note.velocity);
        inputs.push((at_us, Input::NoteOn { player: 0, at_us, pitch, velocity }));
        inputs.push((end, Input::NoteOff { player: 0, at_us: end, pitch }));
    }
    inputs.sort_by_key(|(at, _)| *at);
    inputs.into_iter().map(|(_, input)| input).collect()
}
