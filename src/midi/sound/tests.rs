//! A tiny soundfont, and pieces that are known.

use std::sync::Arc;

use duologue_music::{
    score::{Note, Score},
    smf::{self, SmfError},
};
use duologue_testkit::soundfont;
use rustysynth::SoundFont;

use super::{RATE, SoundBank, SoundError, begin};

fn font() -> Arc<SoundFont> {
    Arc::new(SoundFont::new(&mut soundfont().as_slice()).expect("a soundfont"))
}

fn piece(pitch: u8, quarters: f64) -> Vec<u8> {
    let note =
        Note { onset: 1.0, duration: quarters, pitch, velocity: 100, channel: 0, program: 0, track: 0 };
    smf::write(&Score::from_notes(vec![note]))
}

/// The left channel.
fn left(bytes: &[u8]) -> Vec<f32> {
    let frames = bytes.chunks_exact(4);
    frames.map(|frame| f32::from(i16::from_le_bytes([frame[0], frame[1]])) / 32_768.0).collect()
}

#[test]
fn a_note_sounds_where_it_is_written_and_as_high() {
    let rendering = begin(&font(), &piece(69, 2.0)).expect("a rendering");
    let (header, whole) = (rendering.wav_header(), rendering.wav_bytes());
    let pcm: Vec<u8> = rendering.flatten().collect();
    assert_eq!(pcm.len() as u64 + 44, whole);
    let told = u32::from_le_bytes([header[40], header[41], header[42], header[43]]);
    assert_eq!(told as usize, pcm.len());
    let sound = left(&pcm);
    // At 120 a minute the note begins after half a second.
    let onset = RATE as usize / 2;
    assert!(sound[..onset - 100].iter().all(|sample| sample.abs() < 1e-3), "silence before");
    let held = &sound[onset + 4_410..onset + 26_460];
    assert!(held.iter().any(|sample| sample.abs() > 0.01), "it sounds");
    let rises = held.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    // Half a second of A: 220 periods.
    assert!((215..=225).contains(&rises), "{rises}");
}

#[test]
fn the_same_file_gives_the_same_sound() {
    let (font, file) = (font(), piece(60, 1.0));
    let sound = |_| begin(&font, &file).expect("a rendering").flatten().collect::<Vec<u8>>();
    assert_eq!(sound(0), sound(1));
}

#[test]
fn what_is_no_music_is_refused_and_a_piece_without_notes_is_empty() {
    let font = font();
    assert_eq!(begin(&font, b"hello").expect_err("text"), SoundError::Midi(SmfError::NotMidi));
    assert_eq!(begin(&font, b"MThd").expect_err("cut"), SoundError::Midi(SmfError::Truncated));
    let hours = begin(&font, &piece(60, 20_000.0)).expect_err("long");
    assert_eq!(hours, SoundError::TooLong(10_000));
    let nothing = begin(&font, &smf::write(&Score::default())).expect("a file");
    assert_eq!((nothing.wav_bytes(), nothing.count()), (44, 0));
}

#[tokio::test]
async fn a_bank_says_what_is_missing_and_what_is_damaged() {
    let folder = std::env::temp_dir().join(format!("duologue-bank-{}", std::process::id()));
    let _ = std::fs::create_dir_all(&folder);
    let bank = SoundBank::new(folder.join("none.sf2"));
    let missing = bank.begin(piece(60, 1.0)).await.expect_err("nothing there");
    assert!(missing.to_string().contains("duologue models pull gm-soundfont"), "{missing}");
    std::fs::write(folder.join("bad.sf2"), b"RIFF\x04\0\0\0sfbk").expect("written");
    let damaged = SoundBank::new(folder.join("bad.sf2")).begin(piece(60, 1.0)).await.expect_err("no font");
    assert!(matches!(damaged, SoundError::Unreadable(..)), "{damaged}");
    std::fs::write(folder.join("good.sf2"), soundfont()).expect("written");
    let bank = SoundBank::new(folder.join("good.sf2"));
    bank.check().expect("there");
    assert!(bank.begin(piece(60, 1.0)).await.expect("a rendering").wav_bytes() > 44);
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}
