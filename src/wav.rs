//! WAV files in and out.

use std::path::Path;

use anyhow::{Context, bail};
use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};

/// More than this is a mistake: an hour of speech.
const MAX_SECONDS: u32 = 3_600;

/// Reads a WAV file of any rate and width as mono floats at `rate` Hz.
///
/// # Errors
/// Not a WAV file, empty, or longer than an hour.
pub fn read(path: &Path, rate: u32) -> anyhow::Result<Vec<f32>> {
    let shown = path.display();
    let mut reader = hound::WavReader::open(path).with_context(|| {
        format!("{shown} is not a WAV file that can be read; convert it with `ffmpeg -i … out.wav`")
    })?;
    let spec = reader.spec();
    if reader.duration() / spec.sample_rate.max(1) > MAX_SECONDS {
        bail!("{shown} is longer than an hour; cut it into pieces");
    }
    let samples = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<Vec<_>, _>>(),
        hound::SampleFormat::Int => {
            let scale = (1u64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / scale)).collect()
        }
    }
    .with_context(|| format!("{shown} is cut off or damaged"))?;
    let channels = usize::from(spec.channels.max(1));
    let mono =
        samples.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect::<Vec<_>>();
    if mono.is_empty() {
        bail!("{shown} holds no sound");
    }
    resample(mono, spec.sample_rate, rate)
}

/// Changes the rate of a whole recording.
pub(crate) fn resample(samples: Vec<f32>, from: u32, to: u32) -> anyhow::Result<Vec<f32>> {
    if from == to {
        return Ok(samples);
    }
    let mut resampler = Fft::<f32>::new(from as usize, to as usize, 1024, 1, FixedSync::Input)
        .with_context(|| format!("a rate of {from} Hz cannot be converted"))?;
    let input = InterleavedSlice::new(&samples, 1, samples.len()).context("the recording is empty")?;
    Ok(resampler
        .process_all(&input, samples.len(), None)
        .context("the rate could not be converted")?
        .take_data())
}

/// Writes mono PCM16.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, samples: &[i16], rate: u32) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let context = || format!("{} cannot be written", path.display());
    let mut writer = hound::WavWriter::create(path, spec).with_context(context)?;
    for sample in samples {
        writer.write_sample(*sample).with_context(context)?;
    }
    writer.finalize().with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_at_any_rate() {
        let path = std::env::temp_dir().join(format!("duologue-wav-{}.wav", std::process::id()));
        let tone = (0..22_050).map(|index| ((index as f32 / 8.0).sin() * 9_000.0) as i16).collect::<Vec<_>>();
        write(&path, &tone, 22_050).unwrap();
        assert_eq!(read(&path, 22_050).unwrap().len(), 22_050);
        let converted = read(&path, 16_000).unwrap();
        assert!((15_900..=16_100).contains(&converted.len()), "{}", converted.len());
        std::fs::write(&path, b"RIFF but not really").unwrap();
        assert!(read(&path, 16_000).unwrap_err().to_string().contains("not a WAV file"));
        std::fs::remove_file(&path).unwrap();
    }
}
