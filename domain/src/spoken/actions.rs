//! Telling a stage direction from something said.

use crate::endpoint::listed;

/// Stems whose `-s` and `-ing` forms describe what someone does while speaking.
const STEMS: &str = "smile laugh giggle chuckle grin sigh wink nod shrug blush pause whisper cough gasp yawn groan frown \
    smirk wave clap cry sob sniff hum lean look glance stare tilt shake raise roll bite take clear \
    hesitate point gesture mumble mutter murmur scratch stretch hug pat bow beam pout snort exhale \
    inhale breathe gulp swallow think play sit stand turn walk step reach hold touch tap twirl fidget \
    perk gaze peek squeeze rub adjust sip strum snap cheer jump bounce facepalm gush tease sing whistle \
    squeal";

/// Bare nouns that stand alone as directions.
const NOUNS: &[&str] = &[
    "sigh",
    "laugh",
    "laughter",
    "pause",
    "smile",
    "wink",
    "giggle",
    "chuckle",
    "silence",
    "gasp",
    "grin",
    "nod",
    "shrug",
    "music",
    "applause",
    "beat",
    "cough",
    "whisper",
    "long pause",
    "short pause",
    "inaudible",
    "breath",
];

/// Adverbs that say how something is said; "really" and "honestly" are said themselves.
const MANNERS: &str = "softly quietly gently playfully warmly nervously shyly teasingly excitedly sarcastically sheepishly \
    thoughtfully happily sadly dramatically mischievously cheerfully brightly calmly";

/// Pieces of Korean words for expressions and gestures.
const KOREAN: &str = "웃 미소 한숨 끄덕 고개 윙크 눈을 눈빛 손을 손으로 쳐다 바라보 갸웃 머뭇 속삭 하품 박수 어깨 침묵 기침 울먹 훌쩍 깜짝 찡그 \
    긁적 손짓 쑥스 수줍 흥얼 헛기침 끌어안 두근 반짝이며";

/// Endings of Korean directions: "놀라며", "고개를 숙인 채", "잠시 침묵".
const KOREAN_ENDINGS: &[&str] = &[
    "으며",
    "하며",
    "이며",
    "리며",
    "라며",
    "면서",
    "는 듯",
    "은 채",
    "인 채",
    "한 채",
    "든 채",
    "듯이",
    "목소리로",
    "표정으로",
    "말투로",
    "눈으로",
];

/// Whether text in brackets or stars describes what the speaker does.
pub(super) fn is_action(content: &str) -> bool {
    let content = content.trim().trim_end_matches(['.', '!', '~', '…', ',']);
    if content.is_empty() {
        return true;
    }
    if content.chars().any(|c| c.is_ascii_digit()) {
        return false;
    }
    if content.chars().any(crate::lang::is_hangul) {
        is_korean_action(content)
    } else {
        is_english_action(content)
    }
}

/// Whether text in single stars is a word said with stress rather than a direction, at the start of a
/// sentence where directions stand: one word that is no action.
pub(super) fn is_emphasis(content: &str) -> bool {
    content.split_whitespace().count() == 1 && !is_action(content)
}

fn is_korean_action(content: &str) -> bool {
    // Whole polite sentences are said to someone.
    let is_said = ["요", "니다", "니까", "죠"].iter().any(|ending| content.ends_with(ending));
    !is_said
        && (KOREAN.split_whitespace().any(|piece| content.contains(piece))
            || KOREAN_ENDINGS.iter().any(|ending| content.ends_with(ending)))
}

fn is_english_action(content: &str) -> bool {
    let lower = content.to_lowercase();
    if NOUNS.contains(&lower.as_str()) {
        return true;
    }
    let is_leading = |word: &&str| {
        matches!(*word, "she" | "he" | "they" | "i" | "then" | "and" | "a" | "with") || word.ends_with("ly")
    };
    let mut words =
        lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).skip_while(is_leading);
    match words.next() {
        Some(word) => STEMS.split_whitespace().any(|stem| is_form(word, stem)),
        None => listed(MANNERS, &lower),
    }
}

/// Whether `word` is `stem` with -s, -es or -ing, spelling changes included.
fn is_form(word: &str, stem: &str) -> bool {
    let stem = stem.strip_suffix('e').unwrap_or(stem);
    let Some(ending) = word.strip_prefix(stem) else {
        return stem.strip_suffix('y').is_some_and(|stem| word.strip_prefix(stem) == Some("ies"));
    };
    let doubled = stem.chars().last().and_then(|last| ending.strip_prefix(last));
    matches!(ending, "s" | "es" | "ing") || doubled == Some("ing")
}
