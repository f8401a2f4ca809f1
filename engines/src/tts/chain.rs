//! One voice over all: finds the engine of a voice, and goes on to the next voice when it fails.
//!
//! A clause is begun by the asked voice. When that has no engine, fails, or is late with its first sound,
//! the next voice of the language speaks this clause; the next clause tries the asked one again. Once
//! sound has been heard nothing is begun anew: the listener would hear the words twice.

use std::{sync::Arc, time::Duration};

use duologue_domain::lang::Language;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::{speak::CHUNKS, text::is_silent};
use crate::port::{
    EngineError, EngineInfo, EngineStream, ErrorKind, Health, SpeechChunk, TtsEngine, TtsRequest, TtsStream,
    Voice,
};

const ENGINE: &str = "voices";

/// What part of the time that is left a voice may use for its first sound while there is another.
const PATIENCE: f32 = 0.7;

/// All voices behind one port.
#[derive(Clone)]
pub struct VoiceChain {
    engines: Vec<Arc<dyn TtsEngine>>,
    english: Vec<String>,
    korean: Vec<String>,
}

impl std::fmt::Debug for VoiceChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceChain")
            .field("engines", &self.engines.len())
            .field("english", &self.english)
            .field("korean", &self.korean)
            .finish()
    }
}

type Candidate = (String, Arc<dyn TtsEngine>);

impl VoiceChain {
    /// `engines` with the ids of the voices to try for each language, the best first.
    pub fn new(engines: Vec<Arc<dyn TtsEngine>>, english: Vec<String>, korean: Vec<String>) -> Self {
        Self { engines, english, korean }
    }

    fn order(&self, language: Language) -> &[String] {
        match language {
            Language::English => &self.english,
            Language::Korean => &self.korean,
        }
    }

    /// The engine that has this voice, if the voice speaks `language`.
    fn engine_of(&self, id: &str, language: Language) -> Option<Arc<dyn TtsEngine>> {
        let speaks = |voice: &Voice| voice.id == id && voice.languages.contains(&language);
        self.engines.iter().find(|engine| engine.voices().iter().any(speaks)).cloned()
    }

    /// The asked voice first, where it exists and speaks the language; then the configured order. A
    /// persona whose voice is not here (an online one, switched off) still speaks.
    fn candidates(&self, voice: &str, language: Language) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        for id in std::iter::once(voice).chain(self.order(language).iter().map(String::as_str)) {
            if found.iter().any(|(known, _)| known == id) {
                continue;
            }
            found.extend(self.engine_of(id, language).map(|engine| (id.to_owned(), engine)));
        }
        found
    }

    /// The state of one language: which voice answers, and why not the first.
    fn language_health(&self, language: Language) -> Health {
        let order = self.order(language);
        let mut reasons = Vec::new();
        for id in order {
            let health = match self.engine_of(id, language) {
                Some(engine) => engine.health(),
                None => Health::Unavailable("there is no such voice".into()),
            };
            match health {
                Health::Unavailable(reason) => reasons.push(format!("{id}: {reason}")),
                Health::Degraded(reason) => {
                    reasons.push(format!("{id}: {reason}"));
                    return Health::Degraded(reasons.join("; "));
                }
                working if reasons.is_empty() => return working,
                _ => return Health::Degraded(format!("{}; {id} answers in its place", reasons.join("; "))),
            }
        }
        let name = match language {
            Language::English => "English",
            Language::Korean => "Korean",
        };
        Health::Unavailable(match reasons.is_empty() {
            true => format!("no voice for {name} is configured"),
            false => format!("no voice for {name}: {}", reasons.join("; ")),
        })
    }
}

impl TtsEngine for VoiceChain {
    fn info(&self) -> EngineInfo {
        let first = |language| self.order(language).first().map(String::as_str).unwrap_or("none");
        let model = format!("ko {}, en {}", first(Language::Korean), first(Language::English));
        let speaks = |language: &Language| !self.candidates("", *language).is_empty();
        EngineInfo { engine: ENGINE, model, languages: Language::ALL.into_iter().filter(speaks).collect() }
    }

