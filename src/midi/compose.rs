//! Music made for a file: the words of the request, and what they mean to the Improviser.

#[cfg(test)]
mod tests;

use duologue_music::{
    improv::{Complexity, Kind, Offline, Settings, Style, Tempo, render},
    score::Score,
    style::Class,
};

/// Shortest and longest piece, in seconds.
pub const SECONDS: (f64, f64) = (4.0, 600.0);

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What.
    pub kind: Kind,
    /// How; that of the source, as far as it can be told, when nobody says.
    pub style: Option<Style>,
    /// How much.
    pub complexity: Complexity,
    /// How long, see [`SECONDS`].
    pub seconds: f64,
    /// The same seed makes the same music.
    pub seed: u64,
}

/// Makes it, over a source or, an improvisation alone, without one. It takes up to some seconds.
pub fn compose(source: Option<(&Score, Class)>, wish: &Wish) -> Score {
    let style = wish.style.or_else(|| source.map(|(_, class)| style_of(class))).unwrap_or_default();
    let bpm = source.map_or_else(|| usual_bpm(style), |(score, _)| score.main_bpm().clamp(30.0, 300.0));
    let mut settings = Settings {
        style,
        complexity: wish.complexity,
        tempo: Tempo::Fixed(bpm),
        seed: wish.seed,
        ..Settings::default()
    };
    if let Some((score, _)) = source {
        settings.metre = score.metre(0.0);
    }
    let seconds = wish.seconds.clamp(SECONDS.0, SECONDS.1);
    render(&Offline { kind: wish.kind, source: source.map(|(score, _)| score), settings, seconds })
}

/// What a person calls a style: our codes, and the plain words of both languages.
pub fn parse_style(words: &str) -> Option<Style> {
    let plain: String = words
        .trim()
        .to_lowercase()
        .chars()
        .map(|letter| if " -".contains(letter) { '_' } else { letter })
        .collect();
    Style::parse(&plain).or(match plain.as_str() {
        "jazz" | "swing" | "bebop" | "재즈" | "스윙" => Some(Style::JazzSwing),
        "bossa_nova" | "bossanova" | "latin" | "보사노바" | "보사" => Some(Style::Bossa),
        "blues_shuffle" | "shuffle" | "블루스" => Some(Style::Blues),
        "pop" | "ballad" | "rock" | "팝" | "발라드" | "팝_발라드" => Some(Style::PopBallad),
        "classic" | "baroque" | "classical_music" | "클래식" | "고전" => Some(Style::Classical),
        "rag" | "래그타임" => Some(Style::Ragtime),
        "k_ballad" | "kballad" | "k_pop" | "kpop" | "korean" | "한국_발라드" | "한국발라드" | "가요" => {
            Some(Style::KoreanBallad)
        }
        _ => None,
    })
}

/// Which of our styles a piece is nearest to.
fn style_of(class: Class) -> Style {
    match class {
        Class::JazzSwing => Style::JazzSwing,
        Class::Bossa => Style::Bossa,
        Class::Blues => Style::Blues,
        Class::Ragtime => Style::Ragtime,
        Class::Chorale | Class::Classical | Class::FolkTune => Style::Classical,
        Class::PopBallad | Class::Pop => Style::PopBallad,
    }
}

/// Beats a minute, where no source says.
fn usual_bpm(style: Style) -> f64 {
    match style {
        Style::JazzSwing => 140.0,
        Style::Bossa => 124.0,
        Style::Blues => 104.0,
        Style::PopBallad => 76.0,
        Style::Classical | Style::Ragtime => 96.0,
        Style::KoreanBallad => 68.0,
    }
}
