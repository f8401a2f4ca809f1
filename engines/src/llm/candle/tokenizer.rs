//! Tokens and prompts from what a GGUF file says of itself. Only ChatML files with byte-level BPE are
//! understood; everything else is refused by name instead of guessed.

use candle_core::quantized::gguf_file::{Content, Value};
use tokenizers::{
    ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    TokenizerImpl,
    decoders::DecoderWrapper,
    models::bpe::{BPE, Vocab},
    pre_tokenizers::{
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

use crate::{
    llm::role_name,
    port::{ChatMessage, Role},
};

type Inner =
    TokenizerImpl<ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// How Qwen cuts text before merging: contractions, words with one leading mark, single digits,
/// punctuation, line ends, spaces. A fact of the models of that family.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// Token type of marks in GGUF.
const CONTROL: i64 = 3;

/// Tokeniser and ChatML renderer of one file.
pub(super) struct Tokenizer {
    inner: Inner,
    texts: Vec<String>,
    control: Vec<bool>,
    bytes: Vec<Option<u8>>,
    start: u32,
    end: u32,
    ends: Vec<u32>,
}

impl Tokenizer {
    /// From the metadata of a file; the error is for an operator.
    pub(super) fn new(content: &Content) -> Result<Self, String> {
        let template = text(content, "tokenizer.chat_template")
            .ok_or("the model has no chat template: it is a base model, choose an instruct one")?;
        if !template.contains("<|im_start|>") {
            return Err("the candle engine knows ChatML models only; use engine = \"llama\"".into());
        }
        let texts = strings(content, "tokenizer.ggml.tokens")?;
        let merges = strings(content, "tokenizer.ggml.merges")?;
        let find = |mark: &str| texts.iter().position(|text| text == mark).map(|at| at as u32);
        let start = find("<|im_start|>").ok_or("the model lacks the token <|im_start|>")?;
        let end = find("<|im_end|>").ok_or("the model lacks the token <|im_end|>")?;
        let eos = content.metadata.get("tokenizer.ggml.eos_token_id").and_then(|id| id.to_u32().ok());
        let ends = [Some(end), eos, find("<|endoftext|>")].into_iter().flatten().collect();
        let control = match content.metadata.get("tokenizer.ggml.token_type") {
            Some(Value::Array(types)) => types.iter().map(|kind| integer(kind) == Some(CONTROL)).collect(),
            _ => Vec::new(),
        };
        let inner = inner(content, &texts, &merges)?;
        Ok(Self { inner, texts, control, bytes: byte_alphabet(), start, end, ends })
    }

    /// A prompt: marks are put in as tokens and what people say is never read for marks, so nobody can
    /// end their message and speak as someone else; they are taken out of it, lest the model learns to
    /// write them. `invite` opens the reply, after what of it stands already: a last message of the assistant.
    pub(super) fn prompt(&self, messages: &[ChatMessage], invite: bool) -> Result<Vec<u32>, String> {
        let (messages, begun) = match messages.split_last() {
            Some((last, earlier)) if invite && last.role == Role::Assistant => {
                (earlier, last.content.as_str())
            }
            _ => (messages, ""),
        };
        let mut tokens = Vec::new();
        for message in messages {
            tokens.push(self.start);
            let content = self.unmarked(&message.content);
            self.encode(&format!("{}\n{content}", role_name(message.role)), &mut tokens)?;
            tokens.push(self.end);
            self.encode("\n", &mut tokens)?;
        }
        if invite {
            tokens.push(self.start);
            let begun = self.unmarked(begun);
            self.encode(&format!("assistant\n{begun}"), &mut tokens)?;
        }
        Ok(tokens)
    }

    /// Whether a token ends the reply.
    pub(super) fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The bytes of a token; none for marks.
    pub(super) fn piece(&self, token: u32) -> Vec<u8> {
        let at = token as usize;
        if self.control.get(at).copied().unwrap_or(false) {
            return Vec::new();
        }
        let byte = |letter: char| self.bytes.get(letter as usize).copied().flatten();
        self.texts.get(at).map(|text| text.chars().filter_map(byte).collect()).unwrap_or_default()
    }

    fn unmarked(&self, content: &str) -> String {
        let mut content = content.replace('\0', "");
        // Taking one mark out may join the halves of another; every round shortens the text.
        while let Some(mark) = self.marks().find(|mark| content.contains(mark)) {
            content = content.replace(mark, "");
        }
        content
    }

    fn marks(&self) -> impl Iterator<Item = &str> {
        let marked =
            self.texts.iter().zip(&self.control).filter(|(text, control)| **control && text.len() > 2);
        marked.map(|(text, _)| text.as_str())
    }

    fn encode(&self, text: &str, tokens: &mut Vec<u32>) -> Result<(), String> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| error.to_string())?;
        tokens.extend_from_slice(encoding.get_ids());
        Ok(())
    }
}

fn inner(content: &Content, texts: &[String], merges: &[String]) -> Result<Inner, String> {
    let family = text(content, "tokenizer.ggml.pre").unwrap_or("");
    let cut: PreTokenizerWrapper = match family {
        "qwen2" => {
            let pattern = SplitPattern::Regex(QWEN2.into());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
                .map_err(|error| error.to_string())?;
            Sequence::new(vec![split.into(), ByteLevel::new(false, false, false).into()]).into()
        }
        "smollm" => {
            Sequence::new(vec![Digits::new(true).into(), ByteLevel::new(false, false, true).into()]).into()
        }
        other => {
            return Err(format!(
                "the candle engine does not know tokenizer {other:?}; use engine = \"llama\""
            ));
        }
    };
    let vocabulary: Vocab = texts.iter().enumerate().map(|(id, text)| (text.clone(), id as u32)).collect();
    let merges = merges
        .iter()
        .filter_map(|merge| merge.split_once(' '))
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .collect();
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .build()
        .map_err(|error| format!("the model's tokenizer is damaged: {error}"))?;
    let mut inner = Inner::new(ModelWrapper::BPE(model));
    inner.with_pre_tokenizer(Some(cut));
    Ok(inner)
}

/// Byte-level BPE writes bytes as letters: printable ones as themselves, the others as the letters from
/// U+0100 on, in order. This is the way back.
fn byte_alphabet() -> Vec<Option<u8>> {
    let mut bytes = vec![None; 0x200];
    let mut next = 0x100;
    for byte in 0..=255u8 {
        if matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) {
            bytes[byte as usize] = Some(byte);
        } else {
            bytes[next] = Some(byte);
            next += 1;
        }
    }
    bytes
}

fn text<'a>(content: &'a Content, key: &str) -> Option<&'a str> {
    content.metadata.get(key).and_then(|value| value.to_string().ok()).map(String::as_str)
}

fn strings(content: &Content, key: &str) -> Result<Vec<String>, String> {
    let values = content.metadata.get(key).and_then(|value| value.to_vec().ok());
    let values = values.ok_or_else(|| format!("the model lacks {key}"))?;
    values.iter().map(|value| value.to_string().cloned().map_err(|error| error.to_string())).collect()
}

/// Writers differ in how wide they write small numbers.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::U8(number) => Some((*number).into()),
        Value::I8(number) => Some((*number).into()),
        Value::U16(number) => Some((*number).into()),
        Value::I16(number) => Some((*number).into()),
        Value::U32(number) => Some((*number).into()),
        Value::I32(number) => Some((*number).into()),
        _ => None,
    }
}
