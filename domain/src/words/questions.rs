//! What is a question, also where nobody wrote a question mark.

use super::token::{Mark, Sentence, within};
use crate::hangul::Syllable;

/// Whether a sentence asks.
pub(super) fn is_question(sentence: Sentence<'_>) -> bool {
    sentence.last().is_some_and(|last| last.mark == Mark::Question) || korean(sentence) || english(sentence)
}

// ---------------------------------------------------------------- Korean

/// Words that ask. 뭔가 and 언젠가 do not.
const ASKING: &str = "뭐 뭘 뭐가 뭐를 뭐를 무엇 무엇을 무엇이 무슨 왜 어디 어디서 어디에 어디에서 어디로 어딜 언제 언제부터 누구 누가 누구랑 누구를 \
    어떻게 어때 어때요 어떤 몇 몇시 몇살 얼마 얼마나 어느 뭔데 뭔데요 뭐예요 뭐에요 뭐야 누구야 누구예요 어디야 어디예요 언제야 언제예요 왜요 \
    어떠세요 어떠셨어요 어땠어 어땠어요 어떻습니까 어떨까";
/// Words that turn the rest into something unknown: "뭔지 모르겠어요".
const UNKNOWN: [&str; 8] = ["모르", "몰라", "든지", "든가", "는지", "인지", "을지", "상관없"];

fn korean(sentence: Sentence<'_>) -> bool {
    let Some(last) = sentence.last() else { return false };
    let word = last.text.as_str();
    let characters = word.chars().collect::<Vec<_>>();
    let asks = asks_by_ending(word, &characters);
    let wh = sentence.iter().any(|token| within(ASKING, &token.text));
    let unknown = sentence.iter().any(|token| UNKNOWN.iter().any(|mark| token.text.contains(mark)));
    asks || invites(sentence, &characters) || (wh && !unknown && may_ask(word))
}

/// "갈래요", "너도 갈래": asks for the other's wish, unless somebody tells their own.
fn invites(sentence: Sentence<'_>, last: &[char]) -> bool {
    let [.., before, '래'] = last.strip_suffix(&['요']).unwrap_or(last)[..] else { return false };
    let wish = Syllable::of(before).is_some_and(|syllable| syllable.coda == 'ㄹ');
    let has = |list: &str| sentence.iter().any(|token| within(list, &token.text));
    let own = has("나 난 나는 내가 저 전 저는 제가 나도 저도 나만 저만 그냥 집에");
    wish && !own && (last.ends_with(&['요']) || has("너 넌 너도 네가 니가 너는 너랑 같이 우리 혹시"))
}

/// Endings that only questions have: 까, 까요, 나요, ㄴ가요, 니, 냐, 습니까.
fn asks_by_ending(word: &str, characters: &[char]) -> bool {
    const NO_QUESTION: &str = "언니 어머니 할머니 주머니 하니 그러니 보니 그렇다니 아니 오니 가니까 그러니까 아까 그러니까요 동요나요";
    if within(NO_QUESTION, word) || word.ends_with("니까요") && !formal_question(characters) {
        return false;
    }
    let coda_before = |from_end: usize| {
        let at = characters.len().checked_sub(from_end + 1)?;
        Syllable::of(characters[at]).map(|syllable| syllable.coda)
    };
    let asks_if = |ending: &str, codas: &[char]| {
        word.ends_with(ending)
            && coda_before(ending.chars().count()).is_some_and(|coda| codas.contains(&coda))
    };
    formal_question(characters)
        || asks_if("까요", &['ㄹ'])
        || asks_if("까", &['ㄹ'])
        || asks_if("가요", &['ㄴ'])
        || asks_if("가", &['ㄴ']) && ["인가", "는가", "은가", "한가", "던가"].iter().any(|end| word.ends_with(end))
        || word.ends_with("나요") && characters.len() >= 3
        || word.ends_with('냐') && characters.len() >= 2
        || word.ends_with("냐고")
        // 했니, 하니, 있니; 언니 and 하니 ("since") are left out above.
        || word.ends_with('니') && characters.len() >= 2 && !word.ends_with("니까") && !word.ends_with("머니")
        || ["려나", "았나", "었나", "했나", "였나", "있나", "없나", "겠나"].iter().any(|end| word.ends_with(end))
        || ["시죠", "그렇죠", "맞죠", "그쵸", "그죠"].contains(&word)
}

