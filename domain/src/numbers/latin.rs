//! Latin letters in Korean text.

const LETTERS: [&str; 26] = [
    "에이",
    "비",
    "씨",
    "디",
    "이",
    "에프",
    "지",
    "에이치",
    "아이",
    "제이",
    "케이",
    "엘",
    "엠",
    "엔",
    "오",
    "피",
    "큐",
    "알",
    "에스",
    "티",
    "유",
    "브이",
    "더블유",
    "엑스",
    "와이",
    "제트",
];

/// Words as Koreans say them, lower case, alternately with their reading.
const WORDS: &str = "
    ok 오케이 okay 오케이 hello 헬로 hi 하이 bye 바이 yes 예스 no 노 the 더 and 앤드 of 오브 a 어 in 인 to 투 for 포 you 유
    wifi 와이파이 app 앱 email 이메일 e 이 mail 메일 coffee 커피 cafe 카페 pizza 피자 music 뮤직 love 러브 nice 나이스 good 굿
    very 베리 thank 땡크 thanks 땡스 sorry 쏘리 please 플리즈 my 마이 me 미 we 위 i 아이 it 잇 is 이즈 are 아 what 왓
    google 구글 apple 애플 iphone 아이폰 youtube 유튜브 instagram 인스타그램 netflix 넷플릭스 facebook 페이스북 twitter 트위터
    kakao 카카오 kakaotalk 카카오톡 naver 네이버 samsung 삼성 openai 오픈에이아이 chatgpt 챗지피티 ios 아이오에스 mac 맥
    python 파이썬 java 자바 rust 러스트 linux 리눅스 windows 윈도우 server 서버 online 온라인 offline 오프라인 game 게임
    team 팀 project 프로젝트 data 데이터 marketing 마케팅 startup 스타트업 meeting 미팅 design 디자인 brand 브랜드 content 콘텐츠
    video 비디오 movie 무비 drama 드라마 star 스타 happy 해피 birthday 버스데이 time 타임 day 데이 best 베스트 top 톱 new 뉴
    seoul 서울 korea 코리아 busan 부산 new 뉴 york 욕 london 런던 paris 파리 vs 대 jazz 재즈 blues 블루스 piano 피아노
    guitar 기타 rock 록 pop 팝 kpop 케이팝 live 라이브 stage 스테이지 duologue 듀올로그 asap 에이쌥 nasa 나사 unesco 유네스코
    dr 닥터 mr 미스터 mrs 미세스 ms 미즈 emma 에마 james 제임스 john 존 kim 킴 lee 리 link 링크 blog 블로그 feedback 피드백
    kpi 케이피아이 ppt 피피티 pdf 피디에프 usb 유에스비
";

/// Units behind a number, longest first within those that begin alike.
const UNITS: &str = "km/h 킬로미터 km 킬로미터 kg 킬로그램 kHz 킬로헤르츠 kW 킬로와트 kcal 킬로칼로리 KB 킬로바이트 cm 센티미터 mm 밀리미터 \
    mg 밀리그램 ml 밀리리터 mL 밀리리터 ms 밀리초 MHz 메가헤르츠 MB 메가바이트 GHz 기가헤르츠 GB 기가바이트 TB 테라바이트 Hz 헤르츠 \
    °C 도 ℃ 도 °F 도 ° 도 % 퍼센트 m² 제곱미터 ㎡ 제곱미터 m 미터 g 그램 L 리터 l 리터 W 와트 V 볼트 px 픽셀";

/// The Korean name of a unit at the start of `after` and its length there in bytes.
pub(super) fn unit(after: &str) -> Option<(&'static str, usize)> {
    let gap = after.len() - after.trim_start_matches(' ').len();
    // "3 m" is a unit, "3 men" is not.
    let after = if gap <= 1 { &after[gap..] } else { return None };
    let mut parts = UNITS.split_whitespace();
    while let (Some(symbol), Some(name)) = (parts.next(), parts.next()) {
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
        if after.strip_prefix(symbol).is_some_and(ends) {
            return Some((name, gap + symbol.len()));
        }
    }
    None
}

