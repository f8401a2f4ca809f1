//! A decoder of the Llama and Qwen2 families over quantised weights, with its keys and values outside
//! of the weights: sessions share the weights, and a persona's keys and values, by reference.

use std::{fs::File, io::BufReader, path::Path};

use candle_core::{
    D, Device, Module, Result, Tensor, bail,
    quantized::{QMatMul, QTensor, gguf_file::Content},
};
use candle_nn::{ops, rotary_emb};

/// The weights.
pub(super) struct Decoder {
    embeddings: QTensor,
    layers: Vec<Layer>,
    norm: Tensor,
    output: QMatMul,
    cos: Tensor,
    sin: Tensor,
    sizes: Sizes,
}

/// The keys and values of one sequence. A clone shares what was evaluated so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Kv {
    layers: Vec<(Tensor, Tensor)>,
    len: usize,
}

impl Kv {
    /// How many tokens it holds.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first `len` tokens of it.
    pub(super) fn first(&self, len: usize) -> Result<Self> {
        if len == 0 {
            return Ok(Self::default());
        }
        let len = len.min(self.len);
        let cut = |tensor: &Tensor| tensor.narrow(1, 0, len);
        let layers = self.layers.iter().map(|(k, v)| Ok((cut(k)?, cut(v)?))).collect::<Result<_>>()?;
        Ok(Self { layers, len })
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    heads: usize,
    kv_heads: usize,
    head: usize,
    epsilon: f32,
    /// Qwen2 turns the halves of a head, Llama neighbouring pairs.
    halves: bool,
}

/// What one layer remembers of the tokens before, and who of the new ones may see whom.
struct Past<'a> {
    pair: Option<&'a (Tensor, Tensor)>,
    len: usize,
    mask: Option<&'a Tensor>,
}

struct Layer {
    attention_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    out: QMatMul,
    ffn_norm: Tensor,
    gate: QMatMul,
    up: QMatMul,
    down: QMatMul,
}

struct Linear {
    weight: QMatMul,
    bias: Option<Tensor>,
}

impl Linear {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let output = self.weight.forward(input)?;
        match &self.bias {
            Some(bias) => output.broadcast_add(bias),
            None => Ok(output),
        }
    }
}

/// Reads tensors of one file.
struct Reader {
    content: Content,
    file: BufReader<File>,
    arch: String,
}

impl Reader {
    fn number(&self, key: &str) -> Result<usize> {
        match self.content.metadata.get(&format!("{}.{key}", self.arch)) {
            Some(value) => Ok(value.to_u32()? as usize),
            None => bail!("the model lacks {}.{key}", self.arch),
        }
    }

    fn real(&self, key: &str) -> Option<f32> {
        self.content.metadata.get(&format!("{}.{key}", self.arch))?.to_f32().ok()
    }

    fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    fn quantised(&mut self, name: &str) -> Result<QTensor> {
        self.content.tensor(&mut self.file, name, &Device::Cpu)
    }

    fn matrix(&mut self, name: &str) -> Result<QMatMul> {
        QMatMul::from_qtensor(self.quantised(name)?)
    }

    fn vector(&mut self, name: &str) -> Result<Tensor> {
        self.quantised(name)?.dequantize(&Device::Cpu)
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        let bias = format!("{name}.bias");
        let bias = if self.has(&bias) { Some(self.vector(&bias)?) } else { None };
        Ok(Linear { weight: self.matrix(&format!("{name}.weight"))?, bias })
    }

    fn layer(&mut self, number: usize) -> Result<Layer> {
        let name = |part: &str| format!("blk.{number}.{part}");
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm.weight"))?,
            query: self.linear(&name("attn_q"))?,
            key: self.linear(&name("attn_k"))?,
            value: self.linear(&name("attn_v"))?,
            out: self.matrix(&name("attn_output.weight"))?,
            ffn_norm: self.vector(&name("ffn_norm.weight"))?,
            gate: self.matrix(&name("ffn_gate.weight"))?,
            up: self.matrix(&name("ffn_up.weight"))?,
            down: self.matrix(&name("ffn_down.weight"))?,
        })
    }
}

/// Opens a file's head.
pub(super) fn open(path: &Path) -> Result<(Content, BufReader<File>)> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let content = Content::read(&mut file)?;
    Ok((content, file))
}

impl Decoder {
    /// Loads the weights for sequences of up to `context` tokens.
    pub(super) fn load(content: Content, file: BufReader<File>, context: usize) -> Result<Self> {
        let arch = match content.metadata.get("general.architecture") {
            Some(arch) => arch.to_string()?.clone(),
            None => bail!("the model does not say its architecture"),
        };
        if !matches!(arch.as_str(), "llama" | "qwen2") {
            bail!("the candle engine does not know the architecture {arch:?}; use engine = \"llama\"");
        }
        let mut reader = Reader { content, file, arch };
        let heads = reader.number("attention.head_count")?;
        let sizes = Sizes {
            heads,
            kv_heads: reader.number("attention.head_count_kv")?,
            head: reader
                .number("attention.key_length")
                .or_else(|_| reader.number("embedding_length").map(|width| width / heads.max(1)))?,
            epsilon: reader.real("attention.layer_norm_rms_epsilon").unwrap_or(1e-6),
            halves: reader.arch == "qwen2",
        };
        if reader.has("rope_freqs.weight") || reader.has("blk.0.ffn_gate_inp.weight") {
            bail!("the candle engine does not know this variant of {}; use engine = \"llama\"", reader.arch);
        }
        let context = context.min(reader.number("context_length")?);
        let base = reader.real("rope.freq_base").unwrap_or(10_000.0);
        let (cos, sin) = turns(sizes.head, base, context)?;
        let output = if reader.has("output.weight") { "output.weight" } else { "token_embd.weight" };
        let blocks = reader.number("block_count")?;
        Ok(Self {
            embeddings: reader.quantised("token_embd.weight")?,
            layers: (0..blocks).map(|number| reader.layer(number)).collect::<Result<_>>()?,
            norm: reader.vector("output_norm.weight")?,
            output: reader.matrix(output)?,
            cos,
            sin,
            sizes,
        })
    }

