//! `duologue talk`: a whole scene in a terminal, from a recording or live over pipes, and `duologue transcribe`.
//!
//! The scene is the same tree of actors that the server runs, in this process, with a store in memory.

use std::{
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use duologue_actors::{
    event::{ResponseStatus, SessionConfig, SessionEvent},
    outbox::Outgoing,
    session::SessionSpec,
    sessions::{SessionHandle, SessionLimits, SessionsArgs, SessionsHandle},
    store::{SessionRecord, SessionStatus, Store},
    tools::ServerTools,
};
use duologue_domain::{lang::Language, pcm, waterfall::Report};
use duologue_engines::{
    port::{Health, SPEECH_RATE, SttRequest, TtsRequest},
    registry::Engines,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    analysis,
    cli::{AnalyzeArgs, SayArgs, TalkArgs},
    config::Config,
    documents::Library,
    engines::offers_abilities,
    mcp::McpServers,
    personas::PersonaLibrary,
    scene::first_config,
    sound,
    store::MemoryStore,
    wav,
};

/// One packet, as a microphone sends them.
const PACKET: Duration = Duration::from_millis(20);

/// After the recording: nothing understood within this and there will be no answer.
const GIVE_UP: Duration = Duration::from_secs(60);

/// The longest that loading the models may take from a slow disk.
const LOAD_WITHIN: Duration = Duration::from_secs(180);

/// Runs `duologue talk`.
///
/// # Errors
/// A file that cannot be read or written, a missing persona or model, or no answer.
pub async fn talk(args: &TalkArgs, config: &Config) -> anyhow::Result<()> {
    let live = args.input == Path::new("-");
    let recording = if live { Vec::new() } else { wav::read(&args.input, args.rate)? };
    // They connect while the models load; one that does not keeps nobody from talking.
    let mcp = McpServers::start(&config.mcp);
    let engines = Arc::new(crate::engines::open(config)?);
    wait_until_loaded(&engines).await?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let limits = SessionLimits::default();
    let sessions = SessionsHandle::start(SessionsArgs { engines, store: store.clone(), limits }).await?;
    let documents = Arc::new(Library::load(&config.server.documents_dir));
    let server_tools = ServerTools { abilities: offers_abilities(config), documents, ..mcp.tools() };
    let scene = open(args, config, (&sessions, &*store), server_tools).await?;
    let result = if live { run_live(&scene).await } else { run_recording(&scene, recording, args).await };
    sessions.drain(Duration::from_secs(2)).await;
    result
}

pub(crate) async fn wait_until_loaded(engines: &Engines) -> anyhow::Result<()> {
    let deadline = Instant::now() + LOAD_WITHIN;
    loop {
        let parts = [engines.stt.health(), engines.llm.health(), engines.tts.health()];
        if let Some(Health::Unavailable(reason)) =
            parts.iter().find(|health| matches!(health, Health::Unavailable(_)))
        {
            bail!("{reason}");
        }
        if !parts.iter().any(|health| matches!(health, Health::Idle | Health::Loading)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the models did not load in time; `duologue models verify` checks them");
        }
        engines.stt.warm_up();
        engines.llm.warm_up();
        engines.tts.warm_up();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn open(
    args: &TalkArgs,
    config: &Config,
    (sessions, store): (&SessionsHandle, &dyn Store),
    server_tools: ServerTools,
) -> anyhow::Result<SessionHandle> {
    let (library, broken) = PersonaLibrary::load(&config.server.personas_dir);
    for error in broken {
        say(&format!("skipped: {error}"));
    }
    let wanted = args.persona.as_deref().unwrap_or(&config.sessions.default_persona);
    let persona = library
        .get(wanted)
        .or_else(|| library.by_name(wanted))
        .with_context(|| format!("there is no persona {wanted:?}; `duologue personas` lists them"))?;
    let record = SessionRecord {
        id: crate::auth::new_session_id(),
        secret_sha256: String::new(),
        user_id: None,
        session_name: "talk".into(),
        persona_id: persona.id.clone(),
        persona_name: persona.name.clone(),
        language: args.language.map(|language| language.code().to_owned()),
        is_active: true,
        status: SessionStatus::Active,
        intimacy: 0,
        created_at: 0,
        updated_at: 0,
    };
    store.create_session(record.clone()).await?;
    let session = SessionConfig { input_rate: args.rate, server_tools, ..first_config(config, &record) };
    let spec = SessionSpec {
        record,
        persona,
        config: session,
        history: Vec::new(),
        facts: Vec::new(),
        likability: None,
    };
    sessions.open(spec).await.map_err(|refusal| anyhow::anyhow!("the scene did not open ({})", refusal.code))
}

/// Terminal output goes to stderr: stdout may carry sound.
fn say(line: &str) {
    // Whoever closed the terminal wants no more of it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Plays the recording into the scene in real time, then silence, until the answer is complete.
async fn run_recording(scene: &SessionHandle, recording: Vec<f32>, args: &TalkArgs) -> anyhow::Result<()> {
    let samples = recording.into_iter().map(pcm::from_float).collect::<Vec<_>>();
    let length = Duration::from_millis(pcm::ms(samples.len() as u64, args.rate));
    let packet = pcm::samples(PACKET.as_millis() as u64, args.rate) as usize;
    let attachment = scene.attach();
    let feeder = {
        let scene = scene.clone();
        tokio::spawn(async move {
            let mut clock = tokio::time::interval(PACKET);
            for chunk in samples.chunks(packet) {
                clock.tick().await;
                scene.push_audio(chunk).await;
            }
            loop {
                clock.tick().await;
                scene.push_audio(&vec![0; packet]).await;
            }
        })
    };
    let mut reply = Vec::new();
    let mut transcript = Transcript::default();
    let conversation = async {
        loop {
            match attachment.next().await {
                Ok(Outgoing::Audio(frame)) => reply.extend(frame.samples),
                Ok(Outgoing::Event(event)) => {
                    if transcript.hear(*event)? {
                        return Ok(());
                    }
                }
                Err(_) => bail!("the scene ended"),
            }
        }
    };
    let result = tokio::time::timeout(length + GIVE_UP, conversation).await;
    feeder.abort();
    result.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer: was anything said in the recording?")))?;
    if let Some(out) = &args.out {
        wav::write(out, &reply, SPEECH_RATE)?;
        say(&format!("reply written to {}", out.display()));
    }
    Ok(())
}

/// What is shown of a scene, and whether it is complete.
#[derive(Default)]
struct Transcript {
    answered: bool,
    line: String,
}

impl Transcript {
    /// True once an answer is complete.
    fn hear(&mut self, event: SessionEvent) -> anyhow::Result<bool> {
        match event {
            SessionEvent::Heard { text, .. } if !text.is_empty() => say(&format!("you     ▸ {text}")),
            SessionEvent::HeardFailed { message, .. } => bail!("{message}"),
            SessionEvent::OutputText { delta, .. } => self.line.push_str(&delta),
            SessionEvent::Latency { report, .. } => say(&waterfall(&report)),
            SessionEvent::Notice { message, .. } => say(&format!("note    ▸ {message}")),
            SessionEvent::ResponseDone { status, .. } => {
                if !self.line.is_empty() {
                    say(&format!("persona ▸ {}", std::mem::take(&mut self.line).trim()));
                }
                match status {
                    ResponseStatus::Failed { message, .. } => bail!("{message}"),
                    ResponseStatus::Cancelled(_) => say("          (interrupted)"),
                    _ => self.answered = true,
                }
            }
            _ => {}
        }
        Ok(self.answered)
    }
}

/// One line: where the time went, in milliseconds since the end of speech.
fn waterfall(report: &Report) -> String {
    let stages = report.stages.iter().map(|(stage, at)| format!("{} {at}", stage.name())).collect::<Vec<_>>();
    format!("timing  ▸ {} ms · outside the models {} ms", stages.join(" → "), report.outside_ms)
}

/// PCM16 from stdin into the scene, the reply to stdout, both at once, until stdin ends.
async fn run_live(scene: &SessionHandle) -> anyhow::Result<()> {
    let attachment = scene.attach();
    let speaking = {
        let scene = scene.clone();
        async move {
            let mut stdin = tokio::io::stdin();
            let mut buffer = vec![0u8; 4_096];
            let mut odd = Vec::new();
            loop {
                let count = stdin.read(&mut buffer).await.context("stdin cannot be read")?;
                if count == 0 {
                    return anyhow::Ok(());
                }
                odd.extend_from_slice(&buffer[..count]);
                let whole = odd.len() / 2 * 2;
                let samples = pcm::from_le_bytes(&odd[..whole]).unwrap_or_default();
                odd.drain(..whole);
                scene.push_audio(&samples).await;
            }
        }
    };
    let listening = async {
        let mut stdout = tokio::io::stdout();
        let mut transcript = Transcript::default();
        loop {
            match attachment.next().await {
                Ok(Outgoing::Audio(frame)) => {
                    stdout.write_all(&pcm::to_le_bytes(&frame.samples)).await.context("stdout was closed")?;
                    stdout.flush().await.context("stdout was closed")?;
                }
                Ok(Outgoing::Event(event)) => {
                    transcript.hear(*event)?;
                }
                Err(_) => return anyhow::Ok(()),
            }
        }
    };
    tokio::select! {
        result = speaking => result,
        result = listening => result,
    }
}

/// `duologue transcribe FILE.wav`: what whisper hears in a recording, as one line of JSON.
///
/// # Errors
/// The file cannot be read, or the model is missing.
pub async fn transcribe(path: &Path, language: Option<Language>, config: &Config) -> anyhow::Result<()> {
    let samples = wav::read(path, pcm::HEARING_RATE)?;
    let engines = crate::engines::open(&only(config, |only| only.stt.enabled = config.stt.enabled))?;
    let mut text = Vec::new();
    let mut heard = None;
    for piece in sound::pieces(&samples, sound::PIECE_S) {
        let transcript = engines
            .stt
            .transcribe(SttRequest {
                session: 0,
                audio: samples[piece].into(),
                // Who began in one language goes on in it: short pieces are easily mistaken for another.
                language: language.or(heard),
                prompt: None,
                partial: false,
                deadline: LOAD_WITHIN,
                ..SttRequest::default()
            })
            .await?;
        if !transcript.text.is_empty() {
            heard = heard.or(transcript.language);
            text.push(transcript.text);
        }
    }
    let line =
        serde_json::json!({"text": text.join(" ").trim(), "language": heard.map(|language| language.code())});
    writeln!(std::io::stdout(), "{line}").context("stdout was closed")
}

/// Runs `duologue analyze`.
///
/// # Errors
/// A file that cannot be read, or a missing speech engine.
pub async fn analyze(args: &AnalyzeArgs, config: &Config) -> anyhow::Result<()> {
    let shown = args.input.display();
    let length =
        tokio::fs::metadata(&args.input).await.with_context(|| format!("{shown} cannot be read"))?.len();
    let limit = config.server.max_upload_bytes as u64;
    anyhow::ensure!(length <= limit, "{shown} is larger than {limit} bytes (server.max_upload_bytes)");
    let bytes = tokio::fs::read(&args.input).await.with_context(|| format!("{shown} cannot be read"))?;
    let sound = sound::decode(bytes).await.with_context(|| shown.to_string())?;
    let engines = crate::engines::open(&only(config, |only| only.stt.enabled = config.stt.enabled))?;
    let request = analysis::Request { sound, language: args.language, key: 0, patience: LOAD_WITHIN };
    let analysis = analysis::analyse(&*engines.stt, request).await?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string(&analysis).context("the analysis cannot be written")?)
    } else {
        analysis::table(&analysis)
    };
    write!(std::io::stdout(), "{text}").context("stdout was closed")
}

/// The configuration with every model off but what `keep` takes over: a voice needs no language model to be loaded.
fn only(config: &Config, keep: impl FnOnce(&mut Config)) -> Config {
    let mut only = config.clone();
    (only.stt.enabled, only.llm.enabled, only.tts.enabled) = (false, false, false);
    keep(&mut only);
    only
}

/// `duologue say TEXT --out FILE.wav`.
///
/// # Errors
/// No voice can say it, or the file cannot be written.
pub async fn speak(args: &SayArgs, config: &Config) -> anyhow::Result<()> {
    let engines = crate::engines::open(&only(config, |only| only.tts.enabled = config.tts.enabled))?;
    let language = args.language.or_else(|| Language::of_text(&args.text)).unwrap_or(Language::English);
    let mut stream = engines.tts.synthesize(TtsRequest {
        session: 0,
        text: args.text.clone(),
        language,
        voice: args.voice.clone(),
        speed: 1.0,
        first_audio_deadline: LOAD_WITHIN,
    })?;
    let mut samples = Vec::new();
    while let Some(chunk) = stream.next().await {
        samples.extend(chunk?.audio.into_iter().map(pcm::from_float));
    }
    wav::write(&args.out, &samples, SPEECH_RATE)
}
