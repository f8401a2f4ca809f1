//! Sound files that people send, as mono at 16 kHz: WAV, MP3, FLAC, Ogg (Opus, Vorbis) and WebM or Matroska (Opus,
//! Vorbis).
//!
//! What comes in is hostile: lengths that lie, packets that are none, silence of three hours in a few bytes. Nothing is
//! trusted that was not counted, everything is bounded by a length, and a decoder that breaks is an error of the file.

mod container;
mod opus;
mod pieces;
#[cfg(test)]
mod tests;

use std::{io::Cursor, time::Duration};

use duologue_domain::pcm::HEARING_RATE;
use symphonia::core::{
    codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_OPUS},
    errors::Error,
    formats::{FormatOptions, FormatReader, Track, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

use self::opus::Opus;
pub(crate) use self::pieces::{PIECE_S, pieces};
use crate::wav;

/// The longest recording that is taken where nothing else is said: five minutes, which a laptop analyses within the
/// time of a request.
pub const LONGEST: Duration = Duration::from_secs(300);

/// Packets in a row that may be broken before the file is.
const BROKEN_PACKETS: u32 = 50;

/// A file that could be read.
#[derive(Debug)]
pub struct Sound {
    /// Mono, 16 kHz, in [-1, 1].
    pub samples: Vec<f32>,
    /// What it is.
    pub format: Format,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// `wav`, `mp3`, `flac`, `ogg` or `webm`.
    pub container: &'static str,
    /// `pcm`, `mp3`, `flac`, `opus` or `vorbis`.
    pub codec: &'static str,
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: usize,
}

/// Why a file was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something else, or a codec that is not decoded here.
    #[error(
        "this is no recording that can be read: send WAV, MP3, FLAC, Ogg (Opus or Vorbis) or WebM (Opus or Vorbis)"
    )]
    Unsupported,
    /// It says that it is longer than so many seconds, or is.
    #[error("the recording is longer than {0} s")]
    TooLong(u64),
    /// It ends before it should.
    #[error("the recording ends before it should: the file was cut off")]
    Truncated,
    /// Its contents contradict themselves.
    #[error("the recording is damaged and cannot be decoded")]
    Damaged,
    /// Not a single sample.
    #[error("there is no sound in the recording")]
    Empty,
}

impl Sound {
    /// Seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(HEARING_RATE)
    }
}

/// Decodes a file on a thread that may block. A decoder that panics found a file that is damaged.
///
/// # Errors
/// See [`Refusal`].
pub async fn decode(bytes: Vec<u8>) -> Result<Sound, Refusal> {
    decode_within(bytes, LONGEST).await
}

/// The same with another limit of its length. Decoding takes up to 200 KiB a second of it.
///
/// # Errors
/// See [`Refusal`].
pub async fn decode_within(bytes: Vec<u8>, longest: Duration) -> Result<Sound, Refusal> {
    let longest = longest.as_secs();
    tokio::task::spawn_blocking(move || read(bytes, longest)).await.unwrap_or(Err(Refusal::Damaged))
}

/// Decodes a file of at most `longest` seconds.
fn read(bytes: Vec<u8>, longest: u64) -> Result<Sound, Refusal> {
    let container = container::name(&bytes).ok_or(Refusal::Unsupported)?;
    let cut = container::is_cut_off(&bytes);
    let told = if container == "wav" { container::wav_seconds(&bytes) } else { None };
    if told.is_some_and(|seconds| seconds > longest as f64) {
        return Err(Refusal::TooLong(longest));
    }
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let probe = symphonia::default::get_probe();
    // A file whose first bytes are right and that cannot be opened ends in its header, or lies in it.
    let broken = if cut { Refusal::Truncated } else { Refusal::Damaged };
    let mut reader = probe
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| match error {
            Error::Unsupported(_) if container == "mp3" => Refusal::Unsupported,
            _ => broken,
        })?;
    let track = reader.default_track(TrackType::Audio).ok_or(Refusal::Empty)?.clone();
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or(Refusal::Unsupported)?;
    // What a WAV file promises that was sent while it was made, such as ours, is no length.
    let promised = if container == "wav" { told } else { promised_seconds(&*reader, &track, parameters) };
    if promised.is_some_and(|seconds| seconds > longest as f64) {
        return Err(Refusal::TooLong(longest));
    }
    if cut {
        return Err(Refusal::Truncated);
    }
    let mut decoder = Decoder::new(&track, parameters, container)?;
    let ended_well = decoder.run(&mut *reader, track.id, longest)?;
    let (samples, format) = decoder.finish().map_err(|refusal| match refusal {
        // Its reader leaves out a frame that is cut off, and nobody sends a file without one.
        Refusal::Empty if container == "flac" => Refusal::Truncated,
        other => other,
    })?;
    let sound = Sound { samples, format };
    // Headers round up and encoders pad, but nobody promises much more than there is.
    let missing = promised.is_some_and(|seconds| sound.seconds() + 0.25 < seconds * 0.97);
    // MP3 has bytes behind its last frame as often as not, and what WAV promises is known since its header.
    if missing || !(ended_well || matches!(container, "mp3" | "wav")) {
        return Err(Refusal::Truncated);
    }
    Ok(sound)
}

