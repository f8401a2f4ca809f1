//! The progressions of every style, as degrees of a key: what is played when nobody says which chords.

use super::types::Style;
use crate::{
    chord::Quality::{self, Diminished7, Dominant7, HalfDiminished7, Major, Major7, Minor, Minor7},
    key::Mode,
};

/// The chords of a bar, each semitones above the tonic; they share it evenly.
pub(super) type Bar = &'static [(u8, Quality)];
/// Four bars.
pub(super) type Phrase = [Bar; 4];

const I7M: (u8, Quality) = (0, Major7);
const II7: (u8, Quality) = (2, Minor7);
const III7: (u8, Quality) = (4, Minor7);
const IV7M: (u8, Quality) = (5, Major7);
const V7: (u8, Quality) = (7, Dominant7);
const VI7: (u8, Quality) = (9, Minor7);
const I: (u8, Quality) = (0, Major);
const II: (u8, Quality) = (2, Minor);
const III: (u8, Quality) = (4, Minor);
const IV: (u8, Quality) = (5, Major);
const V: (u8, Quality) = (7, Major);
const VI: (u8, Quality) = (9, Minor);
/// Of minor keys.
const MI: (u8, Quality) = (0, Minor);
const MI7: (u8, Quality) = (0, Minor7);
const MII: (u8, Quality) = (2, HalfDiminished7);
const MIII: (u8, Quality) = (3, Major);
const MIV: (u8, Quality) = (5, Minor);
const MIV7: (u8, Quality) = (5, Minor7);
const MVI: (u8, Quality) = (8, Major);
const MVI7: (u8, Quality) = (8, Major7);
const MVII: (u8, Quality) = (10, Major);
/// Dominants of other degrees.
const V_II: (u8, Quality) = (9, Dominant7);
const V_V: (u8, Quality) = (2, Dominant7);
const V_VI: (u8, Quality) = (4, Dominant7);
const V_IV: (u8, Quality) = (0, Dominant7);

const JAZZ: [Phrase; 6] = [
    [&[II7], &[V7], &[I7M], &[VI7]],
    [&[I7M, VI7], &[II7, V7], &[III7, VI7], &[II7, V7]],
    [&[II7, V7], &[I7M], &[II7, V7], &[I7M, V_II]],
    [&[I7M], &[VI7], &[II7], &[V7]],
    [&[IV7M], &[III7, VI7], &[II7, V7], &[I7M]],
    [&[III7, V_II], &[II7, V7], &[I7M, IV7M], &[II7, V7]],
];
const JAZZ_MINOR: [Phrase; 3] = [
    [&[MII], &[V7], &[MI7], &[MI7]],
    [&[MI7], &[MIV7], &[MII, V7], &[MI7]],
    [&[MVI7], &[MII, V7], &[MI7, MIV7], &[MII, V7]],
];
const BOSSA: [Phrase; 5] = [
    [&[I7M], &[VI7], &[II7], &[V7]],
    [&[I7M], &[V_V], &[II7], &[V7]],
    [&[II7], &[V7], &[III7], &[VI7]],
    [&[IV7M], &[III7, VI7], &[II7, V7], &[I7M]],
    [&[II7], &[V7], &[I7M], &[IV7M]],
];
const BOSSA_MINOR: [Phrase; 3] = [
    [&[MI7], &[MIV7], &[MII], &[V7]],
    [&[MII], &[V7], &[MI7], &[MVI7]],
    [&[MIV7], &[(10, Dominant7)], &[(3, Major7)], &[MVI7]],
];
const POP: [Phrase; 6] = [
    [&[I], &[V], &[VI], &[IV]],
    [&[VI], &[IV], &[I], &[V]],
    [&[I], &[VI], &[IV], &[V]],
    [&[I], &[III], &[IV], &[V]],
    [&[IV], &[V], &[III, VI], &[II, V]],
    [&[II], &[V], &[I, IV], &[V]],
];
const POP_MINOR: [Phrase; 3] = [
    [&[MI], &[MVI], &[MIII], &[MVII]],
    [&[MI], &[MIV], &[MVI], &[MVII]],
    [&[MVI], &[MVII], &[MI], &[MIV, (7, Major)]],
];
const KOREAN: [Phrase; 6] = [
    [&[IV], &[V], &[III7], &[VI]],
    [&[II7], &[V], &[I], &[VI]],
    [&[IV7M], &[V], &[III7, VI], &[II7, V]],
    [&[I], &[III7], &[IV], &[V]],
    [&[VI], &[III7], &[IV], &[I, V]],
    [&[IV7M], &[III7], &[II7], &[V]],
];
const KOREAN_MINOR: [Phrase; 3] = [
    [&[MIV], &[MVII], &[MIII], &[MVI]],
    [&[MI], &[MVI], &[MIV], &[(7, Dominant7)]],
    [&[MVI], &[MVII], &[MI], &[MIII, MVII]],
];
const CLASSICAL: [Phrase; 6] = [
    [&[I], &[V7], &[V7], &[I]],
    [&[I], &[IV], &[V7], &[I]],
    [&[I, VI], &[II], &[I, V7], &[I]],
    [&[VI], &[II], &[V7], &[I]],
    [&[I], &[VI], &[IV, II], &[V]],
    [&[IV], &[I], &[II, V7], &[I]],
];
const CLASSICAL_MINOR: [Phrase; 4] = [
    [&[MI], &[V7], &[V7], &[MI]],
    [&[MI], &[MIV], &[V7], &[MI]],
    [&[MI, MVI], &[MIV], &[MI, V7], &[MI]],
    [&[MIII], &[MVI], &[MII, V7], &[MI]],
];
const RAG: [Phrase; 5] = [
    [&[I], &[V_II], &[V_V], &[V7]],
    [&[I, V7], &[I], &[II, V7], &[I]],
    [&[V7], &[I], &[V_V], &[V7]],
    [&[IV], &[I, V_II], &[II, V7], &[I]],
    [&[I], &[V_VI], &[VI, V_V], &[V7]],
];
const RAG_MINOR: [Phrase; 2] = [[&[MI], &[V7], &[MI], &[V7]], [&[MIV], &[MI], &[MVI, V7], &[MI]]];
const BLUES: [Phrase; 6] = [
    [&[V_IV], &[(5, Dominant7)], &[V_IV], &[V_IV]],
    [&[V_IV], &[V_IV], &[V_IV], &[V_IV]],
    [&[(5, Dominant7)], &[(5, Dominant7)], &[V_IV], &[V_IV]],
    [&[(5, Dominant7)], &[(6, Diminished7)], &[V_IV], &[V_II]],
    [&[V7], &[(5, Dominant7)], &[V_IV], &[V7]],
    [&[II7], &[V7], &[V_IV, V_II], &[II7, V7]],
];
const BLUES_MINOR: [Phrase; 3] = [
    [&[MI7], &[MIV7], &[MI7], &[MI7]],
    [&[MIV7], &[MIV7], &[MI7], &[MI7]],
    [&[(8, Dominant7)], &[V7], &[MI7], &[MII, V7]],
];

