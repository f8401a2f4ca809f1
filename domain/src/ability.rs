//! What a persona can do besides talking: the functions that every server has, in the words of both languages.
//!
//! The texts are short because the model reads all of them before its first word: about 60 tokens each.

use crate::{coach::ScoreName, lang::Language, tool::Tool};

/// A function that the session itself carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ability {
    /// Begins a duet.
    PlayDuet,
    /// Ends it.
    StopDuet,
    /// Plays it otherwise.
    SetDuet,
    /// Shows the person a score.
    ShowScore,
    /// Keeps a fact about the person.
    Remember,
    /// Drops what is known about something.
    Forget,
    /// Looks something up in the person's documents.
    LookUp,
}

impl Ability {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::PlayDuet,
        Self::StopDuet,
        Self::SetDuet,
        Self::ShowScore,
        Self::Remember,
        Self::Forget,
        Self::LookUp,
    ];

    /// The stable name, in persona files and for the model.
    pub fn name(self) -> &'static str {
        match self {
            Self::PlayDuet => "play_duet",
            Self::StopDuet => "stop_duet",
            Self::SetDuet => "set_duet",
            Self::ShowScore => "show_score",
            Self::Remember => "remember",
            Self::Forget => "forget",
            Self::LookUp => "look_up",
        }
    }

    /// The ability of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ability| ability.name() == name)
    }

    /// As a model is told of it.
    pub fn tool(self, language: Language) -> Tool {
        Tool {
            name: self.name().to_owned(),
            description: self.description(language).to_owned(),
            parameters: self.parameters(language),
        }
    }

    /// Whether these words may ask for it: one of its own words is among them, of either language. Wider than any request,
    /// since a model decides after this; but what holds none of them is no request, whatever a small model makes of it.
    pub fn may_be_meant(self, words: &str) -> bool {
        let words = words.to_lowercase();
        let begins = |at: usize| !words[..at].chars().next_back().is_some_and(char::is_alphabetic);
        let [english, korean] = self.cues();
        // Korean builds words out of words, so that a cue may stand inside of one.
        english.iter().any(|cue| words.match_indices(cue).any(|(at, _)| begins(at)))
            || korean.iter().any(|cue| words.contains(cue))
    }

    /// Beginnings of English words, and what is found in Korean ones.
    fn cues(self) -> [&'static [&'static str]; 2] {
        match self {
            Self::PlayDuet => [
                &["play", "duet", "piano", "music", "jam", "improvis", "song", "tune"],
                &["연주", "듀엣", "피아노", "음악", "합주", "노래", "치자", "쳐"],
            ],
            Self::StopDuet => {
                [&["stop", "enough", "quiet", "pause", "finish"], &["그만", "멈", "스톱", "됐어", "끝내"]]
            }
            Self::SetDuet => [
                &[
                    "fast", "slow", "quick", "tempo", "speed", "jazz", "swing", "bossa", "blues", "ballad",
                    "classic", "ragtime", "simpl", "complex", "style", "beat",
                ],
                &[
                    "빠르",
                    "빨리",
                    "느리",
                    "느린",
                    "천천",
                    "템포",
                    "박자",
                    "재즈",
                    "스윙",
                    "보사",
                    "블루스",
                    "발라드",
                    "클래식",
                    "래그타임",
                    "단순",
                    "복잡",
                    "스타일",
                ],
            ],
            Self::ShowScore => [
                &["score", "point", "result", "rating", "how am i", "how did i", "come across", "feedback"],
                &["점수", "평가", "결과", "피드백", "나 어때", "나 지금 어때", "어때 보", "어떻게 보"],
            ],
            Self::Remember => [
                &["remember", "memor", "keep in mind", "forget", "note"],
                &["기억", "잊지", "외워", "메모", "명심"],
            ],
            Self::Forget => [&["forget", "erase", "delete"], &["잊", "지워", "삭제"]],
            Self::LookUp => [
                &["look", "find", "search", "check", "document", "file", "page", "read", "what do", "say"],
                &["찾", "검색", "확인", "문서", "자료", "파일", "페이지", "책", "뭐라고"],
            ],
        }
    }

    fn description(self, language: Language) -> &'static str {
        let [english, korean] = match self {
            Self::PlayDuet => [
                "Start playing music with them on the piano. Only when they ask you to play.",
                "상대와 함께 피아노 연주를 시작한다. 상대가 연주해 달라고 할 때만.",
            ],
            Self::StopDuet => ["Stop playing music.", "연주를 멈춘다."],
            Self::SetDuet => [
                "Change how you are playing: faster, slower, another style, simpler.",
                "연주를 바꾼다: 더 빠르게, 느리게, 다른 스타일, 더 단순하게.",
            ],
            Self::ShowScore => [
                "Show them how they come across. Only when they ask for their score.",
                "상대가 어떻게 보이는지 점수를 보여 준다. 상대가 점수를 물을 때만.",
            ],
            Self::Remember => [
                "Remember one fact about them. Only when they ask you to remember it.",
                "상대에 대한 사실 하나를 기억한다. 기억해 달라고 할 때만.",
            ],
            Self::Forget => {
                ["Forget what they ask you to forget.", "상대가 잊어 달라고 한 것을 기억에서 지운다."]
            }
            Self::LookUp => ["Look something up in their documents.", "상대의 문서에서 찾아본다."],
        };
        match language {
            Language::English => english,
            Language::Korean => korean,
        }
    }

    fn parameters(self, language: Language) -> String {
        let text = |name: &str, [english, korean]: [&str; 2]| {
            let description = match language {
                Language::English => english,
                Language::Korean => korean,
            };
            format!(r#""{name}":{{"type":"string","description":"{description}"}}"#)
        };
        let one_of = |name: &str, values: &[&str]| {
            let values = values.iter().map(|value| format!(r#""{value}""#)).collect::<Vec<_>>();
            format!(r#""{name}":{{"type":"string","enum":[{}]}}"#, values.join(","))
        };
        let tempo = r#""tempo":{"type":"integer","minimum":30,"maximum":300}"#.to_owned();
        let (properties, required) = match self {
            Self::PlayDuet => {
                (vec![one_of("style", &STYLES), tempo, text("key", ["such as G major", "예: 사장조"])], "")
            }
            Self::StopDuet => (Vec::new(), ""),
            Self::SetDuet => {
                let complexity = one_of("complexity", &["simple", "medium", "complex"]);
                (vec![tempo, one_of("style", &STYLES), complexity], "")
            }
            Self::ShowScore => (vec![one_of("name", &ScoreName::ALL.map(ScoreName::name))], ""),
            Self::Remember => (vec![text("fact", ["a few words", "짧게"])], r#""fact""#),
            Self::Forget => (vec![text("fact", ["what to forget", "잊을 것"])], r#""fact""#),
            Self::LookUp => (vec![text("query", ["what to look for", "찾을 것"])], r#""query""#),
        };
        let properties = properties.join(",");
        format!(r#"{{"type":"object","properties":{{{properties}}},"required":[{required}]}}"#)
    }
}

/// The styles of a duet by their codes. They are the music's; a test of the session holds the two together.
pub const STYLES: [&str; 7] =
    ["jazz_swing", "bossa", "blues", "pop_ballad", "classical", "ragtime", "korean_ballad"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lang::is_hangul, prompt::estimate_tools};

    #[test]
    fn names_are_stable_and_found_again() {
        let names = Ability::ALL.map(Ability::name);
        let expected = ["play_duet", "stop_duet", "set_duet", "show_score", "remember", "forget", "look_up"];
        assert_eq!(names, expected);
        assert!(Ability::ALL.into_iter().all(|ability| Ability::of_name(ability.name()) == Some(ability)));
        assert_eq!(Ability::of_name("make_tea"), None);
    }

    #[test]
    fn what_holds_no_word_of_an_ability_does_not_ask_for_it() {
        let asked = [
            (Ability::PlayDuet, ["Let's PLAY some jazz together.", "우리 같이 재즈 연주하자."]),
            (Ability::StopDuet, ["Okay, please stop.", "이제 그만해 줘."]),
            (Ability::SetDuet, ["Could you slow down a little?", "조금만 더 천천히 해 줘."]),
            (Ability::ShowScore, ["How am I doing? My scores?", "내 점수 좀 보여 줘."]),
            (Ability::Remember, ["Remember my dog's name is Rex.", "우리 강아지 이름 기억해."]),
            (Ability::Forget, ["Forget what I told you of my job.", "내가 말한 직장은 잊어 줘."]),
            (Ability::LookUp, ["Look up my contract.", "내 계약서에서 찾아봐 줘."]),
        ];
        for (ability, requests) in asked {
            for words in requests {
                assert!(ability.may_be_meant(words), "{ability:?}: {words}");
            }
        }
        let talk =
            ["I had a long day.", "He was not an ill-disposed young man.", "오늘 회사에서 힘들었어.", ""];
        for words in talk {
            let meant = Ability::ALL.into_iter().find(|ability| ability.may_be_meant(words));
            assert_eq!(meant, None, "{words}");
        }
        assert!(!Ability::SetDuet.may_be_meant("I had breakfast."), "a cue begins a word");
    }

    #[test]
    fn each_is_told_in_both_languages_and_all_are_short() {
        for language in Language::ALL {
            let tools = Ability::ALL.map(|ability| ability.tool(language));
            for tool in &tools {
                let is_korean = tool.description.chars().any(is_hangul);
                assert_eq!(is_korean, language == Language::Korean, "{}", tool.description);
                assert!(tool.parameters.starts_with(r#"{"type":"object","properties":{"#));
            }
            let tokens = estimate_tools(&tools);
            assert!(tokens < 1_000, "{language}: {tokens}");
        }
    }
}
