//! The last resort that always answers: espeak-ng's own voice, Korean and English. It sounds like a
//! machine, but it is understood and takes milliseconds.

use std::{path::PathBuf, sync::Arc};

use duologue_domain::{hangul, ipa, lang::Language, numbers};

use super::{
    LocalTts, Synth, dsp, program,
    speak::{Needs, voice},
    text::Piece,
};
use crate::port::{CancelFlag, EngineError, EngineInfo, ErrorKind, TtsRequest};

const ENGINE: &str = "espeak";

/// The voices `espeak-ko` and `espeak-en`. `program` is a path, or a name that the system finds.
pub fn start(program: PathBuf) -> LocalTts {
    let info = EngineInfo { engine: ENGINE, model: "espeak-ng".into(), languages: Language::ALL.to_vec() };
    let voices = vec![
        voice(ENGINE, "espeak-ko", "espeak 한국어", (Language::Korean, "neutral")),
        voice(ENGINE, "espeak-en", "espeak English", (Language::English, "neutral")),
    ];
    let needs = Needs::Program(program.clone());
    LocalTts::start((info, voices), needs, Arc::default(), move || Ok(Espeak { program: program.clone() }))
}

struct Espeak {
    program: PathBuf,
}

impl Synth for Espeak {
    fn pieces(&mut self, request: &TtsRequest, cancel: &CancelFlag) -> Result<Vec<Piece>, EngineError> {
        let (text, phonemes) = match request.language {
            Language::Korean => {
                let text = numbers::korean(&request.text);
                let phonemes = hangul::to_ipa(&text);
                (text, phonemes)
            }
            Language::English => {
                let phrases = program::phrases(&self.program, &request.text, cancel)?;
                let phonemes: Vec<String> = phrases.iter().map(|phrase| ipa::from_espeak(phrase)).collect();
                (request.text.clone(), phonemes.join(" "))
            }
        };
        Ok(vec![Piece { phonemes, text, pause_ms: 0 }])
    }

    fn sound(
        &mut self,
        piece: &Piece,
        request: &TtsRequest,
        cancel: &CancelFlag,
    ) -> Result<Vec<f32>, EngineError> {
        let wav = program::wav(&self.program, &piece.text, request, cancel)?;
        let (rate, samples) = program::samples(&wav)
            .ok_or_else(|| EngineError::new(ErrorKind::Broken, ENGINE, "it wrote no 16-bit mono WAV"))?;
        Ok(dsp::resample(&samples, rate))
    }
}
