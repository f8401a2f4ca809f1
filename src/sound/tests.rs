//! Files of every kind, whole and broken, made by ffmpeg while the tests run.

use std::process::{Command, Stdio};

use super::*;

fn read(bytes: Vec<u8>) -> Result<Sound, Refusal> {
    super::read(bytes, LONGEST.as_secs())
}

/// The same in a file that ffmpeg can go back in, to write how long it is.
fn finished(name: &str, arguments: &[&str]) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!(
        "duologue-sound-{}-{:?}-{name}",
        std::process::id(),
        std::thread::current().id()
    ));
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=200:sample_rate=48000:duration=1.5"])
        .args(arguments)
        .arg(&path)
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("ffmpeg is installed by `make setup`").success());
    let bytes = std::fs::read(&path).expect("a file");
    std::fs::remove_file(&path).expect("our file");
    bytes
}

/// A second and a half of 200 Hz in a container, made by ffmpeg into a pipe, as a browser records.
fn made(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "sine=frequency=200:sample_rate=48000:duration=1.5"])
        .args(arguments)
        .arg("-")
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg is installed by `make setup`");
    assert!(
        output.status.success() && output.stdout.len() > 500,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn files() -> [(&'static str, &'static str, Vec<u8>); 9] {
    [
        ("wav", "pcm", wav(24_000 * 3 / 2, 24_000)),
        ("wav", "pcm", made(&["-ac", "2", "-c:a", "pcm_s24le", "-f", "wav"])),
        ("mp3", "mp3", made(&["-ar", "44100", "-f", "mp3"])),
        ("flac", "flac", finished("a.flac", &["-ac", "2", "-c:a", "flac"])),
        ("flac", "flac", made(&["-ar", "24000", "-c:a", "flac", "-f", "flac"])),
        ("ogg", "opus", made(&["-c:a", "libopus", "-b:a", "24k", "-f", "ogg"])),
        ("ogg", "vorbis", made(&["-ac", "2", "-c:a", "libvorbis", "-f", "ogg"])),
        ("webm", "opus", finished("a.webm", &["-ac", "2", "-c:a", "libopus", "-b:a", "64k"])),
        ("webm", "opus", made(&["-c:a", "libopus", "-b:a", "16k", "-application", "voip", "-f", "webm"])),
    ]
}

/// A WAV file of a tone, PCM16.
fn wav(samples: u32, rate: u32) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + samples * 2).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((samples * 2).to_le_bytes());
    for index in 0..samples {
        let tone = (std::f32::consts::TAU * 200.0 * index as f32 / rate as f32).sin() * 4_000.0;
        file.extend((tone as i16).to_le_bytes());
    }
    file
}

fn median_pitch(sound: &Sound) -> f32 {
    let mut prosody = duologue_domain::voice::Prosody::new(Default::default());
    prosody.handle(&sound.samples);
    prosody.finish().median_f0().expect("a tone")
}

#[test]
fn every_kind_is_read_as_it_sounds() {
    for (container, codec, bytes) in files() {
        let sound = read(bytes).unwrap_or_else(|refusal| panic!("{container} {codec}: {refusal}"));
        assert_eq!((sound.format.container, sound.format.codec), (container, codec));
        assert!((sound.seconds() - 1.5).abs() < 0.08, "{container} {codec}: {} s", sound.seconds());
        assert!(
            (1..=2).contains(&sound.format.channels) && sound.format.rate >= 24_000,
            "{:?}",
            sound.format
        );
        let pitch = median_pitch(&sound);
        assert!((pitch - 200.0).abs() < 1.0, "{container} {codec}: {pitch} Hz");
        assert!(sound.samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
    }
}

#[test]
fn files_that_were_cut_off_are_refused() {
    let files = files();
    let last = files.len() - 1;
    for (index, (container, codec, bytes)) in files.into_iter().enumerate() {
        for share in [0.3, 0.5, 0.9] {
            let cut = bytes[..(bytes.len() as f64 * share) as usize].to_vec();
            let refusal = read(cut).err();
            // From a pipe, MP3, WAV and WebM do not say how long they are: what is there is a shorter recording.
            let piped = ["mp3", "flac"].contains(&container)
                || (container == "wav" && bytes[4..8] == [0xFF; 4])
                || (container == "webm" && index == last);
            let shorter = piped && refusal.is_none();
            // A cut near the end of a WebM file may take only its index.
            let webm = container == "webm" && share == 0.9;
            assert!(
                shorter || webm || matches!(refusal, Some(Refusal::Truncated | Refusal::Damaged)),
                "{container} {codec} at {share}: {refusal:?}"
            );
        }
    }
}

#[test]
fn three_hours_are_refused_before_they_are_decoded() {
    // The header alone says it; nothing of three hours is there.
    let mut file = wav(100, 16_000);
    file[40..44].copy_from_slice(&(3 * 3_600 * 32_000u32).to_le_bytes());
    assert_eq!(read(file).err(), Some(Refusal::TooLong(300)));
    assert!(Refusal::TooLong(300).to_string().contains("300 s"));
    // Telephone sound, so that it is quick to make: six minutes without a length in the header.
    let mut file = wav(8_000 * 360, 8_000);
    file[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    file[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(file).err(), Some(Refusal::TooLong(300)));
}

#[test]
fn what_is_no_recording_is_refused() {
    let cases: [(&[u8], Refusal); 7] = [
        (b"", Refusal::Unsupported),
        (b"hello", Refusal::Unsupported),
        (b"\x89PNG\r\n\x1a\n0000", Refusal::Unsupported),
        (b"RIFF\0\0\0\0WAVE", Refusal::Truncated),
        (b"OggS", Refusal::Truncated),
        (b"\x1A\x45\xDF\xA3", Refusal::Damaged),
        (b"ID3\x04\0\0\0\0\0\0", Refusal::Unsupported),
    ];
    for (bytes, refusal) in cases {
        assert_eq!(read(bytes.to_vec()).err(), Some(refusal), "{bytes:?}");
    }
    assert_eq!(read(wav(0, 16_000)).err(), Some(Refusal::Empty));
}

#[tokio::test]
async fn bytes_that_were_changed_break_nothing() {
    let mut seed = 9u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for (container, codec, bytes) in files() {
        for _ in 0..12 {
            let mut changed = bytes.clone();
            for _ in 0..20 {
                let at = random(changed.len());
                changed[at] = random(256) as u8;
            }
            // Whatever it is now, there is an answer.
            if let Ok(sound) = decode(changed).await {
                assert!(sound.seconds() <= LONGEST.as_secs_f64() + 1.0, "{container} {codec}");
            }
        }
    }
}

#[test]
fn wav_that_was_sent_while_it_was_made_is_read() {
    for length in [u32::MAX, u32::MAX - 36] {
        let mut file = wav(16_000, 16_000);
        file[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        file[40..44].copy_from_slice(&length.to_le_bytes());
        assert_eq!(read(file).expect("a recording").samples.len(), 16_000);
    }
}
