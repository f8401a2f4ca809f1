//! The decoder: one whisper model, one utterance at a time, greedy, one pass of the encoder.
//!
//! whisper.cpp's own loop would run the encoder twice when the language is unknown and could not be
//! stopped between tokens, so the loop is here; the model's parts (mel, encoder, decoder) are its own.
//! Only when the times of words are wanted its loop runs, since nothing else shows what the decoder looked at.

mod timed;

use std::{path::Path, sync::Arc, time::Instant};

use duologue_domain::{
    interrupt::hot_words,
    lang::{Language, is_hangul},
};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState,
    get_lang_id,
};

use super::{
    gate::{Doubt, LOST, Loudness, circle, is_hopeless, is_invented},
    ggml,
};
use crate::{
    cores::{Cores, Model},
    port::{CancelFlag, SttRequest, SttTask, Transcript},
};

/// Samples in a second.
const RATE: usize = 16_000;

/// What the encoder can see at once.
pub(super) const MAX_SAMPLES: usize = 30 * RATE;

/// The model was trained on 30 s windows; in much less than a second it hears things.
const MIN_SAMPLES: usize = RATE;

/// Tokens of hot words. More would cost time in every utterance and pull the words towards themselves.
const MAX_PROMPT: usize = 48;

/// One loaded model. Not shared: it belongs to one engine thread.
pub(super) struct Decoder {
    // Declared before the context so that it is dropped first.
    state: WhisperState,
    context: WhisperContext,
    /// Made once: each language given to whisper-rs stays allocated for the life of the process.
    window: FullParams<'static, 'static>,
    /// The same for whisper.cpp's own loop, by language.
    timed: Vec<(Language, FullParams<'static, 'static>)>,
    /// Whether the model says when a word was said.
    has_times: bool,
    /// Of the encoder; the decoder always has one: its steps are too small to share.
    threads: u16,
    cores: Arc<Cores>,
    multilingual: bool,
    /// Tokens that are no speech: brackets, notes, every special token but the end.
    suppressed: Vec<bool>,
}

/// What is to be decoded, and for whom.
struct Utterance<'a> {
    audio: Vec<f32>,
    loudness: Loudness,
    request: &'a SttRequest,
    cancel: &'a CancelFlag,
}

/// What one pass gave.
struct Pass {
    tokens: Vec<i32>,
    /// When the decoder heard each token, in milliseconds, and how sure it was; empty unless it was asked.
    times: Vec<timed::Time>,
    language: Language,
    doubt: Doubt,
}

impl Decoder {
    pub(super) fn open(model: &Path, threads: u16, cores: Arc<Cores>) -> Result<Self, String> {
        ggml::check(model)?;
        // Without a logging feature of whisper-rs this sends whisper.cpp's many lines nowhere.
        whisper_rs::install_logging_hooks();
        let heads = ggml::header(model).ok().as_ref().and_then(timed::preset);
        let mut parameters = WhisperContextParameters::default();
        if let Some(heads) = &heads {
            parameters.dtw_parameters(timed::alignment(heads.clone()));
        }
        let context =
            WhisperContext::new_with_params(model, parameters).map_err(|error| error.to_string())?;
        let state = context.create_state().map_err(|error| error.to_string())?;
        let mut window = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        window.set_language(Some("en"));
        window.set_duration_ms(NO_DECODING_MS);
        window.set_print_progress(false);
        let multilingual = context.is_multilingual();
        let suppressed = suppressed(&context);
        let (timed, has_times) = (timed::windows(), heads.is_some());
        let mut decoder =
            Self { state, context, window, timed, has_times, threads, cores, multilingual, suppressed };
        // Shows that the model works, and touches all its memory (105 MB for whisper base) before somebody waits for it:
        // what nobody has touched seems to be free until the first utterance that runs in circles.
        decoder.encode(&[0.0; MIN_SAMPLES], FULL_CONTEXT).map_err(|error| error.to_string())?;
        Ok(decoder)
    }

