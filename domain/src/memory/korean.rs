//! Korean statements about oneself.

use super::{FactKind, LONGEST_STATEMENT};

const SELF: &str = "저는 전 나는 난 제가 내가 저도 나도 제 내";
/// Words that may stand before the statement without changing whose it is.
const FILLERS: &str = "네 응 어 음 아 아니 사실 그냥 근데 그런데 그리고 올해 이제 지금 만 현재 안녕하세요 안녕 나이는 \
                       한국 나이로 요즘 참 일단 혹시 오 아아";
const ADVERBS: &str = "정말 진짜 되게 엄청 너무 제일 가장 많이 아주 특히 굉장히 완전 꽤 좀 조금 원래 항상 늘 평소에 \
                       무척 매우 별로 안 그다지 그렇게";
const NOT_THINGS: &str = "너 당신 나 저 그 그거 이거 저거 뭐 뭘 누구 것 거 게 그것 이것 네가 니가 우리 서로 다 모두 \
                          아무것 무엇 어떤 그런 이런 걔 쟤 그녀";
/// What a job's name ends with.
const JOBS: &str = "개발자 프로그래머 엔지니어 디자이너 마케터 기획자 선생님 교사 강사 교수 의사 간호사 약사 치과의사 \
                    한의사 수의사 학생 대학생 대학원생 고등학생 중학생 회사원 직장인 공무원 변호사 판사 검사 세무사 \
                    회계사 노무사 기자 작가 가수 배우 화가 요리사 셰프 바리스타 제빵사 미용사 연구원 과학자 군인 \
                    경찰 경찰관 소방관 운전기사 기사 승무원 조종사 번역가 통역사 건축가 사진작가 음악가 피아니스트 \
                    작곡가 농부 주부 사업가 자영업자 프리랜서 매니저 유튜버 은행원 상담사 사회복지사 물리치료사 \
                    영양사 트레이너 PD 피디 데이터분석가 분석가 컨설턴트 사장";
const COPULAS: [&str; 18] = [
    "이라고해요",
    "라고해요",
    "이라고합니다",
    "라고합니다",
    "이라고해",
    "라고해",
    "이에요",
    "예요",
    "이예요",
    "에요",
    "입니다",
    "이거든요",
    "거든요",
    "이야",
    "야",
    "이고요",
    "이고",
    "이요",
];
const AGES: &str = "스물 서른 마흔 쉰 예순 일흔 여든 아흔 열";
const ONES: &str = "하나 한 둘 두 셋 세 넷 네 다섯 여섯 일곱 여덟 아홉";

fn within(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|each| each == word)
}

/// The facts of `text`, in the order in which they were said.
pub(super) fn facts(text: &str) -> Vec<(FactKind, String)> {
    let mut found = Vec::new();
    let bounded = text.split_inclusive(['.', '!', '?', '\n', ',', '~']);
    for piece in bounded.filter(|piece| !piece.ends_with('?')) {
        let words = piece
            .split_whitespace()
            .map(|word| word.trim_matches(|character: char| !character.is_alphanumeric()))
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>();
        if words.len() > LONGEST_STATEMENT {
            continue;
        }
        let readers = [name, age, home, taste, job];
        found.extend(readers.iter().find_map(|read| read(&words)));
    }
    found
}

/// Whether the words before a statement leave it to be the speaker's own.
fn own(words: &[&str]) -> bool {
    words.iter().all(|word| within(SELF, word) || within(FILLERS, word))
}

/// Without a topic of its own ("우리 엄마는"), a sentence is the speaker's.
fn no_other_topic(words: &[&str]) -> bool {
    words.iter().all(|word| {
        within(SELF, word)
            || within(FILLERS, word)
            || within(ADVERBS, word)
            || !["은", "는", "이", "가", "께서", "도"].iter().any(|particle| word.ends_with(particle))
    })
}

/// The noun before a copula, when one stands at the end of `word`.
fn without_copula(word: &str) -> Option<&str> {
    let noun = COPULAS.iter().filter_map(|ending| word.strip_suffix(ending)).min_by_key(|noun| noun.len())?;
    (!noun.is_empty()).then_some(noun)
}

