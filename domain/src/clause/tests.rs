use super::*;

/// Feeds `text` in pieces of `size` characters.
fn split_by(text: &str, size: usize, config: ClauseConfig) -> Vec<String> {
    let mut splitter = ClauseSplitter::new(config);
    let characters: Vec<char> = text.chars().collect();
    let mut clauses: Vec<String> =
        characters.chunks(size).flat_map(|piece| splitter.push(&piece.iter().collect::<String>())).collect();
    clauses.extend(splitter.finish());
    clauses
}

fn split(text: &str) -> Vec<String> {
    split_by(text, 1, ClauseConfig::default())
}

/// `expected` is the text with `|` where it is cut.
fn check(expected: &str) {
    let text = expected.replace('|', "");
    let clauses: Vec<String> = expected
        .split('|')
        .map(|clause| clause.trim().to_owned())
        .filter(|clause| !clause.is_empty())
        .collect();
    assert_eq!(split(&text), clauses);
}

#[test]
fn english() {
    for expected in [
        "Hello!| How are you today?",
        "Hi! Nice to meet you.",
        "Of course,| I would love to hear about it.| Tell me everything.",
        "Well, I think so,| but I am not sure.| What about you?",
        "No. I don't think so.| Really, I don't.",
        "Dr. Kim lives in St. Louis| with Mrs. Park.| They are happy.",
        "His neighbours lived close| to the old mill by the river.",
        "My grandmother kept all her letters| in a box.",
        "It costs 3.5 dollars,| or 1,000 won.| That is cheap.",
        "See https://a.com/?q=1.5&b=2,3 now.| It is great.",
        "Visit example.com today.| It is free!",
        "We met at 5 p.m. yesterday.| It was nice.",
        "We met at 5 p.m.| It was very nice.",
        "J. K. Rowling wrote it.| I read it twice.",
        "Wait...| what? I did not know that.",
        "She said \"Stop it!\"| Then she left the room.",
        "Really?!| I had no idea about that.",
        "That was on May 5, 2026,| I believe so.",
        "1. Boil the water.| 2. Add the noodles now.",
        "It was number No. 5 on the list.| Then it fell.",
        "First line here\n|Second line here, too",
        "I like fruit (red, green, yellow).| You too?",
        "So do I.| We should go there.",
        "I went to the market yesterday| because we had no milk at home.",
        "Version 2.0 is out.| Try it out today.",
    ] {
        check(expected);
    }
}

#[test]
fn korean() {
    for expected in [
        "안녕하세요!| 저는 이서아예요.| 만나서 정말 반가워요!",
        "네, 안녕하세요!| 오늘 하루는 어땠어요?",
        "좋아요,| 그럼 같이 가 볼까요?",
        "안녕하세요| 저는 서아예요 만나서 반가워요| 오늘 뭐 했어요?",
        "좋아요!|그럼 내일 만나요.| 몇 시가 좋아요?",
        "그건 3.5퍼센트예요.| 정말 많이 올랐네요.",
        "오늘은 2026. 11. 21. 토요일이에요.| 날씨가 참 좋네요.",
        "음... 글쎄요.| 저도 잘 모르겠어요.",
        "안녕~ 나는 오늘 영화를 봤어.| 너는 뭐 했어?",
        "반갑습니다。|저는 서아입니다。",
        "\"진짜요?\"| 하고 제가 물어봤어요.",
        "오늘 날씨가 좋은데| 우리 같이 산책하러 갈까요?",
        "맞아요,| 저도 그렇게 생각해요.| 그런데 왜 그랬어요?",
    ] {
        check(expected);
    }
}

#[test]
fn the_first_clause_is_short_and_later_ones_are_not() {
    let text = "Sure thing, let me see, there is one, and there is another, and yet one more, so that makes three of them, all in all, I think, don't you?";
    let clauses = split(text);
    assert_eq!(clauses[0], "Sure thing,");
    assert!(clauses[1..clauses.len() - 1].iter().all(|clause| clause.len() >= 24), "{clauses:?}");
}

#[test]
fn a_clause_comes_as_soon_as_it_is_certain() {
    let mut splitter = ClauseSplitter::default();
    assert!(splitter.push("Hello").is_empty());
    assert!(splitter.push("!").is_empty(), "a quote or a second mark may follow");
    assert_eq!(splitter.push(" "), ["Hello!"]);
    assert!(splitter.push("It costs 3.").is_empty());
    assert!(splitter.push("5 dollars.").is_empty());
    assert_eq!(splitter.push(" But"), ["It costs 3.5 dollars."]);
    assert_eq!(splitter.finish(), Some("But".to_owned()));
    assert_eq!(splitter.finish(), None);
    assert_eq!(splitter.push("좋아요, 그"), ["좋아요,"], "after the end it begins anew");
}

#[test]
fn text_without_boundaries_is_cut_at_spaces() {
    let words = "word ".repeat(200);
    let clauses = split(&words);
    assert!(clauses[0].len() <= 60 && clauses.iter().all(|clause| clause.len() <= 120), "{clauses:?}");
    assert!(clauses.iter().all(|clause| clause.split(' ').all(|word| word == "word")));
    let clauses = split(&"가".repeat(1000));
    assert!(clauses.iter().all(|clause| clause.chars().count() <= 121), "no spaces at all");
}

#[test]
fn marks_alone_are_no_clause() {
    let mut splitter = ClauseSplitter::default();
    assert!(splitter.push("... !!! \n\n --- \n ").is_empty());
    assert_eq!(splitter.push("Hello there! W"), ["... !!! \n\n --- \n Hello there!"]);
    assert_eq!(ClauseSplitter::default().push("  \n \n"), Vec::<String>::new());
    assert_eq!(ClauseSplitter::default().finish(), None);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

const PIECES: &[&str] = &[
    "안녕하세요",
    "그런데",
    "좋았는데",
    "했어요",
    "네",
    "바다",
    "Hello",
    "Dr.",
    "3.5",
    "1,000",
    "https://a.b/c?d=e",
    "and",
    "because",
    "I",
    "etc.",
    " ",
    " ",
    " ",
    " ",
    ",",
    ".",
    "!",
    "?",
    "…",
    "...",
    "\"",
    "”",
    "(",
    ")",
    "\n",
    "~",
    "。",
    "—",
    "😀",
    "é",
    "2026. 11. 21.",
    ":",
    ";",
    "p.m.",
];

fn solid(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Nothing is lost and nothing empty comes out, however the text arrives. Where exactly it is cut may
/// differ: a bigger piece shows a conjunction before the text behind it is needed.
#[test]
fn no_text_is_lost() {
    let mut dice = Dice(3);
    for round in 0..800 {
        let text: String = (0..dice.roll(90)).map(|_| PIECES[dice.roll(PIECES.len())]).collect();
        let config = match round % 3 {
            0 => ClauseConfig::default(),
            1 => ClauseConfig { first_min_chars: 1, first_max_chars: 5, min_chars: 2, max_chars: 9 },
            _ => ClauseConfig { first_min_chars: 0, first_max_chars: 0, min_chars: 0, max_chars: 0 },
        };
        let whole = split_by(&text, 1, config);
        assert_eq!(solid(&whole.concat()), solid(&text), "{text:?}");
        assert!(whole.iter().all(|clause| !clause.trim().is_empty() && clause.trim() == clause), "{whole:?}");
        for size in [2, 3, 7] {
            let other = split_by(&text, size, config);
            assert_eq!(solid(&other.concat()), solid(&text), "{text:?}");
        }
    }
}
