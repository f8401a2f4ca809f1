use super::{Limits, SmfError, read, write};
use crate::score::{KeySignature, Metre, Note, Score, Tempo, Track};

/// A header chunk.
fn header(format: u16, tracks: u16, division: [u8; 2]) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06".to_vec();
    bytes.extend(format.to_be_bytes());
    bytes.extend(tracks.to_be_bytes());
    bytes.extend(division);
    bytes
}

fn track(events: &[u8]) -> Vec<u8> {
    let mut bytes = b"MTrk".to_vec();
    bytes.extend(u32::try_from(events.len()).expect("small").to_be_bytes());
    bytes.extend(events);
    bytes
}

const END: [u8; 4] = [0, 0xFF, 0x2F, 0];
const QUARTER: [u8; 2] = [0, 96];

/// A file of format 0 with 96 ticks a quarter.
fn file(events: &[u8]) -> Vec<u8> {
    let events: Vec<u8> = events.iter().copied().chain(END).collect();
    [header(0, 1, QUARTER), track(&events)].concat()
}

fn error(bytes: &[u8]) -> Option<SmfError> {
    read(bytes, &Limits::default()).err()
}

fn notes(bytes: &[u8]) -> Vec<(f64, f64, u8)> {
    let score = read(bytes, &Limits::default()).expect("a file");
    score.notes.iter().map(|note| (note.onset, note.duration, note.pitch)).collect()
}

#[test]
fn running_status_and_silent_strikes_end_notes() {
    // Note on, then by running status: the same key with velocity 0, another key on, and its end.
    let events = [0, 0x90, 60, 80, 96, 60, 0, 0, 64, 80, 48, 64, 0];
    assert_eq!(notes(&file(&events)), [(0.0, 1.0, 60), (1.0, 0.5, 64)]);
}

#[test]
fn formats_lay_tracks_beside_or_after_one_another() {
    let one = track(&[[0, 0x90, 60, 80, 96, 0x80, 60, 0].as_slice(), &END].concat());
    let other = track(&[[0, 0x91, 67, 80, 96, 0x81, 67, 0].as_slice(), &END].concat());
    let together = [header(1, 2, QUARTER), one.clone(), other.clone()].concat();
    assert_eq!(notes(&together), [(0.0, 1.0, 60), (0.0, 1.0, 67)]);
    let in_turn = [header(2, 2, QUARTER), one, other].concat();
    assert_eq!(notes(&in_turn), [(0.0, 1.0, 60), (1.0, 1.0, 67)]);
}

#[test]
fn smpte_counts_seconds() {
    // 25 frames of 40 parts: a thousand ticks a second, half a second is a quarter.
    let events = [0, 0x90, 60, 80, 0x83, 0x74, 0x80, 60, 0];
    let bytes = [header(0, 1, [0xE7, 40]), track(&[events.as_slice(), &END].concat())].concat();
    assert_eq!(notes(&bytes), [(0.0, 1.0, 60)]);
}

#[test]
fn tempo_metre_and_key_are_read() {
    let events = [
        [0, 0xFF, 0x51, 3, 0x09, 0x27, 0xC0].as_slice(),
        &[0, 0xFF, 0x58, 4, 6, 3, 24, 8],
        &[0, 0xFF, 0x59, 2, 0xFD, 1],
        &[0, 0xC0, 40, 0, 0x90, 60, 80],
        &[96, 0xFF, 0x51, 3, 0x07, 0xA1, 0x20],
        &[96, 0x80, 60, 0],
    ];
    let score = read(&file(&events.concat()), &Limits::default()).expect("a file");
    assert_eq!(score.tempos, [Tempo { at: 0.0, bpm: 100.0 }, Tempo { at: 1.0, bpm: 120.0 }]);
    assert_eq!(score.metres, [Metre { at: 0.0, num: 6, den: 8 }]);
    assert_eq!(score.key_signature, Some(KeySignature { sharps: -3, minor: true }));
    assert_eq!(score.tracks[0].program, 40);
    assert!((score.seconds(2.0) - 1.1).abs() < 1e-9);
    assert!((score.bpm(1.5) - 120.0).abs() < 1e-9);
    assert!((score.metres[0].beat() - 1.5).abs() < 1e-9);
}