fn name(words: &[&str]) -> Option<(FactKind, String)> {
    let said = |value: &str| {
        let known = !within(NOT_THINGS, value) && !value.starts_with("뭐") && !value.starts_with("비밀");
        (known && (1..=12).contains(&value.chars().count())).then(|| (FactKind::Name, value.to_owned()))
    };
    if let Some(at) = words.iter().position(|word| matches!(*word, "이름은" | "이름이")) {
        let mine = words[..at].iter().any(|word| matches!(*word, "제" | "내" | "저의" | "나의")) || at == 0;
        let rest = &words[at + 1..];
        return match (mine, rest) {
            (true, [value]) => said(without_copula(value)?),
            (true, [value, "라고" | "이라고", ..]) => said(value),
            (true, [value, "해요" | "합니다" | "해" | "하고요"]) => {
                said(value.strip_suffix("이라고").or_else(|| value.strip_suffix("라고"))?)
            }
            _ => None,
        };
    }
    let (verb, before) = words.split_last()?;
    let (before, verb) = match (*verb, before.split_last()) {
        ("줘" | "주세요" | "줘요" | "주실래요", Some((call, before))) => (before, *call),
        (verb, _) => (before, verb),
    };
    let (value, before) = before.split_last()?;
    let value = value.strip_suffix("이라고").or_else(|| value.strip_suffix("라고"))?;
    let introduces =
        matches!(verb, "해요" | "합니다" | "해" | "하고요") && before.iter().any(|word| within(SELF, word));
    let asks = verb.starts_with("불러") || verb.starts_with("부르");
    (own(before) && (introduces || asks)).then(|| said(value)).flatten()
}

fn age(words: &[&str]) -> Option<(FactKind, String)> {
    let at = words.iter().position(|word| {
        let stem = word.trim_start_matches(|character: char| character.is_ascii_digit());
        stem.starts_with("살이")
            || stem == "살"
            || stem.starts_with("살입")
            || stem.starts_with("세입")
            || (stem.len() < word.len() && stem.starts_with('살'))
            || word.find("살이").is_some_and(|cut| native(&word[..cut]))
    })?;
    let word = words[at];
    let digits = word.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (value, before) = if !digits.is_empty() {
        (digits, &words[..at])
    } else if let Some(cut) = word.find("살").filter(|cut| *cut > 0) {
        (word[..cut].to_owned(), &words[..at])
    } else {
        let (number, before) = words[..at].split_last()?;
        (number.to_string(), before)
    };
    let number = native(&value) || value.parse::<u8>().is_ok_and(|years| (3..=120).contains(&years));
    // "한국 나이로" counts otherwise, but it is still what the person says of themselves.
    (number && own(before) && !word.contains("살아")).then(|| (FactKind::Age, format!("{value}살")))
}

/// Whether `word` is a native numeral such as 스물여덟.
fn native(word: &str) -> bool {
    let rest = AGES.split_whitespace().find_map(|ten| word.strip_prefix(ten)).unwrap_or(word);
    !word.is_empty() && (rest.is_empty() || within(ONES, rest) || word == "스무")
}

fn home(words: &[&str]) -> Option<(FactKind, String)> {
    let living =
        |word: &&str| ["살아요", "살아", "삽니다", "살고", "산다", "살거든요", "살아서"].contains(word);
    let at = words.iter().position(living)?;
    // "살고 싶어요" is a wish.
    if words.get(at + 1).is_some_and(|next| next.starts_with("싶")) {
        return None;
    }
    let (place, before) = words[..at].split_last()?;
    let (place, before) = match (*place, before.split_last()) {
        ("혼자" | "같이" | "지금" | "계속", Some((place, before))) => (*place, before),
        (place, _) => (place, before),
    };
    let value = place.strip_suffix("에서").or_else(|| place.strip_suffix("에"))?;
    let vague = matches!(
        value,
        "" | "여기" | "거기" | "저기" | "집" | "어디" | "근처" | "이 근처" | "옆" | "곳" | "데"
    );
    if vague || !no_other_topic(before) {
        return None;
    }
    let region = before.last().filter(|word| {
        !within(SELF, word) && !within(FILLERS, word) && !within(ADVERBS, word) && word.chars().count() <= 5
    });
    let text = region.map_or_else(|| value.to_owned(), |region| format!("{region} {value}"));
    Some((FactKind::Home, text))
}

