//! Bytes into a score.

use std::collections::{BTreeMap, VecDeque};

use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEventKind};

use super::{Limits, SmfError};
use crate::score::{KeySignature, Metre, Note, Score, Tempo, Track, sort};

/// Names longer than this are cut: they are for people to read.
const NAME_LETTERS: usize = 80;

/// Reads a Standard MIDI File (also one in a RIFF wrapper).
///
/// Tracks of format 2 are independent patterns: they are laid one after another. In SMPTE time nothing says what a
/// quarter is; half a second is taken, and tempo changes do not apply.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Score, SmfError> {
    if bytes.len() > limits.bytes {
        return Err(SmfError::TooLarge);
    }
    check_chunks(bytes, limits)?;
    let (header, tracks) = midly::parse(bytes).map_err(|_| SmfError::BadHeader)?;
    let mut reader = Reader::new(header, limits)?;
    for (idx, events) in tracks.enumerate() {
        reader.read_track(idx, events.map_err(|_| SmfError::Truncated)?)?;
    }
    Ok(reader.finish())
}

/// The reader underneath forgives chunks that end early; a file cut in two is told here.
fn check_chunks(bytes: &[u8], limits: &Limits) -> Result<(), SmfError> {
    let mut rest = match bytes.get(..4) {
        Some(b"MThd") => bytes,
        // RIFF: its own chunks, the MIDI file in one called data. The reader underneath unwraps it.
        Some(b"RIFF") => return Ok(()),
        _ => return Err(SmfError::NotMidi),
    };
    let (mut announced, mut found, mut has_header) = (0, 0, false);
    while !rest.is_empty() {
        let Some((head, body)) = rest.split_at_checked(8) else {
            // A few bytes after the last track are what sloppy writers leave; before it they are a cut.
            return if has_header && found >= announced { Ok(()) } else { Err(SmfError::Truncated) };
        };
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let length = usize::try_from(length).map_err(|_| SmfError::Truncated)?;
        let Some((body, after)) = body.split_at_checked(length) else {
            let is_ours = matches!(&head[..4], b"MTrk" | b"MThd");
            return if is_ours || found < announced { Err(SmfError::Truncated) } else { Ok(()) };
        };
        match &head[..4] {
            b"MThd" if body.len() < 6 => return Err(SmfError::Truncated),
            b"MThd" => {
                has_header = true;
                announced = usize::from(u16::from_be_bytes([body[2], body[3]]));
            }
            b"MTrk" => found += 1,
            _ => {}
        }
        if found > limits.tracks {
            return Err(SmfError::TooManyTracks);
        }
        rest = after;
    }
    if found < announced { Err(SmfError::Truncated) } else { Ok(()) }
}

struct Reader<'a> {
    limits: &'a Limits,
    is_sequence: bool,
    /// Ticks of a quarter note.
    division: f64,
    /// Whether the file counts seconds, so that its tempo says nothing.
    is_smpte: bool,
    /// Where the track begins: not 0 in format 2 alone.
    begin: f64,
    /// Where the last event is.
    last: f64,
    score: Score,
    tempos: Vec<Tempo>,
    metres: Vec<Metre>,
    /// Channels keep their program from track to track: format 1 may set them all in the first.
    programs: [u8; 16],
}

/// Notes that sound, of one track: by channel and key, when and how hard they began.
type Sounding = BTreeMap<(u8, u8), VecDeque<(f64, u8, u8)>>;

impl<'a> Reader<'a> {
    fn new(header: Header, limits: &'a Limits) -> Result<Self, SmfError> {
        let (division, is_smpte) = match header.timing {
            Timing::Metrical(ticks) => (f64::from(ticks.as_int()), false),
            Timing::Timecode(fps, sub) => (f64::from(fps.as_f32()) * f64::from(sub) / 2.0, true),
        };
        if division <= 0.0 {
            return Err(SmfError::BadHeader);
        }
        Ok(Self {
            limits,
            is_sequence: header.format == Format::Sequential,
            division,
            is_smpte,
            begin: 0.0,
            last: 0.0,
            score: Score::default(),
            tempos: Vec::new(),
            metres: Vec::new(),
            programs: [0; 16],
        })
    }

