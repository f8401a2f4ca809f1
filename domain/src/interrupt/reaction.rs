//! Reactions: what a listener says about what they hear ("that's amazing", "힘드셨겠네요") or to have it go on ("and
//! then?", "계속해"). Nobody asks for the floor with one, so they are told by their form, not by a list of all of them:
//! in English an adjective of judgement after what leads up to it or a question's echo ("did she?"), in Korean the
//! endings of someone who notices something (-구나, -군요, -네요, -었겠다) and words of judgement.

use super::words::is_known_backchannel;
use crate::{
    endpoint::listed,
    hangul::{NO_CODA, Syllable},
    lang::is_hangul,
};

/// How many of `tokens` from the first on make a reaction; `None` when they begin with none.
pub(super) fn reaction(tokens: &[&str]) -> Option<usize> {
    let phrase = [4, 3, 2].into_iter().find(|length| {
        let joined = tokens.get(..*length).map(|tokens| tokens.join(" "));
        joined.is_some_and(|joined| phrases().any(|phrase| phrase == joined))
    });
    phrase.or_else(|| echo(tokens)).or_else(|| judgement(tokens)).or_else(|| heightened(tokens))
}

/// Whether `tokens` may be the beginning of one: "that's such a", "I can only".
pub(super) fn begins_one(tokens: &[&str]) -> bool {
    let known = tokens.iter().take_while(|token| is_known_backchannel(token)).count();
    (0..=known).filter_map(|from| tokens.get(from..)).filter(|rest| !rest.is_empty()).any(|rest| {
        let joined = rest.join(" ");
        let phrase =
            phrases().any(|phrase| phrase.strip_prefix(joined.as_str()).is_some_and(|more| !more.is_empty()));
        let led = listed(LEADS, rest[0]) && rest[1..].iter().all(|token| listed(BETWEEN, token));
        phrase || led
    })
}

/// A single word that is one.
pub(super) fn is_reaction(token: &str) -> bool {
    listed(WORDS, token) || listed(JUDGEMENTS, token) || notices(token) || judges(token)
}

fn phrases() -> impl Iterator<Item = &'static str> {
    PHRASES.split(", ")
}

/// "Did she?", "was it really?": the auxiliary and the pronoun of what was just said, and nothing else.
fn echo(tokens: &[&str]) -> Option<usize> {
    let (auxiliary, pronoun, rest) = match tokens {
        [auxiliary, pronoun, rest @ ..] => (auxiliary, pronoun, rest),
        _ => return None,
    };
    let is_echo =
        listed(AUXILIARIES, auxiliary) && listed(PRONOUNS, pronoun) && matches!(rest, [] | ["really"]);
    is_echo.then_some(tokens.len())
}

/// "That's so sad", "how lovely", "what a story": a lead, and a judgement or what is judged.
fn judgement(tokens: &[&str]) -> Option<usize> {
    let (first, after) = tokens.split_first()?;
    if !listed(LEADS, first) {
        return None;
    }
    let between = after.iter().take(3).take_while(|token| listed(BETWEEN, token)).count();
    let judged = tokens.get(1 + between)?;
    // "How hard is it" and "what is good" ask.
    let asks = match *first {
        "how" => tokens.len() > between + 2,
        "what" => tokens[between] != "a",
        _ => false,
    };
    if asks {
        return None;
    }
    let object = |at: usize| tokens.get(at).is_some_and(|token| listed(OBJECTS, token));
    if listed(JUDGEMENTS, judged) || is_adjective(judged) && tokens.len() == between + 2 {
        return Some(between + 2 + usize::from(object(between + 2)));
    }
    (tokens[between] == "a" && object(1 + between)).then_some(between + 2)
}

/// By its ending, if nothing else is known of it.
fn is_adjective(token: &str) -> bool {
    let ending = ["ing", "ible", "able", "ous", "ful"].iter().any(|ending| token.ends_with(ending));
    ending
        && !listed("boring nothing something anything confusing going doing saying talking possible", token)
}

/// "너무 좋네요": what heightens, and a word of listening.
fn heightened(tokens: &[&str]) -> Option<usize> {
    let before = tokens.iter().take(2).take_while(|token| listed(HEIGHTENING, token)).count();
    let heightened = (1..=before).rev().find(|at| {
        tokens.get(*at).is_some_and(|token| token.chars().all(is_hangul) && is_known_backchannel(token))
    })?;
    Some(heightened + 1)
}

