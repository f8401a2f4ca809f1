//! What the rules cannot know: words whose pronunciation is not in their spelling.
//!
//! Each line of a list is a spelling and the respelling that the rules then turn into the right sound;
//! a respelling changes as little as possible.

use super::{Syllable, boundary::tense};

/// Spelling and respelling, alternately. Longer words stand before their parts.
const RESPELLED: &str = "
    꽃잎 꼰닙 나뭇잎 나문닙 깻잎 깬닙 색연필 생년필 서울역 서울력 한여름 한녀름 담요 담뇨 솜이불 솜니불
    알약 알략 물약 물략 두통약 두통냑 집안일 지반닐 볼일 볼릴 할일 할릴 앞일 암닐 식용유 시굥뉴 휘발유 휘발류
    눈요기 눈뇨기 신여성 신녀성 옛이야기 옌니야기 첫인상 처딘상 홑이불 혼니불 늦여름 는녀름
    십육 심뉵 백육 뱅뉵 천육 천뉵 만육 만뉵 육육 융뉵 일일이 일리리 학여울 항녀울 강남역 강남녁 시청역 시청녁
    의견란 의견난 생산량 생산냥 결단력 결딴녁 판단력 판단녁 공권력 공꿘녁 온라인 온나인 상견례 상견네
    갈등 갈뜽 발전 발쩐 활동 활똥 결정 결쩡 결석 결썩 출석 출썩 물질 물찔 발달 발딸 실수 실쑤 열심 열씸
    절대 절때 일주일 일쭈일 일주년 일쭈년 설득 설뜩 걸작 걸짝 질서 질써 출신 출씬 솔직 솔찍 철저 철쩌 달성 달썽
    발생 발쌩 결심 결씸 글자 글짜 일정 일쩡 일상 일쌍 열정 열쩡 설정 설쩡 일시 일씨 불시 불씨 출장 출짱 팔십 팔씹
    칠십 칠씹 팔자 팔짜 실제 실쩨 밀접 밀쩝 별도 별또 물정 물쩡 필수 필쑤 월세 월쎄
    인기 인끼 조건 조껀 사건 사껀 한자리 한자리 한자 한짜 성격 성껵 평가 평까 문법 문뻡 헌법 헌뻡 여권 여꿘 내과 내꽈
    치과 치꽈 초점 초쩜 장점 장쩜 단점 단쩜 점수 점쑤 관점 관쩜 문제점 문제쩜 만점 만쩜 시점 시쩜
    손가락 손까락 발가락 발까락 눈동자 눈똥자 물고기 물꼬기 아침밥 아침빱 비빔밥 비빔빱 김밥 김빱 볶음밥 볶음빱
    술집 술찝 빵집 빵찝 꽃집 꽃찝 길거리 길꺼리 길가 길까 강가 강까 보름달 보름딸 용돈 용똔 밤길 밤낄 산길 산낄
    발바닥 발빠닥 손바닥 손빠닥 손등 손뜽 눈사람 눈싸람 신바람 신빠람 글귀 글뀌 등불 등뿔 오늘밤 오늘빰 문자 문짜
    넓죽 넙쭉 넓둥 넙뚱 맛없 마덥 멋없 머덥 값없 가덥 몇월 며둴 겉옷 거돗 웃어른 우더른
    감다 감따 넘다 넘따 남다 남따 참다 참따 숨다 숨따 안고싶 안꼬싶 넘고 넘꼬
    닮고 담꼬 열여덟 열려덟 스물여덟 스물려덟 스물여섯 스물려섯 열여섯 열려섯 스물일곱 스물릴곱 서른여섯 서른녀섯
";

/// Nouns in 의; at the end of any other word of two syllables or more it is the particle, said 에.
const NOUNS_IN_UI: &str = "회의 주의 강의 논의 동의 정의 합의 거의 편의 예의 의의 문의 협의 심의 창의 호의 토의 결의 고의 명의 상의 하의 \
    모의 유의 건의 항의 성의 악의 선의 본의 이의 경의 적의 열의 제의 민주주의 자본주의";

