//! What a few words mean that are said over a reply: "go on", "stop", or something of their own. Korean and English.
//!
//! A recogniser that hears half a second of speech errs often, so the answer is coarse, and the
//! [`Interrupter`](super::Interrupter) weighs it with how long the speech lasted.

use super::{alike, reaction};
use crate::{
    endpoint::listed,
    hangul::{NO_CODA, Syllable},
    lang::{Language, is_hangul},
};

/// What words over a reply mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// No word at all, or only what recognisers make of noise.
    Nothing,
    /// Listening: "응", "mhm", "right", "그렇구나".
    Backchannel,
    /// The floor is asked for: "stop", "wait", "no", "잠깐만", "아니".
    Stop,
    /// Words of their own.
    Content {
        /// About how much was said: an English word counts two, a Korean one three, since it may be a sentence, and
        /// nothing when it has one syllable.
        weight: u32,
    },
}

/// A reading with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// What they mean.
    pub reading: Reading,
    /// About how many syllables they have: a check whether they fit into the sound that was heard.
    pub syllables: u32,
}

/// Reads what was said over a reply.
pub fn read(text: &str) -> Words {
    let plain = plain(text);
    let tokens = plain.split_whitespace().collect::<Vec<_>>();
    let syllables = tokens.iter().copied().map(syllables).sum();
    let (mut stop, mut weight, mut known) = (false, 0, false);
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let (kind, length) = match phrase(rest).or_else(|| torn(rest)) {
            Some(found) => found,
            // A recogniser that is asked too early hears "그렇" of "그렇구나" and "exac" of "exactly".
            None if after.is_empty() && begins_backchannel(token) => (Kind::Backchannel, 1),
            None => (word(token), 1),
        };
        match kind {
            Kind::Stop => stop = true,
            Kind::Backchannel => known = true,
            Kind::Foreign => {}
            Kind::Content(more) => weight += more,
        }
        rest = if length == 1 { after } else { &rest[length.min(rest.len())..] };
    }
    let reading = match (stop, weight, known) {
        _ if IMAGINED.iter().any(|imagined| plain.contains(imagined)) => Reading::Nothing,
        (true, _, _) => Reading::Stop,
        (_, 0, true) => Reading::Backchannel,
        (_, 0, false) => Reading::Nothing,
        (_, weight, _) => Reading::Content { weight },
    };
    Words { reading, syllables }
}

/// Whether what was said so far may turn out to be a reaction in several words.
pub(super) fn may_become_reaction(text: &str) -> bool {
    let plain = plain(text);
    reaction::begins_one(&plain.split_whitespace().collect::<Vec<_>>())
}

/// What a recogniser heard over a reply and did not believe, if it asks for the floor, else nothing: half a second of
/// "그만" leaves it in doubt where it is clear that there was a voice. "No" and single syllables it makes of anything.
pub fn despite_doubt(doubted: &str) -> &str {
    let letters = doubted.chars().filter(|character| character.is_alphanumeric());
    let length = letters.map(|letter| if is_hangul(letter) { 2 } else { 1 }).sum::<usize>();
    if length >= 4 && read(doubted).reading == Reading::Stop { doubted } else { "" }
}

/// What a recogniser is to have in mind when a short sound over a reply may be no more than a word: otherwise half a
/// second of "그만" becomes "2만" and of "mm hmm" "him". Short sentences, so that it writes one and not a list.
pub fn hot_words(language: Language) -> &'static str {
    match language {
        Language::English => "Yeah. Stop. Mm-hmm. Wait. Right. No. Okay. Really? Hold on.",
        Language::Korean => "네. 그만. 응. 잠깐만요. 맞아. 아니요. 그렇구나. 진짜?",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stop,
    Backchannel,
    /// Neither Korean nor English letters: a recogniser that guessed the language wrongly.
    Foreign,
    Content(u32),
}

/// Lower case, without what recognisers put in brackets, and with a space in place of every mark.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut closing = None;
    for character in text.chars() {
        match (closing, character) {
            (Some(end), _) if character == end => closing = None,
            (Some(_), _) => {}
            (None, '[') => closing = Some(']'),
            (None, '(') => closing = Some(')'),
            (None, '*') => closing = Some('*'),
            (None, '’' | '\'') => plain.push('\''),
            (None, _) if character.is_alphanumeric() => plain.extend(character.to_lowercase()),
            (None, _) => plain.push(' '),
        }
    }
    plain
}

