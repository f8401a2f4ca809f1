use super::*;
use crate::sound;

/// A second and some of a sliding tone with gaps, as float samples at 24 kHz.
fn melody(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    let tone = (0..samples).map(|index| {
        phase = (phase + (200.0 + index as f32 / 60.0) / 24_000.0).fract();
        let loudness = if index / 6_000 % 3 == 2 { 0.0 } else { 0.4 };
        loudness * (std::f32::consts::TAU * phase).sin()
    });
    tone.collect()
}

/// The file, made in uneven steps.
fn file(format: Format, samples: &[f32]) -> Vec<u8> {
    let mut encoder = Encoder::new(format).expect("an encoder");
    let mut out = Vec::new();
    for piece in samples.chunks(701) {
        out.extend(encoder.push(piece).expect("encodes"));
    }
    out.extend(encoder.finish().expect("finishes"));
    out
}

/// How alike two sounds are at the best shift of up to 100 ms: 1 is the same.
fn likeness(left: &[f32], right: &[f32]) -> f32 {
    let energy = |sound: &[f32]| sound.iter().map(|sample| sample * sample).sum::<f32>();
    let scale = (energy(left) * energy(right)).sqrt().max(1e-9);
    let at = |shift: usize| left.iter().zip(&right[shift..]).map(|(left, right)| left * right).sum::<f32>();
    (0..1_600.min(right.len())).map(|shift| at(shift) / scale).fold(0.0, f32::max)
}

#[tokio::test]
async fn every_format_sounds_as_what_went_in() {
    let samples = melody(33_333);
    let heard = crate::wav::resample(samples.clone(), 24_000, 16_000).expect("a rate");
    for (format, container, codec) in [
        (Format::Wav, "wav", "pcm"),
        (Format::Opus, "ogg", "opus"),
        (Format::Mp3, "mp3", "mp3"),
        (Format::Flac, "flac", "flac"),
    ] {
        let file = file(format, &samples);
        let sound = sound::decode(file).await.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_eq!((sound.format.container, sound.format.codec), (container, codec));
        let seconds = samples.len() as f64 / 24_000.0;
        // MP3 has whole frames and the silence that its filters add.
        let slack = if format == Format::Mp3 { 0.15 } else { 0.01 };
        assert!((sound.seconds() - seconds).abs() < slack, "{format:?}: {} s", sound.seconds());
        let likeness = likeness(&heard, &[sound.samples, vec![0.0; 1_600]].concat());
        assert!(likeness > 0.95, "{format:?}: {likeness}");
    }
}

#[test]
fn the_first_bytes_come_before_the_last_sound() {
    let samples = melody(12_000);
    for format in [Format::Wav, Format::Pcm, Format::Opus, Format::Mp3, Format::Flac] {
        let mut encoder = Encoder::new(format).expect("an encoder");
        let first = encoder.push(&samples).expect("encodes");
        let rest = encoder.finish().expect("finishes");
        assert!(first.len() > rest.len(), "{format:?}: {} and {}", first.len(), rest.len());
    }
}

#[test]
fn nothing_said_is_still_a_file() {
    for (format, magic) in
        [(Format::Opus, b"OggS".as_slice()), (Format::Flac, b"fLaC"), (Format::Mp3, b""), (Format::Pcm, b"")]
    {
        let out = file(format, &[]);
        assert!(out.starts_with(magic), "{format:?}");
    }
}

#[test]
fn flac_is_exact_and_noise_is_no_trouble() {
    let mut seed = 1u32;
    let noise: Vec<f32> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 8_388_608.0 - 1.0
    })
    .take(9_000)
    .collect();
    for samples in [noise, vec![1.0; 5_000], [-1.0, 1.0].repeat(3_000), vec![0.0; 4_097], vec![0.5]] {
        let file = file(Format::Flac, &samples);
        let decoded = decode_flac(file);
        let expected: Vec<i16> = samples.iter().copied().map(pcm::from_float).collect();
        assert_eq!(decoded, expected);
    }
}

/// By another implementation than ours.
fn decode_flac(file: Vec<u8>) -> Vec<i16> {
    use symphonia::core::{
        codecs::audio::AudioDecoderOptions,
        formats::{FormatOptions, TrackType, probe::Hint},
        io::MediaSourceStream,
        meta::MetadataOptions,
    };
    let source = MediaSourceStream::new(Box::new(std::io::Cursor::new(file)), Default::default());
    let probe = symphonia::default::get_probe();
    let mut reader = probe
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .expect("a FLAC file");
    let track = reader.default_track(TrackType::Audio).expect("a track").clone();
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).expect("audio");
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .expect("a decoder");
    let mut samples = Vec::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        let decoded = decoder.decode(&packet).expect("a whole frame");
        let mut piece = Vec::new();
        decoded.copy_to_vec_interleaved::<i16>(&mut piece);
        samples.extend(piece);
    }
    samples
}