/// The phrases of a style.
pub(super) fn phrases(style: Style, mode: Mode) -> &'static [Phrase] {
    match (style, mode) {
        (Style::JazzSwing, Mode::Major) => &JAZZ,
        (Style::JazzSwing, Mode::Minor) => &JAZZ_MINOR,
        (Style::Bossa, Mode::Major) => &BOSSA,
        (Style::Bossa, Mode::Minor) => &BOSSA_MINOR,
        (Style::PopBallad, Mode::Major) => &POP,
        (Style::PopBallad, Mode::Minor) => &POP_MINOR,
        (Style::KoreanBallad, Mode::Major) => &KOREAN,
        (Style::KoreanBallad, Mode::Minor) => &KOREAN_MINOR,
        (Style::Classical, Mode::Major) => &CLASSICAL,
        (Style::Classical, Mode::Minor) => &CLASSICAL_MINOR,
        (Style::Ragtime, Mode::Major) => &RAG,
        (Style::Ragtime, Mode::Minor) => &RAG_MINOR,
        (Style::Blues, Mode::Major) => &BLUES,
        (Style::Blues, Mode::Minor) => &BLUES_MINOR,
    }
}

/// The third of a twelve-bar blues that a phrase number is in (0 to 2), as plain or as jazzy as wished.
pub(super) fn blues(mode: Mode, third: usize, rich: bool) -> Phrase {
    match mode {
        Mode::Major => BLUES[2 * third.min(2) + usize::from(rich != (third == 0))],
        Mode::Minor => BLUES_MINOR[third.min(2)],
    }
}

/// What leads into the last chord.
pub(super) fn cadence(style: Style, mode: Mode) -> Bar {
    match (style, mode) {
        (Style::JazzSwing | Style::Bossa, Mode::Major) => &[II7, V7],
        (Style::JazzSwing | Style::Bossa, Mode::Minor) => &[MII, V7],
        (Style::Blues, _) => &[V7],
        (Style::PopBallad | Style::KoreanBallad, Mode::Major) => &[IV, V],
        (Style::PopBallad | Style::KoreanBallad, Mode::Minor) => &[MIV, (7, Major)],
        (Style::Classical | Style::Ragtime, Mode::Major) => &[II, V7],
        (Style::Classical | Style::Ragtime, Mode::Minor) => &[MIV, V7],
    }
}

/// The last chord.
pub(super) fn last(style: Style, mode: Mode) -> (u8, Quality) {
    match (style, mode) {
        (Style::JazzSwing | Style::Bossa, Mode::Major) => I7M,
        (Style::JazzSwing | Style::Bossa, Mode::Minor) => MI7,
        (Style::Blues, Mode::Major) => V_IV,
        (Style::Blues, Mode::Minor) => MI7,
        (_, Mode::Major) => I,
        (_, Mode::Minor) => MI,
    }
}