/// A known phrase at the beginning of `tokens`, with its length; the longer one of both kinds, since "no way" is not "no".
fn phrase(tokens: &[&str]) -> Option<(Kind, usize)> {
    let reaction = reaction::reaction(tokens);
    let stop = [3, 2].into_iter().find(|length| {
        tokens.get(..*length).is_some_and(|tokens| STOP_PHRASES.contains(&tokens.join(" ").as_str()))
    });
    if stop > reaction {
        return stop.map(|length| (Kind::Stop, length));
    }
    reaction.map(|length| (Kind::Backchannel, length))
}

/// A known Korean word at the beginning of `tokens` that was written as two or three that are none: "알게 소요" for
/// "알겠어요", "그 만" for "그만".
fn torn(tokens: &[&str]) -> Option<(Kind, usize)> {
    let is_piece = |token: &&str| token.chars().all(is_hangul) && matches!(word(token), Kind::Content(_));
    [3, 2].into_iter().find_map(|length| {
        let pieces = tokens.get(..length).filter(|pieces| pieces.iter().all(is_piece))?;
        match listed_word(&pieces.concat()) {
            known @ (Kind::Stop | Kind::Backchannel) => Some((known, length)),
            _ => None,
        }
    })
}

fn word(token: &str) -> Kind {
    match listed_word(token) {
        Kind::Content(_) if reaction::is_reaction(token) => Kind::Backchannel,
        kind => kind,
    }
}

/// What a word means that is in one of the lists or nearly.
fn listed_word(token: &str) -> Kind {
    if !token.chars().any(|character| is_hangul(character) || character.is_ascii_alphanumeric()) {
        return Kind::Foreign;
    }
    let squeezed = squeeze(token);
    let unit = unit_of(&squeezed);
    for form in [token, &squeezed, unit] {
        if listed(STOP_EN, form) || listed(STOP_KO, form) {
            return Kind::Stop;
        }
        if listed(BACKCHANNEL_EN, form) || listed(BACKCHANNEL_KO, form) {
            return Kind::Backchannel;
        }
    }
    if is_vocalisation(unit) {
        return Kind::Backchannel;
    }
    let alike = |list, kind| alike::distance(list, token).map(|distance| (distance, kind));
    // Where both are as near, the reply goes on.
    let nearest = [alike(BACKCHANNEL_KO, Kind::Backchannel), alike(STOP_KO, Kind::Stop)];
    if let Some((_, kind)) = nearest.into_iter().flatten().min_by_key(|(distance, _)| *distance) {
        return kind;
    }
    // "아진짜": recognisers leave out spaces.
    if let Some(rest) = token.strip_prefix(['아', '어', '오', '와', '음'])
        && rest.chars().count() >= 2
        && let known @ (Kind::Stop | Kind::Backchannel) = listed_word(rest)
    {
        return known;
    }
    let korean = token.chars().any(is_hangul);
    // One syllable is what a recogniser makes of any grunt; those that mean something alone are listed.
    Kind::Content(match token.chars().count() {
        1 if korean => 0,
        _ if korean => 3,
        _ => 2,
    })
}

/// Whether a word is one of listening or a reaction.
pub(super) fn is_known_backchannel(token: &str) -> bool {
    word(token) == Kind::Backchannel
}

/// Whether `token` is the beginning of a word of listening and no word of its own that is known.
fn begins_backchannel(token: &str) -> bool {
    if listed(STOP_EN, token) || listed(STOP_KO, token) {
        return false;
    }
    let hangul = token.chars().any(is_hangul);
    let list = if hangul { BACKCHANNEL_KO } else { BACKCHANNEL_EN };
    let long_enough = token.chars().count() >= if hangul { 1 } else { 3 };
    long_enough && list.split_whitespace().any(|word| word.starts_with(token))
}

/// Whether it is made of breath and open vowels alone, as "아하", "으흠" and "호호" are. What recognisers end a breath
/// with differs ("어헛", "어헌").
fn is_vocalisation(token: &str) -> bool {
    let mut breathes = false;
    let mut open = |Syllable { onset, vowel, coda }: Syllable| {
        breathes |= onset == 'ㅎ';
        matches!(onset, 'ㅇ' | 'ㅎ')
            && matches!(vowel, 'ㅏ' | 'ㅓ' | 'ㅗ' | 'ㅡ')
            && (matches!(coda, NO_CODA | 'ㅁ' | 'ㅇ') || breathes && matches!(coda, 'ㄴ' | 'ㅅ'))
    };
    !token.is_empty() && token.chars().all(|character| Syllable::of(character).is_some_and(&mut open))
}

/// Drawn-out sounds in their short form: "mmmm" is "m", "yeahhh" is "yeah".
fn squeeze(token: &str) -> String {
    let characters = token.chars().collect::<Vec<_>>();
    let mut short = String::new();
    for run in characters.chunk_by(|one, other| one == other) {
        let keep = if run.len() >= 3 { 1 } else { run.len() };
        short.extend(&run[..keep]);
    }
    short
}

