//! One step: one token of every reply in progress and a piece of the prompts, in one pass.

use std::time::Instant;

use anyhow::bail;
use llama_cpp_2::{DecodeError, token::LlamaToken};

use crate::{
    BATCH,
    job::{Job, Need, Purpose, Reply},
    say::say,
    serve::{Server, fail},
    wire::{Answer, End, Fault},
};

/// What a job has in the batch.
#[derive(Clone, Copy, Debug)]
struct Share {
    job: usize,
    tokens: usize,
    /// The row whose logits choose the next token.
    row: Option<i32>,
}

/// What to do with a job after its token.
enum Next {
    Go,
    End(End),
    Broken,
}

impl Server<'_> {
    /// Evaluates, samples, speaks. An error ends the process.
    pub(crate) fn step(&mut self) -> anyhow::Result<()> {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let Some(shares) = self.evaluate()? else { return Ok(()) };
        self.steps += 1;
        let tokens = shares.iter().map(|share| share.tokens).sum();
        self.pace.note(tokens, begun.elapsed());
        let mut ended = Vec::new();
        for share in shares {
            match self.settle(share) {
                Next::Go => {}
                Next::End(end) => ended.push((share.job, Some(end))),
                Next::Broken => ended.push((share.job, None)),
            }
        }
        ended.sort_unstable_by_key(|(job, _)| std::cmp::Reverse(*job));
        for (job, end) in ended {
            self.finish(job, end);
        }
        Ok(())
    }

    /// Puts the batch together and decodes it; when the cells are full, gives up what idles longest
    /// and tries again. `None` when even that did not help and a job had to go.
    fn evaluate(&mut self) -> anyhow::Result<Option<Vec<Share>>> {
        let shares = self.compose()?;
        loop {
            match self.context.decode(&mut self.batch) {
                Ok(()) => return Ok(Some(shares)),
                Err(DecodeError::NoKvCacheSlot) => match self.cache.evict() {
                    Some(sequence) => self.empty(sequence),
                    None => {
                        self.drop_youngest();
                        return Ok(None);
                    }
                },
                Err(error) => {
                    self.abandon(&format!("llama.cpp cannot decode: {error}"));
                    bail!("llama.cpp cannot decode: {error}");
                }
            }
        }
    }

    /// Replies first, one token each; then prompts, those with the least left first, so that a turn
    /// of a few words never waits behind a stranger's long beginning. What is needed less rests while there is work that
    /// is needed more: with it each step of the others would take several times as long. And of what nobody waits for,
    /// one goes into a step: with a stranger's, the words of somebody who speaks would take as long as both.
    fn compose(&mut self) -> anyhow::Result<Vec<Share>> {
        self.batch.clear();
        let decodes = |job: &&usize| self.jobs[**job].decoding();
        let all: Vec<usize> = (0..self.jobs.len()).collect();
        let replies: Vec<usize> = all.iter().filter(decodes).copied().collect();
        let most = self.jobs.iter().map(|job| self.need_of(job)).min().unwrap_or(Need::Now);
        let rests = |job: &&usize| self.need_of(&self.jobs[**job]) > most;
        let mut prompts: Vec<usize> =
            all.iter().filter(|job| !decodes(job) && !rests(job)).copied().collect();
        prompts.sort_by_key(|job| self.jobs[*job].pending());
        if most > Need::Now {
            prompts.truncate(1);
        }
        let mut budget = self.pace.piece(!replies.is_empty()).min(BATCH - replies.len());
        let mut shares = Vec::with_capacity(self.jobs.len());
        for job in replies {
            shares.push(self.add(job, 1)?);
        }
        for job in prompts {
            if budget == 0 {
                break;
            }
            let tokens = self.jobs[job].pending().min(budget);
            budget -= tokens;
            shares.push(self.add(job, tokens)?);
        }
        Ok(shares)
    }

    fn add(&mut self, job: usize, tokens: usize) -> anyhow::Result<Share> {
        let Job { sequence, evaluated, tokens: all, purpose, .. } = &self.jobs[job];
        let end = evaluated + tokens;
        let wanted = end == all.len() && matches!(purpose, Purpose::Reply(_));
        for (at, token) in all.iter().enumerate().take(end).skip(*evaluated) {
            let logits = wanted && at + 1 == end;
            self.batch.add(LlamaToken(*token), i32::try_from(at)?, &[i32::try_from(*sequence)?], logits)?;
        }
        let row = wanted.then(|| self.batch.n_tokens() - 1);
        Ok(Share { job, tokens, row })
    }

    /// Books what was evaluated and takes the next token of a reply.
    fn settle(&mut self, share: Share) -> Next {
        let job = &mut self.jobs[share.job];
        let from = job.evaluated;
        job.evaluated += share.tokens;
        self.cache.extend(job.sequence, &job.tokens[from..job.evaluated]);
        let (shared, evaluated, sequence) = (job.shared, job.evaluated, job.sequence);
        let reply = match &mut job.purpose {
            Purpose::Persona { .. } if evaluated == shared => return Next::End(End::Stop),
            Purpose::Persona { .. } => return Next::Go,
            Purpose::Reply(reply) => reply,
        };
        if from < shared
            && evaluated >= shared
            && let Some(persona) = self.cache.keep_beginning(&job.tokens, shared)
        {
            let _ = self.context.clear_kv_cache_seq(Some(persona as u32), None, None);
            let range = (Some(0), Some(shared as u32));
            let _ = self.context.copy_kv_cache_seq(sequence as i32, persona as i32, range.0, range.1);
        }
        let Some(row) = share.row else { return Next::Go };
        let vocabulary = self.model.vocab();
        let text = |token: u32| vocabulary.token_to_piece(LlamaToken(token as i32), false, None);
        let Some(token) = reply.chooser.pick(self.context.get_logits_ith(row), text) else {
            return Next::Broken;
        };
        reply.first_token.get_or_insert_with(Instant::now);
        let token = LlamaToken(token as i32);
        if vocabulary.is_eog(token) {
            return Next::End(End::Stop);
        }
        job.tokens.push(token.0);
        let piece = vocabulary.token_to_piece(token, false, None);
        reply.chooser.heard(token.0 as u32, &piece);
        next(reply, job.tokens.len() - job.prompt_tokens, (token.0 as u32, &piece))
    }

    fn finish(&mut self, at: usize, end: Option<End>) {
        let mut job = self.jobs.swap_remove(at);
        self.cache.release(job.sequence);
        if let Purpose::Reply(reply) = &mut job.purpose {
            let Some(end) = end else {
                self.empty(job.sequence);
                return fail(Some(reply.id), Fault::Broken, "the model gave no probabilities".into());
            };
            // What was held back might have become a stop text; it did not.
            let text = reply.emitter.finish();
            if end != End::Repetition && !text.is_empty() {
                say(&Answer::Delta { id: reply.id, text });
            }
        }
        say(&job.done(end));
    }

    /// The cells do not even suffice for the replies in progress: the one that came last goes.
    fn drop_youngest(&mut self) {
        let Some(at) = (0..self.jobs.len()).max_by_key(|at| self.jobs[*at].received) else { return };
        let job = self.jobs.swap_remove(at);
        self.cache.release(job.sequence);
        self.empty(job.sequence);
        if let Purpose::Reply(reply) = &job.purpose {
            fail(Some(reply.id), Fault::Overloaded, "the cache is full of other replies".into());
        }
    }

    /// Tells everyone before the process ends.
    fn abandon(&mut self, why: &str) {
        for job in self.jobs.drain(..) {
            if let Purpose::Reply(reply) = &job.purpose {
                fail(Some(reply.id), Fault::Broken, why.to_owned());
            }
        }
        self.context.clear_kv_cache();
        self.cache.forget_all();
    }
}

/// Speaks a token and decides whether it was the last.
fn next(reply: &mut Reply, said: usize, (token, piece): (u32, &[u8])) -> Next {
    let emitted = reply.emitter.push(piece);
    if !emitted.text.is_empty() {
        say(&Answer::Delta { id: reply.id, text: emitted.text });
    }
    if emitted.stopped {
        Next::End(End::Stop)
    } else if reply.circles.push(token) {
        Next::End(End::Repetition)
    } else if said >= reply.max_tokens {
        Next::End(End::Length)
    } else {
        Next::Go
    }
}
