//! From the configuration to open engines: one line a thing.

use std::{path::PathBuf, sync::Arc};

#[cfg(feature = "candle")]
use crate::llm::candle::CandleLlm;
use crate::{
    absent::Absent,
    config::{EmbedConfig, LandmarkerConfig, LlmConfig, LlmKind, Load, SttConfig, TtsConfig, VadConfig},
    cores::Cores,
    embed::UseEmbed,
    face::{MediapipeFace, MediapipePlaces},
    llm::{llama::LlamaLlm, openai::OpenAiLlm},
    port::{EmbedEngine, FaceEngine, LlmEngine, SttEngine, TtsEngine, TurnEngine, VadEngine},
    registry::Engines,
    stt::WhisperStt,
    tts::{EdgeTts, Neural, VoiceChain, espeak, hibari, kokoro, piper},
    turn::SmartTurn,
    vad::SileroVad,
};

/// Where native libraries, models and programs lie, and how a configured model name becomes a path.
pub struct Places<'a> {
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// The folder of model files.
    pub models: PathBuf,
    /// The language model's worker program.
    pub worker: PathBuf,
    /// This program, which is its own worker for faces, and the word that makes it so.
    pub face_worker: (PathBuf, &'static str),
    /// From a manifest id or a path to the file; the error says what to do.
    pub resolve: &'a dyn Fn(&str) -> Result<PathBuf, String>,
}

impl std::fmt::Debug for Places<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").field("models", &self.models).finish_non_exhaustive()
    }
}

/// The tables of the configuration that concern engines.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfigs<'a> {
    /// `[vad]`.
    pub vad: &'a VadConfig,
    /// `[stt]`.
    pub stt: &'a SttConfig,
    /// `[llm]`.
    pub llm: &'a LlmConfig,
    /// `[tts]`.
    pub tts: &'a TtsConfig,
    /// `[landmarker]`.
    pub landmarker: &'a LandmarkerConfig,
    /// `[embed]`.
    pub embed: &'a EmbedConfig,
}

impl Engines {
    /// Opens every engine; what is missing is absent with its reason, and nothing else fails for it.
    pub fn open(configs: EngineConfigs<'_>, places: &Places<'_>) -> Self {
        let EngineConfigs { vad, stt, llm, tts, landmarker, embed } = configs;
        let machine = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = Cores::new(machine, stt.threads, llm.threads);
        let engines = Self {
            vad: open_vad(vad, stt.enabled, places),
            turn: open_turn(vad, stt.enabled, places),
            stt: open_stt(stt, &cores, places),
            llm: open_llm(llm, &llm.model, &cores, places),
            small_llm: (!llm.small_model.is_empty()).then(|| open_llm(llm, &llm.small_model, &cores, places)),
            tts: open_tts(tts, &cores, places),
            face: open_face(landmarker, places),
            embed: open_embed(embed, places),
        };
        if stt.enabled && stt.load == Load::Start {
            engines.stt.warm_up();
        }
        if llm.enabled && llm.load == Load::Start {
            engines.llm.warm_up();
        }
        if tts.enabled && tts.load == Load::Start {
            engines.tts.warm_up();
        }
        if embed.enabled && embed.load == Load::Start {
            engines.embed.warm_up();
        }
        engines
    }
}

/// What an engine that the operator switched off says of itself.
const SWITCHED_OFF: &str = "switched off by the configuration";

fn open_vad(config: &VadConfig, enabled: bool, places: &Places<'_>) -> Arc<dyn VadEngine> {
    if !enabled {
        return Arc::new(Absent::new("silero", SWITCHED_OFF));
    }
    match (places.resolve)(&config.model) {
        Ok(model) => Arc::new(SileroVad::new(places.runtime.clone(), model)),
        Err(reason) => Arc::new(Absent::new("silero", reason)),
    }
}