/// Whether a Korean word ends like one of somebody who has just noticed or imagines what they were told.
fn notices(token: &str) -> bool {
    let refuses =
        ["아니", "안", "못", "모르", "틀", "싫"].iter().any(|beginning| token.starts_with(beginning));
    if token.chars().count() < 3 || refuses {
        return false;
    }
    if ["구나", "구만", "군요", "네요"].iter().any(|ending| token.ends_with(ending)) {
        return true;
    }
    let syllables = token.chars().map(Syllable::of).collect::<Vec<_>>();
    let is_past = |syllable: Option<Syllable>| syllable.is_some_and(|syllable| syllable.coda == 'ㅆ');
    let found = |pair: &[Option<Syllable>], next: char| is_past(pair[0]) && pair[1] == Syllable::of(next);
    // "힘들었겠다", "놀라셨겠어요": a past that is guessed is somebody else's. "고생하셨네": one that was not known.
    syllables.windows(2).any(|pair| found(pair, '겠'))
        || syllables.windows(2).last().is_some_and(|pair| found(pair, '네'))
}

/// Whether it is a Korean word of judgement or feeling in a form that ends a sentence: "멋있다", "재밌었어요", "좋은데".
fn judges(token: &str) -> bool {
    let Some(stem) = STEMS.split_whitespace().find(|stem| token.starts_with(stem)) else { return false };
    let form = token.strip_suffix('요').unwrap_or(token);
    // The stem may itself end the sentence: "웃겨", "최고".
    form.len() >= stem.len()
        && (form.ends_with("구나")
            || form.chars().last().is_some_and(|last| {
                let open = Syllable::of(last).is_some_and(|last| last.coda == NO_CODA);
                matches!(last, '군' | '걸') || open && "다네지죠어아해데돼야에예워와뻐퍼져겨여".contains(last)
            }))
}

// ---------------------------------------------------------------- lists

const AUXILIARIES: &str = "did was were is are does do has have had";

const PRONOUNS: &str = "i you he she it they we that";

const LEADS: &str =
    "that's it's that it how so very really pretty quite too what must sounds seems looks you're super such";

const BETWEEN: &str = "is was so very really pretty quite just be have been must sounds like too such a an absolutely totally \
    that's that it all are rather bit for you";

const OBJECTS: &str = "thing story day shame pity surprise relief feeling life idea point question news stuff nightmare mess dream \
    adventure journey experience coincidence fun guy man woman";

const JUDGEMENTS: &str = "good great nice cool interesting true right lovely amazing awesome perfect funny sad bad crazy wild awful \
    terrible horrible wonderful beautiful fantastic brilliant fascinating incredible unbelievable sweet scary weird strange \
    hilarious impressive exciting cute clever smart fair rough tough insane heartbreaking shocking surprising tragic \
    disgusting annoying adorable gorgeous inspiring ridiculous unreal super neat sick fabulous marvellous marvelous \
    splendid tremendous generous lucky unlucky unfortunate classic hard proud happy";

/// Words that are a reaction alone, beside the judgements.
const WORDS: &str = "god goodness gosh dear lord heavens blimey crikey jeez geez gee yikes ouch oof ugh aw aww phew damn dang bless \
    continue same seriously honestly obviously naturally precisely clearly apparently noted bingo bravo congratulations \
    congrats yay hooray likewise literally basically \
    역시 저런 저런저런 어쩜 설마 인정 확실히 나도 저도 저도요 어쩐지 하긴 아무렴 맙소사 세상에나 아이구 어이구 에구 \
    어쩌나 어떡해 어떡해요 최고 짱 그니까 그니까요 그러셨어 그러셨어요 계속 계속해 계속해요 계속하세요 깜짝 어이쿠 앗싸 실화야";

const HEIGHTENING: &str = "너무 진짜 정말 완전 되게 엄청 참 아주 많이 더 그거 그건 이거 꽤 정말로 진짜로 무지 거참 그것참 역시 깜짝 고생";

/// Beginnings of Korean words of judgement and feeling.
const STEMS: &str = "좋 멋있 멋지 멋져 멋졌 대단 재밌 재미있 신기 놀라 놀랍 놀랐 부럽 부러 예쁘 예뻐 귀엽 귀여 웃기 웃겨 슬프 슬퍼 \
    안타깝 안타까 안됐 안쓰럽 힘들 힘드 고생 다행 잘됐 잘했 굉장 훌륭 아름답 감동 최고 완벽 끔찍 충격 기쁘 기뻐 \
    축하 행복 속상 불쌍 아깝 아까워 아쉽 아쉬 똑똑 따뜻 황당 어이없 이해 공감 동감 인정 동의 그렇 맞 맛있 무섭 \
    무서 기특 뿌듯 든든 서운 답답 억울 당황 심하 심했 너무하 너무했 짜증 흥미 많으셨 웬일";

