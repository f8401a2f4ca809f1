//! WAV files in and out.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use anyhow::{Context, bail};
use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};

/// More than this is a mistake: an hour of speech.
const MAX_SECONDS: u32 = 3_600;

/// From this length on, in bytes, nobody knew it: whoever sends a file while making it writes about the largest number,
/// signed or not.
const UNKNOWN: u32 = 0x7fff_0000;

/// A format is described in less.
const LONGEST_FORMAT: u32 = 1_024;

/// Reads a WAV file of any rate and width as mono floats at `rate` Hz.
///
/// # Errors
/// Not a WAV file, empty, or longer than an hour.
pub fn read(path: &Path, rate: u32) -> anyhow::Result<Vec<f32>> {
    let shown = path.display();
    let mut reader = open(path).with_context(|| {
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

/// Opens a file. The sound of one that was sent while it was made goes to the file's end, whatever its header says.
fn open(path: &Path) -> Result<hound::WavReader<impl Read>, hound::Error> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let header = header(&mut file, bytes)?;
    hound::WavReader::new(Cursor::new(header).chain(file))
}

/// What comes before the sound of a file of so many bytes: the format, and the length as it is.
fn header(file: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut header = vec![0; 12];
    file.read_exact(&mut header)?;
    let mut read = 12_u64;
    let mut frame = 1;
    loop {
        let mut chunk = [0; 8];
        file.read_exact(&mut chunk)?;
        let [.., a, b, c, d] = chunk;
        let length = u32::from_le_bytes([a, b, c, d]);
        read += 8;
        if chunk.starts_with(b"data") {
            let rest = bytes.saturating_sub(read);
            let real = u32::try_from(rest - rest % frame).unwrap_or(u32::MAX);
            header.extend_from_slice(&chunk[..4]);
            header.extend(if length >= UNKNOWN { real } else { length }.to_le_bytes());
            return Ok(header);
        }
        // Chunks begin at even places.
        let whole = u64::from(length) + u64::from(length % 2);
        if chunk.starts_with(b"fmt ") && length <= LONGEST_FORMAT {
            let mut format = Vec::new();
            file.by_ref().take(whole).read_to_end(&mut format)?;
            // How many bytes all channels of one moment have.
            if let Some([low, high]) = format.get(12..14) {
                frame = u64::from(u16::from_le_bytes([*low, *high])).max(1);
            }
            header.extend([&chunk[..], &format].concat());
        } else {
            io::copy(&mut file.by_ref().take(whole), &mut io::sink())?;
        }
        read += whole;
    }
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

    #[test]
    fn a_file_that_was_sent_while_it_was_made_is_read_to_its_end() {
        let path = std::env::temp_dir().join(format!("duologue-wav-sent-{}.wav", std::process::id()));
        write(&path, &[1_000; 480], 24_000).unwrap();
        let known = std::fs::read(&path).unwrap();
        let other = [&known[..12], b"LIST\x03\x00\x00\x00abc\0", &known[12..]].concat();
        for length in [u32::MAX, u32::MAX - 1, i32::MAX as u32, 0x7fff_f000] {
            for (file, at) in [(&known, 40), (&other, 52)] {
                let mut sent = file.clone();
                sent[at..at + 4].copy_from_slice(&length.to_le_bytes());
                // Half a sample is none.
                sent.push(7);
                std::fs::write(&path, &sent).unwrap();
                assert_eq!(read(&path, 24_000).unwrap().len(), 480, "{length}");
            }
        }
        std::fs::write(&path, &known[..known.len() - 100]).unwrap();
        assert!(read(&path, 24_000).unwrap_err().to_string().contains("cut off"));
        std::fs::remove_file(&path).unwrap();
    }
}