/// Dependent nouns, with what is attached to them, that are tensed after the ending -(으)ㄹ:
/// 할 수 → 할 쑤, 갈 거예요 → 갈 꺼예요. Whole words, because 오늘 거기 is no such case.
const TENSED_AFTER_L: &str = "거 거야 거예요 거에요 거니까 거라 거라고 거고 거지 거죠 거면 거잖아 거잖아요 겁니다 겁니까 건데 건데요 건가 \
    건가요 건지 게 걸 걸요 것 것이 것을 것은 것도 것만 것처럼 수 수가 수는 수도 수밖에 수록 줄 줄은 줄도 줄을 데 데가 데는 듯 듯이 듯한 \
    듯해요 바 바가 바를 적 적이 적에 정도 정도로 정도예요 지";

/// Adjectives in -ㄹ whose adverb in 게 is not tensed: 힘들게, 길게.
const PLAIN_BEFORE_GE: &str = "힘들 만들 달 길 멀 둥글 가늘 거칠 서툴 줄곧 잘 헐";

/// Endings within a word that are tensed after ㄹ: 할게 → 할께, 갈수록 → 갈쑤록.
const ENDINGS_AFTER_L: &str = "게 게요 걸 걸요 거야 거예요 거에요 거니까 거라고 수록 지도 지라도";

/// The word with its irregular parts spelled as they sound.
pub(super) fn respell(word: &str) -> String {
    if word == "못" {
        // A word of its own before a verb: the coda is reduced before the rules look at it.
        return "몯".to_owned();
    }
    let mut respelled = word.to_owned();
    let mut pairs = RESPELLED.split_whitespace();
    while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
        if respelled.contains(from) {
            respelled = respelled.replace(from, to);
        }
    }
    tense_ending(particle_ui(respelled))
}

/// The word behind `previous` with its first sound tensed, where the ending -(으)ㄹ asks for it; also
/// the ㄴ that 못 puts before 이 and its kin.
pub(super) fn tensed_after(previous: &str, word: &str) -> Option<String> {
    let mut characters = word.chars();
    let first = Syllable::of(characters.next()?)?;
    if previous == "몯" {
        let slides = first.onset == 'ㅇ' && matches!(first.vowel, 'ㅣ' | 'ㅑ' | 'ㅕ' | 'ㅛ' | 'ㅠ');
        return slides.then(|| {
            let nasal = Syllable { onset: 'ㄴ', ..first };
            std::iter::once(nasal.block()).chain(characters).collect()
        });
    }
    let last = previous.chars().last().and_then(Syllable::of)?;
    let asks = last.coda == 'ㄹ' && TENSED_AFTER_L.split_whitespace().any(|noun| noun == bare(word));
    asks.then(|| {
        let tensed = Syllable { onset: tense(first.onset), ..first };
        std::iter::once(tensed.block()).chain(characters).collect()
    })
}

fn particle_ui(word: String) -> String {
    let bare = bare(&word);
    let Some(stem) = bare.strip_suffix('의') else { return word };
    if stem.chars().next_back().and_then(Syllable::of).is_none()
        || NOUNS_IN_UI.split_whitespace().any(|noun| bare.ends_with(noun))
    {
        return word;
    }
    format!("{stem}에{}", &word[bare.len()..])
}

fn tense_ending(word: String) -> String {
    let bare = bare(&word);
    for ending in ENDINGS_AFTER_L.split_whitespace() {
        let Some(stem) = bare.strip_suffix(ending) else { continue };
        let Some(last) = stem.chars().last().and_then(Syllable::of) else { continue };
        let plain =
            ending == "게" && PLAIN_BEFORE_GE.split_whitespace().any(|adjective| stem.ends_with(adjective));
        if last.coda != 'ㄹ' || plain {
            continue;
        }
        let mut characters = ending.chars();
        let Some(first) = characters.next().and_then(Syllable::of) else { continue };
        let tensed = Syllable { onset: tense(first.onset), ..first }.block();
        return format!("{stem}{tensed}{}{}", characters.as_str(), &word[bare.len()..]);
    }
    word
}

/// The word without the punctuation behind it.
fn bare(word: &str) -> &str {
    word.trim_end_matches(|character| Syllable::of(character).is_none())
}
