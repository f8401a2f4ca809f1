//! Calls among Korean and English words, as careful and careless models write them.

use super::*;

fn splitter() -> CallSplitter {
    let names = ["play_duet", "remember", "show_score"].map(str::to_owned);
    CallSplitter::new(names, "call_x_".into())
}

/// Pieces with neighbouring words put together.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (all.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => all.push(piece),
        }
    }
    all
}

fn split(pieces: &[&str]) -> Vec<Piece> {
    let mut splitter = splitter();
    let mut all = Vec::new();
    for piece in pieces {
        all.extend(splitter.push(piece));
    }
    all.extend(splitter.finish());
    joined(all)
}

fn text(words: &str) -> Piece {
    Piece::Text(words.into())
}

fn call(at: usize, name: &str, arguments: &str) -> Piece {
    Piece::Call(ToolCall { id: format!("call_x_{at}"), name: name.into(), arguments: arguments.into() })
}

#[test]
fn words_alone_pass_at_once() {
    let mut splitter = splitter();
    assert_eq!(splitter.push("안녕하세요, "), [text("안녕하세요,")]);
    assert_eq!(splitter.push("3 < 5 and"), [text(" 3 < 5 and")]);
    assert_eq!(splitter.push(" {x} [a] `b`"), [text(" {x} [a] `b")], "a mark may begin a code block");
    assert_eq!(splitter.finish(), [text("`")]);
}

#[test]
fn a_call_in_the_models_own_format() {
    let reply = "그래요, 천천히 갈게요.\n<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"tempo\": 80}}\n</tool_call>";
    assert_eq!(split(&[reply]), [text("그래요, 천천히 갈게요."), call(0, "play_duet", "{\"tempo\": 80}")]);
    let alone = "<tool_call>\n{\"name\": \"show_score\", \"arguments\": {}}\n</tool_call>";
    assert_eq!(split(&[alone]), [call(0, "show_score", "{}")]);
}

#[test]
fn a_call_comes_as_soon_as_its_last_bracket() {
    let mut splitter = splitter();
    assert_eq!(splitter.push("<tool_call>{\"name\":\"show_score\",\"arguments\":{}"), []);
    assert_eq!(splitter.push("}"), [call(0, "show_score", "{}")]);
}

#[test]
fn several_calls_and_words_between() {
    let reply = "<tool_call>{\"name\":\"show_score\",\"arguments\":{}}</tool_call> Sure. <tool_call>\n{\"name\":\"remember\",\"arguments\":{\"fact\":\"바다 <3 \\\"}\\\"\"}}</tool_call> 기억할게요!";
    let expected = [
        call(0, "show_score", "{}"),
        text("Sure."),
        call(1, "remember", "{\"fact\": \"바다 <3 \\\"}\\\"\"}"),
        text("기억할게요!"),
    ];
    assert_eq!(split(&[reply]), expected);
}

#[test]
fn the_habits_of_careless_models_are_understood() {
    let expected = [call(0, "play_duet", "{\"style\": \"jazz\"}")];
    for reply in [
        "{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}",
        "```json\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}\n```",
        "```\n{\n  \"name\": \"play_duet\",\n  \"parameters\": {\"style\": \"jazz\"}\n}\n```\n",
        "```xml\n<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}\n</tool_call>\n```",
        "<tools>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}\n</tools>",
        "<tool_call>{'name': 'play_duet', 'arguments': {'style': 'jazz'}}</tool_call>",
        "<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}\n</tool_call>",
        "<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"",
        "<tool_call>\n{\"name\": \"Play-Duet\", \"arguments\": \"{\\\"style\\\": \\\"jazz\\\"}\"}\n</tool_call>",
        "<tool_call>{\"play_duet\": {\"style\": \"jazz\"}}</tool_call>",
        "<tool_call>{\"name\": \"play_duet\", \"style\": \"jazz\"}</tool_call>",
        "[{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\",}}]",
        "{\"type\": \"function\", \"function\": {\"name\": \"functions.play_duet\", \"arguments\": {\"style\": \"jazz\"}}}",
        "[TOOL_CALLS][{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}]",
        "<|python_tag|>{\"name\": \"play_duet\", \"parameters\": {\"style\": \"jazz\"}}",
        "<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"play_duet\", \"arguments\": {\"style\": \"jazz\"}}\n</tool_call>",
    ] {
        assert_eq!(split(&[reply]), expected, "{reply}");
    }
    let spoken = split(&["Okay: {\"name\": \"show_score\"} 그래요"]);
    assert_eq!(spoken, [text("Okay:"), call(0, "show_score", "{}"), text("그래요")]);
}

