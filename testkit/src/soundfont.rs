//! The smallest soundfont that plays: one preset, one instrument, one looped sample of a sine.

/// Samples of one period; at 44 100 Hz its pitch is that of [`ROOT`].
const PERIOD: usize = 100;
/// The MIDI key of 441 Hz, near enough.
const ROOT: u8 = 69;
/// Periods of the sample.
const PERIODS: usize = 64;
/// Silence that the format asks for behind each sample.
const GUARD: usize = 46;

/// Its file.
pub fn soundfont() -> Vec<u8> {
    let samples = (0..PERIOD * PERIODS)
        .map(|index| ((index as f32 / PERIOD as f32 * std::f32::consts::TAU).sin() * 20_000.0) as i16)
        .chain(std::iter::repeat_n(0, GUARD));
    let info = [chunk(b"ifil", &[2, 0, 1, 0]), chunk(b"isng", b"EMU8000\0"), chunk(b"INAM", b"sine\0\0")];
    let data = [chunk(b"smpl", &samples.flat_map(i16::to_le_bytes).collect::<Vec<_>>())];
    let body = [list(b"INFO", &info), list(b"sdta", &data), list(b"pdta", &presets())].concat();
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32 + 4).to_le_bytes());
    file.extend(b"sfbk");
    file.extend(body);
    file
}

/// The nine tables; each ends with a record that only marks the end.
fn presets() -> [Vec<u8>; 9] {
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let preset = |title: &str, bag: u16| [name(title), words(&[0, 0, bag]), vec![0; 12]].concat();
    let sample = |title: &str, last: bool| {
        let length = if last { 0 } else { (PERIOD * PERIODS) as u32 };
        let (from, to) = if last { (0, 0) } else { (PERIOD as u32, length - PERIOD as u32) };
        let places = [0, length, from, to, 44_100].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        [name(title), places, vec![ROOT, 0], words(&[0, 1])].concat()
    };
    // Generators: 41 is the instrument, 54 the way of looping (1: always), 53 the sample.
    let instrument = words(&[41, 0, 0, 0]);
    let zone = words(&[54, 1, 53, 0, 0, 0]);
    [
        chunk(b"phdr", &[preset("sine", 0), preset("EOP", 1)].concat()),
        chunk(b"pbag", &words(&[0, 0, 1, 0])),
        chunk(b"pmod", &[0; 10]),
        chunk(b"pgen", &instrument),
        chunk(b"inst", &[name("sine"), words(&[0]), name("EOI"), words(&[1])].concat()),
        chunk(b"ibag", &words(&[0, 0, 2, 0])),
        chunk(b"imod", &[0; 10]),
        chunk(b"igen", &zone),
        chunk(b"shdr", &[sample("sine", false), sample("EOS", true)].concat()),
    ]
}

fn name(title: &str) -> Vec<u8> {
    let mut bytes = title.as_bytes().to_vec();
    bytes.resize(20, 0);
    bytes
}

fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [id.as_slice(), &(content.len() as u32).to_le_bytes(), content].concat()
}

fn list(id: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"LIST", &[id.as_slice(), &chunks.concat()].concat())
}
