//! A score into bytes.

use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind,
    num::{u4, u7, u15, u24, u28},
};

use crate::score::{DRUMS, Note, Score};

/// Ticks of a quarter note in what we write: divisible by 2, 3, 4, 5, 6 and 8.
const TICKS: f64 = 480.0;

/// One event of a track, with what orders it: its tick, then ends before beginnings.
type Timed<'a> = (u64, u8, TrackEventKind<'a>);

/// Writes a Standard MIDI File of format 1: a track of tempo and metre, then one for each part.
///
/// Drums stay on their channel. Times are rounded to 1/480 of a quarter.
pub fn write(score: &Score) -> Vec<u8> {
    let mut tracks = vec![finish(conductor(score))];
    for (idx, track) in score.tracks.iter().enumerate() {
        let mut events: Vec<Timed<'_>> = Vec::new();
        events.push((0, 0, TrackEventKind::Meta(MetaMessage::TrackName(track.name.as_bytes()))));
        let channel = u4::new(track.channel & 15);
        if track.channel != DRUMS {
            let message = MidiMessage::ProgramChange { program: u7::new(track.program & 127) };
            events.push((0, 1, TrackEventKind::Midi { channel, message }));
        }
        for note in score.notes.iter().filter(|note| usize::from(note.track) == idx) {
            push_note(note, &mut events);
        }
        tracks.push(finish(events));
    }
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::new(480)));
    let smf = Smf { header, tracks };
    let mut bytes = Vec::new();
    // Writing into memory fails for no other reason than more than 65,535 tracks, which a Score cannot number.
    let _ = smf.write_std(&mut bytes);
    bytes
}

fn ticks(quarters: f64) -> u64 {
    // A float that is negative or no number becomes 0.
    (quarters * TICKS).round() as u64
}

fn conductor(score: &Score) -> Vec<Timed<'_>> {
    let mut events: Vec<Timed<'_>> = Vec::new();
    for tempo in &score.tempos {
        let micros = (60e6 / tempo.bpm.max(3.6)).round() as u32;
        let message = MetaMessage::Tempo(u24::new(micros.min((1 << 24) - 1)));
        events.push((ticks(tempo.at), 0, TrackEventKind::Meta(message)));
    }
    for metre in &score.metres {
        let power = u8::try_from(metre.den.max(1).ilog2()).unwrap_or(2);
        events.push((
            ticks(metre.at),
            0,
            TrackEventKind::Meta(MetaMessage::TimeSignature(metre.num, power, 24, 8)),
        ));
    }
    if let Some(key) = score.key_signature {
        events.push((0, 0, TrackEventKind::Meta(MetaMessage::KeySignature(key.sharps, key.minor))));
    }
    events
}

fn push_note(note: &Note, events: &mut Vec<Timed<'_>>) {
    let channel = u4::new(note.channel & 15);
    let key = u7::new(note.pitch & 127);
    let on = MidiMessage::NoteOn { key, vel: u7::new(note.velocity.clamp(1, 127)) };
    let off = MidiMessage::NoteOff { key, vel: u7::new(64) };
    let begin = ticks(note.onset);
    // A note of no length would end before it begins.
    let end = ticks(note.end()).max(begin + 1);
    events.push((begin, 3, TrackEventKind::Midi { channel, message: on }));
    events.push((end, 2, TrackEventKind::Midi { channel, message: off }));
}

/// Orders events and turns their places into distances.
fn finish(mut events: Vec<Timed<'_>>) -> Vec<TrackEvent<'_>> {
    events.sort_by_key(|(tick, order, _)| (*tick, *order));
    let mut last = 0;
    let mut track: Vec<TrackEvent<'_>> = Vec::with_capacity(events.len() + 1);
    for (tick, _, kind) in events {
        let delta = u28::new(u32::try_from(tick - last).unwrap_or(u32::MAX).min((1 << 28) - 1));
        last = tick;
        track.push(TrackEvent { delta, kind });
    }
    track.push(TrackEvent { delta: u28::new(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
    track
}
