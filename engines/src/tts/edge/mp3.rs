//! MP3 as sound at 24 kHz. Pure.

use std::io::Cursor;

use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{AudioDecoder, AudioDecoderOptions},
        },
        errors::Error,
        formats::{FormatOptions, FormatReader, TrackType},
        io::MediaSourceStream,
    },
    default::{codecs::MpaDecoder, formats::MpaReader},
};

use super::super::dsp;

/// The sound of a whole MP3 stream as mono at 24 kHz, at most `limit` samples of it before the rate is
/// changed. A damaged frame is left out, as a player would; the error says why nothing could be played.
pub(super) fn decode(mp3: Vec<u8>, limit: usize) -> Result<Vec<f32>, String> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(mp3)), Default::default());
    let mut reader =
        MpaReader::try_new(source, FormatOptions::default()).map_err(|error| error.to_string())?;
    let track = reader.first_track(TrackType::Audio).ok_or("there is no sound in it")?;
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
        return Err("its sound has no format".into());
    };
    let mut decoder = MpaDecoder::try_new(parameters, &AudioDecoderOptions::default())
        .map_err(|error| error.to_string())?;
    let (mut sound, mut rate, mut frame) = (Vec::new(), 0, Vec::new());
    while sound.len() < limit {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            // The end, or bytes behind the last whole frame.
            Ok(None) | Err(_) => break,
        };
        match decoder.decode(&packet) {
            Ok(decoded) => {
                rate = decoded.spec().rate();
                let channels = decoded.spec().channels().count().max(1);
                decoded.copy_to_vec_interleaved::<f32>(&mut frame);
                sound.extend(
                    frame.chunks_exact(channels).map(|all| all.iter().sum::<f32>() / channels as f32),
                );
            }
            Err(Error::DecodeError(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    sound.truncate(limit);
    if sound.is_empty() {
        return Err("no frame of it can be decoded".into());
    }
    Ok(dsp::resample(&sound, rate))
}

/// One second of 440 Hz at an eighth of full scale and a bit, made for these tests with
/// `ffmpeg -f lavfi -i sine=frequency=440:sample_rate=24000:duration=1 -af volume=6dB -ac 1 -b:a 48k`
/// and without tags, in the format that we ask the service for.
#[cfg(test)]
pub(super) const TONE: &[u8] = include_bytes!("tone.mp3");

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of ten minutes: more than any of these tests makes.
    const PLENTY: usize = 24_000 * 600;

    /// How much of `hertz` there is in a second of sound, as the amplitude of a sine.
    fn amplitude(sound: &[f32], hertz: f32) -> f32 {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (index, sample) in sound.iter().enumerate() {
            let angle = std::f32::consts::TAU * hertz * index as f32 / 24_000.0;
            sine += sample * angle.sin();
            cosine += sample * angle.cos();
        }
        2.0 * sine.hypot(cosine) / sound.len() as f32
    }

    #[test]
    fn a_tone_is_decoded() {
        let sound = decode(TONE.to_vec(), PLENTY).expect("sound");
        assert!((22_000..27_000).contains(&sound.len()), "{}", sound.len());
        let middle = &sound[3_000..21_000];
        let (tone, beside) = (amplitude(middle, 440.0), amplitude(middle, 620.0));
        assert!((0.2..0.3).contains(&tone), "{tone}");
        assert!(beside < tone / 50.0, "{beside}");
        assert_eq!(decode(TONE.to_vec(), 1_000).expect("sound").len(), 1_000);
    }

    #[test]
    fn damage_costs_frames_not_the_sound() {
        let whole = decode(TONE.to_vec(), PLENTY).expect("sound").len();
        let cut = decode(TONE[..TONE.len() / 2 + 7].to_vec(), PLENTY).expect("half of it");
        assert!((whole / 3..whole * 2 / 3).contains(&cut.len()), "{} of {whole}", cut.len());
        // The third and fourth frame are overwritten.
        let mut holed = TONE.to_vec();
        holed[300..580].fill(0x55);
        let holed = decode(holed, PLENTY).expect("the rest");
        assert!(holed.len() > whole / 2, "{} of {whole}", holed.len());
        assert!(holed.iter().all(|sample| sample.is_finite()));
    }

    #[test]
    fn what_is_no_mp3_is_an_error_and_never_a_panic() {
        for nothing in [&b""[..], b"RIFF....WAVE", &[0xff; 4_000], &[0x55; 4_000], &TONE[..20]] {
            assert!(decode(nothing.to_vec(), PLENTY).is_err(), "{} bytes", nothing.len());
        }
        // Every byte of the first frames is wrong once.
        for at in 0..432 {
            let mut wrong = TONE[..1_440].to_vec();
            wrong[at] ^= 1 << (at % 8);
            if let Ok(sound) = decode(wrong, PLENTY) {
                assert!(sound.len() < 24_000);
            }
        }
    }
}