    /// Whether the model was trained on `language`.
    pub(super) fn knows(&self, language: Language) -> bool {
        self.multilingual || language == Language::English
    }

    /// Whether it was trained on more than English.
    pub(super) fn is_multilingual(&self) -> bool {
        self.multilingual
    }

    /// What is said in the request's audio; `None` when the requester has gone.
    pub(super) fn transcribe(
        &mut self,
        request: &SttRequest,
        cancel: &CancelFlag,
    ) -> Result<Option<Transcript>, WhisperError> {
        let began = Instant::now();
        let loudness = Loudness::of(&request.audio);
        if loudness.is_silence() {
            let nothing = Transcript { no_speech: 1.0, compute: began.elapsed(), ..Transcript::default() };
            return Ok(Some(nothing));
        }
        let _computing = self.cores.enter(Model::Hearing);
        let mut audio = request.audio.to_vec();
        audio.resize(audio.len().clamp(MIN_SAMPLES, MAX_SAMPLES), 0.0);
        let utterance = Utterance { audio, loudness, request, cancel };
        let Some(pass) = self.best_pass(&utterance)? else { return Ok(None) };
        let is_invented = is_invented(loudness, pass.doubt);
        let (text, doubted) = match (self.text(&pass.tokens), is_invented) {
            (doubted, true) => (String::new(), doubted),
            (text, false) => (text, String::new()),
        };
        let words = if is_invented { Vec::new() } else { self.words(&pass, &request.audio) };
        Ok(Some(Transcript {
            text,
            doubted,
            words,
            language: Some(pass.language),
            no_speech: pass.doubt.no_speech,
            confidence: pass.doubt.logprob,
            compute: began.elapsed(),
            ..Transcript::default()
        }))
    }

    /// One pass, or two for a final that ran in circles.
    fn best_pass(&mut self, utterance: &Utterance<'_>) -> Result<Option<Pass>, WhisperError> {
        let partial = utterance.request.partial;
        let narrow = self.pass(utterance, audio_context(utterance.audio.len(), partial))?;
        let narrow = match narrow {
            Some(pass) if pass.doubt.circling && !partial => pass,
            done => return Ok(done),
        };
        // A narrow window is what makes the model run in circles; the full one rarely does.
        let wide = self.pass(utterance, FULL_CONTEXT)?;
        Ok(wide.map(|wide| if wide.doubt.logprob > narrow.doubt.logprob { wide } else { narrow }))
    }

    /// Encodes the audio with a window of `context` positions and decodes it.
    fn pass(&mut self, utterance: &Utterance<'_>, context: i32) -> Result<Option<Pass>, WhisperError> {
        if utterance.request.times && self.has_times {
            return self.timed_pass(utterance, context);
        }
        let Utterance { audio, loudness, request, cancel } = utterance;
        let spoken = self.encode(audio, context)?;
        let no_speech = probability(self.state.get_logits()?, self.context.token_nosp());
        let language = request.language.unwrap_or_else(|| likelier(spoken.as_deref()));
        if cancel.is_cancelled() {
            return Ok(None);
        }
        if is_hopeless(*loudness, no_speech) {
            let doubt = Doubt { no_speech, logprob: LOST, circling: false };
            return Ok(Some(Pass { tokens: Vec::new(), times: Vec::new(), language, doubt }));
        }
        let limit = 24 + audio.len() / RATE * MAX_TOKENS_PER_SECOND;
        let decoded = self.decode(&self.preamble(language, request), limit, cancel)?;
        Ok(decoded.map(|(tokens, logprob, circling)| {
            let doubt = Doubt { no_speech, logprob, circling };
            Pass { tokens, times: Vec::new(), language, doubt }
        }))
    }

