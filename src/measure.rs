//! `duologue measure`: the models alone. The same engines, opened from the same configuration, asked for the same
//! work one thing at a time, with nothing around them: what a scene takes beyond these times is the scene's own.
//!
//! One request a line on stdin, one answer a line on stdout, both JSON. The models are loaded and warm before the
//! first line is read, so that no answer counts a start.

use std::{
    io::Write,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use duologue_domain::{
    candor::AiQuestion,
    clause::ClauseSplitter,
    lang::Language,
    persona::Persona,
    prompt::{Prompt, PromptInput, Role, Turn},
    spoken::SpokenFilter,
};
use duologue_engines::{
    port::{LlmEvent, LlmRequest, Sampling, SessionKey, SttRequest, TtsRequest},
    registry::Engines,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{config::Config, personas::PersonaLibrary, talk::wait_until_loaded, wav};

/// The rate of what engines hear.
const HEARING_RATE: u32 = 16_000;

/// Longer than any model takes alone.
const WITHIN: Duration = Duration::from_secs(120);

/// More than one step of the largest language model takes.
const SETTLE: Duration = Duration::from_millis(300);

/// Longest reply, as in a scene that `cargo xtask bench voice` plays; only its first clause is waited for.
const MAX_TOKENS: usize = 60;

/// What one turn gave the models.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Work {
    /// What was said, as a WAV file.
    audio: PathBuf,
    /// In which language: ko or en.
    language: String,
    /// To whom.
    persona: String,
    /// The first clause that was spoken; without it, the one that the language model says here.
    #[serde(default)]
    clause: Option<String>,
}

/// What each model took, in milliseconds.
#[derive(Debug, Serialize)]
struct Times {
    stt_ms: f64,
    /// To the first clause.
    llm_ms: f64,
    /// To the first sound.
    tts_ms: f64,
    transcript: String,
    clause: String,
}

/// Runs `duologue measure` until stdin ends.
///
/// # Errors
/// A missing model or persona, a file that cannot be read, or an engine that fails.
pub async fn measure(config: &Config) -> anyhow::Result<()> {
    let engines = Arc::new(crate::engines::open(config)?);
    wait_until_loaded(&engines).await?;
    let (library, _) = PersonaLibrary::load(&config.server.personas_dir);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut session: SessionKey = 0;
    let mut warm = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let work: Work = serde_json::from_str(&line).context("a line is not a request")?;
        let persona = library.get(&work.persona).context("there is no such persona")?;
        let language = work.language.parse::<Language>()?;
        let bench = Bench { engines: &engines, persona: &persona, language };
        // A scene finds the persona's own words read already, and a voice that has spoken; so does this.
        if !warm.contains(&(work.persona.clone(), language)) {
            bench.all(&work, session).await?;
            warm.push((work.persona.clone(), language));
            session += 1;
        }
        let times = bench.all(&work, session).await?;
        session += 1;
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&times)?).context("stdout was closed")?;
    }
    Ok(())
}

struct Bench<'a> {
    engines: &'a Engines,
    persona: &'a Persona,
    language: Language,
}

impl Bench<'_> {
    async fn all(&self, work: &Work, session: SessionKey) -> anyhow::Result<Times> {
        let audio = wav::read(&work.audio, HEARING_RATE)?;
        let begun = Instant::now();
        let transcript = self.hear(audio, session).await?;
        let stt_ms = ms_since(begun);
        let begun = Instant::now();
        let clause = self.think(&transcript, session).await?;
        let llm_ms = ms_since(begun);
        // The stream was dropped at the first clause: the step of the model that was under way is not the voice's.
        tokio::time::sleep(SETTLE).await;
        let clause = work.clause.clone().unwrap_or(clause);
        let begun = Instant::now();
        self.speak(&clause, session).await?;
        Ok(Times { stt_ms, llm_ms, tts_ms: ms_since(begun), transcript, clause })
    }

    async fn hear(&self, audio: Vec<f32>, session: SessionKey) -> anyhow::Result<String> {
        let request = SttRequest {
            session,
            audio: audio.into(),
            language: Some(self.language),
            prompt: None,
            partial: false,
            deadline: WITHIN,
            ..SttRequest::default()
        };
        Ok(self.engines.stt.transcribe(request).await?.text)
    }

    /// To the first clause, cut as in a scene.
    async fn think(&self, words: &str, session: SessionKey) -> anyhow::Result<String> {
        let history = [Turn::new(Role::User, words)];
        let prompt = Prompt::build(&PromptInput {
            persona: self.persona,
            language: self.language,
            step: self.persona.intimacy_step(0),
            facts: &[],
            history: &history,
            instructions: "",
            budget_tokens: self.engines.llm.context_tokens().saturating_sub(MAX_TOKENS),
            candor: AiQuestion::None,
        });
        let sampling = &self.persona.sampling;
        let mut stream = self.engines.llm.generate(LlmRequest {
            session,
            messages: prompt.messages,
            shared: prompt.shared,
            max_tokens: MAX_TOKENS,
            sampling: Sampling {
                temperature: sampling.temperature,
                top_p: sampling.top_p,
                repeat_penalty: sampling.repeat_penalty,
                seed: None,
            },
            stop: Vec::new(),
            first_token_deadline: WITHIN,
            ..LlmRequest::default()
        })?;
        let mut filter = SpokenFilter::named(self.persona.names());
        let mut splitter = ClauseSplitter::default();
        while let Some(event) = stream.next().await {
            let LlmEvent::Delta(delta) = event? else { break };
            if let Some(clause) = splitter.push(&filter.push(&delta)).into_iter().next() {
                return Ok(clause);
            }
        }
        splitter
            .push(&filter.finish())
            .into_iter()
            .next()
            .or_else(|| splitter.finish())
            .context("no words came")
    }

    /// To the first sound.
    async fn speak(&self, clause: &str, session: SessionKey) -> anyhow::Result<()> {
        let choice = self.persona.voice(self.language);
        let mut stream = self.engines.tts.synthesize(TtsRequest {
            session,
            text: clause.to_owned(),
            language: self.language,
            voice: choice.map(|choice| choice.voice.clone()).unwrap_or_default(),
            speed: choice.map_or(1.0, |choice| choice.speed),
            first_audio_deadline: WITHIN,
        })?;
        let Some(chunk) = stream.next().await else { bail!("no sound came") };
        chunk?;
        Ok(())
    }
}

fn ms_since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}
