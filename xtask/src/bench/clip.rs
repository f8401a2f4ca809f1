//! Clips with what is said in them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, bail};

use super::score::quantile;

/// Human English speech with its transcription, from Debian's `pocketsphinx-testdata`.
const ENGLISH: &str = "/usr/share/pocketsphinx/test/data/librivox";

/// Sentences of everyday talk, to be synthesised: no free Korean human speech is packaged. Questions and statements,
/// polite and plain, short and long.
const KOREAN: [&str; 12] = [
    "안녕하세요, 오늘 기분이 어때요?",
    "주말에 뭐 하고 지냈어요?",
    "요즘 재미있는 영화 있으면 추천해 주세요.",
    "저는 커피보다 차를 더 좋아해요.",
    "내일 저녁에 같이 밥 먹을래요?",
    "어제 친구하고 한강에서 자전거를 탔는데 바람이 정말 시원했어요.",
    "비가 오는 날에는 무슨 노래를 듣고 싶으세요?",
    "저는 아침에 일찍 일어나는 게 제일 어려워요.",
    "여행을 간다면 바다가 좋을까요, 산이 좋을까요?",
    "지난달에 새 회사로 옮겼는데 아직 적응하고 있습니다.",
    "고양이를 키우고 싶은데 부모님이 반대하시거든요.",
    "그 소식을 듣고 정말 기뻤겠네요, 그렇죠?",
];

/// Sample rate of every clip.
pub(super) const RATE: u32 = 16_000;

/// One utterance.
pub(super) struct Clip {
    /// For the table.
    pub(super) name: String,
    /// Mono at [`RATE`].
    pub(super) samples: Vec<i16>,
    /// What is said.
    pub(super) words: String,
    /// Where the file lies, for the offline comparison.
    pub(super) path: std::path::PathBuf,
}

impl Clip {
    /// Where the last voiced sound ends, as a person would mark it: the last 30 ms that stand 6 dB above the clip's own
    /// background (the tenth percentile), and not more than 35 dB below its loudest. The human clips hiss at 26 to
    /// 32 dB below their loudest up to the end of the file, so that a threshold without regard to the background
    /// would call 70 to 370 ms of hiss speech, and every answer faster by that.
    pub(super) fn speech_end(&self) -> usize {
        let frame = RATE as usize / 100;
        let energy = |samples: &[i16]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        let frames = self.samples.chunks(frame).map(energy).collect::<Vec<_>>();
        let smooth = |at: usize| {
            let around = &frames[at.saturating_sub(1)..(at + 2).min(frames.len())];
            around.iter().sum::<f64>() / around.len() as f64
        };
        let frames = (0..frames.len()).map(smooth).collect::<Vec<_>>();
        let loudest = frames.iter().copied().fold(0.0, f64::max);
        let background = quantile(&frames, 0.1);
        let threshold = (loudest * 10f64.powf(-3.5)).max(background * 10f64.powf(0.6));
        let last = frames.iter().rposition(|energy| *energy > threshold).unwrap_or(0);
        ((last + 1) * frame).min(self.samples.len())
    }

    /// The samples at 24 kHz, as calls take them: each third one of three lies between two of these.
    pub(super) fn at_24k(&self) -> Vec<i16> {
        let at = |idx: usize| i32::from(self.samples.get(idx).copied().unwrap_or(0));
        let between = |idx: usize| {
            let (before, third) = (idx * 2 / 3, (idx * 2 % 3) as i32);
            ((at(before) * (3 - third) + at(before + 1) * third) / 3) as i16
        };
        (0..self.samples.len() * 3 / 2).map(between).collect()
    }
}