fn open_turn(config: &VadConfig, enabled: bool, places: &Places<'_>) -> Arc<dyn TurnEngine> {
    if !enabled || !config.smart_turn {
        return Arc::new(Absent::new("smart-turn", SWITCHED_OFF));
    }
    match (places.resolve)(&config.smart_turn_model) {
        Ok(model) => Arc::new(SmartTurn::new(places.runtime.clone(), model)),
        Err(reason) => Arc::new(Absent::new("smart-turn", reason)),
    }
}

fn open_face(config: &LandmarkerConfig, places: &Places<'_>) -> Arc<dyn FaceEngine> {
    if !config.enabled {
        return Arc::new(Absent::new("mediapipe", SWITCHED_OFF));
    }
    match ((places.resolve)(&config.library), (places.resolve)(&config.model)) {
        (Ok(library), Ok(model)) => {
            let (program, word) = places.face_worker.clone();
            Arc::new(MediapipeFace::new(MediapipePlaces {
                program,
                arguments: vec![word.into()],
                library,
                model,
            }))
        }
        (Err(reason), _) | (_, Err(reason)) => Arc::new(Absent::new("mediapipe", reason)),
    }
}

fn open_embed(config: &EmbedConfig, places: &Places<'_>) -> Arc<dyn EmbedEngine> {
    if !config.enabled {
        return Arc::new(Absent::new("use", SWITCHED_OFF));
    }
    match (places.resolve)(&config.model) {
        Ok(model) => Arc::new(UseEmbed::new(model)),
        Err(reason) => Arc::new(Absent::new("use", reason)),
    }
}

fn open_stt(config: &SttConfig, cores: &Arc<Cores>, places: &Places<'_>) -> Arc<dyn SttEngine> {
    if !config.enabled {
        return Arc::new(Absent::new("whisper", SWITCHED_OFF));
    }
    match (places.resolve)(&config.model) {
        Ok(model) => Arc::new(WhisperStt::beside(model, config.threads, cores.clone())),
        Err(reason) => Arc::new(Absent::new("whisper", reason)),
    }
}

fn open_llm(config: &LlmConfig, model: &str, cores: &Arc<Cores>, places: &Places<'_>) -> Arc<dyn LlmEngine> {
    if !config.enabled {
        return Arc::new(Absent::new("llm", SWITCHED_OFF));
    }
    if config.engine == LlmKind::Openai {
        return Arc::new(OpenAiLlm::new(&LlmConfig { model: model.to_owned(), ..config.clone() }));
    }
    let model = match (places.resolve)(model) {
        Ok(model) => model,
        Err(reason) => return Arc::new(Absent::new("llm", reason)),
    };
    match config.engine {
        #[cfg(feature = "candle")]
        LlmKind::Candle => Arc::new(CandleLlm::new(model, config)),
        #[cfg(not(feature = "candle"))]
        LlmKind::Candle => {
            Arc::new(Absent::new("candle", "built without candle; build with `--features candle`"))
        }
        LlmKind::Llama | LlmKind::Openai => {
            Arc::new(LlamaLlm::beside(places.worker.clone(), model, config, cores.clone()))
        }
    }
}

fn open_tts(config: &TtsConfig, cores: &Arc<Cores>, places: &Places<'_>) -> Arc<dyn TtsEngine> {
    if !config.enabled {
        return Arc::new(Absent::new("tts", SWITCHED_OFF));
    }
    let program = &config.espeak;
    let neural = Neural {
        runtime: places.runtime.clone(),
        models: places.models.clone(),
        threads: config.threads,
        cores: cores.clone(),
    };
    let mut engines: Vec<Arc<dyn TtsEngine>> = vec![
        Arc::new(hibari::start(&neural, program.clone())),
        Arc::new(piper::start(&neural, program.clone())),
        Arc::new(kokoro::start(&neural)),
        Arc::new(espeak::start(program.clone())),
    ];
    if config.edge {
        engines.push(Arc::new(EdgeTts::new(config.edge_url.clone())));
    }
    Arc::new(VoiceChain::new(engines, config.english.clone(), config.korean.clone()))
}