    /// Degraded as soon as one language is not served by its first choice.
    fn health(&self) -> Health {
        let parts = Language::ALL.map(|language| self.language_health(language));
        let silent = |health: &Health| matches!(health, Health::Unavailable(_));
        let reasons: Vec<String> = parts
            .iter()
            .filter_map(|health| match health {
                Health::Degraded(reason) | Health::Unavailable(reason) => Some(reason.clone()),
                _ => None,
            })
            .collect();
        if parts.iter().all(silent) {
            return Health::Unavailable(reasons.join("; "));
        }
        if !reasons.is_empty() {
            return Health::Degraded(reasons.join("; "));
        }
        [Health::Loading, Health::Idle]
            .into_iter()
            .find(|state| parts.contains(state))
            .unwrap_or(Health::Ready)
    }

    /// Loads the voice that would answer for each language, not those behind it.
    fn warm_up(&self) {
        for language in Language::ALL {
            let usable = |(_, engine): &Candidate| !matches!(engine.health(), Health::Unavailable(_));
            if let Some((_, engine)) = self.candidates("", language).into_iter().find(usable) {
                engine.warm_up();
            }
        }
    }

    fn voices(&self) -> Vec<Voice> {
        self.engines.iter().flat_map(|engine| engine.voices()).collect()
    }

    fn synthesize(&self, request: TtsRequest) -> Result<TtsStream, EngineError> {
        let candidates = self.candidates(&request.voice, request.language);
        if candidates.is_empty() {
            let message =
                format!("no voice speaks {:?}; see [tts] in the configuration", request.language.code());
            return Err(EngineError::new(ErrorKind::Unavailable, ENGINE, message));
        }
        if request.text.chars().count() > super::speak::MAX_CHARS {
            return Err(EngineError::new(ErrorKind::BadInput, ENGINE, "the clause is too long"));
        }
        let runtime = Handle::try_current().map_err(|_| {
            EngineError::new(ErrorKind::Unavailable, ENGINE, "it needs a tokio runtime around it")
        })?;
        let (sender, _cancel, stream) = EngineStream::channel(CHUNKS);
        if is_silent(&request.text) {
            return Ok(stream);
        }
        let deadline = Instant::now() + request.first_audio_deadline;
        runtime.spawn(async move {
            // The listener's leaving ends the inner stream, too, because it is dropped with this task.
            tokio::select! {
                () = sender.closed() => {}
                () = speak(candidates, request, deadline, &sender) => {}
            }
        });
        Ok(stream)
    }
}

type Sender = tokio::sync::mpsc::Sender<Result<SpeechChunk, EngineError>>;

async fn speak(candidates: Vec<Candidate>, request: TtsRequest, deadline: Instant, sender: &Sender) {
    let count = candidates.len();
    let mut last_error = None;
    for (index, (voice, engine)) in candidates.into_iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience =
            if index + 1 < count { left.mul_f32(PATIENCE) } else { left.max(Duration::from_millis(200)) };
        let request = TtsRequest { voice: voice.clone(), first_audio_deadline: patience, ..request.clone() };
        match begin(engine, request, patience).await {
            Ok(Some((first, stream))) => return forward(first, stream, sender).await,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%voice, kind = error.kind.code(), %error, "voice failed, trying the next");
                last_error = Some(error);
            }
        }
    }
    if let Some(error) = last_error {
        let _gone = sender.send(Err(error)).await;
    }
}

/// The first chunk of a voice and the stream behind it; `None` when it has nothing to say.
async fn begin(
    engine: Arc<dyn TtsEngine>,
    request: TtsRequest,
    patience: Duration,
) -> Result<Option<(SpeechChunk, TtsStream)>, EngineError> {
    let name = engine.info().engine;
    let mut stream = engine.synthesize(request)?;
    match timeout(patience, stream.next()).await {
        Ok(Some(Ok(chunk))) => Ok(Some((chunk, stream))),
        Ok(Some(Err(error))) => Err(error),
        Ok(None) => Ok(None),
        Err(_) => {
            let message = format!("no sound within {} ms", patience.as_millis());
            Err(EngineError::new(ErrorKind::Timeout, name, message))
        }
    }
}

async fn forward(first: SpeechChunk, mut stream: TtsStream, sender: &Sender) {
    let mut next = Some(Ok(first));
    while let Some(chunk) = next {
        if sender.send(chunk).await.is_err() {
            return;
        }
        next = stream.next().await;
    }
}
