//! Chooses the tokens of one reply: drawn as the request says, held to a grammar, or a call of a function.

use llama_cpp_2::model::LlamaModel;

use crate::{
    grammar::Grammar,
    sample::Sampler,
    wire::{Calls, Generate},
};

/// How much of the reply's end is kept to find a mark that is several tokens.
const TAIL: usize = 64;

/// A model that gives the mark of a call less than this share of probability was never taught it; only then hints count.
/// Qwen2.5-Coder gives it 10⁻¹⁰ whatever is asked.
const UNTAUGHT: f32 = 1e-8;

/// From these shares of probability on, hints are taken for a call: for models below a billion parameters and above. They
/// are small because such models would rather talk whatever they are asked, but tell requests from small talk all the
/// same; both were chosen on the development half of the requests of `examples/tools` (`docs/benchmarks-log.md`).
const HINTED: [f32; 2] = [1.2e-3, 4.2e-5];

/// Models of fewer parameters put the result of a call into words: left to themselves they copy the call that they have
/// just made, again and again (Qwen2.5-Coder 0.5B eight times in a row).
const CALLS_ON: u64 = 2_000_000_000;

/// How often another first token is picked. What begins a call has a handful of spellings.
const OTHERS: usize = 32;

/// The chooser of one reply.
#[derive(Debug)]
pub(crate) struct Chooser {
    sampler: Sampler,
    /// What the reply must follow from here on.
    grammar: Option<Grammar>,
    /// In a grammar. Marks of JSON repeat, so nothing is lowered for that; in a call, the likeliest is taken.
    exact: Sampler,
    calls: Option<Rule>,
    call_odds: Option<(f32, f32)>,
}

/// How functions are called.
#[derive(Debug)]
struct Rule {
    calls: Calls,
    /// The mark, where it is one token.
    token: Option<u32>,
    /// The hints, those that are one token.
    hints: Vec<u32>,
    /// From which share of probability on they are a call.
    hinted: f32,
    /// What follows the mark.
    grammar: Option<Grammar>,
    /// The first token is still to come and is decided by its odds.
    first: bool,
    /// The reply is words and has still to begin with one.
    wordless: bool,
    tail: Vec<u8>,
}

impl Chooser {
    /// Fails when a grammar is not understood.
    pub(crate) fn new(model: &LlamaModel, ask: &Generate) -> anyhow::Result<Self> {
        let temperature = if ask.calls.is_some() { 0.0 } else { ask.temperature };
        // What goes on in the middle of a reply has its first token behind it.
        let begun = ask.messages.last().is_some_and(|last| last.role == "assistant");
        Ok(Self {
            sampler: Sampler::new(ask.temperature, ask.top_p, ask.repeat_penalty, ask.seed),
            grammar: ask.grammar.as_deref().map(|text| Grammar::new(model, text)).transpose()?,
            exact: Sampler::new(temperature, ask.top_p, 1.0, ask.seed),
            calls: ask.calls.clone().map(|calls| Rule::new(model, calls, !begun)).transpose()?,
            call_odds: None,
        })
    }