#[test]
fn what_cannot_be_read_says_so() {
    let good = file(&[0, 0x90, 60, 80, 96, 0x80, 60, 0]);
    let cases: [(&[u8], SmfError); 8] = [
        (b"", SmfError::NotMidi),
        (b"RIFFabcd", SmfError::BadHeader),
        (b"\x89PNG and more", SmfError::NotMidi),
        (b"MThd", SmfError::Truncated),
        (&good[..10], SmfError::Truncated),
        (&good[..good.len() - 6], SmfError::Truncated),
        (&header(1, 3, QUARTER), SmfError::Truncated),
        (&[header(0, 1, [0, 0]), track(&END)].concat(), SmfError::BadHeader),
    ];
    for (bytes, expected) in cases {
        assert_eq!(error(bytes), Some(expected), "{bytes:?}");
        assert!(expected.code().is_ascii());
    }
    // Running status with nothing to run on, and a strike cut short.
    for events in [[0, 60, 80, 0].as_slice(), &[0, 0x90, 60]] {
        let bytes = [header(0, 1, QUARTER), track(events)].concat();
        assert_eq!(error(&bytes), Some(SmfError::BadEvent { track: 0 }), "{events:?}");
    }
    assert_eq!(error(&[header(7, 1, QUARTER), track(&END)].concat()), Some(SmfError::BadHeader));
}

#[test]
fn limits_hold() {
    let strike = [0, 0x90, 60, 80, 0, 0x80, 60, 0];
    let limits = Limits { notes: 3, tracks: 2, bytes: 1000, quarters: 10.0, changes: 1 };
    let check = |bytes: &[u8]| read(bytes, &limits).err();
    assert_eq!(check(&file(&strike.repeat(3))), None);
    assert_eq!(check(&file(&strike.repeat(5))), Some(SmfError::TooManyNotes));
    // Notes that nobody ends count from their beginning.
    let held: Vec<u8> = (0..9_u8).flat_map(|key| [0, 0x90, key, 80]).collect();
    assert_eq!(check(&file(&held)), Some(SmfError::TooManyNotes));
    let crowd = [header(1, 3, QUARTER), track(&END), track(&END), track(&END)].concat();
    assert_eq!(check(&crowd), Some(SmfError::TooManyTracks));
    assert_eq!(check(&[0; 1001]), Some(SmfError::TooLarge));
    assert_eq!(check(&file(&[0xFF, 0x7F, 0x90, 60, 80])), Some(SmfError::TooLong));
    let tempo = [0, 0xFF, 0x51, 3, 7, 0xA1, 0x20];
    assert_eq!(check(&file(&tempo.repeat(2))), Some(SmfError::TooManyChanges));
}

#[test]
fn notes_without_end_end_with_their_track() {
    let score = read(&file(&[0, 0x90, 60, 80, 0, 60, 90, 96, 0x80, 70, 0, 96, 0xC0, 1]), &Limits::default())
        .expect("a file");
    assert_eq!((score.repairs.unended, score.repairs.doubled, score.repairs.unbegun), (1, 1, 1));
    assert!((score.notes[1].duration - 2.0).abs() < 1e-9);
}

#[test]
fn damaged_bytes_never_break_it() {
    let good = write(&sample());
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for _ in 0..3000 {
        let mut bytes = good.clone();
        for _ in 0..1 + next() % 6 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        bytes.truncate(1 + next() % bytes.len());
        if let Ok(score) = read(&bytes, &Limits::default()) {
            assert!(score.notes.iter().all(|note| note.duration >= 0.0 && note.pitch < 128));
        }
    }
}

fn sample() -> Score {
    let note = |onset: f64, pitch: u8, track: u16| Note {
        onset,
        duration: 0.75,
        pitch,
        velocity: 90,
        channel: track as u8,
        program: 10 + track as u8,
        track,
    };
    let mut score =
        Score::from_notes(vec![note(0.0, 60, 0), note(1.0, 64, 0), note(0.5, 40, 1), note(2.0, 41, 1)]);
    score.tempos = vec![Tempo { at: 0.0, bpm: 100.0 }, Tempo { at: 2.0, bpm: 50.0 }];
    score.metres = vec![Metre { at: 0.0, num: 3, den: 4 }, Metre { at: 3.0, num: 6, den: 8 }];
    score.key_signature = Some(KeySignature { sharps: 2, minor: false });
    score.tracks[0].name = "피아노".into();
    score
}

#[test]
fn what_is_written_reads_the_same() {
    let score = sample();
    let again = read(&write(&score), &Limits::default()).expect("our own file");
    assert_eq!(again.notes, score.notes);
    assert_eq!((&again.tempos, &again.metres), (&score.tempos, &score.metres));
    assert_eq!((again.key_signature, &again.tracks), (score.key_signature, &score.tracks));
    assert!((again.length - score.length).abs() < 1e-9);
    let empty = read(&write(&Score::default()), &Limits::default()).expect("our own file");
    assert!(empty.notes.is_empty());
    let silent = Score { tracks: vec![Track::default()], ..Score::default() };
    assert!(read(&write(&silent), &Limits::default()).is_ok());
}
