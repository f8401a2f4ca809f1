//! Wishes by tables, in both languages.

use super::{changes, changes_in, chart, key, parse};
use crate::{
    chord::Chord,
    key::{Key, Mode},
};

fn symbols(chords: &[(Chord, f64)]) -> String {
    chords.iter().map(|(chord, _)| chord.symbol(true)).collect::<Vec<_>>().join(" ")
}

/// A wish as one line: chords, key, style, tempo, bars.
fn told(text: &str) -> String {
    let Some(request) = parse(text) else { return "no wish".to_owned() };
    let key = request.key.map(|key| format!("{} {}", key.tonic_name(), key.mode.code()));
    [
        symbols(&request.chords),
        key.unwrap_or_default(),
        request.style.map_or(String::new(), |style| style.code().to_owned()),
        request.bpm.map_or(String::new(), |bpm| format!("{bpm}")),
        request.bars.map_or(String::new(), |bars| format!("{bars}")),
    ]
    .join(";")
}

#[test]
fn wishes_in_english() {
    for (text, expected) in [
        ("give me a slow ii–V–I in G", "Am7 D7 Gmaj7;G major;;71;"),
        ("a slow ii–V–I in G", "Am7 D7 Gmaj7;G major;;71;"),
        ("play a 12-bar blues in F, fast", ";F major;blues;165;12"),
        ("Could you play a twelve-bar blues in Bb please?", ";Bb major;blues;;12"),
        ("play me some bossa nova in D minor at 120", ";D minor;bossa;120;"),
        ("Play I-V-vi-IV in E flat major", "Eb Bb Cm Ab;Eb major;;;"),
        ("play Dm7 G7 Cmaj7", "Dm7 G7 Cmaj7;;;;"),
        ("play Dm7 G7 | Cmaj7 for 8 bars", "Dm7 G7 Cmaj7;;;;8"),
        ("let's hear a two five one in F# minor", "Abm7b5 Db7 Gbm7;F# minor;;;"),
        ("play something", ";;;;"),
        ("can you play a ragtime in the key of C?", ";C major;ragtime;;"),
        ("play a slow ballad, 16 bars", ";;pop_ballad;50;16"),
        ("play a jazz 1-6-2-5 in Bb at 180 bpm", "Bbmaj7 Gm7 Cm7 F7;Bb major;jazz_swing;180;"),
        ("improvise something classical in A minor", ";A minor;classical;;"),
        ("play bVI bVII I in C", "Ab Bb C;C major;;;"),
        ("a minor blues in a minor", ";A minor;blues;;"),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn wishes_in_korean() {
    for (text, expected) in [
        ("느린 발라드로 G장조 2-5-1 쳐 줘", "Am7 D7 Gmaj7;G major;korean_ballad;48;"),
        ("다장조로 보사노바 8마디 연주해 줘", ";C major;bossa;;8"),
        ("사장조 투 파이브 원 들려줘", "Am7 D7 Gmaj7;G major;;;"),
        ("내림마장조로 재즈 연주해 줄래?", ";Eb major;jazz_swing;;"),
        ("가단조 블루스 열두 마디 빠르게 쳐줘", ";A minor;blues;165;12"),
        ("Dm7 G7 Cmaj7 쳐 줘", "Dm7 G7 Cmaj7;;;;"),
        ("템포 90으로 팝 발라드 반주해 줘", ";;pop_ballad;90;"),
        ("251 진행 F키로 연주해줘", "Gm7 C7 Fmaj7;F major;;;"),
        ("아무거나 쳐 줘", ";;;;"),
        ("래그타임 천천히 들려 주세요", ";;ragtime;66;"),
        ("올림바단조로 클래식 연주해 주세요", ";F# minor;classical;;"),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn talk_is_no_wish() {
    for text in [
        "",
        "hello",
        "let's play a game",
        "I play the piano",
        "I play jazz in a band",
        "why did you play G7 there?",
        "don't play a blues",
        "what was the chord you played?",
        "that was a nice ii V I you did there",
        "the weather is nice in G",
        "a",
        "나는 재즈를 좋아해",
        "어제 블루스를 쳤어",
        "연주하지 마",
        "피아노 치고 싶어",
        "재즈 연주를 좋아해",
        "블루스 연주해 본 적 있어?",
        "have you played a blues in F before?",
        "I'm learning to play a blues in F",
        "the player is in F major",
        "they play jazz all night",
        "오늘 뭐 했어?",
        "I",
        "V",
        "-----",
        "||||",
    ] {
        assert_eq!(told(text), "no wish", "{text}");
    }
}

#[test]
fn keys_by_table() {
    for (text, expected) in [
        ("G major", Some(Key::new(7, Mode::Major))),
        ("f# minor", Some(Key::new(6, Mode::Minor))),
        ("Bb", Some(Key::new(10, Mode::Major))),
        ("Am", Some(Key::new(9, Mode::Minor))),
        ("a minor", Some(Key::new(9, Mode::Minor))),
        ("사장조", Some(Key::new(7, Mode::Major))),
        ("내림 마장조", None),
        ("내림마장조", Some(Key::new(3, Mode::Major))),
        ("G장조", Some(Key::new(7, Mode::Major))),
        ("다단조", Some(Key::new(0, Mode::Minor))),
        ("auto", None),
        ("H major", None),
        ("", None),
    ] {
        assert_eq!(key(text), expected, "{text}");
    }
    for key_ in Key::all() {
        assert_eq!(key(&format!("{} {}", key_.tonic_name(), key_.mode.code())), Some(key_));
    }
}

#[test]
fn charts_are_read_and_written() -> Result<(), super::BadChart> {
    let read = changes("Dm7 G7 | Cmaj7")?;
    assert_eq!(read.iter().map(|(_, quarters)| *quarters).collect::<Vec<_>>(), [2.0, 2.0, 4.0]);
    assert_eq!(symbols(&read), "Dm7 G7 Cmaj7");
    assert_eq!(changes_in("Am F | C G", 3.0)?.iter().map(|(_, quarters)| quarters).sum::<f64>(), 6.0);
    assert_eq!(symbols(&changes("F#m7b5 B7alt Em9 | % A13")?), "Gbm7b5 B7 Em7 Em7 A7");
    assert_eq!(symbols(&changes("C/E  G7(b9) Bbø7 Ab°7 Dsus4 C6/9")?), "C G7 Bbm7b5 Abdim7 Dsus4 C");
    assert!(changes("")?.is_empty() && changes(" | | ")?.is_empty());
    for text in ["Dm7 G7 | Cmaj7", "Dm7 G7 |", "C | C | F | G7", "C C C G | Am"] {
        assert_eq!(chart(&changes(text)?, 4.0), text);
    }
    Ok(())
}

#[test]
fn bad_charts_name_their_fault() {
    for (text, symbol) in [
        ("Dm7 H7", "H7"),
        ("C | Gfoo", "Gfoo"),
        ("%", "%"),
        ("가나다", "가나다"),
        ("C/X", "C/X"),
        ("C####", "C####"),
    ] {
        assert_eq!(changes(text).map_err(|bad| bad.symbol), Err(symbol.to_owned()), "{text}");
    }
    assert!(changes(&"C ".repeat(257)).is_err() && changes(&"C ".repeat(256)).is_ok());
    let long = changes(&"x".repeat(100_000)).map_err(|bad| bad.symbol.len());
    assert_eq!(long, Err(16));
}
