//! How often a local model calls the function that is asked for, and none when nothing is: six functions that every
//! persona has and one of a client, 48 requests and remarks in English and Korean (`requests.tsv`). The wording of the
//! instructions and the odds in `llm/tools.rs` were chosen on the half `dev`; the half `test` is for the figures.
//!
//! `cargo run -p duologue-engines --example tools -- MODEL.gguf [dev|test]` (build the worker of the same profile first:
//! `cargo build -p duologue-llm`).

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use duologue_domain::{ability::Ability, lang::Language};
use duologue_engines::{
    config::LlmConfig,
    llm::llama::{LlamaLlm, worker_binary},
    port::{ChatMessage, LlmEngine, LlmEvent, LlmRequest, LlmUsage, Role, Sampling, Tool, ToolCall},
};

const REQUESTS: &str = include_str!("requests.tsv");

/// As long as a persona's prompt without its examples.
const PERSONAS: [&str; 2] = [
    "You are Seoa Lee, a 28 year old marketer at a start-up in Seoul. You like the sea in winter, jazz in small bars and \
     coffee that is too strong. You are warm, curious and a little teasing. You talk with one person by voice, so you \
     answer in one or two short spoken sentences, without lists, markdown or emoji.",
    "당신은 이서아, 서울 스타트업에서 일하는 28살 마케터입니다. 겨울 바다와 작은 재즈 바, 진한 커피를 좋아합니다. 따뜻하고 호기심이 많고 \
     장난기가 조금 있습니다. 한 사람과 음성으로 대화하므로 한두 문장의 짧은 구어체로 답하고 목록이나 마크다운, 이모지를 쓰지 않습니다.",
];

const GREETINGS: [[&str; 2]; 2] = [
    ["Hi Seoa!", "Hi! Nice to hear your voice. How are you?"],
    ["서아야 안녕!", "안녕! 목소리 들으니까 좋다. 잘 지냈어?"],
];

const NOTES: [&str; 2] =
    ["You are friends by now; talk like friends.", "친구 사이입니다. 편하게 반말로 말하세요."];

/// One line of the set.
struct Line {
    language: Language,
    /// The function that is asked for.
    wanted: Option<&'static str>,
    /// What its arguments have to hold.
    argument: Option<&'static str>,
    words: &'static str,
}

/// What came of it.
struct Outcome {
    calls: Vec<ToolCall>,
    words: String,
    usage: LlmUsage,
    /// Until the first words or the whole call.
    took: Duration,
}

#[derive(Default)]
struct Tally {
    asked: usize,
    right: usize,
    wrong: usize,
    arguments: (usize, usize),
    remarks: usize,
    called: usize,
    took: Vec<Duration>,
    first: Vec<Duration>,
}

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1);
    let model = words.next().expect("the GGUF file of a model");
    let half = words.next().unwrap_or_else(|| "test".into());
    let config = LlmConfig { context_tokens: 3072, parallel: 1, ..LlmConfig::default() };
    let engine = LlamaLlm::new(worker_binary(), Path::new(&model).into(), &config);
    for language in [Language::English, Language::Korean] {
        let cold = cost(&engine, language).await;
        row(&[&format!("{language:?}"), &cold]);
        let mut tally = Tally::default();
        for line in lines(&half).filter(|line| line.language == language) {
            let outcome = ask(&engine, &line, &tools(language)).await;
            tally.count(&line, &outcome);
            let calls: Vec<_> =
                outcome.calls.iter().map(|call| format!("{}{}", call.name, call.arguments)).collect();
            row(&[
                line.wanted.unwrap_or("-"),
                line.words,
                &calls.join(" "),
                &outcome.words.replace('\n', " "),
            ]);
        }
        tally.print();
    }
}

fn lines(half: &str) -> impl Iterator<Item = Line> {
    REQUESTS.lines().filter_map(move |line| {
        let mut cells = line.split('\t');
        let is_half = cells.next()? == half;
        let language = if cells.next()? == "ko" { Language::Korean } else { Language::English };
        let mut next = || cells.next().map(|cell| (cell != "-").then_some(cell));
        let line = Line { language, wanted: next()?, argument: next()?, words: next()?? };
        is_half.then_some(line)
    })
}

fn tools(language: Language) -> Arc<[Tool]> {
    let built_in = Ability::ALL.into_iter().filter(|ability| *ability != Ability::Forget);
    let weather = Tool {
        name: "get_weather".into(),
        description: "Get the current weather of a city.".into(),
        parameters: r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#.into(),
    };
    built_in.map(|ability| ability.tool(language)).chain([weather]).collect()
}