    /// Tokens that a sequence may hold.
    pub(super) fn context(&self) -> usize {
        self.cos.dim(0).unwrap_or(0)
    }

    /// Evaluates `tokens` after what `kv` holds. The logits of the last one when they are `wanted`.
    pub(super) fn forward(&self, tokens: &[u32], kv: &mut Kv, wanted: bool) -> Result<Option<Vec<f32>>> {
        let count = tokens.len();
        let mask = if count > 1 { Some(mask(count, kv.len)?) } else { None };
        let mut state = self.embeddings.embedding(&Tensor::new(tokens, &Device::Cpu)?)?;
        let mut layers = Vec::with_capacity(self.layers.len());
        for (at, layer) in self.layers.iter().enumerate() {
            let normed = ops::rms_norm(&state, &layer.attention_norm, self.sizes.epsilon)?;
            let past = Past { pair: kv.layers.get(at), len: kv.len, mask: mask.as_ref() };
            let (attended, pair) = self.attend(layer, &normed, past)?;
            layers.push(pair);
            state = (state + attended)?;
            let normed = ops::rms_norm(&state, &layer.ffn_norm, self.sizes.epsilon)?;
            let gated = (ops::silu(&layer.gate.forward(&normed)?)? * layer.up.forward(&normed)?)?;
            state = (state + layer.down.forward(&gated)?)?;
        }
        *kv = Kv { layers, len: kv.len + count };
        if !wanted {
            return Ok(None);
        }
        let last = state.narrow(0, count - 1, 1)?.contiguous()?;
        let normed = ops::rms_norm(&last, &self.norm, self.sizes.epsilon)?;
        Ok(Some(self.output.forward(&normed)?.flatten_all()?.to_vec1()?))
    }

    /// Attention with grouped queries: the heads of a group are the rows of one matrix, so nothing of
    /// the keys and values is copied for them.
    fn attend(&self, layer: &Layer, input: &Tensor, past: Past) -> Result<(Tensor, (Tensor, Tensor))> {
        let Past { pair, len: at, mask } = past;
        let Sizes { heads, kv_heads, head, .. } = self.sizes;
        let count = input.dim(0)?;
        let split = |tensor: Tensor, parts: usize| {
            tensor.reshape((count, parts, head))?.transpose(0, 1)?.contiguous()
        };
        let query = self.turn(&split(layer.query.forward(input)?, heads)?, at)?;
        let key = self.turn(&split(layer.key.forward(input)?, kv_heads)?, at)?;
        let value = split(layer.value.forward(input)?, kv_heads)?;
        let (key, value) = match pair {
            Some((keys, values)) => (Tensor::cat(&[keys, &key], 1)?, Tensor::cat(&[values, &value], 1)?),
            None => (key, value),
        };
        let group = heads / kv_heads * count;
        let scale = 1.0 / (head as f64).sqrt();
        let scores = (query.reshape((kv_heads, group, head))?.matmul(&key.t()?)? * scale)?;
        let shares = match mask {
            Some(mask) => {
                let by_head = scores.reshape((heads, count, at + count))?;
                ops::softmax_last_dim(&by_head.broadcast_add(mask)?)?.reshape((
                    kv_heads,
                    group,
                    at + count,
                ))?
            }
            None => ops::softmax_last_dim(&scores)?,
        };
        let mixed = shares.matmul(&value)?.reshape((heads, count, head))?;
        let mixed = mixed.transpose(0, 1)?.contiguous()?.flatten_from(D::Minus2)?;
        Ok((layer.out.forward(&mixed)?, (key, value)))
    }

    fn turn(&self, heads: &Tensor, at: usize) -> Result<Tensor> {
        let count = heads.dim(1)?;
        let cos = self.cos.narrow(0, at, count)?;
        let sin = self.sin.narrow(0, at, count)?;
        let heads = heads.unsqueeze(0)?;
        let turned = if self.sizes.halves {
            rotary_emb::rope(&heads, &cos, &sin)?
        } else {
            rotary_emb::rope_i(&heads, &cos, &sin)?
        };
        turned.squeeze(0)
    }
}

/// Cosines and sines of the rotary embedding for every position.
fn turns(head: usize, base: f32, context: usize) -> Result<(Tensor, Tensor)> {
    let half = head / 2;
    let rate = |pair: usize| base.powf(-2.0 * pair as f32 / head as f32);
    let angles: Vec<f32> =
        (0..context).flat_map(|at| (0..half).map(move |pair| at as f32 * rate(pair))).collect();
    let angles = Tensor::from_vec(angles, (context, half), &Device::Cpu)?;
    Ok((angles.cos()?, angles.sin()?))
}

/// Minus infinity wherever a token would look ahead.
fn mask(count: usize, past: usize) -> Result<Tensor> {
    let look = |row: usize, column: usize| if column > past + row { f32::NEG_INFINITY } else { 0.0 };
    let width = past + count;
    let values: Vec<f32> =
        (0..count).flat_map(|row| (0..width).map(move |column| look(row, column))).collect();
    Tensor::from_vec(values, (count, width), &Device::Cpu)
}
