//! Kind and unkind words, and words for the eight feelings, with what turns them around: "not happy", "안 좋아요",
//! "좋지 않아요". A turned word counts on the other side for kindness and not at all for a feeling.

use super::token::{Mark, Sentence, within};

/// The eight feelings, in the order in which they are always listed.
pub const FEELINGS: [&str; 8] =
    ["joy", "sadness", "anger", "surprise", "fear", "disgust", "neutral", "contempt"];

/// Words for each of [`FEELINGS`]; neutral has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feelings(pub [u32; 8]);

impl Feelings {
    /// Adds those of another text.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sentiment {
    pub(super) positive: u32,
    pub(super) negative: u32,
    pub(super) feelings: Feelings,
}

pub(super) fn read(sentences: &[Sentence<'_>]) -> Sentiment {
    let mut found = Sentiment::default();
    for sentence in sentences {
        for (at, token) in sentence.iter().enumerate() {
            let word = token.text.as_str();
            let korean = word.chars().any(|character| ('가'..='힣').contains(&character));
            let turned = if korean { turned_korean(sentence, at) } else { turned_english(sentence, at) };
            let side = if korean { side_korean(sentence, at) } else { side_english(word) };
            match (side, turned) {
                (Some(true), false) | (Some(false), true) => found.positive += 1,
                (Some(false), false) | (Some(true), true) => found.negative += 1,
                (None, _) => {}
            }
            if !turned && let Some(feeling) = feeling(word, korean) {
                found.feelings.0[feeling] += 1;
            }
        }
    }
    found
}

// ---------------------------------------------------------------- Korean

/// Beginnings of kind words.
const KIND_KO: &str = "좋아 좋은 좋았 좋네 좋겠 좋을 좋다 좋죠 좋지 좋습 좋군 좋고 행복 기뻐 기쁘 기쁜 기쁩 기뻤 즐거 즐겁 즐기 재밌 재미있 신나 신났 신기 \
    멋지 멋진 멋져 멋있 훌륭 대단 최고 완벽 예쁘 예뻐 예쁜 귀여 귀엽 아름다 사랑 감사 고마 고맙 축하 응원 다행 반가 반갑 편안 편하 따뜻 친절 착하 착한 \
    설레 기대 뿌듯 만족 괜찮 웃음 웃겨 웃긴 희망 소중 감동 짱 대박 맛있 상쾌 든든 잘했 잘하 잘됐 잘돼 칭찬 존경 매력 유쾌 평화 여유 힘내";
/// Beginnings of unkind words.
const UNKIND_KO: &str = "나쁘 나빠 나쁜 나빴 싫어 싫은 싫다 싫었 싫네 싫습 슬프 슬퍼 슬픈 슬펐 우울 힘들 힘드 힘든 짜증 화나 화가 화났 화내 열받 미워 미운 밉 \
    괴로 괴롭 외로 외롭 아프 아파 아픈 아팠 불안 걱정 무서 무섭 두려 두렵 답답 속상 실망 지루 지겨 귀찮 피곤 지쳤 지친 지쳐 최악 별로 못생 더럽 더러 \
    역겨 역겹 한심 멍청 바보 어이없 억울 후회 불편 불행 불쾌 포기 끔찍 엉망 망했 망쳤 재미없 맛없 짜증나 심심 부담 창피 싸웠 싸움 스트레스 그지같 \
    쓸쓸 서럽 서러 서운 섭섭 허무 눈물 울었 울고 닥쳐 꺼져 죽겠";
/// Words that begin like one of these and mean something else.
const OTHER_KO: &str = "별로도 사랑니 감사원 감사팀 기대어 기대서 대단지 화가가 화가는 화가를 화가의 화가이 울고기 걱정마 최고기온 착하면 아파트 아파트가 \
    아파트에 아파트는 아파트에서 이해가 지치면";

fn side_korean(sentence: Sentence<'_>, at: usize) -> Option<bool> {
    let word = sentence[at].text.as_str();
    if within(OTHER_KO, word) || word.starts_with("아파트") {
        return None;
    }
    let begins = |list: &str| list.split_whitespace().any(|stem| word.starts_with(stem));
    // 재미없 is not 재미; unkind first, since the longer word decides.
    if begins(UNKIND_KO) {
        // "별로" turns what follows; alone it judges.
        let turns = word == "별로" && at + 1 < sentence.len();
        return (!turns).then_some(false);
    }
    begins(KIND_KO).then_some(true)
}

/// 안, 못, 별로 before the word; -지 않다, -지 못하다, -지 마, 없다 after it.
fn turned_korean(sentence: Sentence<'_>, at: usize) -> bool {
    let word = sentence[at].text.as_str();
    let before = at.checked_sub(1).map(|before| &sentence[before]);
    let next = sentence.get(at + 1).map(|token| token.text.as_str()).unwrap_or_default();
    let denied_before = before.is_some_and(|token| {
        token.mark == Mark::None && within("안 못 별로 전혀 하나도 그다지 절대", &token.text)
    });
    let denied_after =
        ["지", "지는", "진", "지가", "지도", "하진", "하지", "하지는"].iter().any(|end| word.ends_with(end))
            && ["않", "못", "말", "마"].iter().any(|stem| next.starts_with(stem));
    let joined = ["지않", "지못", "지마", "진않"].iter().any(|part| word.contains(part));
    let none = ["없", "안 ", "아니"].iter().any(|stem| next.starts_with(stem))
        && !word.ends_with("요")
        && ["이", "은", "도", "은", "가", "는"].iter().any(|particle| word.ends_with(particle));
    let worry = word.starts_with("걱정")
        && (next.starts_with("마") || next.starts_with("없") || next.starts_with("하지"));
    denied_before || denied_after || joined || none || worry
}

// ---------------------------------------------------------------- English

const KIND_EN: &str = "good great nice happy love loved loves lovely like liked wonderful amazing awesome fantastic excellent \
    perfect beautiful fun funny enjoy enjoyed enjoying enjoyable glad pleased pleasure thanks thank grateful appreciate \
    excited exciting interesting kind sweet cool best better brilliant delightful cheerful congratulations congrats proud \
    hope hopeful helpful friendly warm impressive incredible charming cute delicious laugh laughed smile smiled \
    welcome brave calm comfortable peaceful relaxed thoughtful generous fabulous superb favorite favourite yay win won";
const UNKIND_EN: &str = "bad terrible awful horrible sad unhappy hate hated hates angry mad annoying annoyed upset worst worse \
    boring bored stupid dumb idiot ugly disgusting gross nasty afraid scared scary worried worry worrying anxious lonely \
    tired exhausted stressed stressful stress depressed depressing disappointed disappointing disappointment painful pain \
    hurt hurts sick hard difficult problem problems trouble fail failed failure wrong ridiculous pathetic useless rude mean \
    cruel unfair frustrating frustrated miserable cry cried crying regret guilty ashamed embarrassed embarrassing jealous \
    nervous dreadful mess messed ruined lost sucks suck crap damn broke sorrow grief hopeless";

fn side_english(word: &str) -> Option<bool> {
    let word = word.trim_end_matches("'s");
    if within(KIND_EN, word) {
        Some(true)
    } else if within(UNKIND_EN, word) {
        Some(false)
    } else {
        // "happily" and "sadly".
        let stem = word
            .strip_suffix("ily")
            .map(|stem| format!("{stem}y"))
            .or_else(|| word.strip_suffix("ly").map(str::to_owned))?;
        within(KIND_EN, &stem).then_some(true).or_else(|| within(UNKIND_EN, &stem).then_some(false))
    }
}

/// A denial within three words before, in the same clause.
fn turned_english(sentence: Sentence<'_>, at: usize) -> bool {
    let mut back = at;
    for _ in 0..3 {
        let Some(before) = back.checked_sub(1) else { return false };
        let token = &sentence[before];
        if token.mark != Mark::None || within("but however though because", &token.text) {
            return false;
        }
        let not = token.text == "not" && sentence.get(before + 1).is_none_or(|next| next.text != "only");
        let denial = within("no never hardly barely without neither nor cannot isnt dont", &token.text);
        if not || denial || token.text.ends_with("n't") {
            return true;
        }
        back = before;
    }
    false
}

// ---------------------------------------------------------------- feelings

/// Beginnings of Korean words for each of [`FEELINGS`].
const FELT_KO: [&str; 8] = [
    "기뻐 기쁘 기쁜 기쁩 기뻤 행복 즐거 즐겁 신나 신났 좋아 좋았 좋네 좋다 설레 재밌 재미있 뿌듯 반가 반갑 사랑 축하 웃겨 ㅋㅋ ㅎㅎ 하하",
    "슬프 슬퍼 슬픈 슬펐 우울 눈물 울었 울고 외로 외롭 힘들 힘드 힘든 속상 서운 섭섭 그리워 그립 쓸쓸 아쉬 아쉽 허무 서럽 서러 마음이아 ㅠ ㅜ",
    "화나 화났 화가 화내 짜증 열받 빡 미치겠 억울 분노 성질 미워 닥쳐 그만좀",
    "놀라 놀랐 놀랍 깜짝 헐 대박 세상에 어머 어머나 우와 와우 믿을수없 충격 설마 신기",
    "무서 무섭 두려 두렵 불안 걱정 겁나 겁이 떨려 떨리 긴장 소름 초조",
    "역겨 역겹 더러 더럽 징그 토할 혐오 끔찍 구역",
    "",
    "한심 어이없 기가막 우습 웃기시네 비웃 하찮 시시 멍청 꼴불견 가소 유치",
];
/// English words for each of [`FEELINGS`].
const FELT_EN: [&str; 8] = [
    "happy glad joy joyful delighted excited love loved wonderful great amazing awesome fun enjoy enjoyed yay haha hahaha lol \
     cheerful thrilled smile smiled laughing laugh congratulations",
    "sad unhappy miss missed lonely cry cried crying tears depressed heartbroken grief sorrow miserable hopeless \
     disappointed disappointing sadly gloomy hurt",
    "angry mad furious annoyed annoying hate hated pissed irritated irritating rage outraged frustrated frustrating damn",
    "wow whoa surprised surprising surprise shocked shocking unbelievable unexpected suddenly really omg gosh astonished \
     incredible seriously",
    "afraid scared scary fear worried worry nervous anxious terrified terrifying frightened panic dread",
    "disgusting disgusted gross nasty yuck ew eww revolting vile sick",
    "",
    "pathetic ridiculous whatever stupid idiot idiots lame loser worthless dumb laughable pfft",
];

/// Which of [`FEELINGS`] a word is for.
fn feeling(word: &str, korean: bool) -> Option<usize> {
    let fits = |list: &str| match korean {
        true => list.split_whitespace().any(|stem| word.starts_with(stem)) && !within(OTHER_KO, word),
        false => within(list, word),
    };
    let lists = if korean { &FELT_KO } else { &FELT_EN };
    lists.iter().position(|list| fits(list))
}
