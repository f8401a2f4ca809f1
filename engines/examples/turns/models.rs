//! What the models say about a session, remembered.

use std::{
    collections::{BTreeMap, HashMap},
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
    /// By what was asked about which sound, so that answers outlive a change of the clips around it.
    said: BTreeMap<String, String>,
    /// The same by position, since a sound takes longer to hash than to look up.
    quick: HashMap<Place, String>,
    cache: Option<PathBuf>,
}

/// Which question about which samples of which session.
type Place = (u64, Kind, usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Turn,
    Partial,
    Guess,
}

/// A session as voice activity hears it.
pub(crate) struct Heard<'a> {
    /// Whose voice it is.
    pub(crate) source: &'a str,
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
            quick: HashMap::new(),
            cache,
        }
    }

    /// Voice activity over whole sessions.
    pub(crate) async fn listen<'a>(
        &mut self,
        sessions: &'a [(&'a str, Session)],
        language: Language,
    ) -> Vec<Heard<'a>> {
        let mut heard = Vec::new();
        for (source, session) in sessions {
            let mut frames = session.audio.clone();
            frames.truncate(frames.len() / VAD_FRAME * VAD_FRAME);
            let mut stream = self.vad.open(1).expect("voice activity");
            let speech = stream.probabilities(frames).await.expect("voice activity");
            heard.push(Heard { source, session, speech, language, id: fingerprint(&session.audio) });
        }
        heard
    }

    /// Smart-turn about `start..end`.
    pub(crate) async fn completeness(&mut self, heard: &Heard<'_>, start: usize, end: usize) -> f32 {
        let start = start.max(end.saturating_sub(JUDGE_WINDOW));
        let (quick, key) = match self.known(heard, Kind::Turn, (start, end)) {
            Ok(said) => return said.parse().expect("a number"),
            Err(keys) => keys,
        };
        let audio: Arc<[f32]> = heard.session.audio[start..end].into();
        let (probability, _) = self.turn.completeness(1, audio).await.expect("smart-turn");
        self.remember(quick, key, probability.to_string());
        probability
    }

    /// Whisper about `start..end`.
    pub(crate) async fn words(&mut self, heard: &Heard<'_>, range: (usize, usize), partial: bool) -> String {
        let (start, end) = range;
        let kind = if partial { Kind::Partial } else { Kind::Guess };
        let (quick, key) = match self.known(heard, kind, (start, end)) {
            Ok(said) => return said,
            Err(keys) => keys,
        };
        let request = SttRequest {
            session: 1,
            audio: heard.session.audio[start..end].into(),
            language: Some(heard.language),
            prompt: None,
            partial,
            deadline: Duration::from_secs(60),
            ..SttRequest::default()
        };
        let text = self.stt.transcribe(request).await.expect("whisper").text;
        self.remember(quick, key, text.clone());
        text
    }

    /// What was said before about this place, or the names under which it is to be remembered.
    fn known(
        &mut self,
        heard: &Heard<'_>,
        kind: Kind,
        (start, end): (usize, usize),
    ) -> Result<String, (Place, String)> {
        let quick = (heard.id, kind, start, end);
        if let Some(said) = self.quick.get(&quick) {
            return Ok(said.clone());
        }
        let sound = fingerprint(&heard.session.audio[start..end]);
        let key = format!("{kind:?}/{}/{sound:x}", heard.language.code());
        match self.said.get(&key) {
            Some(said) => {
                self.quick.insert(quick, said.clone());
                Ok(said.clone())
            }
            None => Err((quick, key)),
        }
    }

    fn remember(&mut self, quick: Place, key: String, said: String) {
        self.quick.insert(quick, said.clone());
        self.said.insert(key, said);
        // A long run that is stopped keeps what it has.
        if self.said.len().is_multiple_of(200) {
            self.save();
        }
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