fn taste(words: &[&str]) -> Option<(FactKind, String)> {
    let likes = |word: &str| {
        ["좋아해", "좋아합니다", "좋아하거든", "좋아하고", "좋아한다", "사랑해"].iter().any(|verb| {
            word.starts_with(verb) && !word.starts_with("좋아해서") && !word.starts_with("좋아했")
        })
    };
    let denied = |word: &str| word == "좋아하지";
    let hates = |word: &str| {
        ["싫어해", "싫어합니다", "싫어하거든", "싫어하고", "싫어한다"]
            .iter()
            .any(|verb| word.starts_with(verb))
    };
    let at = words.iter().position(|word| likes(word) || denied(word) || hates(word))?;
    let mut kind = if likes(words[at]) { FactKind::Like } else { FactKind::Dislike };
    if denied(words[at])
        && !words
            .get(at + 1)
            .is_some_and(|next| next.starts_with("않") || next.starts_with("못") || next.starts_with("안"))
    {
        return None;
    }
    if words[..at].iter().any(|word| matches!(*word, "안" | "별로" | "그다지")) {
        if kind == FactKind::Dislike && !denied(words[at]) {
            return None;
        }
        kind = FactKind::Dislike;
    }
    let spoken = words[..at].iter().copied().filter(|word| !within(ADVERBS, word)).collect::<Vec<_>>();
    let (object, before) = spoken.split_last()?;
    if within(SELF, object) || !no_other_topic(before) {
        return None;
    }
    let noun = ["이랑", "을", "를", "은", "는", "도"]
        .iter()
        .find_map(|particle| object.strip_suffix(particle))
        .unwrap_or(object);
    if noun.is_empty() || within(NOT_THINGS, noun) || within(FILLERS, noun) {
        return None;
    }
    let before = before
        .iter()
        .filter(|word| !within(SELF, word) && !within(FILLERS, word))
        .copied()
        .collect::<Vec<_>>();
    // At most two words before the thing belong to it ("매운 떡볶이"); a longer way there is a story.
    let mut thing = before[before.len().saturating_sub(2)..].to_vec();
    thing.push(noun);
    Some((kind, thing.join(" ")))
}

fn job(words: &[&str]) -> Option<(FactKind, String)> {
    let working = ["일해요", "일합니다", "일하고", "일해", "일하는"];
    if let Some(at) = words.iter().position(|word| working.contains(word)) {
        let (role, before) = words[..at].split_last()?;
        let role = role.strip_suffix("으로").or_else(|| role.strip_suffix("로"))?;
        return (role.chars().count() > 1 && no_other_topic(before) && is_job(role))
            .then(|| (FactKind::Job, role.to_owned()));
    }
    let (last, before) = words.split_last()?;
    let noun = without_copula(last)?;
    if let Some(at) = before.iter().position(|word| matches!(*word, "직업은" | "직업이")) {
        let others = before[..at].iter().all(|word| within(SELF, word) || within(FILLERS, word));
        return others.then(|| (FactKind::Job, joined(&before[at + 1..], noun)));
    }
    let about_self = before.first().is_some_and(|_| before.iter().any(|word| within(SELF, word)));
    if !about_self || !is_job(noun) || !no_other_topic(before) {
        return None;
    }
    let described = before
        .iter()
        .copied()
        .filter(|word| !within(SELF, word) && !within(FILLERS, word))
        .collect::<Vec<_>>();
    (described.len() <= 2).then(|| (FactKind::Job, joined(&described, noun)))
}

fn joined(words: &[&str], last: &str) -> String {
    words.iter().copied().chain([last]).collect::<Vec<_>>().join(" ")
}

fn is_job(noun: &str) -> bool {
    JOBS.split_whitespace().any(|job| noun.ends_with(job))
}
