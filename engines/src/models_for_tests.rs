//! Where tests find models. A missing one fails the test with what to do: a skipped test proves nothing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The model `file`, as `cargo xtask setup --for-tests` put it.
pub(crate) fn test_model(file: &str) -> PathBuf {
    installed(&format!("models/{file}"))
}

/// The ONNX Runtime library.
pub(crate) fn runtime() -> PathBuf {
    installed("lib/libonnxruntime.so")
}

fn installed(relative: &str) -> PathBuf {
    let path = home().join(relative);
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup --for-tests`", path.display());
    path
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the models are")]
fn home() -> PathBuf {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("DUOLOGUE_HOME")
        .or_else(|| variable("XDG_DATA_HOME").map(|data| data.join("duologue")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share/duologue")))
        .expect("a home directory")
}

/// The five clips of read English speech with their words, from Debian's `pocketsphinx-testdata`.
#[cfg(any(feature = "stt", feature = "vad"))]
pub(crate) fn human_clips() -> Vec<(String, Vec<f32>)> {
    let folder = Path::new("/usr/share/pocketsphinx/test/data/librivox");
    let listing = folder.join("transcription");
    let text = fs::read_to_string(&listing).unwrap_or_else(|error| {
        panic!("{}: {error}; install Debian's pocketsphinx-testdata", listing.display())
    });
    let clips: Vec<_> = text.lines().filter_map(clip_line).collect();
    assert_eq!(clips.len(), 5, "{} has an unexpected form", listing.display());
    clips.into_iter().map(|(name, words)| (words, wav(&folder.join(name + ".wav")))).collect()
}

/// Reads `<s> words </s> (name)`.
#[cfg(any(feature = "stt", feature = "vad"))]
fn clip_line(line: &str) -> Option<(String, String)> {
    let (words, name) = line.rsplit_once('(')?;
    let words = words.replace("<s>", " ").replace("</s>", " ");
    Some((name.trim().trim_end_matches(')').to_owned(), words.trim().to_owned()))
}

/// A 16-bit mono WAV file at 16 kHz as samples in [-1, 1].
#[cfg(any(feature = "stt", feature = "vad"))]
pub(crate) fn wav(path: &Path) -> Vec<f32> {
    let mut reader =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(reader.spec().sample_rate, 16_000, "{}", path.display());
    assert_eq!(reader.spec().channels, 1, "{}", path.display());
    reader.samples::<i16>().map(|sample| f32::from(sample.expect("a whole file")) / 32_768.0).collect()
}

/// A file that is deleted when dropped.
#[derive(Debug)]
pub(crate) struct ScratchFile(PathBuf);

impl ScratchFile {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

/// A fresh file with `bytes` in it.
pub(crate) fn scratch_file(name: &str, bytes: &[u8]) -> ScratchFile {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("duologue-test-{}-{number}-{name}", process::id()));
    fs::write(&path, bytes).expect("the temporary folder is writable");
    ScratchFile(path)
}
