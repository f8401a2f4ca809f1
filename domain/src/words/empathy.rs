//! How words answer to what somebody else feels, after EPITOME (Sharma et al. 2020): emotional reaction, interpretation,
//! exploration; each 0 (none), 1 (weak: in general words) or 2 (strong: names what the other feels or lives through).

use super::{
    questions::is_question,
    token::{Sentence, longest},
};
use crate::lang::Language;

/// The three mechanisms, each 0 to 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empathy {
    /// Warmth, compassion, concern: "I'm sorry to hear that".
    pub reaction: u8,
    /// Understanding: "that must have been hard".
    pub interpretation: u8,
    /// Wanting to know more: "how did that make you feel?".
    pub exploration: u8,
}

impl Empathy {
    /// Their sum over six, 0 to 1.
    pub fn share(self) -> f32 {
        f32::from(self.reaction + self.interpretation + self.exploration) / 6.0
    }

    /// The stronger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            reaction: self.reaction.max(other.reaction),
            interpretation: self.interpretation.max(other.interpretation),
            exploration: self.exploration.max(other.exploration),
        }
    }
}

const REACTION_1: &str = "oh no | that's great | that's wonderful | that's awesome | that's amazing | good for you | congratulations | \
    congrats | hang in there | it'll be okay | it will be okay | it's going to be okay | everything will be | \
    take care of yourself | i'm here for you | here for you | you've got this | don't worry | way to go | \
    that's too bad | that's terrible | that's awful | poor you | get well soon | i hope you | i hope it | \
    어머 | 저런 | 세상에 | 아이고 | 에고 | 다행이* | 힘내* | 응원* | 축하* | 괜찮을 | 괜찮아질* | 잘될 | 잘 될 | 걱정 마* | 걱정하지 마* | \
    기운 내* | 고생* | 수고* | 몸조리* | 파이팅 | 화이팅 | 잘했어* | 잘하셨어* | 멋지다 | 멋지네요 | 대단해요 | 대단하네요 | 대단하세요";
const REACTION_2: &str = "i'm so sorry | i'm sorry to hear | i'm really sorry | i am sorry to hear | sorry to hear | sorry for your loss | \
    i'm so happy for you | i'm happy for you | happy for you | so glad for you | i'm glad to hear | glad to hear | \
    i'm proud of you | proud of you | i feel for you | my heart goes out | that breaks my heart | breaks my heart | \
    it makes me sad | that makes me happy | makes me so happy | i'm worried about you | worried about you | \
    마음이 아파* | 마음이 아프* | 마음 아프* | 마음이 무겁* | 제가 다 | 내가 다 | 저도 기뻐* | 저도 기쁘* | 나도 기뻐* | 나도 기쁘* | 저까지 | 나까지 | \
    듣기만 해도 | 들으니 | 안타깝* | 안타까* | 안쓰럽* | 걱정돼* | 걱정되* | 걱정했* | 자랑스러* | 자랑스럽*";
const INTERPRETATION_1: &str = "i understand | i get it | i see what you mean | i know what you mean | that makes sense | \
    i can see why | i hear you | i can imagine | i know how you feel | i totally get | makes sense | i can understand | \
    이해해* | 이해합* | 이해돼* | 이해가 | 이해할 | 이해되* | 무슨 말인지 알* | 무슨 뜻인지 알* | 그 마음 알* | 그 마음 저도 | 그 기분 알* | 공감* | \
    그럴 수 있* | 그럴 만* | 그럴만* | 그럴 수도 | 당연하* | 당연해*";
const INTERPRETATION_2: &str = "that must be | that must have been | it must be | it must have been | you must be | \
    you must have been | you must feel | must have felt | that sounds hard | that sounds really | that sounds so | \
    that sounds like | that sounds tough | that sounds difficult | that sounds stressful | that sounds exciting | \
    sounds like you | sounds really hard | you seem | you sound | it sounds like you | i've been there | been there too | \
    the same thing happened to me | i felt the same | i went through | i also felt | i would feel the same | \
    저도 그런 적 | 나도 그런 적 | 저도 그랬* | 나도 그랬* | 저도 그런 경험 | 나도 그런 경험 | 저도 비슷한 | 나도 비슷한 | 저도 겪* | 나도 겪* | \
    저였어도 | 나였어도 | 저라도 | 나라도";
