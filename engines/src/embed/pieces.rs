//! SentencePiece: from text to the numbers of its pieces.
//!
//! A model file is a protocol buffer (`sentencepiece_model.proto`): field 1, repeated, holds a piece (1: text, 2: score
//! as a float, 3: its type, absent for an ordinary one), field 3 the normaliser, whose field 2 is a [`Charsmap`]. A text
//! is normalised, every space becomes `▁`, one stands in front, and of all ways to cut the rest into pieces the one with
//! the highest sum of scores is taken (Kudo 2018, "Subword Regularization"), found by dynamic programming.

use super::charsmap::Charsmap;

/// What stands for a space.
const SPACE: char = '\u{2581}';
/// The number of what no piece holds.
const UNKNOWN: u32 = 0;
/// What an unknown character costs below the least likely piece, as in SentencePiece itself.
const UNKNOWN_PENALTY: f64 = 10.0;
/// More pieces than any vocabulary has; a damaged file must not fill the memory.
const MAX_PIECES: usize = 1 << 20;

/// A vocabulary with its normaliser.
pub(super) struct Pieces {
    charsmap: Charsmap,
    /// In the order of their bytes.
    sorted: Vec<Piece>,
    unknown_score: f64,
    count: usize,
}

struct Piece {
    text: Box<[u8]>,
    id: u32,
    score: f32,
}

/// The best way to reach a place of the text.
#[derive(Clone, Copy)]
struct Step {
    score: f64,
    from: usize,
    id: u32,
}

impl Pieces {
    /// Reads a model file; `None` when it is none.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let (mut sorted, mut lowest, mut count) = (Vec::new(), 0.0f32, 0);
        let mut charsmap = Charsmap::default();
        for field in Fields(file) {
            match field? {
                (1, Value::Bytes(piece)) => {
                    let id = u32::try_from(count).ok().filter(|_| count < MAX_PIECES)?;
                    count += 1;
                    let (text, score, ordinary) = piece_of(piece)?;
                    lowest = lowest.min(score);
                    if ordinary && !text.is_empty() {
                        sorted.push(Piece { text: text.into(), id, score });
                    }
                }
                (3, Value::Bytes(normaliser)) => charsmap = charsmap_of(normaliser)?,
                _ => {}
            }
        }
        sorted.sort_unstable_by(|left: &Piece, right| left.text.cmp(&right.text));
        let unknown_score = f64::from(lowest) - UNKNOWN_PENALTY;
        (!sorted.is_empty()).then_some(Self { charsmap, sorted, unknown_score, count })
    }

    /// How many numbers there are, special ones included.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The pieces of `text`; at least one.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let text = self.normalise(text);
        let steps = self.best_steps(&text);
        let (mut ids, mut at) = (Vec::new(), text.len());
        while at > 0 {
            ids.push(steps[at].id);
            at = steps[at].from;
        }
        if ids.is_empty() {
            ids.push(UNKNOWN);
        }
        ids.reverse();
        ids
    }

    /// The best step to each byte of `text` that begins a character, and to its end.
    fn best_steps(&self, text: &str) -> Vec<Step> {
        let unreached = Step { score: f64::NEG_INFINITY, from: 0, id: UNKNOWN };
        let mut steps = vec![unreached; text.len() + 1];
        steps[0].score = 0.0;
        for (at, character) in text.char_indices() {
            let so_far = steps[at].score;
            let single = at + character.len_utf8();
            let mut known = false;
            let mut offer = |end: usize, score: f64, id: u32| {
                if score > steps[end].score {
                    steps[end] = Step { score, from: at, id };
                }
            };
            self.each_prefix(&text.as_bytes()[at..], |piece| {
                known |= at + piece.text.len() == single;
                offer(at + piece.text.len(), so_far + f64::from(piece.score), piece.id);
            });
            if !known {
                offer(single, so_far + self.unknown_score, UNKNOWN);
            }
        }
        steps
    }

    /// Every piece with which `text` begins, the shortest first: the range of pieces that share its first bytes gets
    /// narrower byte by byte.
    fn each_prefix(&self, text: &[u8], mut found: impl FnMut(&Piece)) {
        let mut range = &self.sorted[..];
        for (depth, byte) in text.iter().enumerate() {
            let first = range.partition_point(|piece| piece.text.get(depth) < Some(byte));
            let last = range.partition_point(|piece| piece.text.get(depth) <= Some(byte));
            range = &range[first..last];
            match range.first() {
                Some(piece) if piece.text.len() == depth + 1 => found(piece),
                Some(_) => {}
                None => return,
            }
        }
    }

    fn normalise(&self, text: &str) -> String {
        let mut normal = String::with_capacity(text.len() + SPACE.len_utf8());
        normal.push(SPACE);
        let mut after_space = true;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (known, length) = match self.charsmap.replace(rest) {
                Some((replacement, length)) => (replacement, length),
                None => (&rest[..first.len_utf8()], first.len_utf8()),
            };
            for character in known.chars() {
                let is_space = character == ' ';
                if !(is_space && after_space) {
                    normal.push(if is_space { SPACE } else { character });
                }
                after_space = is_space;
            }
            rest = &rest[length..];
        }
        normal.truncate(normal.trim_end_matches(SPACE).len());
        normal
    }
}

