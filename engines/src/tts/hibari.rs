//! The fast English voice: a small network predicts a spectrum a frame, our own synthesis makes it sound.

mod synthesis;

use std::path::PathBuf;

use duologue_domain::{ipa, lang::Language};
use ort::{session::Session, value::Tensor};

use self::synthesis::{BINS, Frames, Synthesis};
use super::{
    LocalTts, Synth, program,
    speak::{Needs, Neural, voice},
    text::{self, Piece},
    vocabulary::Vocabulary,
};
use crate::{
    onnx,
    port::{CancelFlag, EngineError, EngineInfo, ErrorKind, TtsRequest},
};

const ENGINE: &str = "hibari";

/// Phonemes of one piece. The model takes some 500; a third of that is ten seconds of speech, which
/// takes about 0.2 s and is as long as a cancelled request may keep the thread.
const PIECE: usize = 160;

/// The voice `hibari-heart`, of the models `hibari.onnx` and `hibari-vocab.json`; `espeak` makes the phonemes.
pub fn start(neural: &Neural, espeak: PathBuf) -> LocalTts {
    let Neural { runtime, models, threads, cores } = neural.clone();
    let (model, vocabulary) = (models.join("hibari.onnx"), models.join("hibari-vocab.json"));
    let needs = Needs::Files(vec![model.clone(), vocabulary.clone(), runtime.clone()]);
    let info = EngineInfo { engine: ENGINE, model: "hibari".into(), languages: vec![Language::English] };
    let voices = vec![voice(ENGINE, "hibari-heart", "Heart", (Language::English, "female"))];
    LocalTts::start((info, voices), needs, cores, move || {
        Ok(Hibari {
            session: onnx::session(&runtime, &model, threads)?,
            vocabulary: Vocabulary::read(ENGINE, &vocabulary, None)?,
            synthesis: Synthesis::new(),
            espeak: espeak.clone(),
        })
    })
}

struct Hibari {
    session: Session,
    vocabulary: Vocabulary,
    synthesis: Synthesis,
    espeak: PathBuf,
}

impl Synth for Hibari {
    fn pieces(&mut self, request: &TtsRequest, cancel: &CancelFlag) -> Result<Vec<Piece>, EngineError> {
        let phrases = program::phrases(&self.espeak, &request.text, cancel)?;
        let phrases: Vec<String> = phrases.iter().map(|phrase| ipa::from_espeak(phrase)).collect();
        Ok(text::join(&phrases, PIECE))
    }

    fn sound(
        &mut self,
        piece: &Piece,
        request: &TtsRequest,
        _: &CancelFlag,
    ) -> Result<Vec<f32>, EngineError> {
        let mut ids = vec![0];
        ids.extend(self.vocabulary.ids(&piece.phonemes));
        ids.push(0);
        let failed = |error: ort::Error| onnx::run_error(ENGINE, &error);
        let ids = Tensor::from_array(([1, ids.len()], ids)).map_err(failed)?;
        let speed = Tensor::from_array(([1], vec![request.speed])).map_err(failed)?;
        let outputs = self.session.run(ort::inputs!["ids" => ids, "speed" => speed]).map_err(failed)?;
        let tensor = |name: &str| -> Result<&[f32], EngineError> {
            let value = outputs.get(name).ok_or_else(|| malformed("an output is missing"))?;
            Ok(value.try_extract_tensor::<f32>().map_err(failed)?.1)
        };
        let frames = Frames {
            harmonic: tensor("lh")?,
            theta: tensor("theta")?,
            noise: tensor("ln")?,
            residual: tensor("lr")?,
            phi: tensor("phi")?,
            pitch: tensor("f0")?,
        };
        if !frames.fit() {
            return Err(malformed(&format!("its outputs are not {BINS} bins a frame")));
        }
        Ok(self.synthesis.sound(&frames))
    }
}

fn malformed(what: &str) -> EngineError {
    EngineError::new(ErrorKind::Broken, ENGINE, format!("the model is not the one expected: {what}"))
}