/// How long the file says that it is.
fn promised_seconds(
    reader: &dyn FormatReader,
    track: &Track,
    parameters: &AudioCodecParameters,
) -> Option<f64> {
    let by_frames = || {
        let rate = f64::from(parameters.sample_rate.filter(|rate| *rate > 0)?);
        Some(track.num_frames? as f64 / rate)
    };
    // WebM counts the whole, not the track.
    let by_media = || {
        let (ticks, base) = (reader.media_info().duration?, reader.media_info().time_base?);
        Some(ticks.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
    };
    by_frames().or_else(by_media)
}

/// The decoder of a track.
struct Decoder {
    kind: Kind,
    /// Mono, at `rate`.
    samples: Vec<f32>,
    format: Format,
    broken: u32,
}

enum Kind {
    Opus(Box<Opus>),
    Other(Box<dyn AudioDecoder>),
}

impl Decoder {
    fn new(
        track: &Track,
        parameters: &AudioCodecParameters,
        container: &'static str,
    ) -> Result<Self, Refusal> {
        let format = Format { container, codec: "opus", rate: 0, channels: 0 };
        let kind = if parameters.codec == CODEC_ID_OPUS {
            Kind::Opus(Box::new(Opus::new(track, parameters)?))
        } else {
            let decoder = symphonia::default::get_codecs()
                .make_audio_decoder(parameters, &AudioDecoderOptions::default())
                .map_err(|_| Refusal::Unsupported)?;
            Kind::Other(decoder)
        };
        Ok(Self { kind, samples: Vec::new(), format, broken: 0 })
    }

    /// Decodes to the end. True when that was where the file says.
    fn run(&mut self, reader: &mut dyn FormatReader, id: u32, longest: u64) -> Result<bool, Refusal> {
        loop {
            let packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                // A second stream behind the first is another recording.
                Ok(None) | Err(Error::ResetRequired) => return Ok(true),
                // What a browser records as WebM has no end but the end of the file.
                Err(Error::IoError(_)) if self.format.container == "webm" => return Ok(true),
                Err(_) => return Ok(false),
            };
            if packet.track_id != id {
                continue;
            }
            let whole = match &mut self.kind {
                Kind::Opus(opus) => opus.decode(&packet.data, &mut self.samples),
                Kind::Other(decoder) => match decoder.decode(&packet) {
                    Ok(decoded) => {
                        let spec = decoded.spec();
                        self.format.rate = spec.rate();
                        self.format.channels = spec.channels().count().max(1);
                        let mut frames = Vec::new();
                        decoded.copy_to_vec_interleaved::<f32>(&mut frames);
                        mix(&frames, self.format.channels, &mut self.samples);
                        true
                    }
                    Err(Error::DecodeError(_)) => false,
                    Err(_) => return Err(Refusal::Damaged),
                },
            };
            self.broken = if whole { 0 } else { self.broken + 1 };
            if self.broken > BROKEN_PACKETS {
                return Err(Refusal::Damaged);
            }
            if self.samples.len() as u64 > longest * u64::from(self.rate().max(1)) {
                return Err(Refusal::TooLong(longest));
            }
        }
    }

    fn rate(&self) -> u32 {
        if matches!(self.kind, Kind::Opus(_)) { HEARING_RATE } else { self.format.rate }
    }

    /// What was decoded, at 16 kHz.
    fn finish(mut self) -> Result<(Vec<f32>, Format), Refusal> {
        let rate = self.rate();
        match &self.kind {
            Kind::Opus(opus) => {
                self.format.channels = opus.channels();
                // Whatever went in, Opus is defined at 48 kHz.
                self.format.rate = 48_000;
            }
            Kind::Other(decoder) => self.format.codec = codec(decoder.codec_info().short_name),
        }
        if self.samples.is_empty() {
            return Err(if self.broken > 0 { Refusal::Damaged } else { Refusal::Empty });
        }
        for sample in &mut self.samples {
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let samples = wav::resample(self.samples, rate, HEARING_RATE).map_err(|_| Refusal::Unsupported)?;
        Ok((samples, self.format))
    }
}

/// The few names that people know.
fn codec(short_name: &str) -> &'static str {
    match short_name {
        "mp3" => "mp3",
        "flac" => "flac",
        "vorbis" => "vorbis",
        _ => "pcm",
    }
}

/// Adds frames of several channels as their mean.
fn mix(frames: &[f32], channels: usize, samples: &mut Vec<f32>) {
    let channels = channels.max(1);
    samples.extend(frames.chunks_exact(channels).map(|all| all.iter().sum::<f32>() / channels as f32));
}
