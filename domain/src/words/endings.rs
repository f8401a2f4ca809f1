//! The speech level of Korean sentences, from how they end: 존댓말 (합니다, 해요) or 반말 (해, 한다, 하자).
//!
//! A sentence without a verb at its end ("커피", "저는요") has no level that could be told; "네" and "응" have one.

use super::token::{Sentence, within};
use crate::{hangul::Syllable, lang::Language};

/// How polite one ending is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Polite,
    Plain,
}

/// Polite endings and all endings whose level can be told, in one sentence.
pub(super) fn read(sentence: &Sentence<'_>, lang: Language) -> (u32, u32) {
    let korean =
        sentence.iter().any(|token| token.text.chars().any(|character| ('가'..='힣').contains(&character)));
    // English has no such endings; an English turn with a Korean word in it has none either.
    if !korean || lang == Language::English {
        return (0, 0);
    }
    let last = sentence.len() - 1;
    let (mut polite, mut all) = (0, 0);
    // Recognisers leave marks out: a polite verb in the middle ends a sentence that nobody marked.
    for token in &sentence[..last] {
        if ends_politely(&token.text) && !is_call(&token.text) {
            polite += 1;
            all += 1;
        }
    }
    // "좋아요, 진짜" is said the wrong way round: when the last word tells nothing, the one before may.
    let word = sentence[last].text.trim_end_matches(['ㅋ', 'ㅎ', 'ㅠ', 'ㅜ']);
    match level(word) {
        Some(Level::Polite) => (polite + 1, all + 1),
        Some(Level::Plain) => (polite, all + 1),
        None => (polite, all),
    }
}

/// The level of a sentence that ends with `word`.
pub(super) fn level(word: &str) -> Option<Level> {
    const YES_POLITE: &str = "네 예 넵 넹 아니요 아니오 아뇨 그럼요 글쎄요 여보세요 저기요 저요 안녕하세요";
    const YES_PLAIN: &str = "응 어 으응 엉 아니 아냐 그래 그럼 안녕 야";
    if within(YES_POLITE, word)
        || formal(word)
        || polite(word)
        || word.ends_with('요') && !within(NOUNS, word)
    {
        Some(Level::Polite)
    } else if within(YES_PLAIN, word) || plain(word) {
        Some(Level::Plain)
    } else {
        None
    }
}

/// Words that end in 요 and are nouns.
const NOUNS: &str =
    "필요 중요 주요 수요 가요 동요 민요 강요 소요 개요 기요 요 도요 월요 화요 수요일 목요 금요";

/// Whether a word in the middle of a sentence ends a polite one.
fn ends_politely(word: &str) -> bool {
    formal(word) || polite(word)
}

/// "저기요" and "여보세요" call; they are no sentence when one follows.
fn is_call(word: &str) -> bool {
    within("저기요 있잖아요 여보세요 글쎄요", word)
}

/// 합니다, 합니까, 하십시오, 합시다.
fn formal(word: &str) -> bool {
    let characters = word.chars().collect::<Vec<_>>();
    let [.., before, _, _] = characters[..] else { return false };
    let after_b = Syllable::of(before).is_some_and(|syllable| syllable.coda == 'ㅂ');
    let long = characters.len() >= 3;
    (long && after_b && ["니다", "니까", "시다", "디다"].iter().any(|ending| word.ends_with(ending)))
        || ["십시오", "십쇼", "습죠", "옵소서"].iter().any(|ending| word.ends_with(ending))
}

/// 해요 and its like: verb endings on 요 and 죠, no nouns.
fn polite(word: &str) -> bool {
    const ENDINGS: &str = "어요 아요 해요 에요 예요 여요 세요 셔요 네요 군요 거든요 잖아요 데요 래요 까요 나요 가요 게요 고요 구요 \
        지요 걸요 대요 돼요 되요 봐요 줘요 와요 워요 져요 려요 켜요 펴요 쳐요 겨요 려고요 서요 니까요 면요 다고요 라고요 자고요 던가요 려나요 듯요 \
        는요";
    let characters = word.chars().count();
    if within(NOUNS, word) || characters < 2 {
        return false;
    }
    let topic = ["저는요", "나는요", "근데요", "저도요", "그런데요"].contains(&word);
    !topic && (ends(ENDINGS, word) || (word.ends_with('죠') && characters >= 2))
}