const EXPLORATION_1: &str = "what happened | why is that | tell me more | can you tell me more | what do you mean | how come | \
    then what | and then | what's wrong | what's going on | what did you do | how was it | what was it like | what about you | \
    how about you | how did it go | go on | i'd love to hear | how so | \
    무슨 일* | 무슨 일이* | 왜요 | 왜 | 그래서요 | 그래서 어떻게 | 어떻게 됐* | 어떻게 되* | 어땠어* | 어땠나요 | 더 얘기* | 더 이야기* | 더 말해* | 더 듣고 | \
    더 들려* | 자세히 | 어떤 일* | 얘기해 주* | 이야기해 주* | 말해 줄* | 어쩌다* | 그다음* | 그 다음* | 계기가";
const EXPLORATION_2: &str = "how do you feel | how are you feeling | how did you feel | how did that make you feel | \
    how does that make you feel | are you okay | are you alright | are you all right | are you feeling | did you feel | \
    do you feel | were you scared | were you sad | were you nervous | are you sad | are you worried | are you nervous | \
    is it hard | was it hard | was it scary | does it hurt | what are you worried | what makes you | how are you holding up | \
    what was the hardest | \
    기분이 어* | 기분은 어* | 기분 어* | 마음이 어* | 마음은 어* | 괜찮으세요 | 괜찮으신가요 | 괜찮으셨* | 괜찮으시* | 많이 힘드* | 많이 힘들* | 힘들지 않* | \
    힘들진 않* | 힘드셨* | 속상하셨* | 속상하지* | 외롭지* | 외로우* | 무섭지* | 무서우셨* | 걱정되* | 서운했* | 서운하셨* | 뭐가 제일 힘* | \
    뭐가 가장 힘* | 어떤 점이 힘* | 어떤 기분* | 느낌이 어* | 많이 아프* | 많이 놀라* | 많이 놀랐*";

/// The strongest of each mechanism in all sentences.
pub(super) fn read(sentences: &[Sentence<'_>], lang: Language) -> Empathy {
    let mut found = Empathy::default();
    for sentence in sentences {
        let holds = |list: &str| (0..sentence.len()).any(|at| longest(list, sentence, at).is_some());
        let strength = |weak: &str, strong: &str| {
            if holds(strong) { 2 } else { u8::from(holds(weak)) }
        };
        let asks = is_question(sentence);
        let invites = holds(
            "tell me more | go on | i'd love to hear | 더 얘기* | 더 이야기* | 더 듣고 | 더 들려* | 더 말해*",
        );
        let supposed = lang == Language::Korean && supposed(sentence);
        found = found.max(Empathy {
            reaction: strength(REACTION_1, REACTION_2),
            interpretation: if supposed { 2 } else { strength(INTERPRETATION_1, INTERPRETATION_2) },
            exploration: if asks || invites { strength(EXPLORATION_1, EXPLORATION_2) } else { 0 },
        });
    }
    found
}

/// "힘들었겠다", "속상하셨겠어요", "좋으셨겠네요": 겠 after a feeling and before an ending of the one who supposes.
fn supposed(sentence: Sentence<'_>) -> bool {
    const FELT: &str = "힘들 힘드 속상 슬프 슬펐 기쁘 기뻤 기쁘셨 좋았 좋으 행복 외로 무서 무섭 놀라 놀랐 답답 억울 서운 섭섭 피곤 아프 아팠 지치 지쳤 \
        설레 설렜 신났 신나 뿌듯 떨렸 떨리 긴장 걱정 불안 짜증 화나 화났 당황 아쉬 아쉽 즐거 재밌 재미있 심심 바쁘 바빴 부담 괴로 든든";
    const ENDINGS: [&str; 12] = [
        "겠다",
        "겠네",
        "겠네요",
        "겠어",
        "겠어요",
        "겠군요",
        "겠구나",
        "겠지",
        "겠죠",
        "겠습니다",
        "겠는데요",
        "겠는데",
    ];
    sentence.iter().any(|token| {
        let word = token.text.as_str();
        FELT.split_whitespace().any(|stem| word.starts_with(stem))
            && ENDINGS.iter().any(|end| word.ends_with(end))
    })
}