/// The five human English clips.
pub(super) fn english() -> anyhow::Result<Vec<Clip>> {
    let folder = Path::new(ENGLISH);
    let transcription = fs::read_to_string(folder.join("transcription"))
        .with_context(|| format!("{ENGLISH} is missing: run `cargo xtask setup --for-tests`"))?;
    let mut clips = Vec::new();
    for line in transcription.lines() {
        let Some((words, name)) = line.rsplit_once('(') else { continue };
        let name = name.trim_end_matches(')').trim();
        let path = folder.join(format!("{name}.wav"));
        if !path.is_file() {
            continue;
        }
        clips.push(Clip {
            name: name.rsplit('-').next().unwrap_or(name).to_owned(),
            samples: read(&path)?,
            words: words.replace("<s>", "").replace("</s>", "").trim().to_owned(),
            path,
        });
    }
    if clips.is_empty() {
        bail!("no clips in {ENGLISH}");
    }
    Ok(clips)
}

/// Up to `most` of twelve synthetic Korean sentences, spoken by the program's own Korean voice.
pub(super) fn korean(program: &str, most: usize) -> anyhow::Result<Vec<Clip>> {
    let folder = std::env::temp_dir();
    let mut clips = Vec::new();
    for (index, words) in KOREAN.iter().take(most).enumerate() {
        let path = folder.join(format!("duologue-bench-{}-{index}.wav", std::process::id()));
        let spoken =
            Command::new(program).args(["say", words, "--language", "ko", "--out"]).arg(&path).status();
        if !spoken.with_context(|| format!("{program} cannot be run: build it with `make setup`"))?.success()
        {
            bail!("{program} could not speak");
        }
        let samples = read(&path)?;
        clips.push(Clip {
            name: format!("ko-{index} (synthetic)"),
            samples,
            words: (*words).to_owned(),
            path,
        });
    }
    Ok(clips)
}

/// Reads speech of the wire, 24 kHz, mono.
pub(super) fn read_24k(path: &Path) -> anyhow::Result<Vec<i16>> {
    let mut reader = hound::WavReader::open(path).with_context(|| format!("{}", path.display()))?;
    Ok(reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?)
}

/// Writes speech of the wire, 24 kHz, so that it can be heard again.
pub(super) fn write(path: &Path, samples: &[i16]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    Ok(writer.finalize()?)
}

/// Reads 16-bit mono; other rates than [`RATE`] are brought to it by linear interpolation, enough for a test signal.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<i16>> {
    let mut reader = hound::WavReader::open(path).with_context(|| format!("{}", path.display()))?;
    let rate = reader.spec().sample_rate;
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    if rate == RATE {
        return Ok(samples);
    }
    let step = f64::from(rate) / f64::from(RATE);
    let length = (samples.len() as f64 / step) as usize;
    let at = |index: usize| f64::from(samples.get(index).copied().unwrap_or(0));
    Ok((0..length)
        .map(|index| {
            let position = index as f64 * step;
            let (before, share) = (position as usize, position.fract());
            (at(before) * (1.0 - share) + at(before + 1) * share) as i16
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(samples: Vec<i16>) -> Clip {
        Clip { name: String::new(), samples, words: String::new(), path: std::path::PathBuf::new() }
    }

    /// A tone of one second with `hiss` before, under and after it.
    fn tone(hiss: i16) -> Clip {
        let mut state = 7u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) as i32 % (2 * i32::from(hiss) + 1) - i32::from(hiss)) as i16
        };
        let samples = (0..32_000).map(|at| {
            let sounds = (8_000..24_000).contains(&at);
            let tone = if sounds { 10_000.0 * (f64::from(at) * 0.2).sin() } else { 0.0 };
            tone as i16 + noise()
        });
        clip(samples.collect())
    }

    #[test]
    fn speech_ends_where_it_ends_with_and_without_hiss() {
        for hiss in [0, 40, 400] {
            let end = tone(hiss).speech_end();
            assert!((24_000..24_000 + 480).contains(&end), "hiss {hiss}: {end}");
        }
        assert_eq!(clip(Vec::new()).speech_end(), 0);
    }
}
