//! Fillers: sounds and words that hold the floor and say nothing. "그" is one in "그… 제가", and none in "그 사람";
//! "like" is one in "it was, like, huge", and none in "I like it". Where a rule cannot tell, nothing is counted.

use super::token::{Mark, Sentence, stands_at, within};
use crate::hangul::Syllable;

/// A filler in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filler {
    /// Its first character, counted from 0.
    pub from: usize,
    /// The character after its last.
    pub to: usize,
    /// Which: its shortest spelling, such as `um`, `you know`, `음`.
    pub which: &'static str,
}

impl Filler {
    /// The same in a text that has `offset` characters before this one's.
    #[must_use]
    pub fn moved(self, offset: usize) -> Self {
        Self { from: self.from + offset, to: self.to + offset, ..self }
    }
}

/// The fillers of all sentences, in their order.
pub(super) fn read(sentences: &[Sentence<'_>]) -> Vec<Filler> {
    let mut found = Vec::new();
    for sentence in sentences {
        let mut at = 0;
        while at < sentence.len() {
            let filler = filler(sentence, at);
            if let Some((which, length)) = filler {
                let (from, to) = (sentence[at].range.0, sentence[at + length - 1].range.1);
                found.push(Filler { from, to, which });
            }
            at += filler.map_or(1, |(_, length)| length);
        }
    }
    found
}

/// The filler that begins at `at`, and how many words it has.
fn filler(sentence: Sentence<'_>, at: usize) -> Option<(&'static str, usize)> {
    let word = squeezed(&sentence[at].text);
    let one = |which: Option<&'static str>| which.map(|which| (which, 1));
    one(sound(&word)).or_else(|| english(sentence, at, &word)).or_else(|| one(korean(sentence, at, &word)))
}

/// Drawn-out spellings in their short form: "ummm" is "um", "음음" and "으음" are "음".
fn squeezed(word: &str) -> String {
    let mut short = String::new();
    for character in word.chars() {
        if !short.ends_with(character) {
            short.push(character);
        }
    }
    short
}

/// Sounds that are never anything else.
fn sound(word: &str) -> Option<&'static str> {
    match word {
        "um" | "uhm" | "umh" | "erm" | "ehm" => Some("um"),
        "uh" | "er" | "uhh" => Some("uh"),
        "hm" => Some("hm"),
        "음" | "으음" | "흠" | "흐음" => Some("음"),
        _ => None,
    }
}

// ---------------------------------------------------------------- English

/// What follows "you know" when something is known.
const KNOWN: &str = "what how why who where when if that the it him her them me us this these those about my your his \
                     our their a an all anything nothing everything something as better";
/// What precedes "you know" when somebody is asked or told.
const KNOWER: &str =
    "do did does don't didn't if as that what let to would should might may could will won't because";
/// After these words "like" is an empty beat when a whole clause or a strong word follows.
const BEFORE_LIKE: &str =
    "and but so just was is it's i'm he's she's they're we're you're that's were been because";
/// And this is what follows.
const AFTER_LIKE: &str = "i i'm i'd i've you he she we they it's really so totally very super literally maybe when if \
                          what oh no yeah wow crazy huge seriously completely kind sort";

fn english(sentence: Sentence<'_>, at: usize, word: &str) -> Option<(&'static str, usize)> {
    let before = at.checked_sub(1).map(|before| &sentence[before]);
    let after = |words: usize| sentence.get(at + words).map(|token| token.text.as_str());
    if word == "like" && like(sentence, at) {
        return Some(("like", 1));
    }
    if stands_at(sentence, at, "you know").is_some() {
        let told = before.is_some_and(|token| token.mark == Mark::None && within(KNOWER, &token.text));
        let known = after(2).is_some_and(|next| within(KNOWN, next)) && sentence[at + 1].mark == Mark::None;
        return (!told && !known).then_some(("you know", 2));
    }
    if stands_at(sentence, at, "i mean").is_some() {
        let begins =
            before.is_none_or(|token| token.mark != Mark::None || within("but and so well no", &token.text));
        let meant = after(2).is_none_or(|next| within("it that this to what by you him her every", next))
            && sentence[at + 1].mark == Mark::None;
        return (begins && !meant).then_some(("i mean", 2));
    }
    None
}

