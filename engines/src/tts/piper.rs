//! An English voice with more colour: Piper's "joe", a VITS network over espeak's phonemes.

use std::path::PathBuf;

use duologue_domain::lang::Language;
use ort::{session::Session, value::Tensor};

use super::{
    LocalTts, Synth, dsp, program,
    speak::{Needs, Neural, voice},
    text::{self, Piece},
    vocabulary::{self, Vocabulary},
};
use crate::{
    onnx,
    port::{CancelFlag, EngineError, EngineInfo, ErrorKind, TtsRequest},
};

const ENGINE: &str = "piper";
/// Phonemes of one piece, some six seconds of speech: 0.4 s of work on an idle machine.
const PIECE: usize = 100;

/// The voice `piper-joe`, of the model `en_US-joe-medium.onnx` and its `.json`; `espeak` makes the phonemes.
pub fn start(neural: &Neural, espeak: PathBuf) -> LocalTts {
    let Neural { runtime, models, threads, cores } = neural.clone();
    let model = models.join("en_US-joe-medium.onnx");
    let config = models.join("en_US-joe-medium.onnx.json");
    let needs = Needs::Files(vec![model.clone(), config.clone(), runtime.clone()]);
    let info =
        EngineInfo { engine: ENGINE, model: "en_US-joe-medium".into(), languages: vec![Language::English] };
    let voices = vec![voice(ENGINE, "piper-joe", "Joe", (Language::English, "male"))];
    LocalTts::start((info, voices), needs, cores, move || {
        let settings = vocabulary::json(ENGINE, &config)?;
        let setting = |path: &str, otherwise: f64| {
            settings.pointer(path).and_then(|value| value.as_f64()).unwrap_or(otherwise)
        };
        Ok(Piper {
            session: onnx::session(&runtime, &model, threads)?,
            vocabulary: Vocabulary::read(ENGINE, &config, Some("phoneme_id_map"))?,
            rate: setting("/audio/sample_rate", 22_050.0) as u32,
            noise: setting("/inference/noise_scale", 0.667) as f32,
            length: setting("/inference/length_scale", 1.0) as f32,
            rhythm: setting("/inference/noise_w", 0.8) as f32,
            espeak: espeak.clone(),
        })
    })
}

struct Piper {
    session: Session,
    vocabulary: Vocabulary,
    rate: u32,
    noise: f32,
    length: f32,
    rhythm: f32,
    espeak: PathBuf,
}

impl Synth for Piper {
    fn pieces(&mut self, request: &TtsRequest, cancel: &CancelFlag) -> Result<Vec<Piece>, EngineError> {
        Ok(text::join(&program::phrases(&self.espeak, &request.text, cancel)?, PIECE))
    }

    fn sound(
        &mut self,
        piece: &Piece,
        request: &TtsRequest,
        _: &CancelFlag,
    ) -> Result<Vec<f32>, EngineError> {
        let ids = input(&self.vocabulary, &piece.phonemes);
        let failed = |error: ort::Error| onnx::run_error(ENGINE, &error);
        let length = i64::try_from(ids.len()).unwrap_or_default();
        let scales = vec![self.noise, self.length / request.speed, self.rhythm];
        let tokens = Tensor::from_array(([1, ids.len()], ids)).map_err(failed)?;
        let lengths = Tensor::from_array(([1], vec![length])).map_err(failed)?;
        let scales = Tensor::from_array(([3], scales)).map_err(failed)?;
        let inputs = ort::inputs!["input" => tokens, "input_lengths" => lengths, "scales" => scales];
        let outputs = self.session.run(inputs).map_err(failed)?;
        let audio = outputs
            .get("output")
            .ok_or_else(|| EngineError::new(ErrorKind::Broken, ENGINE, "no audio came"))?;
        Ok(dsp::resample(audio.try_extract_tensor::<f32>().map_err(failed)?.1, self.rate))
    }
}

/// Start, the phonemes with a blank behind each, end: as the voice was trained.
fn input(vocabulary: &Vocabulary, phonemes: &str) -> Vec<i64> {
    let blank = vocabulary.id('_').unwrap_or(0);
    let mut ids = Vec::new();
    for letter in std::iter::once('^').chain(phonemes.chars()) {
        if let Some(id) = vocabulary.id(letter) {
            ids.extend([id, blank]);
        }
    }
    ids.extend(vocabulary.id('$'));
    ids
}
