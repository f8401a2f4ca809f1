//! Words and defaults; what is made is the Improviser's own, and tested there.

use duologue_music::improv::Style;

use super::parse_style;

#[test]
fn styles_are_known_by_codes_and_by_plain_words_of_both_languages() {
    for style in Style::ALL {
        assert_eq!(parse_style(style.code()), Some(style));
        assert_eq!(parse_style(&style.code().replace('_', " ").to_uppercase()), Some(style));
    }
    let cases = [
        ("jazz", Style::JazzSwing),
        ("Jazz", Style::JazzSwing),
        ("재즈", Style::JazzSwing),
        ("Bossa Nova", Style::Bossa),
        ("보사노바", Style::Bossa),
        ("블루스", Style::Blues),
        ("pop", Style::PopBallad),
        ("발라드", Style::PopBallad),
        ("클래식", Style::Classical),
        ("rag", Style::Ragtime),
        ("한국 발라드", Style::KoreanBallad),
        ("K-Pop", Style::KoreanBallad),
    ];
    for (words, style) in cases {
        assert_eq!(parse_style(words), Some(style), "{words}");
    }
    assert_eq!(parse_style("polka"), None);
    assert_eq!(parse_style(""), None);
}
