//! What a line is about: the stems of its content words as numbers, so that two lines can be compared without
//! keeping what was said.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::lang::is_hangul;

/// More are not compared; a turn of 30 s has fewer.
const MOST: usize = 96;

/// Last syllables that are mostly particles.
const PARTICLES: [char; 17] =
    ['은', '는', '이', '가', '을', '를', '에', '도', '만', '의', '로', '와', '과', '랑', '요', '야', '서'];

/// Endings that make a sentence of a noun.
const COPULAS: [&str; 8] = ["이에요", "예요", "이었어요", "였어요", "입니다", "인데요", "이야", "이네요"];

/// Words that are in every talk, by their first two syllables.
const KOREAN_STOP: [&str; 48] = [
    "그래", "그리", "그런", "그럼", "그거", "그게", "그것", "이거", "이게", "이런", "저는", "제가", "나는",
    "내가", "저도", "나도", "우리", "정말", "진짜", "너무", "아주", "조금", "많이", "있어", "없어", "있는",
    "하는", "해요", "했어", "하고", "같아", "같은", "무슨", "어떤", "어떻", "뭐예", "뭐라", "뭐야", "네네",
    "아니", "안녕", "맞아", "좋아", "싫어", "그냥", "근데", "오늘", "지금",
];

/// The same, of one syllable.
const SHORT_STOP: [&str; 16] =
    ["네", "예", "응", "저", "나", "너", "내", "제", "더", "안", "못", "잘", "다", "그", "이", "뭐"];

const ENGLISH_STOP: [&str; 46] = [
    "that", "this", "what", "with", "have", "will", "would", "could", "should", "your", "yours", "mine",
    "they", "them", "then", "than", "there", "their", "when", "where", "which", "about", "really", "very",
    "just", "like", "much", "some", "from", "into", "been", "were", "does", "done", "good", "nice", "well",
    "yeah", "okay", "know", "think", "want", "going", "because", "also", "today",
];

/// The stems of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stems(Vec<u64>);

impl Stems {
    /// Reads a line: Korean words without their particle by their first two syllables, English words of four letters
    /// and more without their ending.
    pub fn of(text: &str) -> Self {
        let mut stems = text
            .split(|character: char| !character.is_alphanumeric())
            .filter_map(stem)
            .map(|stem| number(&stem))
            .take(MOST)
            .collect::<Vec<_>>();
        stems.sort_unstable();
        stems.dedup();
        Self(stems)
    }

    /// Whether there is nothing to talk about in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether they have something in common.
    pub fn touch(&self, other: &Self) -> bool {
        self.0.iter().any(|stem| other.0.binary_search(stem).is_ok())
    }

    /// Takes out what `other` has too, and says what that was.
    pub fn take_common(&mut self, other: &Self) -> usize {
        let before = self.0.len();
        self.0.retain(|stem| other.0.binary_search(stem).is_err());
        before - self.0.len()
    }
}

fn stem(word: &str) -> Option<String> {
    if word.chars().all(is_hangul) && !word.is_empty() {
        let bare =
            COPULAS.iter().find_map(|ending| word.strip_suffix(ending)).filter(|bare| !bare.is_empty());
        let mut syllables = bare.unwrap_or(word).chars().collect::<Vec<_>>();
        if syllables.len() > 1 && syllables.last().is_some_and(|last| PARTICLES.contains(last)) {
            syllables.pop();
        }
        let whole = word.chars().take(2).collect::<String>();
        let stem = syllables.into_iter().take(2).collect::<String>();
        let is_short = word.chars().count() == 1 && SHORT_STOP.contains(&word);
        let is_common =
            is_short || KOREAN_STOP.contains(&whole.as_str()) || KOREAN_STOP.contains(&stem.as_str());
        return (!is_common).then_some(stem);
    }
    let word = word.to_lowercase();
    if word.len() < 4 || ENGLISH_STOP.contains(&word.as_str()) {
        return None;
    }
    let bare = ["ing", "ed", "es", "s"].into_iter().find_map(|ending| word.strip_suffix(ending));
    Some(bare.filter(|bare| bare.len() >= 3).unwrap_or(&word).to_owned())
}

/// The same in every run, so that a test can rely on it.
fn number(stem: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    stem.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_the_same_thing_touch() {
        let cases = [
            ("강아지를 키우세요?", "네, 강아지가 두 마리 있어요.", true),
            ("주말에 등산을 갔어요.", "등산은 어디로 가셨어요?", true),
            ("저는 그냥 너무 좋아요.", "정말 너무 좋아요!", false),
            ("책을 읽었어요.", "무슨 책이에요?", true),
            ("Do you like hiking?", "I hiked all summer.", true),
            ("I was painting boats.", "What did you paint?", true),
            ("The boats were blue.", "A blue boat, how lovely.", true),
            ("What would you like?", "I would like that very much.", false),
        ];
        for (left, right, expected) in cases {
            assert_eq!(Stems::of(left).touch(&Stems::of(right)), expected, "{left} / {right}");
        }
        assert!(Stems::of("네, 그럼요. 123 !?").is_empty());
    }

    #[test]
    fn what_is_common_can_be_taken_once() {
        let mut persona = Stems::of("고양이 라면 산책");
        assert_eq!(persona.take_common(&Stems::of("고양이가 라면을 먹어요")), 2);
        assert_eq!(persona.take_common(&Stems::of("고양이가 라면을 먹어요")), 0);
        assert_eq!(persona.len(), 1);
    }
}