fn request(session: u64, language: Language, words: &str, tools: Arc<[Tool]>) -> LlmRequest {
    let at = usize::from(language == Language::Korean);
    let [hello, answer] = GREETINGS[at];
    let say = |role, words: &str| ChatMessage::new(role, words);
    LlmRequest {
        session,
        messages: vec![
            say(Role::System, PERSONAS[at]),
            say(Role::User, hello),
            say(Role::Assistant, answer),
            say(Role::System, NOTES[at]),
            say(Role::User, words),
        ],
        shared: 1,
        max_tokens: 60,
        sampling: Sampling { seed: Some(5), ..Sampling::default() },
        first_token_deadline: Duration::from_secs(300),
        tools,
        ..LlmRequest::default()
    }
}

async fn ask(engine: &LlamaLlm, line: &Line, tools: &Arc<[Tool]>) -> Outcome {
    read(engine, request(1, line.language, line.words, Arc::clone(tools))).await
}

async fn read(engine: &LlamaLlm, request: LlmRequest) -> Outcome {
    let begun = Instant::now();
    let mut stream = engine.generate(request).expect("an idle engine takes a request");
    let (mut calls, mut words, mut took) = (Vec::new(), String::new(), None);
    loop {
        match stream.next().await {
            Some(Ok(LlmEvent::Delta(more))) => words.push_str(&more),
            Some(Ok(LlmEvent::ToolCall(call))) => calls.push(call),
            Some(Ok(LlmEvent::Done { usage, .. })) => {
                return Outcome { calls, words, usage, took: took.unwrap_or_else(|| begun.elapsed()) };
            }
            Some(Err(error)) => {
                words.push_str(&error.message);
                let usage = LlmUsage::default();
                return Outcome { calls, words, usage, took: begun.elapsed() };
            }
            None => panic!("the stream ended early"),
        }
        took.get_or_insert_with(|| begun.elapsed());
    }
}

/// What six functions cost: a persona's first reply with nothing in the cache, and the next ones, with and without.
async fn cost(engine: &LlamaLlm, language: Language) -> String {
    let hello = ["How was your day?", "오늘 하루 어땠어?"][usize::from(language == Language::Korean)];
    let again = ["Did you sleep well?", "잠은 잘 잤어?"][usize::from(language == Language::Korean)];
    let built_in: Arc<[Tool]> = tools(language).iter().take(6).cloned().collect();
    let mut text = String::new();
    for (name, tools, session) in [("without", Arc::default(), 10), ("with six", built_in, 20)] {
        let cold = read(engine, request(session, language, hello, Arc::clone(&tools))).await.usage;
        let mut next = Vec::new();
        for at in 0..5 {
            let usage =
                read(engine, request(session + 1 + at, language, again, Arc::clone(&tools))).await.usage;
            next.push(usage.first_token);
        }
        text.push_str(&format!(
            "{name}: prompt {} tokens, {} cached, first token {} ms; then {} ms. ",
            cold.prompt_tokens,
            cold.cached_tokens,
            cold.first_token.as_millis(),
            median(&mut next).as_millis()
        ));
    }
    text
}

impl Tally {
    fn count(&mut self, line: &Line, outcome: &Outcome) {
        let Some(wanted) = line.wanted else {
            self.remarks += 1;
            self.called += usize::from(!outcome.calls.is_empty());
            self.first.push(outcome.usage.first_token);
            return;
        };
        self.asked += 1;
        let Some(call) = outcome.calls.first() else { return };
        self.took.push(outcome.took);
        if call.name != wanted {
            self.wrong += 1;
            return;
        }
        self.right += 1;
        if let Some(argument) = line.argument {
            let holds = call.arguments.to_lowercase().contains(&argument.to_lowercase());
            self.arguments.0 += usize::from(holds);
            self.arguments.1 += 1;
        }
    }

    fn print(mut self) {
        row(&[
            &format!("right {} of {}", self.right, self.asked),
            &format!("another function {}", self.wrong),
            &format!("calls in small talk {} of {}", self.called, self.remarks),
            &format!("arguments {} of {}", self.arguments.0, self.arguments.1),
            &format!("whole call {} ms", median(&mut self.took).as_millis()),
            &format!("first token of small talk {} ms", median(&mut self.first).as_millis()),
        ]);
    }
}

fn median(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "this program's purpose is to print figures")]
fn row(cells: &[&str]) {
    println!("| {} |", cells.join(" | "));
}
