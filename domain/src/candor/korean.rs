//! Korean: the same in one word or three, with or without a particle, so words are joined before they are compared.

use super::MOST_WORDS;

/// Nouns that leave no doubt. Longer ones first, so that 챗봇 is not found as 봇.
const NOUNS: [&str; 15] = [
    "인공지능",
    "에이아이",
    "챗지피티",
    "챗gpt",
    "언어모델",
    "가상인간",
    "휴머노이드",
    "지피티",
    "안드로이드",
    "챗봇",
    "로봇",
    "gpt",
    "ai",
    "봇",
    "인조인간",
];
/// Nouns with an everyday meaning: they count only when the person says whom they mean.
const WEAK: [&str; 3] = ["프로그램", "컴퓨터", "기계"];
/// What makes a noun the predicate of a question.
const ENDINGS: &str = "야 이야 예요 에요 이에요 이예요 지 이지 죠 이죠 지요 이지요 니 이니 냐 이냐 인가 인가요 인가봐 인거 \
                       인건 세요 이세요 이신 신가 신거 입니까 맞 아니야 아니에요 아니예요 아니지 아니죠 아니냐 아니니 아닌가 \
                       아닙니까 아냐 가아니 이아니 같은데 같아 같애 같네 인것같 임 인지 이라며 라며 이라던데 라던데 잖아 이잖아 \
                       구나 이구나 인데 랑얘기하 이랑얘기하 랑대화하 이랑대화하 랑말하 이랑말하 하고얘기하는 였어 이었어 ㅋ ?";
const YOU: &str = "너 넌 너는 니가 네가 너도 너가 당신 당신은 당신이 당신도 그쪽 그쪽은 그쪽이 자기 자기는 자네 언니 오빠 누나 형";
const SELF: &str = "나 난 나는 내가 저 전 저는 제가 나도 저도 우리 우리는";
/// Words that end like a topic and are none.
const NO_TOPIC: &str = "묻는 물어보는 하는 있는 말하는 얘기하는 이야기하는 대화하는 통화하는 듣는 지금 이거 이건 이게 혹시 \
                        설마 정말이 아는 모르는 궁금한 없는 말이";
const REAL: &str = "진짜 실제 정말 정말로 진짜로 실제로 혹시 솔직히 근데 그럼 그런데 설마 너 넌 너는 네가 니가 당신 당신은 당신이 \
                    그쪽 그쪽은 살아있는 있는 진심으로 지금 너도 당신도 아니 야 저기";
const INSISTS: [&str; 34] = [
    "진짜로",
    "정말로",
    "진심으로",
    "진심이야",
    "진심인데",
    "진지하게",
    "진지한",
    "진지해",
    "솔직히",
    "솔직하게",
    "솔직한",
    "사실대로",
    "사실을",
    "거짓말",
    "농담아니",
    "농담말고",
    "농담이아니",
    "장난아니",
    "장난말고",
    "장난치지",
    "장난이아니",
    "알아야",
    "알고싶",
    "중요해",
    "중요한",
    "묻는건데",
    "묻는거",
    "물어보는건데",
    "물어보는거",
    "확실히",
    "확실하게",
    "돌리지말고",
    "피하지말고",
    "제발",
];

fn within(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|each| each == word)
}

/// The sentence's words in lower case, without signs except the question mark as the end of the last word.
fn sentences(text: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    text.split_inclusive(['.', '!', '?', '\n', ',']).flat_map(|sentence| {
        let words = sentence
            .to_lowercase()
            .split_whitespace()
            .map(|word| {
                word.chars().filter(|character| character.is_alphanumeric() || *character == '?').collect()
            })
            .filter(|word: &String| !word.is_empty())
            .collect::<Vec<_>>();
        // From the end, where a question stands.
        words.rchunks(MOST_WORDS).map(<[String]>::to_vec).collect::<Vec<_>>()
    })
}

pub(super) fn asks(text: &str) -> bool {
    // "A.I." would otherwise be two sentences.
    let text = text.replace("A.I.", "AI").replace("a.i.", "ai");
    sentences(&text)
        .any(|words| asks_whether_machine(&words) || asks_whether_human(&words) || asks_of_origin(&words))
}

pub(super) fn insists(text: &str) -> bool {
    let joined = text.split_whitespace().collect::<String>();
    INSISTS.iter().any(|marker| joined.contains(marker))
}

fn asks_whether_machine(words: &[String]) -> bool {
    (0..words.len()).any(|at| {
        let addressed = words[..at].iter().any(|word| within(YOU, word));
        let mut nouns = NOUNS.iter().chain(WEAK.iter().filter(|_| addressed));
        let Some(tail) = nouns.find_map(|noun| words[at].strip_prefix(*noun)) else { return false };
        // "나 AI랑 얘기하는 거야?": whom the person talks with is us, whatever stands before.
        let talked_with = ["랑", "이랑", "하고"].iter().any(|particle| tail.starts_with(particle));
        is_ending(tail, &words[at + 1..]) && (talked_with || addresses_us(&words[..at], addressed))
    })
}

