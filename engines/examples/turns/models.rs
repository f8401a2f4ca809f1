//! What the models say about a session, remembered.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use duologue_domain::lang::Language;
use duologue_engines::{
    port::{SttEngine, SttRequest, TurnEngine, VAD_FRAME, VadEngine},
    stt::WhisperStt,
    turn::SmartTurn,
    vad::SileroVad,
};

use crate::sound::{MS, Session};

/// The longest look back that smart-turn uses.
const JUDGE_WINDOW: usize = 8_000 * MS;

/// Where `cargo xtask setup` put the models.
pub(crate) struct Paths {
    runtime: PathBuf,
    models: PathBuf,
}

impl Paths {
    #[expect(clippy::disallowed_methods, reason = "a measuring program has no configuration file")]
    pub(crate) fn of_this_user() -> Self {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = folder("DUOLOGUE_HOME")
            .or_else(|| folder("XDG_DATA_HOME").map(|data| data.join("duologue")))
            .or_else(|| folder("HOME").map(|home| home.join(".local/share/duologue")))
            .expect("a home directory");
        Self { runtime: home.join("lib/libonnxruntime.so"), models: home.join("models") }
    }

    fn model(&self, file: &str) -> PathBuf {
        self.models.join(file)
    }
}

/// The three models that hear, and what they have said.
pub(crate) struct Models {
    vad: SileroVad,
    turn: SmartTurn,
    stt: WhisperStt,
    said: BTreeMap<String, String>,
    cache: Option<PathBuf>,
}

/// A session as voice activity hears it.
pub(crate) struct Heard<'a> {
    pub(crate) session: &'a Session,
    /// One for each 32 ms.
    pub(crate) speech: Vec<f32>,
    pub(crate) language: Language,
    id: u64,
}

impl Models {
    pub(crate) fn open(paths: Paths, cache: Option<PathBuf>) -> Self {
        Self {
            vad: SileroVad::new(paths.runtime.clone(), paths.model("silero_vad.onnx")),
            turn: SmartTurn::new(paths.runtime.clone(), paths.model("smart-turn-v3.2-cpu.onnx")),
            stt: WhisperStt::new(paths.model("whisper-base-q8_0.bin"), 2),
            said: cache.as_deref().map(remembered).unwrap_or_default(),
            cache,
        }
    }

    /// Voice activity over whole sessions.
    pub(crate) async fn listen<'a>(&mut self, sessions: &'a [Session], language: Language) -> Vec<Heard<'a>> {
        let mut heard = Vec::new();
        for session in sessions {
            let mut frames = session.audio.clone();
            frames.truncate(frames.len() / VAD_FRAME * VAD_FRAME);
            let mut stream = self.vad.open(1).expect("voice activity");
            let speech = stream.probabilities(frames).await.expect("voice activity");
            heard.push(Heard { session, speech, language, id: fingerprint(&session.audio) });
        }
        heard
    }

    /// Smart-turn about `start..end`.
    pub(crate) async fn completeness(&mut self, heard: &Heard<'_>, start: usize, end: usize) -> f32 {
        let start = start.max(end.saturating_sub(JUDGE_WINDOW));
        let key = format!("{:x}/turn/{start}/{end}", heard.id);
        if let Some(said) = self.said.get(&key) {
            return said.parse().expect("a number");
        }
        let audio: Arc<[f32]> = heard.session.audio[start..end].into();
        let (probability, _) = self.turn.completeness(1, audio).await.expect("smart-turn");
        self.said.insert(key, probability.to_string());
        probability
    }

    /// Whisper about `start..end`.
    pub(crate) async fn words(&mut self, heard: &Heard<'_>, range: (usize, usize), partial: bool) -> String {
        let (start, end) = range;
        let kind = if partial { "partial" } else { "guess" };
        let key = format!("{:x}/{kind}/{start}/{end}", heard.id);
        if let Some(said) = self.said.get(&key) {
            return said.clone();
        }
        let request = SttRequest {
            session: 1,
            audio: heard.session.audio[start..end].into(),
            language: Some(heard.language),
            prompt: None,
            partial,
            deadline: Duration::from_secs(60),
        };
        let text = self.stt.transcribe(request).await.expect("whisper").text;
        self.said.insert(key, text.clone());
        text
    }

    /// Keeps what was said for the next run.
    pub(crate) fn save(&self) {
        let Some(path) = &self.cache else { return };
        let text = serde_json::to_string(&self.said).expect("strings");
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn remembered(path: &Path) -> BTreeMap<String, String> {
    std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// FNV-1a over the samples.
fn fingerprint(audio: &[f32]) -> u64 {
    audio.iter().fold(0xCBF2_9CE4_8422_2325, |hash, sample| {
        (hash ^ u64::from(sample.to_bits())).wrapping_mul(0x100_0000_01B3)
    })
}
