//! The partner against scripted players.

use super::{
    players::{Player, script},
    *,
};

fn settings(mode: Mode, style: Style) -> Settings {
    Settings { mode, style, tempo: Tempo::Fixed(bpm(style)), ..Settings::default() }
}

fn bpm(style: Style) -> f64 {
    match style {
        Style::JazzSwing => 140.0,
        Style::Bossa => 130.0,
        Style::Blues => 110.0,
        Style::Ragtime => 100.0,
        Style::Classical => 100.0,
        Style::PopBallad | Style::KoreanBallad => 72.0,
    }
}

#[test]
fn table() {
    for style in Style::ALL {
        for mode in Mode::ALL {
            for player in Player::ALL {
                let card = judge(&settings(mode, style), player);
                let f = |v: Option<f64>| v.map_or("  - ".to_owned(), |v| format!("{v:.2}"));
                println!(
                    "{:13} {:9} {:11} n{:5} key {} harm {} strong {} H1 {} H4 {} dens {} groove {} motif {} rep {} sil {:.2}",
                    style.code(),
                    mode.code(),
                    player.code(),
                    card.notes,
                    f(card.in_key),
                    f(card.in_harmony),
                    f(card.strong_chord_tones),
                    f(card.entropy_1),
                    f(card.entropy_4),
                    f(card.density_match),
                    f(card.groove),
                    f(card.motif_reuse),
                    card.longest_repetition,
                    card.longest_silence
                );
            }
        }
    }
}