/// A word that Koreans know.
pub(super) fn word(letters: &str) -> Option<&'static str> {
    let lower = letters.to_ascii_lowercase();
    // Capitals are an abbreviation even where they spell a word: IT is 아이티, not 잇.
    let shouted =
        letters.len() > 1 && letters.len() <= 3 && letters.chars().all(|letter| letter.is_ascii_uppercase());
    if (shouted && lower != "ok") || (letters.len() == 1 && letters != "a") {
        return None;
    }
    let mut parts = WORDS.split_whitespace();
    while let (Some(known), Some(reading)) = (parts.next(), parts.next()) {
        if known == lower {
            return Some(reading);
        }
    }
    None
}

/// Letter by letter: MBTI is 엠비티아이.
pub(super) fn spell(letters: &str) -> String {
    let index = |letter: char| (letter.to_ascii_lowercase() as usize).wrapping_sub('a' as usize);
    letters.chars().filter_map(|letter| LETTERS.get(index(letter))).copied().collect()
}

/// Sounds of English spelling and jamo: an onset and a vowel, `-` where there is none. Longer first.
const SPELLINGS: &[(&str, char, char)] = &[
    ("tion", 'ㅅ', 'n'),
    ("sch", 'ㅅ', '-'),
    ("tch", 'ㅊ', '-'),
    ("igh", '-', 'I'),
    ("sh", 'ㅅ', '-'),
    ("ch", 'ㅊ', '-'),
    ("th", 'ㅅ', '-'),
    ("ph", 'ㅍ', '-'),
    ("ck", 'ㅋ', '-'),
    ("qu", 'ㅋ', '-'),
    ("wh", 'W', '-'),
    ("ng", 'N', '-'),
    ("ee", '-', 'ㅣ'),
    ("ea", '-', 'ㅣ'),
    ("oo", '-', 'ㅜ'),
    ("ou", '-', 'O'),
    ("ow", '-', 'O'),
    ("ai", '-', 'E'),
    ("ay", '-', 'E'),
    ("au", '-', 'ㅗ'),
    ("aw", '-', 'ㅗ'),
    ("er", '-', 'ㅓ'),
    ("ir", '-', 'ㅓ'),
    ("ur", '-', 'ㅓ'),
    ("b", 'ㅂ', '-'),
    ("c", 'ㅋ', '-'),
    ("d", 'ㄷ', '-'),
    ("f", 'ㅍ', '-'),
    ("g", 'ㄱ', '-'),
    ("h", 'ㅎ', '-'),
    ("j", 'ㅈ', '-'),
    ("k", 'ㅋ', '-'),
    ("l", 'ㄹ', '-'),
    ("m", 'ㅁ', '-'),
    ("n", 'ㄴ', '-'),
    ("p", 'ㅍ', '-'),
    ("q", 'ㅋ', '-'),
    ("r", 'ㄹ', '-'),
    ("s", 'ㅅ', '-'),
    ("t", 'ㅌ', '-'),
    ("v", 'ㅂ', '-'),
    ("w", 'W', '-'),
    ("x", 'X', '-'),
    ("z", 'ㅈ', '-'),
    ("a", '-', 'ㅏ'),
    ("e", '-', 'ㅔ'),
    ("i", '-', 'ㅣ'),
    ("o", '-', 'ㅗ'),
    ("u", '-', 'ㅓ'),
    ("y", '-', 'ㅣ'),
];

/// An unknown word in Hangul, roughly: consonants and vowels one by one, a silent last e dropped, and
/// 으 under every consonant that stands alone. Without a vowel the word is spelled.
pub(super) fn transliterate(letters: &str) -> String {
    let lower: String = letters.to_ascii_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
    if !lower.contains(['a', 'e', 'i', 'o', 'u', 'y']) {
        return spell(&lower);
    }
    let silent_e = lower.len() > 3 && lower.ends_with('e');
    let mut rest = if silent_e { &lower[..lower.len() - 1] } else { lower.as_str() };
    let mut builder = Blocks::default();
    let mut last = "";
    while let Some((spelling, onset, vowel)) =
        SPELLINGS.iter().find(|(spelling, ..)| rest.starts_with(spelling))
    {
        rest = &rest[spelling.len()..];
        // A doubled consonant is one sound.
        if *onset == '-' || *spelling != last {
            builder.sound(*onset, *vowel);
        }
        last = spelling;
    }
    builder.finish()
}

