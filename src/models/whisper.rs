//! Rewrites a CTranslate2 whisper as quantised ggml: names and shapes of one layout into those of the other.

use std::{collections::HashMap, io::Write};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::{
    ct2::{Tensor, Variables},
    ggml,
};

/// Text tokens that every whisper has; whisper.cpp makes up the special ones behind them itself.
const TEXT_TOKENS: usize = 50_257;
/// Every whisper's heads are this wide.
const HEAD_WIDTH: usize = 64;

/// Converts; `model` and `tokenizer` are the bytes of `model.bin` and `tokenizer.json`.
pub(super) fn convert(model: &[u8], tokenizer: &[u8], out: &mut impl Write) -> anyhow::Result<()> {
    let variables = Variables::read(model).context("the CTranslate2 file")?;
    let tokens = text_tokens(tokenizer).context("tokenizer.json")?;
    let tensors = rename(&variables).context("the CTranslate2 file")?;
    ggml::write_head(out, shape(&variables, &tensors)?, &tokens)?;
    for (name, tensor) in &tensors {
        ggml::write_tensor(out, name, tensor).context("cannot write the converted model")?;
    }
    Ok(())
}

type Named<'a> = Vec<(String, Tensor<'a>)>;

fn shape(variables: &Variables<'_>, tensors: &Named<'_>) -> anyhow::Result<ggml::Shape> {
    let dimension = |name: &str, axis: usize| -> anyhow::Result<usize> {
        let shape = &variables.get(name)?.shape;
        shape.get(axis).copied().with_context(|| format!("{name} has the shape {shape:?}"))
    };
    let layers = |side: &str| {
        let norms = |(name, _): &&(String, _)| name.starts_with(side) && name.ends_with(".attn_ln.weight");
        tensors.iter().filter(norms).count()
    };
    let width = dimension("decoder/embeddings/weight", 1)?;
    let number = |value: usize| i32::try_from(value).context("a size is absurd");
    Ok(ggml::Shape {
        vocabulary: number(dimension("decoder/embeddings/weight", 0)?)?,
        audio_context: number(dimension("encoder/position_encodings/encodings", 0)?)?,
        width: number(width)?,
        heads: number(width / HEAD_WIDTH)?,
        encoder_layers: number(layers("encoder"))?,
        text_context: number(dimension("decoder/position_encodings/encodings", 0)?)?,
        decoder_layers: number(layers("decoder"))?,
        mel_bands: number(dimension("encoder/conv1/weight", 1)?)?,
    })
}

/// Every tensor under the name that whisper.cpp knows, in the order in which it is written.
fn rename<'a>(variables: &Variables<'a>) -> anyhow::Result<Named<'a>> {
    let mut target = Renamer { variables, named: Vec::new() };
    target.linear("encoder.conv1", "encoder/conv1")?;
    target.linear("encoder.conv2", "encoder/conv2")?;
    target.copy("encoder.positional_embedding", "encoder/position_encodings/encodings")?;
    target.copy("decoder.positional_embedding", "decoder/position_encodings/encodings")?;
    target.copy("decoder.token_embedding.weight", "decoder/embeddings/weight")?;
    target.norm("encoder.ln_post", "encoder/layer_norm")?;
    target.norm("decoder.ln", "decoder/layer_norm")?;
    for side in ["encoder", "decoder"] {
        let mut layer = 0;
        while variables.has(&format!("{side}/layer_{layer}/ffn/linear_0/weight")) {
            target.layer(side, layer)?;
            layer += 1;
        }
        ensure!(layer > 0, "the {side} has no layers");
    }
    Ok(target.named)
}

struct Renamer<'v, 'a> {
    variables: &'v Variables<'a>,
    named: Named<'a>,
}