#[test]
fn what_is_no_call_is_refused_and_never_spoken() {
    for (reply, refusal) in [
        ("<tool_call>{\"name\": \"order_pizza\", \"arguments\": {}}</tool_call>", Refusal::UnknownName),
        ("{\"name\": \"order_pizza\", \"arguments\": {\"size\": 3}}", Refusal::UnknownName),
        ("<tool_call>play the duet</tool_call>", Refusal::Broken),
        ("<tool_call>{\"name\": \"play_duet\" \"arguments\"}</tool_call>", Refusal::Broken),
        ("<tool_call>{\"name\": \"play_duet\", \"arguments\": [1]}</tool_call>", Refusal::Broken),
        ("<tool_call>{\"name\": \"play_duet\", \"arguments\": {\"style\": \"ja", Refusal::Unfinished),
        ("<tool_cal", Refusal::Unfinished),
        ("{\"na", Refusal::Unfinished),
    ] {
        assert_eq!(split(&["네. ", reply]), [text("네."), Piece::Refused(refusal)], "{reply}");
    }
    let endless = format!("<tool_call>{{\"name\": \"{}", "x".repeat(3 * LONGEST));
    assert_eq!(split(&[&endless, "</tool_call> 끝"]), [Piece::Refused(Refusal::TooLong), text("끝")]);
    let many = (0..MOST + 2)
        .map(|n| format!("<tool_call>{{\"name\":\"remember\",\"arguments\":{{\"n\":{n}}}}}</tool_call>"));
    let pieces = split(&[&many.collect::<String>()]);
    assert_eq!(pieces.iter().filter(|piece| matches!(piece, Piece::Call(_))).count(), MOST);
    assert_eq!(pieces.last(), Some(&Piece::Refused(Refusal::TooMany)));
}

#[test]
fn made_up_results_and_stray_tags_are_dropped() {
    let reply = "네.</tool_call>\n<tool_response>\n{\"ok\": true} 점수\n</tool_response> 좋아요";
    assert_eq!(split(&[reply]), [text("네.좋아요")]);
}

#[test]
fn data_that_is_no_call_stays_in_the_words() {
    for reply in [
        "{\"type\": \"object\", \"age\": 3}",
        "{\"name\": \"서아\", \"age\": 28} is a record",
        "{\"city\": \"Seoul\"}",
        "```python\nprint(1)\n```",
        "[1, 2] and {a: b}",
    ] {
        assert_eq!(split(&[reply]), [text(reply)], "{reply}");
    }
}

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

const SCRAPS: [&str; 26] = [
    "안녕",
    " hello",
    "\n",
    "<tool_call>",
    "</tool_call>",
    "{\"name\": \"play_duet\", \"arguments\": {\"a\": 1}}",
    "```json\n",
    "```",
    "{",
    "}",
    "\"",
    "'",
    "[",
    "]",
    "{\"name\"",
    ": ",
    ",",
    "<",
    "<tool",
    "_response>",
    "</tool_response>",
    "\\",
    "😀",
    "<tools>",
    "{\"name\":\"x\",\"arguments\":{}}",
    "remember",
];

#[test]
fn the_cut_of_the_deltas_never_matters_and_no_tag_is_spoken() {
    let mut dice = Dice(7);
    for round in 0..3_000 {
        let reply: String = (0..1 + dice.below(9)).map(|_| SCRAPS[dice.below(SCRAPS.len())]).collect();
        let whole = split(&[&reply]);
        let letters: Vec<String> = reply.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(split(&letters), whole, "round {round}: {reply:?} letter by letter");
        let mut pieces = Vec::new();
        let mut rest = reply.as_str();
        while !rest.is_empty() {
            let cut = rest.char_indices().nth(1 + dice.below(12)).map_or(rest.len(), |(at, _)| at);
            pieces.push(&rest[..cut]);
            rest = &rest[cut..];
        }
        assert_eq!(split(&pieces), whole, "round {round}: {pieces:?}");
        for piece in whole {
            if let Piece::Text(words) = piece {
                assert!(!words.contains("tool_call>") || !words.contains('<'), "{reply:?} says {words:?}");
                assert!(!words.contains("\"play_duet\""), "{reply:?} says {words:?}");
            }
        }
    }
}
