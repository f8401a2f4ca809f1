//! When words were said: whisper.cpp's own loop, which afterwards aligns tokens and sound by what the decoder's
//! cross-attention looked at (dynamic time warping over the alignment heads that OpenAI published for each model).
//!
//! It cannot be stopped on the way: whisper-rs's safe callback for that is not sound. 30 s of sound bound it.

use duologue_domain::lang::Language;
use whisper_rs::{DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperError};

use super::{Decoder, MAX_TOKENS_PER_SECOND, Pass, RATE, Utterance, likelier, mean_of, probability};
use crate::{
    port::{SpokenWord, SttTask},
    stt::{
        gate::{Doubt, LOST, circle},
        ggml::Header,
        words::{self, Token},
    },
};

/// Room for the alignment of 30 s by the model with the most heads (small.en: 19 × 224 tokens × 1500 × 4 bytes, about
/// three times); whisper.cpp ends the process when it is too little. Only touched as far as it is used.
const ALIGNMENT_BYTES: usize = 256 * 1024 * 1024;

/// What whisper.cpp tells of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// When the decoder was done with it, in milliseconds.
    pub(super) until_ms: u64,
    pub(super) probability: f32,
}

/// The alignment heads of a model; none for sizes that OpenAI did not publish.
pub(super) fn preset(header: &Header) -> Option<DtwModelPreset> {
    let preset = match (header.text_layers, header.audio_layers, header.multilingual) {
        (4, 4, true) => DtwModelPreset::Tiny,
        (4, 4, false) => DtwModelPreset::TinyEn,
        (6, 6, true) => DtwModelPreset::Base,
        (6, 6, false) => DtwModelPreset::BaseEn,
        (12, 12, true) => DtwModelPreset::Small,
        (12, 12, false) => DtwModelPreset::SmallEn,
        (24, 24, true) => DtwModelPreset::Medium,
        (24, 24, false) => DtwModelPreset::MediumEn,
        (32, 32, true) if header.mels == 128 => DtwModelPreset::LargeV3,
        // The first large model has other heads; nobody uses it any more, and nothing in the file tells.
        (32, 32, true) => DtwModelPreset::LargeV2,
        (4, 32, true) => DtwModelPreset::LargeV3Turbo,
        _ => return None,
    };
    Some(preset)
}

/// As the context wants it.
pub(super) fn alignment(model_preset: DtwModelPreset) -> DtwParameters<'static> {
    DtwParameters { mode: DtwMode::ModelPreset { model_preset }, dtw_mem_size: ALIGNMENT_BYTES }
}

/// How whisper.cpp's loop decodes: as ours does, in one segment without time tokens.
pub(super) fn windows() -> Vec<(Language, FullParams<'static, 'static>)> {
    let window = |language: Language| {
        let mut window = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        window.set_language(Some(language.code()));
        window.set_no_timestamps(true);
        window.set_single_segment(true);
        window.set_no_context(true);
        window.set_suppress_nst(true);
        window.set_temperature_inc(0.0);
        window.set_print_progress(false);
        window.set_print_realtime(false);
        window.set_print_timestamps(false);
        (language, window)
    };
    Language::ALL.into_iter().map(window).collect()
}

impl Decoder {
    /// One pass whose tokens have times.
    pub(super) fn timed_pass(
        &mut self,
        utterance: &Utterance<'_>,
        context: i32,
    ) -> Result<Option<Pass>, WhisperError> {
        let Utterance { audio, request, cancel, .. } = utterance;
        let language = match request.language {
            Some(language) => language,
            None if self.multilingual => likelier(self.encode(audio, context)?.as_deref()),
            None => Language::English,
        };
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let prompt = self.prompt(request, language);
        let known = self.timed.iter().find(|(known, _)| *known == language);
        let mut window = known.ok_or(WhisperError::InvalidText)?.1.clone();
        window.set_audio_ctx(context);
        // Two threads that wait for each other at every token take ten times as long when others want the cores; and
        // those who talk want them.
        window.set_n_threads(1);
        window.set_translate(self.multilingual && request.task == SttTask::Translate);
        let limit = 24 + audio.len() / RATE * MAX_TOKENS_PER_SECOND;
        window.set_max_tokens(i32::try_from(limit).unwrap_or(i32::MAX));
        window.set_tokens(&prompt);
        self.state.full(window, audio)?;
        let mut pass = self.read(language);
        // whisper.cpp looks for the token of no speech behind its prompt; the rules want it where OpenAI's own loop
        // looks, at the very start. The sound is still encoded.
        self.state.decode(&[self.context.token_sot()], 0, 1)?;
        pass.doubt.no_speech = probability(self.state.get_logits()?, self.context.token_nosp());
        Ok(Some(pass))
    }

    /// What the loop left behind, but for the doubt whether there was speech.
    fn read(&self, language: Language) -> Pass {
        let end = self.context.token_eot();
        let (mut tokens, mut times, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for segment in self.state.as_iter() {
            for index in 0..segment.n_tokens() {
                let Some(data) = segment.get_token(index).map(|token| token.token_data()) else { continue };
                if data.id >= end {
                    continue;
                }
                tokens.push(data.id);
                sum += data.plog;
                // Hundredths of a second; −1 where the alignment said nothing.
                let until_ms = u64::try_from(data.t_dtw).unwrap_or(0) * 10;
                times.push(Time { until_ms, probability: data.p });
            }
        }
        let logprob = if tokens.is_empty() { LOST } else { mean_of(&tokens, sum) };
        let round = (1..=tokens.len()).find_map(|length| Some(length - circle(&tokens[..length])?));
        let kept = round.unwrap_or(tokens.len());
        tokens.truncate(kept);
        times.truncate(kept);
        Pass { tokens, times, language, doubt: Doubt { no_speech: 0.0, logprob, circling: round.is_some() } }
    }

    /// The words of a pass with their times; none when it has none.
    pub(super) fn words(&self, pass: &Pass, audio: &[f32]) -> Vec<SpokenWord> {
        let bytes = |id: i32| self.context.token_to_bytes(id).unwrap_or_default();
        let tokens = pass.tokens.iter().zip(&pass.times).map(|(id, time)| Token {
            bytes: bytes(*id),
            until_ms: time.until_ms,
            probability: time.probability,
        });
        words::join(&tokens.collect::<Vec<_>>(), audio)
    }
}

#[cfg(test)]
mod tests {
    use whisper_rs::get_lang_id;

    use super::*;

    #[test]
    fn languages_are_known_by_our_codes() {
        for language in Language::ALL {
            assert!(get_lang_id(language.code()).is_some(), "{language}");
        }
    }

    #[test]
    fn models_are_told_apart_by_their_layers() {
        let header = |text_layers, audio_layers, multilingual, mels| Header {
            multilingual,
            audio_layers,
            text_layers,
            mels,
        };
        for (header, expected) in [
            (header(6, 6, true, 80), Some("Base")),
            (header(4, 4, false, 80), Some("TinyEn")),
            (header(32, 32, true, 128), Some("LargeV3")),
            (header(4, 32, true, 128), Some("LargeV3Turbo")),
            // Distilled models keep two layers of the decoder, and nobody says which heads align.
            (header(2, 32, true, 128), None),
        ] {
            let found = preset(&header).map(|preset| format!("{preset:?}"));
            assert_eq!(found.as_deref(), expected, "{header:?}");
        }
    }
}
