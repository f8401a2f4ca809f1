//! How well the partner of a duet plays: every style and mode against every scripted player, as a table.
//!
//! `cargo run --release -p duologue-music --example duet`; part of `cargo xtask bench duet`. Figures are means over the
//! players; `worst` names the player with the lowest share of chord tones on beats. Ends with 1 when a bar is missed.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use duologue_music::improv::{Mode, Scorecard, Settings, Style, judge, players::Player};

/// Share of notes in the key, where the style stays in it.
const IN_KEY: f64 = 0.95;
/// Share of notes on beats that belong to the chord.
const STRONG: f64 = 0.75;
/// Bits of the pitch classes over four bars.
const ENTROPY: (f64, f64) = (2.2, 3.3);
/// The same four bars in a row.
const REPETITION: usize = 2;

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<15}{:<11}{:>7}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}{:>8}{:>7}  worst",
        "style", "mode", "in key", "in har.", "strong", "H1", "H4", "groove", "density", "motifs", "again"
    )?;
    let mut missed = 0;
    for style in Style::ALL {
        for mode in Mode::ALL {
            missed += row(&mut out, style, mode)?;
        }
    }
    writeln!(out, "{missed} bars missed")?;
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(out: &mut impl Write, style: Style, mode: Mode) -> io::Result<u32> {
    let settings = Settings { style, mode, ..Settings::default() };
    let cards = Player::ALL.map(|player| (player, judge(&settings, player)));
    let mean = |of: fn(&Scorecard) -> Option<f64>| {
        let told = cards.iter().filter_map(|(_, card)| of(card)).collect::<Vec<_>>();
        told.iter().sum::<f64>() / told.len() as f64
    };
    let again = cards.iter().map(|(_, card)| card.longest_repetition).max().unwrap_or(0);
    let worst = cards.iter().min_by(|(_, one), (_, other)| {
        let strong = |card: &Scorecard| card.strong_chord_tones.unwrap_or(1.0);
        strong(one).total_cmp(&strong(other))
    });
    let worst = worst.map_or(String::new(), |(player, card)| {
        format!("{} {:.2}", player.code(), card.strong_chord_tones.unwrap_or(f64::NAN))
    });
    let (in_key, strong, entropy) =
        (mean(|card| card.in_key), mean(|card| card.strong_chord_tones), mean(|card| card.entropy_4));
    let is_diatonic = matches!(style, Style::PopBallad | Style::Classical | Style::KoreanBallad);
    let bars = [
        !is_diatonic || in_key >= IN_KEY,
        strong >= STRONG,
        (ENTROPY.0..=ENTROPY.1).contains(&entropy),
        again <= REPETITION,
    ];
    let mark = if bars.iter().all(|kept| *kept) { "" } else { "  MISS" };
    writeln!(
        out,
        "{:<15}{:<11}{in_key:>7.3}{:>8.3}{strong:>8.3}{:>8.2}{entropy:>8.2}{:>8.2}{:>9.2}{:>8.2}{again:>7}  {worst}{mark}",
        style.code(),
        mode.code(),
        mean(|card| card.in_harmony),
        mean(|card| card.entropy_1),
        mean(|card| card.groove),
        mean(|card| card.density_match),
        mean(|card| card.motif_reuse),
    )?;
    Ok(bars.iter().filter(|kept| !**kept).count() as u32)
}
