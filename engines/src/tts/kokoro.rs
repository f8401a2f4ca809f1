//! The Korean voice: Kokoro, fed with Korean phonemes by our own rules.
//!
//! No Korean speaker ships with it; its Japanese ones speak Korean with an accent, each about as clear as the others.

use std::path::Path;

use duologue_domain::{hangul, lang::Language, numbers};
use ort::{session::Session, value::Tensor};

use super::{
    LocalTts, Synth,
    speak::{Needs, Neural, voice},
    text::{self, Piece},
    vocabulary::Vocabulary,
};
use crate::{
    npz, onnx,
    port::{CancelFlag, EngineError, EngineInfo, ErrorKind, TtsRequest},
};

const ENGINE: &str = "kokoro";

/// Voice id, its name for people, its gender, and the speaker in the archive. The first is the default.
const SPEAKERS: [(&str, &str, &str, &str); 5] = [
    ("kokoro-kumo", "구모", "male", "jm_kumo"),
    ("kokoro-alpha", "알파", "female", "jf_alpha"),
    ("kokoro-gongitsune", "여우", "female", "jf_gongitsune"),
    ("kokoro-nezumi", "생쥐", "female", "jf_nezumi"),
    ("kokoro-tebukuro", "장갑", "female", "jf_tebukuro"),
];
/// Numbers that describe a speaker for one length of input.
const STYLE: usize = 256;

/// Phonemes of one piece: some 25 syllables or four seconds of speech. A piece takes 0.4 times its length
/// on an idle machine, so that the first sound comes within two seconds and a cancelled request is gone
/// as soon.
const PIECE: usize = 64;

/// Kokoro, with the Japanese speakers that ship with it: `kokoro-int8.onnx`, `kokoro-voices.npz` and `kokoro-vocab.json`.
pub fn start(neural: &Neural) -> LocalTts {
    let Neural { runtime, models, threads, cores } = neural.clone();
    let model = models.join("kokoro-int8.onnx");
    let speakers = models.join("kokoro-voices.npz");
    let vocabulary = models.join("kokoro-vocab.json");
    let needs = Needs::Files(vec![model.clone(), speakers.clone(), vocabulary.clone(), runtime.clone()]);
    let info = EngineInfo { engine: ENGINE, model: "kokoro-int8".into(), languages: vec![Language::Korean] };
    let voices = SPEAKERS.map(|(id, name, gender, _)| voice(ENGINE, id, name, (Language::Korean, gender)));
    LocalTts::start((info, voices.to_vec()), needs, cores, move || {
        Ok(Kokoro {
            session: onnx::session(&runtime, &model, threads)?,
            vocabulary: Vocabulary::read(ENGINE, &vocabulary, Some("vocab"))?,
            styles: styles(&speakers)?,
        })
    })
}

/// The styles of all [`SPEAKERS`], in their order.
fn styles(path: &Path) -> Result<Vec<Vec<f32>>, EngineError> {
    let mut archive = npz::Archive::open(ENGINE, path)?;
    let styles = SPEAKERS.map(|(_, _, _, speaker)| archive.floats(speaker));
    let styles: Vec<Vec<f32>> =
        styles.into_iter().map(|read| read.map(|(_, style)| style)).collect::<Result<_, _>>()?;
    if styles.iter().any(|style| style.is_empty() || style.len() % STYLE != 0) {
        let message = format!("{} is no set of voices; run `duologue models pull`", path.display());
        return Err(EngineError::new(ErrorKind::Unavailable, ENGINE, message));
    }
    Ok(styles)
}

struct Kokoro {
    session: Session,
    vocabulary: Vocabulary,
    /// In the order of [`SPEAKERS`].
    styles: Vec<Vec<f32>>,
}

impl Synth for Kokoro {
    fn pieces(&mut self, request: &TtsRequest, _: &CancelFlag) -> Result<Vec<Piece>, EngineError> {
        Ok(pieces(&request.text))
    }

    fn hasten(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        text::open_early(pieces)
    }

    fn sound(
        &mut self,
        piece: &Piece,
        request: &TtsRequest,
        _: &CancelFlag,
    ) -> Result<Vec<f32>, EngineError> {
        let letters = self.vocabulary.ids(&piece.phonemes);
        // The archive has one style for each length of input.
        let speaker = SPEAKERS.iter().position(|(id, ..)| *id == request.voice).unwrap_or(0);
        let styles = &self.styles[speaker];
        let row = letters.len().saturating_sub(1).min(styles.len() / STYLE - 1) * STYLE;
        let style = styles[row..row + STYLE].to_vec();
        let mut ids = vec![0];
        ids.extend(letters);
        ids.push(0);
        let failed = |error: ort::Error| onnx::run_error(ENGINE, &error);
        let tokens = Tensor::from_array(([1, ids.len()], ids)).map_err(failed)?;
        let style = Tensor::from_array(([1, STYLE], style)).map_err(failed)?;
        let speed = Tensor::from_array(([1], vec![request.speed])).map_err(failed)?;
        let inputs = ort::inputs!["tokens" => tokens, "style" => style, "speed" => speed];
        let outputs = self.session.run(inputs).map_err(failed)?;
        let audio = outputs
            .get("audio")
            .ok_or_else(|| EngineError::new(ErrorKind::Broken, ENGINE, "no audio came"))?;
        Ok(audio.try_extract_tensor::<f32>().map_err(failed)?.1.to_vec())
    }
}

/// Korean phonemes, cut first where the text pauses.
fn pieces(text: &str) -> Vec<Piece> {
    let ipa = hangul::to_ipa(&numbers::korean(text));
    let mut phrases = vec![String::new()];
    for letter in ipa.chars() {
        if let Some(last) = phrases.last_mut() {
            last.push(letter);
        }
        if matches!(letter, ',' | '.' | '!' | '?' | ';' | ':' | '…' | '—') {
            phrases.push(String::new());
        }
    }
    phrases.retain(|phrase| !text::is_silent(phrase));
    text::join(&phrases, PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_is_cut_into_pieces_that_end_at_pauses() {
        let text = "안녕하세요, 저는 이서아예요! 오늘은 날씨가 정말 좋아서 한강에 가서 자전거를 타고 싶은데 같이 가실래요? 3시에 만나요.";
        let pieces = pieces(text);
        assert!(pieces.len() >= 3, "{pieces:?}");
        assert!(pieces.iter().all(|piece| piece.phonemes.chars().count() <= PIECE), "{pieces:?}");
        assert!(pieces[0].phonemes.ends_with('!'), "{pieces:?}");
        assert!(super::pieces("ㅋㅋㅋ").is_empty());
    }
}
