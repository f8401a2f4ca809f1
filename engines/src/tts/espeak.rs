//! The last resort that always answers: espeak-ng's own voice, Korean and English. It sounds like a
//! machine, but it is understood and takes milliseconds.

use std::path::PathBuf;

use duologue_domain::{hangul, ipa, lang::Language, numbers};

use super::{Speaking, Synth, dsp, program, speak::voice, text::Piece};
use crate::port::{
    CancelFlag, EngineError, EngineInfo, ErrorKind, Health, TtsEngine, TtsRequest, TtsStream, Voice,
};

const ENGINE: &str = "espeak";

/// espeak-ng, voices `espeak-ko` and `espeak-en`.
#[derive(Debug)]
pub struct EspeakTts {
    speaking: Speaking,
    program: PathBuf,
    voices: Vec<Voice>,
}

impl EspeakTts {
    /// `program` is a path, or a name that the system finds.
    pub fn new(program: PathBuf) -> Self {
        let own = program.clone();
        Self {
            speaking: Speaking::start(ENGINE, Vec::new(), move || Ok(Espeak { program: own.clone() })),
            program,
            voices: vec![
                voice(ENGINE, "espeak-ko", "espeak 한국어", (Language::Korean, "neutral")),
                voice(ENGINE, "espeak-en", "espeak English", (Language::English, "neutral")),
            ],
        }
    }
}

impl TtsEngine for EspeakTts {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: ENGINE, model: "espeak-ng".into(), languages: Language::ALL.to_vec() }
    }

    fn health(&self) -> Health {
        if program::installed(&self.program) {
            self.speaking.health()
        } else {
            Health::Unavailable(format!("{} is not installed; run `make run` once", self.program.display()))
        }
    }

    fn warm_up(&self) {
        self.speaking.warm_up();
    }

    fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    fn synthesize(&self, request: TtsRequest) -> Result<TtsStream, EngineError> {
        self.speaking.synthesize(&self.voices, request)
    }
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
