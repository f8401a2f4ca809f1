//! The local engines behind their one port, on the same model and the same questions: time to the
//! first token cold and cached, tokens per second alone and over three sessions.
//!
//! `cargo run --release -p duologue-engines --example llm_bench -- --model qwen2.5-0.5b`
//! (build the worker of the same profile first: `cargo build --release -p duologue-llm`).

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use duologue_engines::{
    config::LlmConfig,
    llm::{
        candle::CandleLlm,
        llama::{LlamaLlm, worker_binary},
    },
    port::{ChatMessage, Health, LlmEngine, LlmEvent, LlmRequest, LlmStream, LlmUsage, Role, Sampling},
};

/// About 300 tokens, like a persona's.
const PERSONA: &str = "You are Seoa Lee, a 28 year old marketer at a start-up in Seoul. ";
const TRAIT: &str = "You like the sea in winter, jazz in small bars and coffee that is too strong. ";

#[derive(Debug)]
struct Options {
    model: String,
    threads: u16,
    engine: Option<String>,
}

#[tokio::main]
async fn main() {
    let options = options();
    let model = model_path(&options.model);
    let config =
        LlmConfig { threads: options.threads, context_tokens: 2048, parallel: 3, ..LlmConfig::default() };
    row(&["engine", "load s", "cold first ms", "cached first ms", "next turn ms", "tok/s", "tok/s of 3"]);
    let wanted = |name: &str| options.engine.as_deref().is_none_or(|engine| engine == name);
    if wanted("llama") {
        measure(Arc::new(LlamaLlm::new(worker_binary(), model.clone(), &config))).await;
    }
    if wanted("candle") {
        measure(Arc::new(CandleLlm::new(model, &config))).await;
    }
}

#[expect(clippy::print_stdout, reason = "this program's purpose is to print figures")]
fn row(cells: &[&str]) {
    println!("| {} |", cells.join(" | "));
}

async fn measure(engine: Arc<dyn LlmEngine>) {
    let begun = Instant::now();
    engine.warm_up();
    while engine.health() != Health::Ready {
        if let Health::Unavailable(why) = engine.health() {
            return row(&[engine.info().engine, &why]);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let load = begun.elapsed().as_secs_f64();
    let (cold, _) = answer(&*engine, ask(1, &["Hello! How was your day?"])).await;
    let (cached, _) = answer(&*engine, ask(2, &["Hello! How was your weekend?"])).await;
    let story = "Tell me a long story about the sea.";
    let (alone, rate) = answer(&*engine, LlmRequest { max_tokens: 96, ..ask(3, &[story]) }).await;
    let (next, _) =
        answer(&*engine, ask(1, &["Hello! How was your day?", "It was fine.", "And mine?"])).await;
    let begun = Instant::now();
    let streams: Vec<_> = (10..13)
        .map(|session| {
            let request = LlmRequest { max_tokens: 64, ..ask(session, &[story]) };
            tokio::spawn(read(engine.generate(request).expect("room for three")))
        })
        .collect();
    let mut tokens = 0;
    for stream in streams {
        tokens += stream.await.expect("no panic").0.completion_tokens;
    }
    let together = tokens as f64 / begun.elapsed().as_secs_f64();
    let ms = |usage: LlmUsage| {
        format!("{} ({}/{})", usage.first_token.as_millis(), usage.cached_tokens, usage.prompt_tokens)
    };
    let alone_rate = format!("{rate:.1} ({} tokens)", alone.completion_tokens);
    row(&[
        engine.info().engine,
        &format!("{load:.2}"),
        &ms(cold),
        &ms(cached),
        &ms(next),
        &alone_rate,
        &format!("{together:.1}"),
    ]);
}

fn ask(session: u64, turns: &[&str]) -> LlmRequest {
    let system = ChatMessage::new(Role::System, format!("{PERSONA}{}", TRAIT.repeat(15)));
    let roles = [Role::User, Role::Assistant].into_iter().cycle();
    let turns = turns.iter().zip(roles);
    let turns = turns.map(|(content, role)| ChatMessage::new(role, *content));
    LlmRequest {
        session,
        messages: std::iter::once(system).chain(turns).collect(),
        shared: 1,
        max_tokens: 16,
        sampling: Sampling { seed: Some(3), ..Sampling::default() },
        stop: Vec::new(),
        first_token_deadline: Duration::from_secs(300),
        ..LlmRequest::default()
    }
}

async fn answer(engine: &dyn LlmEngine, request: LlmRequest) -> (LlmUsage, f64) {
    read(engine.generate(request).expect("an idle engine takes a request")).await
}

/// The usage, and tokens per second after the first.
async fn read(mut stream: LlmStream) -> (LlmUsage, f64) {
    let begun = Instant::now();
    loop {
        match stream.next().await {
            Some(Ok(LlmEvent::Done { usage, .. })) => {
                let decoding = begun.elapsed().saturating_sub(usage.queued + usage.first_token);
                let rate = usage.completion_tokens.saturating_sub(1) as f64 / decoding.as_secs_f64();
                return (usage, rate);
            }
            Some(Ok(LlmEvent::Delta(_) | LlmEvent::ToolCall(_))) => {}
            Some(Err(error)) => panic!("{error}"),
            None => panic!("the stream ended early"),
        }
    }
}

fn options() -> Options {
    let mut options = Options { model: "qwen2.5-0.5b".into(), threads: 2, engine: None };
    let mut words = std::env::args().skip(1);
    while let (Some(word), Some(value)) = (words.next(), words.next()) {
        match word.as_str() {
            "--model" => options.model = value,
            "--threads" => options.threads = value.parse().expect("--threads takes a number"),
            "--engine" => options.engine = Some(value),
            _ => panic!("{word} is not known: --model, --threads, --engine"),
        }
    }
    options
}

/// A file, or the id of a model that `cargo xtask setup` fetched.
#[expect(clippy::disallowed_methods, reason = "a measuring program has no configuration file")]
fn model_path(model: &str) -> PathBuf {
    let file = match model {
        "qwen2.5-1.5b" => "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        "qwen2.5-0.5b" => "qwen2.5-coder-0.5b-instruct-q5_0.gguf",
        "smollm2-135m" => "smollm2-135m-instruct-q4_1.gguf",
        path => return path.into(),
    };
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("DUOLOGUE_HOME")
        .or_else(|| folder("XDG_DATA_HOME").map(|data| data.join("duologue")))
        .or_else(|| folder("HOME").map(|home| home.join(".local/share/duologue")));
    home.expect("a home directory").join("models").join(file)
}