/// Text and score of a piece, and whether it is an ordinary one, which may occur in a text.
fn piece_of(piece: &[u8]) -> Option<(&[u8], f32, bool)> {
    let (mut text, mut score, mut ordinary) = (&[][..], 0.0, true);
    for field in Fields(piece) {
        match field? {
            (1, Value::Bytes(bytes)) => text = bytes,
            (2, Value::Fixed(bits)) => score = f32::from_bits(bits),
            (3, Value::Number(kind)) => ordinary = kind == 1,
            _ => {}
        }
    }
    score.is_finite().then_some((text, score, ordinary))
}

/// The map of a normaliser; an empty one when it has none, and `None` when it is damaged.
fn charsmap_of(normaliser: &[u8]) -> Option<Charsmap> {
    for field in Fields(normaliser) {
        if let (2, Value::Bytes(map)) = field? {
            return Charsmap::read(map);
        }
    }
    Some(Charsmap::default())
}

/// What a field of a protocol buffer holds.
enum Value<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message, each with its number; `None` inside where the bytes are no message, and then the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            // A 64-bit value; none that we read is one.
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut message = vec![number << 3 | 2, bytes.len() as u8];
        message.extend(bytes);
        message
    }

    fn piece(text: &str, score: f32, kind: Option<u8>) -> Vec<u8> {
        let mut piece = message(1, text.as_bytes());
        piece.push(2 << 3 | 5);
        piece.extend(score.to_le_bytes());
        if let Some(kind) = kind {
            piece.extend([3 << 3, kind]);
        }
        message(1, &piece)
    }

    fn model() -> Vec<u8> {
        let special = [piece("<unk>", 0.0, Some(2)), piece("<s>", 0.0, Some(3)), piece("</s>", 0.0, Some(3))];
        let pieces = [
            ("▁", -3.0),
            ("▁안", -4.0),
            ("▁안녕", -5.0),
            ("녕", -4.5),
            ("하", -3.5),
            ("▁low", -5.0),
            ("er", -3.0),
            ("▁lower", -9.5),
            ("e", -4.0),
            ("r", -4.0),
        ];
        let pieces = pieces.map(|(text, score)| piece(text, score, None));
        special.into_iter().chain(pieces).flatten().collect()
    }

    #[test]
    fn the_likeliest_pieces_are_taken() {
        let pieces = Pieces::read(&model()).expect("a model");
        assert_eq!(pieces.count(), 13);
        assert_eq!(pieces.encode("안녕"), [5], "one piece of -5 before two of -8.5");
        assert_eq!(pieces.encode("lower"), [8, 9], "two pieces of -8 before one of -9.5");
        assert_eq!(pieces.encode("  안녕   안하 "), [5, 4, 7], "spaces are one, and none at the ends");
        assert_eq!(pieces.encode("안녕z하"), [5, 0, 7], "what no piece holds is unknown");
        assert_eq!(pieces.encode("<s>"), [3, 0, 0, 0], "a special piece is none in a text");
        for nothing in ["", " ", "   "] {
            assert_eq!(pieces.encode(nothing), [0]);
        }
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let whole = model();
        assert!(Pieces::read(&[]).is_none());
        assert!(Pieces::read(b"no model at all").is_none());
        for length in 0..whole.len() {
            // A cut between two pieces is a smaller vocabulary; within one it is no file at all. Neither may panic.
            let _maybe = Pieces::read(&whole[..length]).map(|pieces| pieces.encode("안녕 lower"));
        }
        assert!(
            Pieces::read(&message(3, &message(2, b"\xFF\xFF\xFF\xFF"))).is_none(),
            "a map that lies about its size"
        );
    }
}