/// Whether `tail`, which follows a noun, makes it the end of a question: "야?", or " 맞아?" as the next word.
fn is_ending(tail: &str, next: &[String]) -> bool {
    let tail = match tail {
        "이" | "가" | "는" | "은" | "랑" | "이랑" | "하고" | "" => {
            format!("{tail}{}", next.concat())
        }
        _ => tail.to_owned(),
    };
    if tail.is_empty() {
        return false;
    }
    // "AI인데?" asks, "AI 맞춤형" and "AI지원" do not.
    let technical =
        ["맞춤", "지원", "지능", "임원", "임상", "지도", "야구", "인재", "니즈", "인프라", "인사이트"];
    !technical.iter().any(|word| tail.starts_with(word))
        && ENDINGS.split_whitespace().any(|ending| tail.starts_with(ending))
}

/// Whether the words before the noun leave the persona as the one who is asked about.
fn addresses_us(before: &[String], addressed: bool) -> bool {
    if before.iter().any(|word| within(SELF, word)) && !addressed {
        return false;
    }
    // "너 영화 주인공이 로봇이야?": somebody else stands nearer than 너.
    let others = before.iter().rev().take_while(|word| !within(YOU, word)).filter(|word| {
        let topic = ["은", "는", "이", "가", "의", "께서"].iter().any(|particle| word.ends_with(particle));
        let other = matches!(
            word.as_str(),
            "그거" | "저거" | "그건" | "저건" | "걔" | "쟤" | "얘" | "그" | "저" | "어떤" | "무슨" | "새로운"
        );
        (topic && word.chars().count() > 1 && !within(NO_TOPIC, word)) || other
    });
    others.count() == 0
}

fn asks_whether_human(words: &[String]) -> bool {
    let real_person = (0..words.len()).any(|at| {
        let Some(tail) = ["사람", "인간"].iter().find_map(|noun| words[at].strip_prefix(noun)) else {
            return false;
        };
        let before = at.checked_sub(1).map(|before| words[before].as_str());
        let talks = ["이랑", "하고", "과"].contains(&tail);
        let meant = before.is_none_or(|word| within(REAL, word)) && (at > 0 || !talks);
        meant && !words.iter().any(|word| within(SELF, word)) && is_ending(tail, &words[at + 1..])
    });
    let joined = words.concat();
    let alive = ["실존인물", "실제로존재", "실존하는", "살아있는사람", "진짜사람이랑", "실제사람이랑"];
    let really_you = joined.starts_with("너진짜야") || joined.starts_with("너진짜존재");
    real_person
        || really_you
        || alive
            .iter()
            .any(|phrase| joined.contains(phrase) && !joined.contains("책") && !joined.contains("영화"))
}

fn asks_of_origin(words: &[String]) -> bool {
    let addressed = words.iter().any(|word| {
        within(YOU, word) || matches!(word.as_str(), "널" | "너를" | "당신을" | "네" | "니" | "너의")
    });
    let joined = words.concat();
    let made = joined.contains("누가")
        && ["만들었", "만든", "개발했", "학습시"].iter().any(|verb| joined.contains(verb));
    let identity =
        ["정체가뭐", "정체가뭔", "정체는뭐", "정체가무"].iter().any(|phrase| joined.contains(phrase));
    addressed && ((made && words.len() <= 4) || identity)
}

pub(super) fn denies(reply: &str) -> bool {
    sentences(reply).any(|words| {
        let joined = words.concat();
        let reported = ["아니라고", "아니라면", "아니라는", "아닌척", "아니냐", "사람이라고", "사람인척"];
        if reported.iter().any(|phrase| joined.contains(phrase)) {
            return false;
        }
        denies_machine(&words, &joined) || claims_human(&words)
    })
}

fn denies_machine(words: &[String], joined: &str) -> bool {
    let about_others = words.iter().any(|word| {
        matches!(word.as_str(), "그건" | "그거" | "이건" | "그게" | "그" | "걔는" | "너는" | "넌" | "당신은")
    });
    let denial = NOUNS.iter().chain(&WEAK).any(|noun| {
        [
            "가아니",
            "는아니",
            "이아니",
            "은아니",
            "아니",
            "가아닙",
            "이아닙",
            "는아닙",
            "은아닙",
            "아닙",
            "가아닌",
            "이아닌",
            "일리가",
            "일리없",
        ]
        .iter()
        .any(|negation| joined.contains(&format!("{noun}{negation}")))
    });
    denial && !about_others && !joined.ends_with('?')
}

fn claims_human(words: &[String]) -> bool {
    const BEFORE: &str = "저는 전 나는 난 나 저 진짜 당연히 그냥 평범한 정말 정말로 실제 분명히 분명 엄연한 살아있는 있는 네 응 \
                          그럼요 그럼 물론 완전 똑같은 같은 저도 나도";
    const CLAIMS: [&str; 12] = [
        "이에요",
        "이예요",
        "이야",
        "입니다",
        "이지",
        "이죠",
        "이거든",
        "이라니까",
        "맞아",
        "맞습니다",
        "맞거든",
        "인걸",
    ];
    (0..words.len()).any(|at| {
        let Some(tail) = ["사람", "인간"].iter().find_map(|noun| words[at].strip_prefix(noun)) else {
            return false;
        };
        let meant = at == 0 || within(BEFORE, &words[at - 1]);
        let asked = words.last().is_some_and(|word| word.ends_with('?'));
        let tail = if tail.is_empty() { words[at + 1..].concat() } else { tail.to_owned() };
        meant && !asked && CLAIMS.iter().any(|claim| tail.starts_with(claim))
    })
}