    /// Encodes the audio and takes the first step of the decoder, which tells the languages apart;
    /// `None` for a model that knows only one.
    fn encode(&mut self, audio: &[f32], context: i32) -> Result<Option<Vec<f32>>, WhisperError> {
        let threads = self.threads.min(self.cores.threads(Model::Hearing));
        // This call sets the window and computes the mel spectrogram; it is told to decode nothing.
        let mut window = self.window.clone();
        window.set_audio_ctx(context);
        window.set_n_threads(threads.into());
        self.state.full(window, audio)?;
        let spoken = if self.multilingual {
            Some(self.state.lang_detect(0, threads.into())?.1)
        } else {
            self.state.encode(0, threads.into())?;
            self.state.decode(&[self.context.token_sot()], 0, 1)?;
            None
        };
        Ok(spoken)
    }

    /// What the decoder sees before its first word.
    fn preamble(&self, language: Language, request: &SttRequest) -> Vec<i32> {
        let mut tokens = Vec::new();
        let prompt = self.prompt(request, language);
        if !prompt.is_empty() {
            tokens.push(self.context.token_prev());
            tokens.extend(prompt);
        }
        tokens.push(self.context.token_sot());
        if self.multilingual {
            tokens.push(self.context.token_lang(get_lang_id(language.code()).unwrap_or(0)));
            tokens.push(match request.task {
                SttTask::Transcribe => self.context.token_transcribe(),
                SttTask::Translate => self.context.token_translate(),
            });
        }
        tokens.push(self.context.token_not());
        tokens
    }

    /// The hot words as tokens, the last ones of many.
    fn prompt(&self, request: &SttRequest, language: Language) -> Vec<i32> {
        let words = match request.interjection {
            true => hot_words(language),
            false => request.prompt.as_deref().unwrap_or_default(),
        };
        if words.is_empty() {
            return Vec::new();
        }
        let words = format!(" {}", words.replace('\0', " ").trim());
        // A token is at least a byte: with fewer places whisper-rs would misread the answer.
        let mut prompt = self.context.tokenize(&words, words.len() + 1).unwrap_or_default();
        prompt.split_off(prompt.len().saturating_sub(MAX_PROMPT))
    }

    /// The likeliest tokens one after another, their mean log probability, and whether they had to be
    /// cut because they repeated themselves.
    fn decode(
        &mut self,
        preamble: &[i32],
        limit: usize,
        cancel: &CancelFlag,
    ) -> Result<Option<(Vec<i32>, f32, bool)>, WhisperError> {
        let (&last, before) = preamble.split_last().ok_or(WhisperError::InvalidText)?;
        // The last one goes alone: whisper-rs shows the logits of the first token of a batch only.
        self.state.decode(before, 0, 1)?;
        let (end, room) = (self.context.token_eot(), self.room(preamble.len()));
        let (mut tokens, mut sum, mut next) = (Vec::new(), 0.0, last);
        loop {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            self.state.decode(&[next], before.len() + tokens.len(), 1)?;
            let (token, logprob) = self.likeliest(end)?;
            sum += logprob;
            if token == end || tokens.len() >= limit.min(room) {
                let mean = mean_of(&tokens, sum);
                return Ok(Some((tokens, mean, false)));
            }
            tokens.push(token);
            next = token;
            if tokens.len() == EARLY && mean_of(&tokens, sum) < LOST {
                // Nothing sensible comes after such a start, and every token costs time.
                return Ok(Some((Vec::new(), LOST, false)));
            }
            if let Some(copies) = circle(&tokens) {
                let mean = mean_of(&tokens, sum);
                tokens.truncate(tokens.len() - copies);
                return Ok(Some((tokens, mean, true)));
            }
        }
    }

    fn room(&self, used: usize) -> usize {
        usize::try_from(self.context.n_text_ctx()).unwrap_or(0).saturating_sub(used + 1)
    }