/// What is repeated in "네네네" or "그래그래"; the token itself when nothing is.
fn unit_of(token: &str) -> &str {
    let ends = token.char_indices().map(|(at, _)| at).skip(1).take(3);
    ends.map(|end| &token[..end])
        .find(|unit| token.len().is_multiple_of(unit.len()) && token == unit.repeat(token.len() / unit.len()))
        .unwrap_or(token)
}

fn syllables(token: &str) -> u32 {
    let hangul = token.chars().filter(|character| is_hangul(*character)).count();
    if hangul > 0 {
        return hangul as u32;
    }
    let vowel = |character: char| matches!(character, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let letters = token.chars().map(vowel).collect::<Vec<_>>();
    let groups = letters.chunk_by(|one, other| one == other).filter(|group| group[0]).count();
    groups.max(1) as u32
}

// ---------------------------------------------------------------- lists

/// What recognisers that learned from subtitles write for a cough or for silence.
const IMAGINED: [&str; 9] = [
    "for watching",
    "subtitles by",
    "subscribe",
    "시청해주셔서",
    "시청해 주셔서",
    "구독과 좋아요",
    "한글자막",
    "mbc 뉴스",
    "다음 영상에서",
];

const BACKCHANNEL_EN: &str = "mhm m mm hm hmm hmmm mhmm uhhuh uh huh uhuh um umm er ah aha ahh oh ooh ohh o eh ha haha hah hehe \
    yeah yea yep yup yes ya yah right okay ok okey kay k mkay alright sure really wow whoa cool great nice good \
    fine lovely exactly true totally absolutely definitely certainly indeed interesting amazing awesome perfect \
    correct agreed understood gotcha thanks well so and you i the a bye";

const BACKCHANNEL_KO: &str = "응 으응 응응 어 어어 음 으음 흠 흐음 네 넵 넹 녜 예 옙 아 아아 아하 오 오오 와 우와 와우 헐 대박 \
    그래 그래요 그랬어 그랬어요 그랬구나 그랬군요 그러네 그러네요 그러게 그러게요 그러니까 그러니까요 그렇지 그렇죠 그렇구나 그렇군요 \
    그렇네 그렇네요 그렇습니다 그치 그쵸 그죠 그럼 그럼요 맞아 맞아요 맞죠 맞지 맞네 맞네요 맞습니다 진짜 진짜로 진짜요 정말 정말로 \
    정말요 좋아 좋아요 좋네 좋네요 좋지 좋죠 오케이 알겠어 알겠어요 알겠습니다 알았어 알았어요 물론 물론이죠 물론이지 당연하지 당연하죠 \
    하하 하하하 허허 ㅎㅎ ㅋㅋ 글쎄 아이고 어머 어머나 세상에 신기하다 신기하네 신기하네요 재밌네 재밌네요 재미있네요 멋지네요 멋지다 \
    고마워 고마워요 감사합니다 감사해요 그래서 그리고 응응응 이야 오호 에이 아유 아휴";

const STOP_EN: &str = "stop wait weight no nope nah don't pause quiet enough silence hush sorry pardon but actually what why who how \
    where when hey hello listen cancel skip repeat again wrong help hold hang";

const STOP_KO: &str = "잠깐 잠깐만 잠깐만요 잠시만 잠시만요 잠시 그만 그만해 그만해요 그만하세요 그만하자 그만둬 멈춰 멈춰요 멈춰줘 멈추세요 \
    멈춰봐 스톱 스탑 스톱해 아니 아니야 아니요 아니오 아니에요 아니예요 아닌데 아닌데요 아뇨 아냐 조용 조용히 조용해 됐어 됐어요 됐고 \
    기다려 기다려봐 기다려요 기다려줘 기다리세요 저기 저기요 근데 그런데 하지만 뭐라고 뭐라고요 뭐라구요 뭐야 뭐요 뭔데 무슨 왜 왜요 \
    누구 어디 언제 어떻게 어째서 다시 안돼 안돼요 싫어 싫어요 틀렸어 틀렸어요 있잖아 있잖아요 여보세요 취소 취소해 취소해줘 들어봐 들어봐요 \
    말고 끊어 이봐";

/// Requests in several words.
const STOP_PHRASES: &[&str] = &[
    "hold on",
    "hang on",
    "shut up",
    "excuse me",
    "one second",
    "one moment",
    "just a second",
    "just a minute",
    "never mind",
    "that's enough",
    "that's wrong",
    "안 돼",
    "안 돼요",
    "그게 아니라",
    "내 말은",
    "제 말은",
    "말 좀",
    "하지 마",
    "하지 마요",
    "그러지 마",
    "그러지 마요",
    "그래서 뭐",
    "그 전에",
];
