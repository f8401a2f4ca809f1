//! Polite forms, hedges, and phrases that begin a topic.

use super::token::{Sentence, longest, occurrences};
use crate::hangul::Syllable;

const POLITE_EN: &str = "please | thank you | thanks | thank* you | would you mind | would you | could you | may i | \
    could i | might i | i'd appreciate | i would appreciate | appreciate it | excuse me | pardon me | i beg your pardon | \
    i'm sorry to | sorry to bother | sorry for | i apologize | my apologies | you're welcome | my pleasure | \
    nice to meet you | pleased to meet you | if you don't mind | if you wouldn't mind | if that's okay | sir | ma'am | \
    i would be grateful | i'd be grateful | would it be | after you";

/// Beginnings, because verbs end in many ways. 드리 and 여쭈 lower the speaker, 께 and 뵈 raise the other.
const POLITE_KO: &str = "감사* | 고맙습* | 고마워요 | 고마웠어요 | 죄송* | 실례* | 부탁드* | 부탁해요 | 부탁합* | 송구* | 수고하셨* | \
    수고 많으셨* | 괜찮으시* | 괜찮으세요 | 혹시 괜찮* | 여쭤* | 여쭙* | 여쭈* | 드릴게요 | 드리겠* | 드려도 | 드립니다 | 말씀* | 뵙* | 봬요 | \
    뵐게요 | 모시* | 계세요 | 계시* | 반갑습* | 반가워요 | 안녕하세요 | 안녕하십* | 안녕히 | 덕분에 | 축하드* | 실례지만 | 염려* | 성함* | \
    연세* | 주시겠* | 주실* | 주세요 | 해주세요 | 해주시* | 잘 부탁*";

/// Polite forms in all sentences. A verb that honours the other (가시나요, 드셨어요) counts once a sentence.
pub(super) fn polite_forms(sentences: &[Sentence<'_>]) -> u32 {
    let honours = |sentence: &&Sentence<'_>| {
        let verb = |at: usize| honours(&sentence[at].text) && longest(POLITE_KO, sentence, at).is_none();
        (0..sentence.len()).any(verb)
    };
    occurrences(POLITE_EN, sentences)
        + occurrences(POLITE_KO, sentences)
        + sentences.iter().filter(honours).count() as u32
}

/// Whether a verb carries 시 for the other person and a polite ending.
fn honours(word: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "시나요",
        "시네요",
        "시죠",
        "시는데요",
        "셨어요",
        "셨나요",
        "셨죠",
        "셨습니까",
        "십니까",
        "실까요",
        "실래요",
        "으세요",
    ];
    let long = word.chars().count() >= 3;
    // 하세요 honours; 마세요 and 이세요 do as well. 가게세요 cannot be.
    let plain = ["하세요", "가세요", "보세요", "오세요", "이세요", "지내세요", "되세요", "드세요", "마세요"];
    long && (ENDINGS.iter().any(|ending| word.ends_with(ending))
        || plain.iter().any(|end| word.ends_with(end)))
}

const HEDGES_EN: &str = "maybe | perhaps | possibly | probably | presumably | kind of | sort of | kinda | sorta | i think | \
    i guess | i suppose | i believe | i feel like | might | somewhat | i'm not sure | i am not sure | not sure | i don't know | \
    i dunno | more or less | a bit | a little | a little bit | in a way | or something | or so | it seems | seems like | \
    not really sure | if i'm not mistaken | as far as i know | apparently";
/// "I might have been" hedges; what is certain does not.
const HEDGES_KO: &str = "아마 | 아마도 | 어쩌면 | 글쎄 | 글쎄요 | 약간 | 조금은 | 왠지 | 대충 | 잘 모르* | 확실하진 | 확실하지는 | 확실하지 | \
    확실하지가 | 어느 정도 | 그런 편* | 제 생각엔 | 제 생각에는 | 내 생각엔 | 내 생각에는 | 할지도 | 일지도 | 수도 있* | 좀 그런*";

/// Words that take back in all sentences.
pub(super) fn hedges(sentences: &[Sentence<'_>]) -> u32 {
    let ending =
        |sentence: &Sentence<'_>| (0..sentence.len()).filter(|at| seems(sentence, *at)).count() as u32;
    occurrences(HEDGES_EN, sentences)
        + occurrences(HEDGES_KO, sentences)
        + sentences.iter().map(ending).sum::<u32>()
}

/// "-ㄴ/는/ㄹ 것 같-", "-ㄴ 듯-", "-지도 모르-", "-려나": a Korean sentence that only supposes.
fn seems(sentence: Sentence<'_>, at: usize) -> bool {
    let word = sentence[at].text.as_str();
    let before = at.checked_sub(1).map(|before| sentence[before].text.as_str()).unwrap_or_default();
    let supposes =
        |word: &str| word.starts_with("같") && !word.starts_with("같이") && !word.starts_with("같은데서");
    let seeming = supposes(word)
        && (before == "것" || before == "거" || before.ends_with("거") || before.ends_with("것"));
    let joined = ["거같", "것같"].iter().any(|joined| word.contains(joined));
    let modifier =
        before.chars().last().and_then(Syllable::of).is_some_and(|last| matches!(last.coda, 'ㄴ' | 'ㄹ'));
    let likely = modifier
        && ["듯", "듯해", "듯해요", "듯요", "듯합니다", "듯싶어", "듯싶어요", "듯하네요"].contains(&word);
    let unknown = before.ends_with("지도") && word.starts_with("모르");
    seeming || joined || likely || unknown
}

const TOPICS_EN: &str = "by the way | anyway | anyways | speaking of | speaking of which | on another note | \
    on a different note | changing the subject | to change the subject | that reminds me | have you heard | \
    have you ever | did you hear | i wanted to ask | i wanted to tell | i've been meaning to | guess what | \
    let's talk about | can i ask you something | i have a question | there's something | oh right | something else | \
    what about you | how about you | i was wondering";
const TOPICS_KO: &str = "그나저나 | 그건 그렇고 | 아 참 | 아참 | 참 | 아 맞다 | 아맞다 | 맞다 | 있잖아 | 있잖아요 | 다른 얘기* | 다른 이야기* | \
    말 나온 김에 | 말이 나와서 | 얘기가 나와서 | 얘기 나온 김에 | 말이 나온 김에 | 궁금한 게 | 궁금한게 | 물어볼 게 | 여쭤볼 게 | 물어보고 싶* | \
    여쭤보고 싶* | 할 말이 | 그거 알아 | 그거 알아요 | 그거 아세요 | 화제를 | 주제를 | 얘기해 보고 싶* | 어쨌든 | 아무튼 | 하여튼";

/// Phrases that begin a topic: Korean ones and "anyway" only where a sentence begins.
pub(super) fn new_topics(sentences: &[Sentence<'_>]) -> u32 {
    let begins = |list: &str, at: usize, sentence: &Sentence<'_>| longest(list, sentence, at).is_some();
    let opener = "oh so and but well um okay 근데 아 그런데 음 저 어 그 저기 오";
    let opens = |sentence: &&Sentence<'_>| {
        let skipped =
            sentence.iter().take(2).take_while(|token| super::token::within(opener, &token.text)).count();
        (0..=skipped).any(|at| begins(TOPICS_EN, at, sentence) || begins(TOPICS_KO, at, sentence))
    };
    sentences.iter().filter(opens).count() as u32
}