    /// The likeliest allowed token and its log probability among the allowed ones.
    fn likeliest(&self, end: i32) -> Result<(i32, f32), WhisperError> {
        let logits = self.state.get_logits()?;
        let allowed = || logits.iter().zip(&self.suppressed).enumerate().filter(|(_, (_, gone))| !**gone);
        let (token, top) = allowed()
            .map(|(token, (&logit, _))| (token, logit))
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .ok_or(WhisperError::NullPointer)?;
        let total: f32 = allowed().map(|(_, (&logit, _))| (logit - top).exp()).sum();
        Ok((i32::try_from(token).unwrap_or(end), -total.ln()))
    }

    fn text(&self, tokens: &[i32]) -> String {
        let bytes: Vec<u8> = tokens
            .iter()
            .filter_map(|&token| self.context.token_to_bytes(token).ok())
            .flatten()
            .copied()
            .collect();
        // A cut in the middle of a character leaves a piece of it at the end.
        String::from_utf8_lossy(&bytes).trim_end_matches('\u{FFFD}').trim().to_owned()
    }
}

/// The shortest piece of audio at which whisper.cpp prepares everything and then finds that nothing is
/// left to decode.
const NO_DECODING_MS: i32 = 100;

/// After so many tokens a hopeless decoding is given up.
const EARLY: usize = 12;

/// The window of 30 s, in encoder positions of 20 ms.
const FULL_CONTEXT: i32 = 1500;

/// Fast Korean has about seven syllables a second, and a rare syllable takes three tokens.
const MAX_TOKENS_PER_SECOND: usize = 22;

/// The narrowest window in use, for a partial of up to 3.8 s.
const LEAST_CONTEXT: i32 = 256;

/// Encoder positions for so many samples. The model was trained on full windows: the less it sees behind
/// the speech the more it may err, the more it sees the longer it takes. Read English has the same word
/// error rate (2.8 %) from 32 positions behind the speech to 192 with the base model, but the tiny one loses words below
/// 384 in all; a final gets 128 behind it and a partial, which is soon replaced, 64.
fn audio_context(samples: usize, partial: bool) -> i32 {
    let (margin, least) = if partial { (64, LEAST_CONTEXT) } else { (128, 384) };
    let needed = (samples.div_ceil(RATE / 50) + margin).next_multiple_of(64);
    i32::try_from(needed).unwrap_or(FULL_CONTEXT).clamp(least, FULL_CONTEXT)
}

/// Which of our two languages is likelier, by whisper's probabilities of all of its languages.
fn likelier(probabilities: Option<&[f32]>) -> Language {
    let of = |language: Language| {
        let id = get_lang_id(language.code()).and_then(|id| usize::try_from(id).ok())?;
        probabilities?.get(id).copied()
    };
    if of(Language::Korean) > of(Language::English) { Language::Korean } else { Language::English }
}

/// The softmax of one token.
fn probability(logits: &[f32], token: i32) -> f32 {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
    let own = usize::try_from(token).ok().and_then(|token| logits.get(token));
    own.map_or(0.0, |logit| (logit - top).exp() / total)
}

fn mean_of(tokens: &[i32], sum: f32) -> f32 {
    sum / (tokens.len() + 1) as f32
}

/// Marks the tokens that never are words somebody said in one of our languages: symbols, and letters that neither is
/// written in ("글嗎" for "그만").
fn suppressed(context: &WhisperContext) -> Vec<bool> {
    let end = context.token_eot();
    let is_symbol =
        |character| "\"#()*+/:;<=>@[\\]^_`{|}~「」『』《》【】〈〉（）♩♪♫♬♭♮♯".contains(character);
    let is_unspoken = |token: i32| {
        let bytes = context.token_to_bytes(token).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start();
        let only_symbols = !text.is_empty() && text.chars().all(is_symbol);
        only_symbols || text == "--" || text == "---" || text.chars().any(is_foreign)
    };
    (0..context.n_vocab()).map(|token| token > end || (token < end && is_unspoken(token))).collect()
}

/// Whether it is a letter of another script than the Latin one and Hangul.
fn is_foreign(character: char) -> bool {
    const LATIN_ENDS: char = '\u{024F}';
    character.is_alphabetic() && character > LATIN_ENDS && !is_hangul(character)
}
