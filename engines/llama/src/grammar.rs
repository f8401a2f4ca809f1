//! Holds a reply to a grammar with llama.cpp's own matcher, token by token.
//!
//! That matcher ends the process when it is given a token that its grammar does not allow, so nothing reaches it that
//! it was not asked about before. Asking about one token is cheap and about all of them takes milliseconds, so the
//! model's own choice is asked about first, then its likeliest few.

use anyhow::{Context, ensure};
use llama_cpp_2::{
    model::LlamaModel,
    sampling::LlamaSampler,
    token::{LlamaToken, data::LlamaTokenData, data_array::LlamaTokenDataArray},
};

use crate::sample::Sampler;

/// Longer grammars are refused: reading one must not hold up the replies of others.
const LONGEST: usize = 256 * 1024;

/// How many of the likeliest tokens are asked about before all are.
const LIKELIEST: usize = 128;

/// A grammar and how far the reply has come in it.
#[derive(Debug)]
pub(crate) struct Grammar {
    matcher: LlamaSampler,
}

impl Grammar {
    /// Fails when llama.cpp does not understand the text.
    pub(crate) fn new(model: &LlamaModel, text: &str) -> anyhow::Result<Self> {
        ensure!(text.len() <= LONGEST, "the grammar is longer than {LONGEST} bytes");
        ensure!(text.contains("root ::="), "the grammar has no rule \"root\"");
        let matcher = LlamaSampler::grammar(model, text, "root").context("the grammar is not understood")?;
        Ok(Self { matcher })
    }

    /// Goes on by a token that [`Grammar::pick`] has just given, and which does not end the reply.
    pub(crate) fn accept(&mut self, token: u32) {
        self.matcher.accept(LlamaToken(token as i32));
    }

    /// The next token that the grammar allows; `None` when no token is possible.
    pub(crate) fn pick(&mut self, sampler: &mut Sampler, logits: &[f32]) -> Option<u32> {
        let first = sampler.pick(logits)?;
        if !self.allowed(logits, &[first]).is_empty() {
            return Some(first);
        }
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]);
        if order.len() > LIKELIEST {
            order.select_nth_unstable_by(LIKELIEST, by_logit);
        }
        let (likeliest, others) = order.split_at(LIKELIEST.min(order.len()));
        for tokens in [likeliest, others] {
            let allowed = self.allowed(logits, tokens);
            if !allowed.is_empty() {
                let mut masked = vec![f32::NEG_INFINITY; logits.len()];
                allowed.into_iter().for_each(|token| masked[token as usize] = logits[token as usize]);
                return sampler.pick(&masked);
            }
        }
        None
    }

    /// Which of these tokens may come next.
    fn allowed(&mut self, logits: &[f32], tokens: &[u32]) -> Vec<u32> {
        let possible = tokens.iter().filter(|token| logits[**token as usize].is_finite());
        let data = possible.map(|token| LlamaTokenData::new(LlamaToken(*token as i32), 0.0, 0.0));
        let mut array = LlamaTokenDataArray::new(data.collect(), false);
        self.matcher.apply(&mut array);
        let kept = array.data.into_iter().filter(|data| data.logit().is_finite());
        kept.map(|data| data.id().0 as u32).collect()
    }
}