/// 합니까, 했습니까: ㅂ before 니까, which 하니까 ("because") has not.
fn formal_question(characters: &[char]) -> bool {
    let [.., before, '니', '까'] = characters[..] else { return false };
    Syllable::of(before).is_some_and(|syllable| syllable.coda == 'ㅂ')
}

/// Endings that tell or ask, as the rest of the sentence wants it.
fn may_ask(word: &str) -> bool {
    let ends = [
        "요", "야", "어", "아", "해", "지", "죠", "데", "래", "가", "봐", "와", "돼", "왜", "뭐", "때", "니",
        "다며",
    ];
    let tells = [
        "거든요",
        "거든",
        "잖아요",
        "잖아",
        "네요",
        "군요",
        "구나",
        "니까요",
        "고요",
        "서요",
        "게요",
        "같아요",
        "같아",
    ];
    ends.iter().any(|end| word.ends_with(end)) && !tells.iter().any(|end| word.ends_with(end))
}

// ---------------------------------------------------------------- English

const OPENERS: &str =
    "so and but well um uh oh okay ok hey like now yeah right anyway hi hello then actually wait hmm mm";
const ASKERS: &str = "what why how when where who which whose whom";
const AUXILIARIES: &str = "is are was were do does did can could would will have has had should shall may am isn't aren't \
    wasn't weren't don't doesn't didn't can't couldn't wouldn't won't haven't hasn't shouldn't";
const SUBJECTS: &str = "i you he she it we they there this that these those anyone anybody someone everyone your my his her \
    our their the a any";
/// "do the dishes" orders and "have a seat" invites: after these only a person makes a question.
const ORDERS: &str = "do have don't";
const PERSONS: &str = "i you he she it we they your";

fn english(sentence: Sentence<'_>) -> bool {
    let skipped = sentence.iter().take(3).take_while(|token| within(OPENERS, &token.text)).count();
    let Some(rest) = sentence.get(skipped..).filter(|rest| !rest.is_empty()) else { return false };
    let word = |at: usize| rest.get(at).map_or("", |token| token.text.as_str());
    let (first, second) = (word(0), word(1));
    let contracted = first.split_once('\'').filter(|(asker, _)| within(ASKERS, asker));
    let about = matches!((first, second), ("how" | "what", "about") | ("how", "come") | ("what", "if"));
    let degree = matches!(first, "how" | "what" | "which" | "whose")
        && (1..rest.len().min(5)).any(|at| within(AUXILIARIES, word(at)) && within(SUBJECTS, word(at + 1)));
    let asker =
        within(ASKERS, first) && within(AUXILIARIES, second) && !(first == "when" || first == "where")
            || matches!(first, "when" | "where") && within(AUXILIARIES, second) && within(SUBJECTS, word(2))
            || first == "who" && rest.len() >= 2 && !within("i you we they", second);
    let subjects = if within(ORDERS, first) { PERSONS } else { SUBJECTS };
    let auxiliary = within(AUXILIARIES, first) && within(subjects, second);
    contracted.is_some() || about || degree || asker || auxiliary || tag(rest)
}

/// "…, isn't it", "…, right", "…, don't you".
fn tag(sentence: Sentence<'_>) -> bool {
    let [.., before, last] = sentence else { return false };
    let parted = |at: usize| sentence.len() > at && sentence[sentence.len() - 1 - at].mark == Mark::Comma;
    (parted(1) && within("right huh eh correct no okay", &last.text))
        || (before.text.ends_with("n't") && within("it you he she we they i there", &last.text) && parted(2))
}