    fn read_track(&mut self, idx: usize, mut events: midly::EventIter<'_>) -> Result<(), SmfError> {
        if idx >= self.limits.tracks {
            return Err(SmfError::TooManyTracks);
        }
        let mut track = TrackReader { ticks: 0, name: String::new(), parts: [None; 16] };
        let mut sounding = Sounding::new();
        let mut unread = events.unread().len();
        let mut at = self.begin;
        while let Some(event) = events.next() {
            let event = event.map_err(|_| SmfError::BadEvent { track: idx })?;
            unread = events.unread().len();
            track.ticks += u64::from(event.delta.as_int());
            at = self.begin + track.ticks as f64 / self.division;
            if at > self.limits.quarters {
                return Err(SmfError::TooLong);
            }
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    self.take_message(at, (channel.as_int(), message), (&mut track, &mut sounding))?;
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => {
                    unread = 0;
                    break;
                }
                TrackEventKind::Meta(message) => self.take_meta(at, message, &mut track)?,
                TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => {}
            }
        }
        // The reader underneath falls silent at the first event that it does not understand.
        if unread > 0 {
            return Err(SmfError::BadEvent { track: idx });
        }
        self.end_track(at, &track, sounding);
        Ok(())
    }

    fn take_message(
        &mut self,
        at: f64,
        (channel, message): (u8, MidiMessage),
        (track, sounding): (&mut TrackReader, &mut Sounding),
    ) -> Result<(), SmfError> {
        let channel = channel & 15;
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                if self.score.notes.len() + sounding.len() >= self.limits.notes {
                    return Err(SmfError::TooManyNotes);
                }
                let part = self.part(channel, track);
                if sounding.contains_key(&(channel, key.as_int())) {
                    self.score.repairs.doubled += 1;
                    self.end_note(at, (channel, key.as_int(), part), sounding);
                }
                let program = self.programs[usize::from(channel)];
                let sounds = sounding.entry((channel, key.as_int())).or_default();
                sounds.push_back((at, vel.as_int(), program));
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                let part = self.part(channel, track);
                if !self.end_note(at, (channel, key.as_int(), part), sounding) {
                    self.score.repairs.unbegun += 1;
                }
            }
            MidiMessage::ProgramChange { program } => {
                self.programs[usize::from(channel)] = program.as_int();
                let part = self.part(channel, track);
                let listed = &mut self.score.tracks[usize::from(part)];
                if listed.notes == 0 {
                    listed.program = program.as_int();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The number of the part that this chunk sends on a channel; a new one when it is the first time.
    fn part(&mut self, channel: u8, track: &mut TrackReader) -> u16 {
        let slot = &mut track.parts[usize::from(channel)];
        *slot.get_or_insert_with(|| {
            let program = self.programs[usize::from(channel)];
            self.score.tracks.push(Track { channel, program, ..Track::default() });
            // At most 512 chunks of 16 channels.
            u16::try_from(self.score.tracks.len() - 1).unwrap_or(u16::MAX)
        })
    }

    fn end_note(&mut self, at: f64, (channel, key, track): (u8, u8, u16), sounding: &mut Sounding) -> bool {
        let Some(sounds) = sounding.get_mut(&(channel, key)) else { return false };
        let begun = sounds.pop_front();
        if sounds.is_empty() {
            sounding.remove(&(channel, key));
        }
        let Some((onset, velocity, program)) = begun else { return false };
        let duration = at - onset;
        let note = Note { onset, duration, pitch: key, velocity, channel, program, track };
        self.score.notes.push(note);
        true
    }

    fn take_meta(
        &mut self,
        at: f64,
        message: MetaMessage<'_>,
        track: &mut TrackReader,
    ) -> Result<(), SmfError> {
        match message {
            MetaMessage::TrackName(name) if track.name.is_empty() => {
                track.name = String::from_utf8_lossy(name).trim().chars().take(NAME_LETTERS).collect();
            }
            MetaMessage::Tempo(micros) if !self.is_smpte && micros.as_int() > 0 => {
                self.tempos.push(Tempo { at, bpm: 60e6 / f64::from(micros.as_int()) });
            }
            MetaMessage::TimeSignature(num, power, _, _) if num > 0 && power <= 6 => {
                self.metres.push(Metre { at, num, den: 1 << power });
            }
            MetaMessage::KeySignature(sharps, minor) if (-7..=7).contains(&sharps) => {
                self.score.key_signature.get_or_insert(KeySignature { sharps, minor });
            }
            _ => {}
        }
        let changes = self.tempos.len() + self.metres.len();
        if changes > self.limits.changes { Err(SmfError::TooManyChanges) } else { Ok(()) }
    }

    fn end_track(&mut self, at: f64, track: &TrackReader, mut sounding: Sounding) {
        let left: Vec<(u8, u8)> = sounding.keys().copied().collect();
        for (channel, key) in left {
            let Some(part) = track.parts[usize::from(channel)] else { continue };
            while self.end_note(at, (channel, key, part), &mut sounding) {
                self.score.repairs.unended += 1;
            }
        }
        for part in track.parts.iter().flatten() {
            self.score.tracks[usize::from(*part)].name.clone_from(&track.name);
        }
        self.last = self.last.max(at);
        if self.is_sequence {
            self.begin = at;
        }
    }

    fn finish(mut self) -> Score {
        sort(&mut self.score.notes);
        self.tempos.sort_by(|a, b| a.at.total_cmp(&b.at));
        self.metres.sort_by(|a, b| a.at.total_cmp(&b.at));
        // Of several at one place the last holds, as it would for a player.
        self.tempos.reverse();
        self.tempos.dedup_by(|a, b| a.at == b.at);
        self.tempos.reverse();
        self.metres.reverse();
        self.metres.dedup_by(|a, b| a.at == b.at);
        self.metres.reverse();
        if self.tempos.first().is_none_or(|first| first.at > 0.0) {
            self.tempos.insert(0, Tempo { at: 0.0, bpm: 120.0 });
        }
        if self.metres.first().is_none_or(|first| first.at > 0.0) {
            self.metres.insert(0, Metre::COMMON);
        }
        self.tempos.dedup_by(|later, earlier| later.bpm == earlier.bpm);
        self.metres.dedup_by(|later, earlier| (later.num, later.den) == (earlier.num, earlier.den));
        self.score.tempos = self.tempos;
        self.score.metres = self.metres;
        // A change of tempo after the last note is no music; a file without notes is as long as it says.
        let notes = self.score.notes.iter().map(Note::end).reduce(f64::max);
        self.score.length = notes.unwrap_or(self.last);
        self.score.count_tracks();
        self.score
    }
}

/// What is known of the chunk that is being read.
struct TrackReader {
    ticks: u64,
    name: String,
    /// The part of each channel.
    parts: [Option<u16>; 16],
}
