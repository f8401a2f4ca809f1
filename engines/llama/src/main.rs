//! duologue-llm: llama.cpp in a process of its own.
//!
//! Why a process: whisper.cpp and llama.cpp both carry a copy of ggml under the same names, and a
//! process can be killed when it hangs. It reads questions from stdin and answers on stdout (`wire`);
//! the server starts it, restarts it, and its end of stdin is this process's reason to live.
//!
//! Threads: one reads stdin into a bounded queue; the main one owns the model and decodes all active
//! replies together (`serve`, `step`).

mod arguments;
mod cache;
mod choose;
#[path = "../../src/llm/circles.rs"]
mod circles;
mod cores;
#[path = "../../src/llm/emit.rs"]
mod emit;
mod grammar;
mod job;
mod listen;
mod pace;
mod prompt;
#[path = "../../src/llm/sample.rs"]
mod sample;
mod say;
mod serve;
mod step;
#[path = "../../src/llm/wire.rs"]
mod wire;

use std::{num::NonZeroU32, process::ExitCode, sync::mpsc};

use anyhow::Context;
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    model::{LlamaModel, params::LlamaModelParams},
};

use crate::{
    arguments::Arguments,
    cache::{PERSONAS, SESSIONS_PER_REPLY},
    prompt::Prompter,
    serve::{Limits, Server},
    wire::{Answer, Fault},
};

/// Questions that may wait for the loop to finish a step. The loop empties the queue between any two
/// steps; a full queue makes the server wait, which is right: it is the only writer.
const QUEUE: usize = 64;

/// Tokens decoded in one pass at most: the longest piece of a prompt that `pace` ever allows, and one
/// token of each reply.
pub(crate) const BATCH: usize = 512;

/// Room in the cache for personas' prompts, beside the sessions' own.
const PERSONA_TOKENS: usize = 2048;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

/// Says on stdout, where the server reads, why this process cannot work.
fn refuse(error: &anyhow::Error) -> ExitCode {
    let message = format!("{error:#}");
    say::say(&Answer::Error { id: None, kind: Fault::Unavailable, message });
    ExitCode::from(2)
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(arguments.model.is_file(), "no model at {}", arguments.model.display());
    let mut backend = LlamaBackend::init().context("llama.cpp does not start")?;
    if !arguments.verbose {
        backend.void_logs();
    }
    let model = LlamaModel::load_from_file(&backend, &arguments.model, &LlamaModelParams::default())
        .with_context(|| format!("{} cannot be loaded as GGUF", arguments.model.display()))?;
    let prompter = Prompter::new(&model)?;
    let limits = limits(arguments, &model);
    let context = open(&backend, &model, arguments, &limits)?;
    let (asks, inbox) = mpsc::sync_channel(QUEUE);
    listen::start(asks).context("no thread for stdin")?;
    say::say(&Answer::Ready {
        model: model.meta_val_str("general.name").unwrap_or_default(),
        context: limits.context,
        template: prompter.family().to_owned(),
    });
    Server::new(&model, context, prompter, limits).run(&inbox)
}

/// A session may not hold more than the model was trained for.
fn limits(arguments: &Arguments, model: &LlamaModel) -> Limits {
    let trained = model.n_ctx_train() as usize;
    Limits { context: arguments.context.min(trained), parallel: arguments.parallel }
}

/// One pool of cells for all sequences: only so is sharing a persona's prompt free.
fn open<'m>(
    backend: &LlamaBackend,
    model: &'m LlamaModel,
    arguments: &Arguments,
    limits: &Limits,
) -> anyhow::Result<LlamaContext<'m>> {
    let cells = limits.context * limits.parallel + PERSONA_TOKENS;
    let sequences = PERSONAS + limits.parallel * SESSIONS_PER_REPLY;
    let threads = i32::from(arguments.threads);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(u32::try_from(cells).context("the context is too large")?))
        .with_n_batch(BATCH as u32)
        .with_n_ubatch(BATCH as u32)
        .with_n_seq_max(u32::try_from(sequences)?)
        .with_kv_unified(true)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    model.new_context(backend, params).with_context(|| {
        format!("no memory for a context of {cells} tokens; lower llm.context_tokens or llm.parallel")
    })
}
