//! The engines of this process, from the configuration.

use duologue_engines::{
    config::{Abilities, LlmKind},
    llm::llama::worker_binary,
    registry::{EngineConfigs, Engines, Places},
};

use crate::{
    config::Config,
    models::{Manifest, Shelf},
};

/// The command that makes this program the worker of the face landmarker.
pub const FACE_WORKER: &str = "landmarker-worker";

/// Whether personas offer the model what the server can do for them.
pub fn offers_abilities(config: &Config) -> bool {
    let is_small = || {
        let path = Manifest::embedded()
            .and_then(|manifest| Shelf::new(&config.home).resolve(&manifest, &config.llm.model));
        path.ok().and_then(|path| path.metadata().ok()).is_some_and(|file| file.len() < Abilities::SMALL)
    };
    match config.llm.abilities {
        Abilities::On => true,
        Abilities::Off => false,
        Abilities::Auto => config.llm.engine == LlmKind::Openai || !is_small(),
    }
}

/// Opens every engine that the configuration names. A missing model is no error here: its engine is absent and
/// says so.
///
/// # Errors
/// The manifest that is built in cannot be read, which is a defect of the build.
pub fn open(config: &Config) -> anyhow::Result<Engines> {
    let manifest = Manifest::embedded()?;
    let shelf = Shelf::new(&config.home);
    let resolve = |name: &str| shelf.resolve(&manifest, name).map_err(|error| format!("{error:#}"));
    let places = Places {
        runtime: config.onnx_runtime(),
        models: config.models_dir(),
        worker: worker_binary(),
        face_worker: (std::env::current_exe().unwrap_or_default(), FACE_WORKER),
        resolve: &resolve,
    };
    let configs = EngineConfigs {
        vad: &config.vad,
        stt: &config.stt,
        llm: &config.llm,
        tts: &config.tts,
        landmarker: &config.landmarker,
        embed: &config.embed,
    };
    Ok(Engines::open(configs, &places))
}
