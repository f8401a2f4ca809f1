//! Whisper's conversion on a model small enough to read; the real ones are proved by their sha256 at every pull.

use crate::models::{
    ct2::{Numbers, Tensor, Variables, f16_to_f32, f32_to_f16},
    ggml, mel, whisper,
};

const WIDTH: usize = 64;

/// Writes CTranslate2's format.
struct Ct2 {
    bytes: Vec<u8>,
    count: u32,
}

impl Ct2 {
    fn new() -> Self {
        Self { bytes: Vec::new(), count: 0 }
    }

    fn string(&mut self, text: &str) {
        self.bytes.extend((text.len() as u16 + 1).to_le_bytes());
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    fn variable(&mut self, name: &str, shape: &[usize], number: impl Fn(usize) -> f32) {
        self.count += 1;
        self.string(name);
        self.bytes.push(shape.len() as u8);
        for dimension in shape {
            self.bytes.extend((*dimension as u32).to_le_bytes());
        }
        self.bytes.push(4);
        let length: usize = shape.iter().product();
        self.bytes.extend((length as u32 * 2).to_le_bytes());
        for idx in 0..length {
            self.bytes.extend(f32_to_f16(number(idx)).to_le_bytes());
        }
    }

    fn linear(&mut self, name: &str, rows: usize, columns: usize) {
        self.variable(&format!("{name}/weight"), &[rows, columns], wave);
        self.variable(&format!("{name}/bias"), &[rows], |_| 0.0);
    }

    fn norm(&mut self, name: &str) {
        self.variable(&format!("{name}/gamma"), &[WIDTH], |_| 1.0);
        self.variable(&format!("{name}/beta"), &[WIDTH], |_| 0.0);
    }

    fn finish(self) -> Vec<u8> {
        let mut file = Self::new();
        file.bytes.extend(6_u32.to_le_bytes());
        file.string("WhisperSpec");
        file.bytes.extend(3_u32.to_le_bytes());
        file.bytes.extend(self.count.to_le_bytes());
        file.bytes.extend(self.bytes);
        file.bytes.extend(0_u32.to_le_bytes());
        file.bytes
    }
}

fn wave(idx: usize) -> f32 {
    ((idx % 97) as f32 - 48.0) / 50.0
}

/// One layer on each side, 64 wide, 8 tokens.
fn tiny() -> Vec<u8> {
    let mut file = Ct2::new();
    file.variable("encoder/conv1/weight", &[WIDTH, 80, 3], wave);
    file.variable("encoder/conv1/bias", &[WIDTH], wave);
    file.variable("encoder/conv2/weight", &[WIDTH, WIDTH, 3], wave);
    file.variable("encoder/conv2/bias", &[WIDTH], wave);
    file.variable("encoder/position_encodings/encodings", &[10, WIDTH], wave);
    file.variable("decoder/position_encodings/encodings", &[6, WIDTH], wave);
    file.variable("decoder/embeddings/weight", &[8, WIDTH], wave);
    file.norm("encoder/layer_norm");
    file.norm("decoder/layer_norm");
    for side in ["encoder", "decoder"] {
        let layer = format!("{side}/layer_0");
        file.norm(&format!("{layer}/self_attention/layer_norm"));
        file.linear(&format!("{layer}/self_attention/linear_0"), 3 * WIDTH, WIDTH);
        file.linear(&format!("{layer}/self_attention/linear_1"), WIDTH, WIDTH);
        if side == "decoder" {
            file.norm(&format!("{layer}/attention/layer_norm"));
            file.linear(&format!("{layer}/attention/linear_0"), WIDTH, WIDTH);
            file.linear(&format!("{layer}/attention/linear_1"), 2 * WIDTH, WIDTH);
            file.linear(&format!("{layer}/attention/linear_2"), WIDTH, WIDTH);
        }
        file.norm(&format!("{layer}/ffn/layer_norm"));
        file.linear(&format!("{layer}/ffn/linear_0"), 4 * WIDTH, WIDTH);
        file.linear(&format!("{layer}/ffn/linear_1"), WIDTH, 4 * WIDTH);
    }
    file.finish()
}

const TOKENIZER: &[u8] = "{\"model\": {\"vocab\": {\"a\": 0, \"Ġhi\": 1, \"ì\": 2}}}".as_bytes();

fn integer(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[test]
fn a_tiny_whisper_becomes_ggml() {
    let mut out = Vec::new();
    whisper::convert(&tiny(), TOKENIZER, &mut out).expect("converted");
    assert_eq!(&out[..4], 0x6767_6d6c_u32.to_le_bytes());
    let header: Vec<i32> = (0..11).map(|idx| integer(&out, 4 + idx * 4)).collect();
    // Vocabulary, audio context, width, heads, layers, then the same for text, mel bands, q8_0 in version 2.
    assert_eq!(header, [8, 10, 64, 1, 1, 6, 64, 1, 1, 80, 2007]);
    let tokens = 4 + 44 + 8 + 80 * 201 * 4;
    assert_eq!(integer(&out, tokens), 50_257);
    // "a", " hi" and one raw byte, each behind its length.
    assert_eq!(&out[tokens + 4..tokens + 9], b"\x01\0\0\0a");
    assert_eq!(&out[tokens + 9..tokens + 16], b"\x03\0\0\0 hi");
    assert_eq!(&out[tokens + 16..tokens + 21], b"\x01\0\0\0\xec");
    for name in [
        "encoder.blocks.0.attn.query.bias",
        "decoder.blocks.0.cross_attn.key.weight",
        "decoder.blocks.0.mlp.2.bias",
    ] {
        assert!(find(&out, name).is_some(), "{name} is missing");
    }
    assert_eq!(find(&out, "encoder.blocks.0.attn.key.bias"), None, "whisper's keys have no bias");
}

fn find(bytes: &[u8], name: &str) -> Option<usize> {
    bytes.windows(name.len()).position(|window| window == name.as_bytes())
}

#[test]
fn blocks_are_within_half_a_step_of_what_they_were() {
    let halves: Vec<u8> = (0..64).flat_map(|idx| f32_to_f16(wave(idx * 3)).to_le_bytes()).collect();
    let tensor = Tensor { shape: vec![1, 64], numbers: Numbers::F16(&halves) };
    let mut out = Vec::new();
    ggml::write_tensor(&mut out, "some.weight", &tensor).expect("written");
    assert_eq!([integer(&out, 0), integer(&out, 8)], [2, 8], "two dimensions, kind q8_0");
    let blocks = &out[12 + 8 + "some.weight".len()..];
    assert_eq!(blocks.len(), 2 * 34);
    for (block, expected) in blocks.chunks(34).zip(tensor.singles().chunks(32)) {
        let scale = f16_to_f32(u16::from_le_bytes([block[0], block[1]]));
        for (step, number) in block[2..].iter().zip(expected) {
            let error = (f32::from(*step as i8) * scale - number).abs();
            assert!(error <= scale * 0.56, "{error} of {scale}");
        }
    }
}

#[test]
fn a_damaged_file_is_an_error_at_every_place() {
    let whole = tiny();
    let heads = whole.len() - 4;
    for length in (0..heads).step_by(211) {
        let mut sink = std::io::sink();
        assert!(whisper::convert(&whole[..length], TOKENIZER, &mut sink).is_err(), "cut at {length}");
    }
    // Flipped bytes in names and sizes must not panic; whether they are noticed here or by the sum is all one.
    for at in (0..4000).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let _ = whisper::convert(&damaged, TOKENIZER, &mut std::io::sink());
    }
    assert!(whisper::convert(&whole, b"{}", &mut std::io::sink()).is_err());
}

#[test]
fn keys_with_a_bias_are_refused() {
    let mut whole = tiny();
    let name = find(&whole, "encoder/layer_0/self_attention/linear_0/bias").expect("the bias");
    // Behind the name: zero, rank, one dimension, type, length; then query's 64 halves, then the keys'.
    let keys = name + "encoder/layer_0/self_attention/linear_0/bias".len() + 1 + 1 + 4 + 1 + 4 + WIDTH * 2;
    whole[keys + 1] = 0x3c;
    let error = whisper::convert(&whole, TOKENIZER, &mut std::io::sink()).expect_err("a bias");
    assert!(format!("{error:#}").contains("the keys have a bias"), "{error:#}");
}

#[test]
fn every_half_survives_the_way_through_single() {
    for half in 0..=u16::MAX {
        let single = f16_to_f32(half);
        if single.is_nan() {
            assert!(f16_to_f32(f32_to_f16(single)).is_nan());
        } else {
            assert_eq!(f32_to_f16(single), half, "{half:04x}");
        }
    }
}

#[test]
fn singles_round_to_the_nearest_half() {
    let cases = [
        (1.0, 0x3c00),
        (-2.0, 0xc000),
        (65_504.0, 0x7bff),
        (65_519.0, 0x7bff),
        (65_520.0, 0x7c00),
        (2.0_f32.powi(-24), 0x0001),
        (2.0_f32.powi(-25), 0x0000),
        (2.0_f32.powi(-25) * 1.5, 0x0001),
        (2.0_f32.powi(-14), 0x0400),
        (1.0 + 2.0_f32.powi(-11), 0x3c00),
        (1.0 + 3.0 * 2.0_f32.powi(-11), 0x3c02),
        (f32::NEG_INFINITY, 0xfc00),
    ];
    for (single, half) in cases {
        assert_eq!(f32_to_f16(single), half, "{single}");
    }
}

#[test]
fn mel_filters_cover_the_speech_band() {
    let filters = mel::filters(80);
    assert_eq!(filters.len(), 80 * mel::BINS);
    assert!(filters.iter().all(|weight| *weight >= 0.0 && weight.is_finite()));
    let centre = |band: usize| {
        let row = &filters[band * mel::BINS..(band + 1) * mel::BINS];
        (0..mel::BINS).max_by(|&left, &right| row[left].total_cmp(&row[right])).expect("a row is not empty")
    };
    assert!((1..80).all(|band| centre(band) >= centre(band - 1)));
    assert_eq!(centre(0), 1);
    assert!(centre(79) > 190);
}

#[test]
fn integers_and_unknown_types_are_not_taken_for_weights() {
    let mut file = Ct2::new();
    file.variable("kept", &[2], wave);
    let whole = file.finish();
    assert_eq!(Variables::read(&whole).expect("read").get("kept").expect("kept").len(), 2);
    let kind = find(&whole, "kept").expect("the name") + 5 + 1 + 4;
    let mut other = whole.clone();
    other[kind] = 9;
    assert!(format!("{:#}", Variables::read(&other).expect_err("type 9")).contains("number type 9"));
    other[kind] = 1;
    assert_eq!(Variables::read(&other).expect("read").get("kept").expect("there").len(), 0);
}
