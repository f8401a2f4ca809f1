//! Mouth shapes on the audio clock.

/// The shapes that the page's mouth can take; enough to read lips by, few enough to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viseme {
    /// Closed, at rest.
    Rest,
    /// Lips pressed: p, b, m.
    Pbm,
    /// Teeth on lip: f, v.
    Fv,
    /// Tongue behind teeth: t, d, n, l, ɾ, θ, ð.
    Tdn,
    /// Hissing: s, z, ʃ, ʒ, tʃ, dʒ, ɕ, ʨ.
    S,
    /// Back of the tongue: k, g, ŋ, h.
    Kg,
    /// Rounded glide: w, ɹ.
    W,
    /// Open: a, ɑ, ʌ, æ, ə.
    A,
    /// Spread: e, ɛ.
    E,
    /// Narrow: i, ɪ, j, ɯ.
    I,
    /// Round: o, ɔ.
    O,
    /// Tight round: u, ʊ.
    U,
}

impl Viseme {
    /// The stable name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Pbm => "pbm",
            Self::Fv => "fv",
            Self::Tdn => "tdn",
            Self::S => "s",
            Self::Kg => "kg",
            Self::W => "w",
            Self::A => "a",
            Self::E => "e",
            Self::I => "i",
            Self::O => "o",
            Self::U => "u",
        }
    }
}

/// One mouth shape, from a time until the next cue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VisemeCue {
    /// Milliseconds from the first sample of the clause.
    pub at_ms: u32,
    /// The shape.
    pub viseme: Viseme,
}