impl<'a> Renamer<'_, 'a> {
    fn put(&mut self, name: String, tensor: Tensor<'a>) {
        self.named.push((name, tensor));
    }

    fn copy(&mut self, name: &str, source: &str) -> anyhow::Result<()> {
        let tensor = self.variables.get(source)?.clone();
        self.put(name.to_owned(), tensor);
        Ok(())
    }

    fn linear(&mut self, name: &str, source: &str) -> anyhow::Result<()> {
        self.copy(&format!("{name}.weight"), &format!("{source}/weight"))?;
        let bias = format!("{source}/bias");
        if self.variables.has(&bias) {
            self.copy(&format!("{name}.bias"), &bias)?;
        }
        Ok(())
    }

    fn norm(&mut self, name: &str, source: &str) -> anyhow::Result<()> {
        self.copy(&format!("{name}.weight"), &format!("{source}/gamma"))?;
        self.copy(&format!("{name}.bias"), &format!("{source}/beta"))
    }

    fn layer(&mut self, side: &str, layer: usize) -> anyhow::Result<()> {
        let source = format!("{side}/layer_{layer}");
        let name = format!("{side}.blocks.{layer}");
        self.norm(&format!("{name}.attn_ln"), &format!("{source}/self_attention/layer_norm"))?;
        let fused = format!("{source}/self_attention/linear_0");
        self.split(&format!("{name}.attn"), &["query", "key", "value"], &fused)?;
        self.linear(&format!("{name}.attn.out"), &format!("{source}/self_attention/linear_1"))?;
        if side == "decoder" {
            let cross = format!("{source}/attention");
            self.norm(&format!("{name}.cross_attn_ln"), &format!("{cross}/layer_norm"))?;
            self.linear(&format!("{name}.cross_attn.query"), &format!("{cross}/linear_0"))?;
            self.split(&format!("{name}.cross_attn"), &["key", "value"], &format!("{cross}/linear_1"))?;
            self.linear(&format!("{name}.cross_attn.out"), &format!("{cross}/linear_2"))?;
        }
        self.norm(&format!("{name}.mlp_ln"), &format!("{source}/ffn/layer_norm"))?;
        self.linear(&format!("{name}.mlp.0"), &format!("{source}/ffn/linear_0"))?;
        self.linear(&format!("{name}.mlp.2"), &format!("{source}/ffn/linear_1"))
    }

    /// CTranslate2 stacks the projections of one input; whisper's keys have no bias, so theirs must be zero.
    fn split(&mut self, name: &str, roles: &[&str], source: &str) -> anyhow::Result<()> {
        let weight = self.variables.get(&format!("{source}/weight"))?;
        let bias = self.variables.get(&format!("{source}/bias"))?;
        let width = *weight.shape.get(1).with_context(|| format!("{source} is no matrix"))?;
        ensure!(
            weight.shape[0] == roles.len() * width && bias.len() == weight.shape[0],
            "{source}: odd shape"
        );
        let weights: Vec<_> =
            (0..roles.len()).map(|idx| weight.rows(idx * width, (idx + 1) * width)).collect();
        for (idx, (role, weight)) in roles.iter().zip(weights).enumerate() {
            self.put(format!("{name}.{role}.weight"), weight?);
            let bias = bias.rows(idx * width, (idx + 1) * width)?;
            if *role == "key" {
                ensure!(bias.singles().iter().all(|number| *number == 0.0), "{source}: the keys have a bias");
            } else {
                self.put(format!("{name}.{role}.bias"), bias);
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Tokenizer {
    model: TokenizerModel,
}

#[derive(Deserialize)]
struct TokenizerModel {
    vocab: HashMap<String, usize>,
}

/// The bytes of every text token, by its number; a number without a token is empty.
fn text_tokens(tokenizer: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let tokenizer: Tokenizer = serde_json::from_slice(tokenizer)?;
    let bytes = byte_alphabet();
    let mut tokens = vec![Vec::new(); TEXT_TOKENS];
    for (text, number) in tokenizer.model.vocab {
        let Some(token) = tokens.get_mut(number) else { continue };
        let decode =
            |letter| bytes.get(&letter).copied().with_context(|| format!("token {number} holds {letter:?}"));
        *token = text.chars().map(decode).collect::<anyhow::Result<_>>()?;
    }
    Ok(tokens)
}

/// The alphabet of byte-level tokenizers: printable Latin-1 stands for itself, every other byte for a letter from
/// U+0100 on, in order.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut next = 0x100_u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let letter = if matches!(byte, 33..=126 | 161..=172 | 174..=255) {
                char::from(byte)
            } else {
                next += 1;
                char::from_u32(next - 1)?
            };
            Some((letter, byte))
        })
        .collect()
}