/// Jamo put together into syllables.
#[derive(Debug, Default)]
struct Blocks {
    done: Vec<crate::hangul::Syllable>,
    /// A consonant that waits for its vowel.
    waiting: Option<char>,
}

impl Blocks {
    fn sound(&mut self, onset: char, vowel: char) {
        match (onset, vowel) {
            ('ㅅ', 'n') => {
                self.consonant('ㅅ');
                self.vowel('ㅕ');
                self.consonant('ㄴ');
            }
            ('X', _) => {
                self.consonant('ㄱ');
                self.consonant('ㅅ');
            }
            ('N', _) => {
                self.close();
                if !self.add_coda('ㅇ') {
                    self.consonant('ㄴ');
                }
            }
            ('W', _) => {
                self.close();
                self.waiting = Some('W');
            }
            ('-', 'I') => self.vowels('ㅏ', 'ㅣ'),
            ('-', 'O') => self.vowels('ㅏ', 'ㅜ'),
            ('-', 'E') => self.vowels('ㅔ', 'ㅣ'),
            ('-', vowel) => self.vowel(vowel),
            (onset, _) => self.consonant(onset),
        }
    }

    fn vowels(&mut self, first: char, second: char) {
        self.vowel(first);
        self.vowel(second);
    }

    fn consonant(&mut self, onset: char) {
        self.close();
        self.waiting = Some(onset);
    }

    fn vowel(&mut self, vowel: char) {
        let (onset, vowel) = match (self.waiting.take(), vowel) {
            (Some('W'), 'ㅏ') => ('ㅇ', 'ㅘ'),
            (Some('W'), 'ㅔ') => ('ㅇ', 'ㅞ'),
            (Some('W'), 'ㅣ') => ('ㅇ', 'ㅟ'),
            (Some('W'), 'ㅓ') => ('ㅇ', 'ㅝ'),
            (Some('W'), vowel) => ('ㅇ', vowel),
            (Some('ㄹ'), vowel) => {
                // Between vowels an English l or r sounds like a doubled ㄹ or a single one; one is enough.
                ('ㄹ', vowel)
            }
            (Some(onset), vowel) => (onset, vowel),
            (None, vowel) => ('ㅇ', vowel),
        };
        self.done.push(crate::hangul::Syllable { onset, vowel, coda: crate::hangul::NO_CODA });
    }

    /// A consonant without a vowel: a coda where Korean allows it, else a syllable with 으.
    fn close(&mut self) {
        let Some(onset) = self.waiting.take() else { return };
        let coda = match onset {
            'ㄴ' | 'ㅁ' | 'ㄹ' => Some(onset),
            'ㅋ' => Some('ㄱ'),
            'ㅍ' | 'ㅂ' => Some('ㅂ'),
            'ㅌ' => Some('ㅅ'),
            _ => None,
        };
        if onset == 'W' || coda.is_some_and(|coda| self.add_coda(coda)) {
            return;
        }
        let vowel = if matches!(onset, 'ㅊ' | 'ㅈ') { 'ㅣ' } else { 'ㅡ' };
        self.done.push(crate::hangul::Syllable { onset, vowel, coda: crate::hangul::NO_CODA });
    }

    fn add_coda(&mut self, coda: char) -> bool {
        match self.done.last_mut() {
            Some(last) if last.coda == crate::hangul::NO_CODA && last.vowel != 'ㅡ' => {
                last.coda = coda;
                true
            }
            _ => false,
        }
    }

    fn finish(mut self) -> String {
        self.close();
        self.done.into_iter().map(crate::hangul::Syllable::block).collect()
    }
}