fn like(sentence: Sentence<'_>, at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| &sentence[before]);
    let next = sentence.get(at + 1).map(|token| token.text.as_str());
    // "like I said" and "like you" compare.
    let said = sentence.get(at + 2).is_some_and(|token| within("said mentioned told do did", &token.text));
    match (before, next) {
        (_, Some(_)) if sentence[at].mark == Mark::Comma || sentence[at].mark == Mark::Trail => before
            .is_none_or(|token| {
                token.mark != Mark::None
                    || within("and but so was is were it's just i'm he's she's", &token.text)
            }),
        (Some(token), Some(next)) if token.mark == Mark::None => {
            within(BEFORE_LIKE, &token.text) && within(AFTER_LIKE, next) && !said
        }
        _ => false,
    }
}

// ---------------------------------------------------------------- Korean

/// Words that no determiner can stand before: "그 제가", "그 뭐랄까".
const NO_NOUN: &str = "제가 저는 전 저도 저희 내가 나는 난 나도 우리 우리가 너 네가 니가 당신 뭐 뭐지 뭐냐 뭐랄까 뭐라고 뭐라 그게 그거 \
                       그건 이게 이거 이건 저게 어제 오늘 내일 아까 지금 요즘 일단 먼저 그러니까 그니까 근데 그런데 그래서 혹시 사실 아마 왜 \
                       어떻게 언제 어디 누구 누가 막 약간 좀 진짜 정말 너무 아니 안녕하세요 혹시나 솔직히 음 어 에 그 저 저기 있잖아요 있잖아";
/// What one says yes to: then "어" is an answer.
const AGREES: &str = "그래 그래요 맞아 맞아요 응 어 알았어 알겠어 알아 좋아 그렇지 그럼 나도 아니 아니야 왔어 했어 괜찮아 고마워";
/// What "뭐" stands before when it says nothing.
const AFTER_WHAT: &str =
    "그냥 그런 그렇게 그렇지 어쨌든 아무튼 딱히 별로 이런 저런 사실 일단 솔직히 그래도 하여튼 여튼";

fn korean(sentence: Sentence<'_>, at: usize, word: &str) -> Option<&'static str> {
    let mark = sentence[at].mark;
    let held = matches!(mark, Mark::Comma | Mark::Trail);
    let next = sentence.get(at + 1).map(|token| token.text.as_str());
    let no_noun = next.is_some_and(|next| within(NO_NOUN, next));
    match word {
        "어" => (next.is_some_and(|next| !within(AGREES, next)) || mark == Mark::Trail).then_some("어"),
        "에" | "엠" => (held || no_noun).then_some("에"),
        "그" => (held || no_noun).then_some("그"),
        "저" => {
            let filler = next.is_some_and(|next| within("음 어 그 저 저기 뭐지 뭐랄까", next));
            ((held && next.is_some()) || mark == Mark::Trail || filler).then_some("저")
        }
        "저기" => ((held && next.is_some()) || no_noun).then_some("저기"),
        "막" => next.is_some_and(|next| held || !happened(next)).then_some("막"),
        "뭐" => {
            (next.is_some() && (held || next.is_some_and(|next| within(AFTER_WHAT, next)))).then_some("뭐")
        }
        "뭐랄까" | "뭐라할까" | "뭐라고할까" => Some("뭐랄까"),
        "그니까" | "그러니까" => (held && next.is_some()).then_some("그니까"),
        "이제" | "인제" => (held && next.is_some()).then_some("이제"),
        _ => None,
    }
}

/// Whether a verb tells what happened or was about to: "막 도착했어요" means "just now".
fn happened(word: &str) -> bool {
    let past = |character: char| Syllable::of(character).is_some_and(|syllable| syllable.coda == 'ㅆ');
    word.chars().any(past)
        || ["려고", "려던", "려는", "려다"].iter().any(|ending| word.contains(ending))
        || ["나온", "나가", "끝난", "시작", "온", "일어난"].iter().any(|stem| word.starts_with(stem))
}
