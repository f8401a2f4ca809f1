//! The partner against scripted players.

use super::{
    players::{Player, first_bar_us, script},
    *,
};
use crate::{
    chord::{Chord, Quality},
    key::{self, Key},
    score::{Metre, Note, Score},
};

fn settings(mode: Mode, style: Style) -> Settings {
    Settings { mode, style, tempo: Tempo::Fixed(bpm(style)), ..Settings::default() }
}

fn bpm(style: Style) -> f64 {
    match style {
        Style::JazzSwing => 140.0,
        Style::Bossa => 130.0,
        Style::Blues => 110.0,
        Style::Ragtime | Style::Classical => 100.0,
        Style::PopBallad | Style::KoreanBallad => 72.0,
    }
}

fn everything() -> impl Iterator<Item = (Settings, Player)> {
    Style::ALL.into_iter().flat_map(|style| {
        Mode::ALL.into_iter().flat_map(move |mode| {
            Player::ALL.into_iter().map(move |player| (settings(mode, style), player))
        })
    })
}

/// Holds what every performance has to be.
fn check(settings: &Settings, performance: &Performance, what: &str) {
    let mut ids = std::collections::BTreeSet::new();
    let mut last = 0;
    for played in &performance.played {
        let note = &played.note;
        assert!(ids.insert(note.id), "{what}: an id twice");
        assert!(note.at_us >= played.promised_us, "{what}: promised too late");
        assert!(note.at_us >= last || played.at + 1.0 > 0.0, "{what}: not in order");
        assert!(note.duration_us >= 20_000 && note.duration_us <= 30_000_000, "{what}: {}", note.duration_us);
        assert!((1..=127).contains(&note.velocity) && note.pitch < 128 && note.program < 128, "{what}");
        last = note.at_us;
    }
    assert!(performance.played.windows(2).all(|pair| pair[0].note.at_us <= pair[1].note.at_us), "{what}: order");
    // A key is let go before it is struck again.
    for part in Part::ALL {
        let mut until = [0_u64; 128];
        for played in performance.played.iter().filter(|played| played.note.part == part) {
            let note = &played.note;
            let slot = &mut until[usize::from(note.pitch)];
            assert!(note.at_us + 3_000 >= *slot, "{what}: {part:?} {} struck while held", note.pitch);
            *slot = note.at_us + note.duration_us;
        }
    }
    assert!(performance.ended_us.is_some(), "{what}: it never ended");
    let _ = settings;
}

#[test]
fn table() {
    for (settings, player) in everything() {
        let (style, mode) = (settings.style, settings.mode);
        let card = judge(&settings, player);
        let f = |v: Option<f64>| v.map_or("  - ".to_owned(), |v| format!("{v:.2}"));
        println!(
            "{:13} {:9} {:11} n{:5} key {} harm {} strong {} H1 {} H4 {} dens {} groove {} motif {} rep {} sil {:.2}",
            style.code(), mode.code(), player.code(), card.notes, f(card.in_key), f(card.in_harmony),
            f(card.strong_chord_tones), f(card.entropy_1), f(card.entropy_4), f(card.density_match), f(card.groove),
            f(card.motif_reuse), card.longest_repetition, card.longest_silence
        );
        let s = script(player, &settings, 16);
        check(&settings, &perform(&settings, &s, 600_000_000), &format!("{style:?} {mode:?} {player:?}"));
    }
}

#[test]
fn timing() {
    for player in [Player::Steady, Player::Frantic, Player::Comping] {
    for mode in Mode::ALL {
        let settings = Settings { mode, style: Style::JazzSwing, complexity: Complexity::Complex, tempo: Tempo::Follow(140.0), ..Settings::default() };
        let s = script(player, &settings, 64);
        let mut partner = Improviser::new(settings.clone());
        let mut times: Vec<u128> = Vec::new();
        let mut idle: Vec<u128> = Vec::new();
        let mut inputs = s.iter().peekable();
        let mut now = 0;
        while now < 100_000_000 {
            while let Some(input) = inputs.next_if(|i| match i { Input::NoteOn { at_us, .. } | Input::NoteOff { at_us, .. } | Input::End { at_us } => *at_us <= now, _ => true }) {
                let is_on = matches!(input, Input::NoteOn { .. });
                let t = std::time::Instant::now();
                partner.handle(input.clone());
                partner.advance(now);
                if is_on { times.push(t.elapsed().as_nanos()); }
            }
            let t = std::time::Instant::now();
            partner.advance(now);
            idle.push(t.elapsed().as_nanos());
            now += 20_000;
        }
        times.sort(); idle.sort();
        println!("{mode:?} {player:?} note-in p50 {} p99 {} max {} us; tick p50 {} p99 {} max {}", times[times.len()/2]/1000, times[times.len()*99/100]/1000, times[times.len()-1]/1000, idle[idle.len()/2]/1000, idle[idle.len()*99/100]/1000, idle[idle.len()-1]/1000);
    }}
}