/// What is one only as a whole; between two of them is a comma.
const PHRASES: &str = "i see, i see that, i know, i know right, i agree, i understand, i get it, i get that, i hear you, \
    i hear that, i bet, i guess, i guess so, i think so, i think so too, i suppose, i suppose so, \
    i hope so, i can imagine, i can only imagine, i can see that, i can tell, i believe it, \
    i can't believe it, i'm listening, i'm with you, i love that, i love it, i'm sorry to hear, \
    sorry to hear that, love that, love it, got it, got you, of course, all right, makes sense, \
    makes total sense, makes perfect sense, that makes sense, that sucks, good to know, you're right, \
    you're kidding, you know, you bet, you don't say, no way, no kidding, no problem, no doubt, \
    no wonder, oh no, oh my, oh man, oh boy, my god, my gosh, my goodness, my word, thank you, \
    thank god, thank goodness, for sure, for real, good point, good for you, good on you, good job, \
    good lord, good heavens, good grief, nice one, nice job, nice work, well done, fair enough, \
    fair point, sure thing, bloody hell, holy cow, holy crap, holy moly, me too, me neither, same here, \
    so do i, so did i, so that's why, so am i, not bad, poor thing, poor you, poor guy, poor him, \
    poor her, bless you, bless him, bless her, spot on, too right, is that so, is that right, is that true, are you serious, \
    are you kidding, are you kidding me, how about that, imagine that, go on, go ahead, keep going, \
    please continue, please go on, do go on, tell me more, tell me about it, and then, then what, \
    그런 것 같아, 그런 것 같아요, 그런 거 같아, 그런 거 같아요, 그럴 것 같아, 그럴 것 같아요, 그럴 거 같아, 그럴 거 같아요, 그럴 수 있지, 그럴 수 있죠, \
    그럴 수도 있지, 그럴 수도 있죠, 그럴 수 있겠다, 그럴 만하네, 그럴 만하네요, 그럴 만해, 그럴 만해요, 그러게 말이야, 그러게 말이에요, 그러게 말입니다, \
    그러니까 말이야, 그러니까 말이에요, 누가 아니래, 내 말이, 제 말이, 맞는 말이야, 맞는 말이에요, 맞는 말씀이에요, 말도 안 돼, 말도 안돼, 말이 되네, 일리 있네, \
    잘 됐네요, 잘 됐다, 아 네, 저도 그래요, 나도 그래, 듣고 있어, 듣고 있어요, 계속 말해, 계속 말해 줘, 계속 말해 주세요, 계속 얘기해 줘, 계속 해, 어쩔 수 없지, \
    어쩔 수 없죠, 어쩔 수 없네, 어이가 없네, 어이가 없네요, 기가 막히네, 기가 막히네요, 장난 아니네, 장난 아니네요, 큰일 날 뻔했네, 무슨 말인지 알아, \
    무슨 말인지 알겠어, 무슨 말인지 알겠어요, 그 마음 알아, 그 마음 알아요";

#[cfg(test)]
mod tests {
    use super::super::{Reading, read};

    /// 600 sentences by somebody who had not seen the lists; half of them were looked at while the rules were made.
    const SAID: &str = include_str!("said.txt");

    #[test]
    fn signs_of_listening_and_requests_for_the_floor_are_told_apart() {
        for (language, most_stopping, most_passing) in [("en", 15, 3), ("ko", 15, 3)] {
            let lines =
                SAID.lines().filter_map(|line| line.strip_prefix(language)?.trim_start().split_once(' '));
            let passes = |text: &str| matches!(read(text).reading, Reading::Backchannel | Reading::Nothing);
            let (listening, asking): (Vec<_>, Vec<_>) = lines.partition(|(mark, _)| *mark == "+");
            assert_eq!((listening.len(), asking.len()), (150, 150));
            let stopping = listening.iter().filter(|(_, text)| !passes(text)).collect::<Vec<_>>();
            let passing = asking.iter().filter(|(_, text)| passes(text)).collect::<Vec<_>>();
            assert!(stopping.len() <= most_stopping, "{} {stopping:?}", stopping.len());
            assert!(passing.len() <= most_passing, "{passing:?}");
        }
    }

    #[test]
    fn readings() {
        for (text, is_reaction) in [
            ("that's so sad", true),
            ("That's confusing", false),
            ("how lovely", true),
            ("how come", false),
            ("how hard is it", false),
            ("is it hard", false),
            ("what is good", false),
            ("is that right?", true),
            ("what a story", true),
            ("what a what", false),
            ("did she?", true),
            ("did she say why", false),
            ("you don't say", true),
            ("too fast", false),
            ("tell me more", true),
            ("tell me your name", false),
            ("힘드셨겠네요", true),
            ("많이 힘들었겠어요", true),
            ("너무 재밌다", true),
            ("너무 길어", false),
            ("그러셨구나", true),
            ("모르겠네요", false),
            ("좋은 생각이 있어", false),
            ("좋지 않아요", false),
            ("말도 안 돼", true),
            ("안 돼", false),
            ("그렇지", true),
            ("그러지 마", false),
            ("계속 말해 줘", true),
            ("다시 말해 줘", false),
        ] {
            let passes = matches!(read(text).reading, Reading::Backchannel | Reading::Nothing);
            assert_eq!(passes, is_reaction, "{text}");
        }
    }
}
