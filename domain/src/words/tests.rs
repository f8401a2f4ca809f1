//! What the lists and rules find, case by case.

use super::*;
use Language::{English, Korean};

fn fillers_of(text: &str) -> Vec<&'static str> {
    let lang = Language::of_text(text).unwrap_or(English);
    read(text, lang).fillers.iter().map(|filler| filler.which).collect()
}

#[test]
fn fillers_are_told_from_words() {
    let cases: [(&str, &[&str]); 38] = [
        ("Um, I think so.", &["um"]),
        ("Ummm... uh, er, hmm.", &["um", "uh", "uh", "hm"]),
        ("It was, like, so big.", &["like"]),
        ("And I was like so tired.", &["like"]),
        ("I like it.", &[]),
        ("It looks like rain.", &[]),
        ("I would like a tea, please.", &[]),
        ("Sports, like soccer and tennis.", &[]),
        ("Do it like this.", &[]),
        ("You know, it was fine.", &["you know"]),
        ("It was fine, you know.", &["you know"]),
        ("You know what I did?", &[]),
        ("Do you know him?", &[]),
        ("As you know, we moved.", &[]),
        ("I mean, it works.", &["i mean"]),
        ("I mean it.", &[]),
        ("That is what I mean.", &[]),
        ("음, 글쎄요.", &["음"]),
        ("음… 어… 잘 모르겠어요.", &["음", "어"]),
        ("으음 뭐랄까 좀 이상해요.", &["음", "뭐랄까"]),
        ("그, 제가 어제 갔는데요.", &["그"]),
        ("그 제가 어제 갔는데요.", &["그"]),
        ("그 사람은 누구예요?", &[]),
        ("그 영화 봤어요?", &[]),
        ("저 오늘 생일이에요.", &[]),
        ("저… 드릴 말씀이 있어요.", &["저"]),
        ("저 사람 알아요?", &[]),
        ("저기, 혹시 시간 있으세요?", &["저기"]),
        ("저기 있어요.", &[]),
        ("막 이렇게 뛰는 거예요.", &["막"]),
        ("지금 막 도착했어요.", &[]),
        ("막 나가려고 했어요.", &[]),
        ("뭐, 괜찮아요.", &["뭐"]),
        ("뭐 그냥 그랬어요.", &["뭐"]),
        ("뭐 먹었어요?", &[]),
        ("어, 그래.", &[]),
        ("어 안녕하세요.", &["어"]),
        ("어제 어머니를 만났어요.", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(fillers_of(text), expected, "{text}");
    }
}

#[test]
fn fillers_say_where_they_are() {
    for text in ["Well, um, it was, you know, fine.", "그… 제가 음 어제요, 뭐 그냥 있었어요."]
    {
        let characters = text.chars().collect::<Vec<_>>();
        for filler in read(text, Language::of_text(text).unwrap()).fillers {
            let there = characters[filler.from..filler.to].iter().collect::<String>().to_lowercase();
            assert_eq!(there, filler.which, "{text}");
            assert_eq!(filler.moved(5).from, filler.from + 5);
        }
    }
}

#[test]
fn korean_endings_have_a_level() {
    let cases = [
        ("안녕하세요. 반갑습니다.", 2, 2),
        ("저는 학생이에요.", 1, 1),
        ("밥 먹었어?", 0, 1),
        ("뭐 해?", 0, 1),
        ("내일 같이 가자.", 0, 1),
        ("그건 좀 아닌 것 같다.", 0, 1),
        ("좋은 생각이네요. 그렇게 할까요?", 2, 2),
        ("네, 알겠습니다.", 1, 1),
        ("응.", 0, 1),
        ("커피.", 0, 0),
        ("강아지.", 0, 0),
        ("우리 엄마.", 0, 0),
        ("안녕하세요 저는 민수예요 만나서 반가워요", 3, 3),
        ("오늘 날씨 좋지?", 0, 1),
        ("오늘 날씨 좋죠?", 1, 1),
        ("그만하십시오.", 1, 1),
        ("빨리 와.", 0, 1),
        ("내가 할게.", 0, 1),
        ("제가 할게요.", 1, 1),
        ("어디 가니?", 0, 1),
        ("진짜 귀엽잖아.", 0, 1),
        ("비가 오는데 우산이 없어요.", 1, 1),
        ("그게 필요.", 0, 0),
        ("영어.", 0, 0),
    ];
    for (text, polite, all) in cases {
        let counts = read(text, Korean);
        assert_eq!((counts.polite_endings, counts.endings), (polite, all), "{text}");
    }
    assert_eq!(read("Please sit down.", English).polite_share(), None);
    assert_eq!(read("네. 응.", Korean).polite_share(), Some(0.5));
}

#[test]
fn questions_need_no_mark() {
    let questions = [
        "What do you think",
        "So how was your day",
        "Do you like music",
        "Is it far?",
        "What's your name",
        "How many brothers do you have",
        "You live here, right",
        "It's nice, isn't it",
        "Could you help me",
        "Who told you that",
        "밥 먹었니",
        "지금 뭐 해",
        "어디 가세요",
        "같이 갈까요",
        "시간 있으신가요",
        "그걸 봤나요",
        "언제 오셨습니까",
        "이름이 뭐예요",
        "오늘 기분 어때",
        "정말요?",
        "왜 그랬어요",
        "너도 갈래",
        "차 한 잔 하실래요",
    ];
    for text in questions {
        assert_eq!(read(text, Korean).questions, 1, "{text}");
    }
    let statements = [
        "What a day.",
        "I know what you mean.",
        "When I was young, I sang.",
        "Do the dishes.",
        "Have a nice day.",
        "Will told me.",
        "뭔지 모르겠어요.",
        "왜냐하면 비가 와서요.",
        "비가 오니까 집에 있자.",
        "우리 언니.",
        "그러니까요.",
        "어디든지 좋아요.",
        "저는 갑니다.",
        "나는 집에 갈래.",
        "언제나 고마워요.",
    ];
    for text in statements {
        assert_eq!(read(text, Korean).questions, 0, "{text}");
    }
}

#[test]
fn words_are_kind_or_not_and_can_be_turned() {
    let cases = [
        ("I am very happy.", (1, 0)),
        ("I am not happy.", (0, 1)),
        ("It isn't that bad.", (1, 0)),
        ("Not only good but great.", (2, 0)),
        ("It was not long, but it was fun.", (1, 0)),
        ("Terrible, just awful.", (0, 2)),
        ("오늘 정말 행복해요.", (1, 0)),
        ("하나도 안 좋아요.", (0, 1)),
        ("별로 좋지 않아요.", (0, 1)),
        ("나쁘지 않네요.", (1, 0)),
        ("걱정하지 마세요.", (1, 0)),
        ("너무 힘들고 속상해요.", (0, 2)),
        ("재미없어요.", (0, 1)),
        ("아파트에 살아요.", (0, 0)),
        ("나는 학교에 간다.", (0, 0)),
    ];
    for (text, (positive, negative)) in cases {
        let counts = read(text, Language::of_text(text).unwrap());
        assert_eq!((counts.positive, counts.negative), (positive, negative), "{text}");
        assert!(counts.valence().is_none_or(|valence| (-1.0..=1.0).contains(&valence)));
    }
}

#[test]
fn feelings_are_named() {
    let felt = |text: &str| {
        let Feelings(counts) = read(text, Language::of_text(text).unwrap()).feelings;
        FEELINGS
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    let cases: [(&str, &[&str]); 12] = [
        ("I'm so happy for you", &["joy"]),
        ("I cried, I was so sad", &["sadness"]),
        ("That makes me angry", &["anger"]),
        ("Wow, what a surprise", &["surprise"]),
        ("I am scared and nervous", &["fear"]),
        ("That's disgusting", &["disgust"]),
        ("How pathetic", &["contempt"]),
        ("I am not sad", &[]),
        ("정말 기뻐요", &["joy"]),
        ("무섭고 불안해요", &["fear"]),
        ("너무 화나요", &["anger"]),
        ("책상이 있어요", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(felt(text), expected, "{text}");
    }
}

#[test]
fn empathy_has_three_mechanisms_of_two_strengths() {
    let cases = [
        ("I like trains.", (0, 0, 0)),
        ("Oh no, hang in there.", (1, 0, 0)),
        ("I'm so sorry to hear that.", (2, 0, 0)),
        ("I understand.", (0, 1, 0)),
        ("That must have been hard for you.", (0, 2, 0)),
        ("What happened?", (0, 0, 1)),
        ("How did that make you feel?", (0, 0, 2)),
        ("힘내세요!", (1, 0, 0)),
        ("저도 마음이 아파요.", (2, 0, 0)),
        ("그 마음 알 것 같아요. 이해해요.", (0, 1, 0)),
        ("정말 힘들었겠어요.", (0, 2, 0)),
        ("무슨 일 있었어요?", (0, 0, 1)),
        ("지금 기분이 어때요?", (0, 0, 2)),
        ("오늘은 비가 와요.", (0, 0, 0)),
    ];
    for (text, expected) in cases {
        let empathy = read(text, Language::of_text(text).unwrap()).empathy;
        assert_eq!((empathy.reaction, empathy.interpretation, empathy.exploration), expected, "{text}");
        assert!((0.0..=1.0).contains(&empathy.share()));
    }
}

#[test]
fn hedges_forms_and_topics_are_counted() {
    for (text, hedges) in [
        ("Maybe it is kind of late, I guess.", 3),
        ("It is late.", 0),
        ("아마 그런 것 같아요.", 2),
        ("비가 올지도 몰라요.", 0),
        ("비가 올지도 모르겠어요.", 1),
        ("우리 같이 가요.", 0),
        ("늦은 듯해요.", 1),
    ] {
        assert_eq!(read(text, Language::of_text(text).unwrap()).hedges, hedges, "{text}");
    }
    for (text, forms) in [
        ("Could you help me, please? Thank you.", 3),
        ("Give it to me.", 0),
        ("감사합니다. 잘 부탁드려요.", 2),
        ("어디 가시나요?", 1),
        ("빨리 내놔.", 0),
    ] {
        assert_eq!(read(text, Language::of_text(text).unwrap()).polite_forms, forms, "{text}");
    }
    for (text, topics) in [
        ("By the way, have you seen it?", 1),
        ("Oh, that reminds me of school.", 1),
        ("I see.", 0),
        ("그나저나 주말에 뭐 하세요?", 1),
        ("아 맞다, 그거 들었어요?", 1),
        ("네, 좋아요.", 0),
    ] {
        assert_eq!(read(text, Language::of_text(text).unwrap()).new_topics, topics, "{text}");
    }
}

#[test]
fn words_and_syllables_are_counted_as_spoken() {
    for (text, expected) in [
        ("안녕하세요", 5),
        ("3시에 만나요", 6),
        ("2024년", 5 + 1),
        ("hello there", 3),
        ("I like the table", 5),
        ("asked", 1),
        ("wanted", 2),
        ("", 0),
    ] {
        assert_eq!(syllables(text), expected, "{text}");
    }
    for (text, expected) in
        [("one two three", 3), ("at 7 o'clock", 3), ("in 1854 he left", 6), ("42 cats", 3), ("", 0)]
    {
        assert_eq!(spoken_words(text), expected, "{text}");
    }
}

#[test]
fn any_text_is_survived_and_counts_add_up() {
    let hostile = [
        "",
        "…",
        "????",
        "[BLANK_AUDIO]",
        "* * *",
        "‘’''",
        "\u{0301}\u{0301}",
        "ㅋㅋㅋㅋ",
        "🙂🙂",
        "a.b.c",
        "3..5",
        "습니다",
        "니까",
    ];
    for text in hostile {
        for lang in Language::ALL {
            let counts = read(text, lang);
            assert!(counts.polite_endings <= counts.endings, "{text}");
            assert!(
                counts
                    .fillers
                    .iter()
                    .all(|filler| filler.from < filler.to && filler.to <= text.chars().count())
            );
        }
    }
    assert_eq!(read("[BLANK_AUDIO]", English).words, 0);
    let (one, other) = ("음, 좋아요. 뭐 해요?", " 아마 그럴 거예요. 어… 네.");
    let mut sum = read(one, Korean);
    sum.add(&read(other, Korean), one.chars().count());
    let whole = read(&format!("{one}{other}"), Korean);
    assert_eq!(sum, whole);
    let long = "그래서 제가 음 ".repeat(20_000);
    assert!(read(&long, Korean).words <= 20_000);
}

#[test]
fn a_short_form_ends_no_sentence() {
    assert_eq!(read("Mr. Kim met Dr. Lee. They talked.", English).sentences, 2);
    assert_eq!(read("It costs 3.5 dollars.", English).sentences, 1);
}

#[test]
fn case_and_marks_at_the_end_change_nothing() {
    for text in ["I am not happy, you know.", "Could you help me, please."] {
        let (plain, loud) = (read(text, English), read(&text.to_uppercase(), English));
        assert_eq!(plain, loud, "{text}");
    }
}