/// Words that end like a verb and are none.
const NO_VERBS: &str = "영어 한국어 일본어 중국어 외국어 언어 단어 연어 상어 인어 용어 국어 고어 문어 숭어 악어 강아지 아버지 할아버지 바지 돼지 편지 휴지 \
    잡지 가지 먼지 반지 단지 토지 메시지 이미지 페이지 여기까지 지금까지 어디까지 끝까지 까지 동네 우리네 언니 어머니 할머니 주머니 의자 남자 여자 \
    혼자 과자 모자 피자 사자 글자 숫자 환자 기자 각자 감자 바다 캐나다 소다 수다 사이다 노래 미래 아래 원래 그래 빨래 모래 고래 거래 조개 가게 \
    어떻게 그렇게 이렇게 저렇게 무게 함께 지게 카메라 나라 엄마 하마 치마 이마 아마 고구마 도마 드라마 파마 얼마 설마 문구 친구 야구 축구 농구 \
    지구 가구 입구 도구 누구 배구 당구 아이 분야 시야 평야 심야 아침 오늘 내일 진짜 정말 너무 많이 같이 빨리 아까 그러니까 이거 그거 저거 이게 \
    그게 저게 여기 거기 저기 하나 누나 서아 수아 지아 동아 치아 유아 육아 소아 머리 우리 소리 다리 자리 요리 거리 나 너 저 가끔 항상 언제나 \
    고아 영아 아시아 러시아 피아 사서 어서 근데 그런데 누군데";

/// 해, 먹었어, 간다, 하자, 하니, 하냐, 할까, 하지, 하네, 할게, 할래, 해라.
fn plain(word: &str) -> bool {
    const WHOLE: &str = "해 봐 줘 돼 와 가 자 써 꺼 켜 커 서 사 놔 둬 몰라 뭐야 왜 아니야 싫어 좋아 맞아 있어 없어 알아 미안 고마워 반가워 진짜야";
    const ENDINGS: &str = "잖아 거든 구나 더라 니까 는데 은데 던데 인데 이야 거야 꺼야 였어 할게 할래 줄게 갈게 볼게 올게 을게 을래 \
        갈래 볼래 먹자 가자 하자 보자 놀자 만나자 마라 해라 어라 아라 려고 다고 라고 자고 하고 인가 는가";
    if within(NO_VERBS, word) {
        return false;
    }
    if within(WHOLE, word) || (word.chars().count() >= 2 && ends(ENDINGS, word)) {
        return true;
    }
    let characters = word.chars().collect::<Vec<_>>();
    let [.., before, last] = characters[..] else { return false };
    let before = Syllable::of(before);
    let coda = before.map_or('-', |syllable| syllable.coda);
    match last {
        // 먹었어, 좋아, 없어; after an open syllable it would be a noun such as 치아.
        '어' | '아' => coda != '-' && coda != 'ㅇ',
        '해' | '봐' | '줘' | '돼' | '워' | '져' | '려' | '겨' | '쳐' | '켜' | '펴' | '와' | '러' | '써'
        | '꿔' | '둬' => true,
        // 한다, 했다, 좋다, 이다.
        '다' => characters.len() >= 2,
        '까' => coda == 'ㄹ',
        '게' | '래' | '걸' => coda == 'ㄹ',
        '냐' | '니' | '네' | '지' | '군' => true,
        '데' => coda == 'ㄴ',
        '야' => true,
        '라' => {
            matches!(coda, '-')
                && characters.len() == 2
                && before.is_some_and(|syllable| syllable.vowel == 'ㅐ')
        }
        _ => false,
    }
}

/// Whether `word` ends with one of a list parted by spaces.
fn ends(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|ending| word.ends_with(ending))
}
