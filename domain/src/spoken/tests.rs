use super::*;

fn filter_by(filter: &mut SpokenFilter, text: &str, size: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut spoken: String =
        characters.chunks(size).map(|piece| filter.push(&piece.iter().collect::<String>())).collect();
    spoken.push_str(&filter.finish());
    spoken
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let mut filter = SpokenFilter::named(["이서아", "서아", "Emma"]);
        for size in [1, 2, 3, 5, 8, 1000] {
            assert_eq!(filter_by(&mut filter, text, size), *expected, "{text:?} in pieces of {size}");
        }
    }
}

#[test]
fn markdown_goes() {
    check(&[
        ("This is **very** important.", "This is very important."),
        ("I *really* mean it.", "I really mean it."),
        ("***Wow*** and __bold__ and _soft_", "Wow and bold and soft"),
        ("Use `cargo run` now", "Use cargo run now"),
        ("# Title\nText", "Title\nText"),
        ("- one\n- two\n* three\n+ four\n• five", "one\ntwo\nthree\nfour\nfive"),
        ("1. first\n2. second", "1. first\n2. second"),
        ("> quoted", "quoted"),
        ("See [the page](https://a.com/x) now", "See the page now"),
        ("![a cat](cat.png) Look", "Look"),
        ("Before ```rust\nfn main() {}\n``` after", "Before after"),
        ("Never closed ```code", "Never closed"),
        ("~~wrong~~ right", "wrong right"),
        ("above\n---\nbelow", "above\nbelow"),
        ("line<br>break <b>bold</b>", "linebreak bold"),
        ("<think>hmm, what to say</think>\nHello", "Hello"),
        ("정말 **좋은** 생각이에요", "정말 좋은 생각이에요"),
    ]);
}

#[test]
fn stage_directions_go() {
    check(&[
        ("*smiles* Hello there.", "Hello there."),
        ("Hello *smiles warmly* there.", "Hello there."),
        ("Hello! *She tilts her head* What?", "Hello! What?"),
        ("*웃으며* 안녕하세요", "안녕하세요"),
        ("(웃으며) 안녕하세요", "안녕하세요"),
        ("안녕하세요 (미소 지으며). 네", "안녕하세요. 네"),
        ("그래요? (고개를 끄덕이며) 좋아요", "그래요? 좋아요"),
        ("[sighs] Well.", "Well."),
        ("Well [한숨] okay", "Well okay"),
        ("〔잠시 침묵〕 네", "네"),
        ("(smiles) Yes (laughing softly).", "Yes."),
        ("(softly) Yes", "Yes"),
        ("(sigh) Fine", "Fine"),
    ]);
}

#[test]
fn content_stays() {
    check(&[
        ("It was then (2026) that", "It was then (2026) that"),
        ("서울(수도)에서", "서울(수도)에서"),
        ("(이건 비밀이에요) 네", "(이건 비밀이에요) 네"),
        ("(look at this)", "(look at this)"),
        ("2 * 3 = 6 and 2*3", "2 * 3 = 6 and 2*3"),
        ("snake_case", "snake_case"),
        ("안녕~ 반가워~~", "안녕~ 반가워~"),
        ("3 < 5 and 7 > 5", "3 < 5 and 7 > 5"),
        ("We are #1!", "We are #1!"),
        ("*Never* do that.", "Never do that."),
        ("'ㅋ' 소리는", "'ㅋ' 소리는"),
        ("At 10:30, ok", "At 10:30, ok"),
        ("An open (paren", "An open (paren"),
        ("well-known - yes", "well-known - yes"),
        ("https://a.com/b_c?d=1", "https://a.com/b_c?d=1"),
        ("", ""),
    ]);
}

#[test]
fn emoji_and_written_laughter_go() {
    check(&[
        ("Hi 😀!", "Hi!"),
        ("안녕 👋🏽 반가워 ❤️", "안녕 반가워"),
        ("👨‍👩‍👧 가족 🇰🇷", "가족"),
        ("진짜요? ㅋㅋㅋ 네 ㅠㅠ", "진짜요? 네"),
        ("좋아요 ^^", "좋아요"),
    ]);
}

#[test]
fn names_before_a_colon_go() {
    check(&[
        ("이서아: 안녕하세요", "안녕하세요"),
        ("서아: 네\n서아: 그래요", "네\n그래요"),
        ("**Emma:** Hello", "Hello"),
        ("[Emma]: Hello", "Hello"),
        ("Emma: Hi", "Hi"),
        ("Assistant: Hi", "Hi"),
        ("박지민: 안녕", "안녕"),
        ("Note: this matters", "Note: this matters"),
        ("이유는: 없어요", "이유는: 없어요"),
        ("Listen: I like it", "Listen: I like it"),
        ("I told Emma: go", "I told Emma: go"),
    ]);
}

#[test]
fn what_is_certain_is_not_held_back() {
    let mut filter = SpokenFilter::default();
    assert_eq!(filter.push("Hello there"), "Hello there");
    assert_eq!(filter.push(", friend"), ", friend");
    assert_eq!(filter.push(" *smi"), "");
    assert_eq!(filter.push("les* and"), " and");
    assert_eq!(filter.finish(), "");
}

#[test]
fn white_space_is_single() {
    check(&[("  a   b \n\n\n c  ", "a b\nc"), ("a (웃으며) b", "a b")]);
}

/// The answer never depends on how the text is cut, and plain text passes whole.
#[test]
fn pieces_change_nothing() {
    const PIECES: &[&str] = &[
        "안녕",
        "hello",
        "Emma",
        "*",
        "**",
        "_",
        "`",
        "```",
        "#",
        "[",
        "]",
        "(",
        ")",
        "(웃으며)",
        "<",
        ">",
        "<think>",
        "</think>",
        "😀",
        ":",
        " ",
        " ",
        " ",
        "\n",
        ".",
        "!",
        "-",
        "smiles",
        "~",
        "~~",
        "ㅋ",
        "ㅠ",
        "1",
        "^",
        "|",
        "가",
        "http://a.b",
        "〔",
        "〕",
    ];
    let mut state = 11u64;
    let mut roll = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..1500 {
        let text: String = (0..roll(30)).map(|_| PIECES[roll(PIECES.len())]).collect();
        let mut filter = SpokenFilter::named(["Emma"]);
        let whole = filter_by(&mut filter, &text, usize::MAX);
        for size in [1, 2, 5] {
            assert_eq!(filter_by(&mut filter, &text, size), whole, "{text:?} in pieces of {size}");
        }
        let plain: String = text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
        let mut filter = SpokenFilter::default();
        let kept: String = filter_by(&mut filter, &plain, 1).split_whitespace().collect();
        let laughter = |c: &char| !matches!(c, 'ㅋ' | 'ㅠ');
        let (kept, plain): (String, String) = (
            kept.chars().filter(laughter).collect(),
            plain.split_whitespace().flat_map(str::chars).filter(laughter).collect(),
        );
        assert_eq!(kept, plain);
    }
}
