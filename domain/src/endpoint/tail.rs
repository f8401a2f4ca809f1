//! What the last word says about whether a sentence is over. Rules of thumb, Korean and English:
//! they move a wait, they never decide alone, so "unsure" is a good answer.

/// How a text so far ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Like a finished sentence, by its words and by the mark after them: `했어요.`, "Thank you.", or like a question.
    Final,
    /// By one of the two: `했어요`, or "I went home.", since a recogniser puts full stops after halves of sentences too.
    Likely,
    /// Nothing to go by.
    Open,
    /// In the middle of one: `그리고`, `먹었는데`, "and", "um", "the".
    Dangling,
}

/// Whether `word` is one of the words of `list`.
pub(crate) fn listed(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|entry| entry == word)
}

/// Judges the end of `text`.
pub fn tail_of(text: &str) -> Tail {
    let text = text.trim_end().trim_end_matches(is_closer);
    let stem = text.trim_end_matches(|c: char| is_mark(c) || c.is_whitespace());
    let marks = &text[stem.len()..];
    let word = last_word(stem);
    if word.is_empty() {
        return Tail::Open;
    }
    let alone = word.len() == stem.trim_start().len();
    let tail =
        if word.chars().any(crate::lang::is_hangul) { korean(word, alone) } else { english(word, stem) };
    match weigh(tail, mark_of(marks)) {
        Tail::Likely | Tail::Open if is_condition(stem) => Tail::Dangling,
        tail => tail,
    }
}

/// Where the bare word points, before punctuation is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// A sentence ending that is hardly ever anything else.
    SureFinal,
    /// A likely sentence ending.
    Final,
    Unknown,
    /// Dangles unless a mark closes it.
    Dangling,
    /// Dangles even before a full stop, which a recogniser puts anywhere.
    SureDangling,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Stop,
    Question,
    Continues,
}

fn weigh(hint: Hint, mark: Mark) -> Tail {
    match (hint, mark) {
        (_, Mark::Continues)
        | (Hint::SureDangling, Mark::None | Mark::Stop)
        | (Hint::Dangling, Mark::None) => Tail::Dangling,
        (Hint::Dangling, Mark::Stop) | (Hint::Unknown, Mark::None) => Tail::Open,
        (_, Mark::Question) | (Hint::SureFinal | Hint::Final, Mark::Stop) => Tail::Final,
        (Hint::SureFinal | Hint::Final, Mark::None) | (Hint::Unknown, Mark::Stop) => Tail::Likely,
    }
}

fn mark_of(marks: &str) -> Mark {
    let continues = marks.ends_with("..") || marks.ends_with(['…', ',', '，', '、', ':', ';', '-', '–', '—']);
    match marks {
        "" | "~" => Mark::None,
        _ if marks.contains(['?', '？']) => Mark::Question,
        _ if continues => Mark::Continues,
        _ if marks.contains(['.', '!', '。', '！']) => Mark::Stop,
        _ => Mark::None,
    }
}

fn is_mark(character: char) -> bool {
    matches!(
        character,
        '.' | '!' | '?' | '…' | ',' | '，' | '、' | ':' | ';' | '-' | '–' | '—' | '~' | '。' | '！' | '？'
    )
}

fn is_closer(character: char) -> bool {
    matches!(character, '"' | '\'' | '”' | '’' | ')' | ']' | '」' | '』')
}