    /// The next token; `None` when there is none to choose. `text` tells what a token adds to the reply.
    pub(crate) fn pick(&mut self, logits: &[f32], text: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
        if let Some(grammar) = &mut self.grammar {
            return grammar.pick(&mut self.exact, logits);
        }
        let Some(rule) = &mut self.calls else { return self.sampler.pick(logits) };
        let decides = std::mem::take(&mut rule.first).then_some(rule.calls.odds.as_ref()).flatten();
        if let Some((odds, mark)) = decides.zip(rule.token) {
            let own = share(logits, mark);
            let hinted = rule.hints.iter().map(|hint| share(logits, *hint)).sum();
            self.call_odds = Some((own, hinted));
            if rule.grammar.is_some() && (own >= odds.mark || own < UNTAUGHT && hinted >= rule.hinted) {
                return Some(mark);
            }
        }
        if decides.is_none() && rule.grammar.is_some() {
            return self.sampler.pick(logits);
        }
        let mut words = logits.to_vec();
        let forbid = |token: u32, words: &mut [f32]| {
            if let Some(logit) = words.get_mut(token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        };
        if let Some(mark) = rule.token {
            forbid(mark, &mut words);
        }
        let mut picked = self.sampler.pick(&words)?;
        for _ in 0..if rule.wordless { OTHERS } else { 0 } {
            if !is_no_word(&text(picked)) {
                break;
            }
            forbid(picked, &mut words);
            picked = self.sampler.pick(&words)?;
        }
        Some(picked)
    }

    /// The token that was picked goes into the reply as this text: behind a mark, the grammar of calls begins to hold.
    pub(crate) fn heard(&mut self, token: u32, piece: &[u8]) {
        if let Some(rule) = self.calls.as_mut().filter(|_| !piece.trim_ascii().is_empty()) {
            rule.wordless = false;
        }
        if let Some(grammar) = &mut self.grammar {
            grammar.accept(token);
        } else if let Some(rule) = &mut self.calls
            && rule.is_behind_mark(piece)
        {
            self.grammar = rule.grammar.take();
        }
    }

    /// See [`crate::wire::Done`].
    pub(crate) fn call_odds(&self) -> Option<(f32, f32)> {
        self.call_odds
    }
}

impl Rule {
    fn new(model: &LlamaModel, calls: Calls, first: bool) -> anyhow::Result<Self> {
        let is_answered = calls.odds.as_ref().is_some_and(|odds| odds.answered);
        let calling = calls.grammar.as_deref().filter(|_| !is_answered || model.n_params() >= CALLS_ON);
        let grammar = calling.map(|text| Grammar::new(model, text)).transpose()?;
        let wordless = grammar.is_none() && first;
        let one = |text: &str| match model.vocab().tokenize(text.as_bytes(), false, true)[..] {
            [only] => Some(only.0 as u32),
            _ => None,
        };
        let hints = calls.odds.iter().flat_map(|odds| &odds.hints).filter_map(|hint| one(hint)).collect();
        let hinted = HINTED[usize::from(model.n_params() >= 1_000_000_000)];
        Ok(Self { token: one(&calls.mark), hints, hinted, calls, grammar, first, wordless, tail: Vec::new() })
    }

    /// Whether the reply now ends with the mark. A mark that is torn over tokens may bring the line end behind it along,
    /// which the grammar does without; more than that is left to whoever reads the call.
    fn is_behind_mark(&mut self, piece: &[u8]) -> bool {
        self.tail.extend_from_slice(piece);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        !self.calls.mark.is_empty() && self.tail.trim_ascii_end().ends_with(self.calls.mark.as_bytes())
    }
}

/// Whether a reply in words cannot begin so: with its end, or as calls do, in whatever spelling.
fn is_no_word(piece: &[u8]) -> bool {
    piece.is_empty() || matches!(piece.trim_ascii_start().first(), Some(b'{' | b'[' | b'<' | b'`'))
}

/// The share of probability of one token.
fn share(logits: &[f32], token: u32) -> f32 {
    let Some(own) = logits.get(token as usize).filter(|logit| logit.is_finite()) else { return 0.0 };
    let total: f32 = logits.iter().filter(|logit| logit.is_finite()).map(|logit| (logit - own).exp()).sum();
    1.0 / total
}

#[cfg(test)]
mod tests {
    use super::{is_no_word, share};

    #[test]
    fn words_begin_with_words() {
        for word in ["It", " 서울", "\n", "2", "\"Hello", "*"] {
            assert!(!is_no_word(word.as_bytes()), "{word:?}");
        }
        for call in ["", "{\"", " {", "[{", "<", "<tool_call>", "\n```json"] {
            assert!(is_no_word(call.as_bytes()), "{call:?}");
        }
    }

    #[test]
    fn shares_add_up_and_broken_logits_have_none() {
        let logits = [(0.5f32).ln(), (0.25f32).ln(), (0.25f32).ln(), f32::NEG_INFINITY, f32::NAN];
        assert!((share(&logits, 0) - 0.5).abs() < 1e-6);
        assert!((share(&logits, 2) - 0.25).abs() < 1e-6);
        assert_eq!((share(&logits, 3), share(&logits, 4), share(&logits, 9)), (0.0, 0.0, 0.0));
        assert_eq!(share(&[500.0, -500.0], 1), 0.0);
    }
}
