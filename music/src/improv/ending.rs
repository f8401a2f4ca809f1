//! The last chord: everyone together, held, then silence.

use super::{
    bar::{Hands, Sheet},
    comp, drums,
    types::{Part, Style},
    voicing::nearest,
};

/// Puts the last chord where it begins, in place of what was there.
pub(super) fn write(sheet: &mut Sheet<'_>, hands: &mut Hands, at: f64) {
    let brief = sheet.brief;
    let has_lead = sheet.notes.iter().any(|note| note.part == Part::Lead);
    sheet.notes.retain(|note| note.at < at - 0.01);
    for note in &mut sheet.notes {
        note.len = note.len.min(at - note.at);
    }
    let chord = brief.span(at).chord;
    let len = (brief.quarters - at).max(1.0) * 0.96;
    let root = nearest(chord.root, hands.bass.clamp(34, 44), (29, 47));
    sheet.put(Part::Bass, (at, len), (root, brief.velocity(0.82)));
    hands.bass = root;
    let voices = comp::voices(brief, hands, chord, at);
    let rolls = matches!(brief.style, Style::Classical | Style::PopBallad | Style::KoreanBallad);
    for (idx, key) in voices.keys().iter().enumerate() {
        // A rolled chord: a thirty-second from voice to voice.
        let late = if rolls { idx as f64 * 0.125 } else { 0.0 };
        sheet.put(Part::Chords, (at + late, len - late), (*key, brief.velocity(0.66)));
    }
    if has_lead {
        let key = nearest(chord.root, hands.lead, (60, 84));
        sheet.put(Part::Lead, (at, len), (key, brief.velocity(0.8)));
        hands.lead = key;
    }
    if drums::has(brief.style) {
        let (cymbal, share) = if brief.style == Style::Bossa { (51, 0.5) } else { (49, 0.58) };
        sheet.put(Part::Drums, (at, 0.3), (cymbal, brief.velocity(share)));
        sheet.put(Part::Drums, (at, 0.3), (36, brief.velocity(0.6)));
    }
}