fn last_word(text: &str) -> &str {
    text.rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default()
        .trim_matches(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
}

// ---------------------------------------------------------------- English

const EN_SURE_DANGLING: &str = "and but or because cause the a an my your our their um umm uh uhm er erm i'm we're they're he's \
    she's i've i'd i'll let's although unless whereas plus every";

const EN_DANGLING: &str = "so like to of with for in on at from by about into than as is are was were that which if when while \
    very well then i we they he she not it's that's there's you're where whether until since also maybe \
    actually basically mean would could should will can don't his its these those some hmm how what who \
    just gonna wanna might must shall been be being even rather quite more most such either neither nor than";

const EN_FINAL: &[&str] = &[
    "thanks",
    "thank you",
    "bye",
    "goodbye",
    "okay",
    "ok",
    "please",
    "that's all",
    "that's it",
    "you know that",
    "good night",
];

fn english(word: &str, text: &str) -> Hint {
    let word = word.to_lowercase().replace('’', "'");
    let text = text.to_lowercase().replace('’', "'");
    let ends = |phrase: &&str| {
        text.strip_suffix(*phrase)
            .is_some_and(|before| before.is_empty() || before.ends_with([' ', ',', '.', '!', '?', '\n']))
    };
    match word.as_str() {
        _ if EN_FINAL.iter().any(ends) => Hint::Final,
        // Short answers end where a longer sentence would only begin: "Yes, I am", "so it is".
        "am" | "is" | "are" | "was" | "were" | "will" | "can" | "would" | "could" | "should"
            if follows_pronoun(&text) =>
        {
            Hint::Unknown
        }
        word if listed(EN_SURE_DANGLING, word) => Hint::SureDangling,
        word if listed(EN_DANGLING, word) => Hint::Dangling,
        _ => Hint::Unknown,
    }
}

const EN_CONDITIONS: &str = "if when while although though unless whenever whereas";

/// Conditions only before somebody who does something: "after we left", but not "after lunch".
const EN_CONDITIONS_OF_SOMEBODY: &str = "after before until once since";

const EN_SOMEBODY: &str = "i you he she it we they the my your his her our their";

/// Longer sentences hold the main clause too, though the recogniser left out the comma.
const EN_CONDITION_WORDS: usize = 8;

/// Whether the last sentence is a condition or a circumstance to which the main clause is still to come: "If you have
/// time". With a comma inside, the main clause has come.
fn is_condition(text: &str) -> bool {
    let sentence = text.rsplit(['.', '?', '!']).next().unwrap_or_default();
    if sentence.contains(',') || sentence.split_whitespace().count() > EN_CONDITION_WORDS {
        return false;
    }
    let sentence = sentence.to_lowercase();
    let mut words = sentence.split_whitespace().skip_while(|word| listed("and but so well um uh oh", word));
    match (words.next(), words.next()) {
        (Some(first), Some(second)) => {
            listed(EN_CONDITIONS, first)
                || (listed(EN_CONDITIONS_OF_SOMEBODY, first) && listed(EN_SOMEBODY, second))
        }
        _ => false,
    }
}

fn follows_pronoun(text: &str) -> bool {
    let before = text.split_whitespace().rev().nth(1).unwrap_or_default();
    matches!(before, "i" | "you" | "he" | "she" | "it" | "we" | "they" | "that" | "there")
}

// ---------------------------------------------------------------- Korean

const KO_SURE_DANGLING: &str = "그리고 그런데 근데 그래서 그러면 그러니까 그니까 하지만 그렇지만 왜냐하면 왜냐면 또 또는 아니면 혹은 만약 만약에 일단 음 으음 \
    흠 그 저 저기 그게 막 약간 이제 그러다가 게다가 그래도 그리구 어떻게 뭐랄까 예를";

/// Words that end like verbs and are none.
const KO_UNKNOWN: &str = "최고 광고 사고 창고 냉장고 중고 참고 경고 신고 재고 원고 라면 화면 장면 냉면 표면 측면 필요 수요 중요 주요 바다 다 캐나다 \
    사이다 소다 아까 동네 너네 걔네 쟤네 얘네 모두다 둘다 군데 어서 순서 독서 문서 질서 남자 여자 종이 나이 아이 고양이 같이 \
    많이 누가 작가 휴가 평가 가을 마을 노을 보다 마다 지금은";

const KO_FINAL_WORDS: &str = "네 예 응 아니 그래 안녕 그렇지 맞지 그치 뭐지 알지 거지 좋아 싫어 싶어 같아 괜찮아 많아 몰라 알아 고마워 미안해 사랑해 \
    잖아 맞아 아냐 됐어 반가워";

const KO_SURE_FINAL: &str = "니다 니까요 세요 어요 아요 해요 예요 에요 이요 거든요 군요 네요 죠 지요 나요 까요 게요 래요 대요 돼요 줘요 워요 봐요 와요 \
    가요";

const KO_FINAL: &str = "요 구나 잖아 이야 거야 뭐야 아냐 구야 디야 제야 기야 니야 하자 가자 보자 먹자 말자 놀자 두자 만나자 해줘 어줘 아줘 느냐 \
    세 십시오 시오 어라 아라 해라";

const KO_POLITE_OPEN: &str = "데요 고요 구요 서요 지만요 는요 은요 면요";

const KO_SURE_DANGLING_ENDINGS: &str =
    "지만 려고 면서 다가 거나 든지 더니 느라 자마자 때문에 려면 도록 는데도";

const KO_DANGLING_ENDINGS: &str = "고 면 에서 에게 한테 으로 하고 이랑 부터 까지 을 를 은 는 이 가 의 와 과 해야 가야 와야 봐야 어야 아야 여야 써야 돼야 져야 \
    줘야 워야 길래 라서 아서 어서 여서 해서 려서 와서 가서 워서 돼서 처럼 보다 마다";

fn korean(word: &str, alone: bool) -> Hint {
    match word {
        // "어" alone agrees, "어" after words searches for the next one.
        "어" | "아" | "뭐" => return if alone { Hint::Unknown } else { Hint::SureDangling },
        _ if listed(KO_SURE_DANGLING, word) => return Hint::SureDangling,
        _ if listed(KO_UNKNOWN, word) => return Hint::Unknown,
        _ if listed(KO_FINAL_WORDS, word) => return Hint::Final,
        _ => {}
    }
    korean_ending(word)
}

/// What a Korean word's ending alone says; also used to find clauses in text without punctuation.
pub(crate) fn korean_ending(word: &str) -> Hint {
    if listed(KO_UNKNOWN, word) {
        return Hint::Unknown;
    }
    let mut back = word.chars().rev();
    let (last, coda) = (back.next(), back.next().and_then(coda));
    let ends = |endings: &str| endings.split_whitespace().any(|ending| word.ends_with(ending));
    let is_short = word.chars().count() < 2;
    match last {
        _ if is_short => Hint::Unknown,
        _ if ends(KO_POLITE_OPEN) => Hint::Unknown,
        _ if ends(KO_SURE_DANGLING_ENDINGS) => Hint::SureDangling,
        // -습니까 asks, -(으)니까 gives a reason and goes on.
        Some('까') if word.ends_with("니까") => {
            let asks = word.chars().rev().nth(2).and_then(self::coda) == Some(CODA_B);
            if asks { Hint::SureFinal } else { Hint::SureDangling }
        }
        Some('까') => if_coda(coda, CODA_L, Hint::Final),
        Some('데') => if_coda(coda, CODA_N, Hint::Dangling),
        // -ㄹ게, -ㄹ래, -ㄹ걸 promise, want, suppose.
        Some('게' | '래' | '걸') => if_coda(coda, CODA_L, Hint::Final),
        Some('어' | '지' | '니' | '냐') if coda == Some(CODA_SS) => Hint::Final,
        _ if ends(KO_SURE_FINAL) => Hint::SureFinal,
        Some('다') if word.ends_with("보다") || word.ends_with("마다") || word.ends_with("에다") => {
            Hint::Dangling
        }
        Some('다' | '네') => Hint::Final,
        _ if ends(KO_FINAL) => Hint::Final,
        _ if ends(KO_DANGLING_ENDINGS) => Hint::Dangling,
        _ => Hint::Unknown,
    }
}

fn if_coda(coda: Option<u32>, expected: u32, hint: Hint) -> Hint {
    if coda == Some(expected) { hint } else { Hint::Unknown }
}

/// Final consonants by their index in the Unicode syllable block (0 is none).
const CODA_N: u32 = 4;
const CODA_L: u32 = 8;
const CODA_B: u32 = 17;
const CODA_SS: u32 = 20;

fn coda(character: char) -> Option<u32> {
    matches!(character, '\u{AC00}'..='\u{D7A3}').then(|| (u32::from(character) - 0xAC00) % 28)
}
