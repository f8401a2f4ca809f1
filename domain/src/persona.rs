//! A persona: who answers, in which voice, and how close it lets people come.
//!
//! Everything that is said in words stands in one [`Profile`] per language, so that the model reads its part
//! in the language it has to speak. What a persona *is* in numbers and choices stands beside it once.

use crate::lang::Language;

/// How a persona addresses a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpeechLevel {
    /// 합쇼체; in English formal.
    Formal,
    /// 해요체; in English friendly.
    Polite,
    /// 반말; in English close.
    Close,
}

impl SpeechLevel {
    /// Every level, from distant to close.
    pub const ALL: [Self; 3] = [Self::Formal, Self::Polite, Self::Close];

    /// The stable name on the wire and in persona files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Formal => "formal",
            Self::Polite => "polite",
            Self::Close => "close",
        }
    }

    /// What people call it.
    pub fn label(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::Korean, Self::Formal) => "합쇼체",
            (Language::Korean, Self::Polite) => "해요체",
            (Language::Korean, Self::Close) => "반말",
            (Language::English, Self::Formal) => "formal",
            (Language::English, Self::Polite) => "friendly",
            (Language::English, Self::Close) => "close",
        }
    }
}

/// One rung of the intimacy ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntimacyStep {
    /// Lowest intimacy (0 to 100) at which it holds.
    pub from: u8,
    /// How the persona speaks there.
    pub level: SpeechLevel,
    /// What else changes there, per language; told to the model.
    pub notes: Vec<(Language, String)>,
}

impl IntimacyStep {
    /// The note in `language`, or nothing.
    pub fn note(&self, language: Language) -> &str {
        self.notes.iter().find(|(of, _)| *of == language).map_or("", |(_, note)| note)
    }
}

/// A pair of lines that shows how the persona talks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What somebody says.
    pub user: String,
    /// What the persona answers.
    pub persona: String,
}

/// A voice and its pace.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceChoice {
    /// Voice id, for example `hibari-heart`.
    pub voice: String,
    /// 0.25 to 1.5; 1 is natural.
    pub speed: f32,
}

/// How the model picks words for this persona.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonaSampling {
    /// 0 picks the likeliest.
    pub temperature: f32,
    /// Nucleus.
    pub top_p: f32,
    /// Divides the logits of recent tokens; 1 switches it off.
    pub repeat_penalty: f32,
}

impl Default for PersonaSampling {
    fn default() -> Self {
        Self { temperature: 0.7, top_p: 0.9, repeat_penalty: 1.1 }
    }
}

/// How the page draws the persona. Colours are `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portrait {
    /// Skin.
    pub skin: String,
    /// One of [`Portrait::HAIR_STYLES`].
    pub hair_style: String,
    /// Hair.
    pub hair_color: String,
    /// Eyes.
    pub eye_color: String,
    /// Lips.
    pub lip_color: String,
    /// One of [`Portrait::OUTFIT_STYLES`].
    pub outfit_style: String,
    /// Clothes.
    pub outfit_color: String,
    /// Behind the persona.
    pub backdrop: String,
    /// Small things: some of [`Portrait::EXTRAS`].
    pub extras: Vec<String>,
}

impl Portrait {
    /// Hair that the page can draw.
    pub const HAIR_STYLES: [&'static str; 6] = ["long", "bob", "wavy", "bun", "short", "curly"];
    /// Clothes that the page can draw.
    pub const OUTFIT_STYLES: [&'static str; 4] = ["knit", "shirt", "blazer", "hoodie"];
    /// Small things that the page can draw.
    pub const EXTRAS: [&'static str; 4] = ["glasses", "earrings", "beard", "freckles"];
}

/// A persona in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Which.
    pub language: Language,
    /// What it is called in this language.
    pub name: String,
    /// What it does for a living.
    pub job: String,
    /// Character.
    pub personality: String,
    /// Where it comes from.
    pub background: String,
    /// What it does after work.
    pub hobbies: Vec<String>,
    /// What it likes.
    pub likes: Vec<String>,
    /// What it does not like.
    pub dislikes: Vec<String>,
    /// How it talks.
    pub speaking_style: String,
    /// The first words of a scene.
    pub greeting: String,
    /// Lines that show how it talks.
    pub examples: Vec<Example>,
    /// Ways to play with a casual question about being an AI; none of them denies it.
    pub deflections: Vec<String>,
    /// With which voice; `None` leaves the choice to the engines.
    pub voice: Option<VoiceChoice>,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Persona {
    /// Stable id: the stem of its file.
    pub id: String,
    /// For people, in its main language.
    pub name: String,
    /// Its main language.
    pub language: Language,
    /// What it speaks, the main language first; one [`Profile`] each.
    pub languages: Vec<Language>,
    /// One sentence for people who choose.
    pub description: String,
    /// Myers-Briggs type, for example `ENFP`.
    pub mbti: String,
    /// Year of birth.
    pub birth_year: u16,
    /// Age in years.
    pub age: u8,
    /// What it does for a living, in its main language.
    pub job: String,
    /// Its words, one per language, in the order of `languages`; never empty.
    pub profiles: Vec<Profile>,
    /// The intimacy ladder, ascending, beginning at 0.
    pub intimacy: Vec<IntimacyStep>,
    /// How its model picks words.
    pub sampling: PersonaSampling,
    /// Words that the recogniser should expect, such as names.
    pub hot_words: Vec<String>,
    /// How the page draws it.
    pub portrait: Option<Portrait>,
    /// For search and filters.
    pub tags: Vec<String>,
    /// Names of the functions that it may call; `*` is every one that fits.
    pub tools: Vec<String>,
}

impl Persona {
    /// The words in `language`, or those in the main language.
    pub fn profile(&self, language: Language) -> &Profile {
        let wanted = self.profiles.iter().find(|profile| profile.language == language);
        let main = || self.profiles.iter().find(|profile| profile.language == self.language);
        wanted.or_else(main).unwrap_or_else(|| &self.profiles[0])
    }

    /// The voice chosen for `language`.
    pub fn voice(&self, language: Language) -> Option<&VoiceChoice> {
        self.profiles.iter().find(|profile| profile.language == language)?.voice.as_ref()
    }

    /// Every name by which the persona might introduce a line of its own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.profiles.iter().map(|profile| profile.name.as_str()))
    }

    /// The rung of the ladder at `intimacy`; `None` only when the ladder is empty.
    pub fn intimacy_step(&self, intimacy: u8) -> Option<&IntimacyStep> {
        self.intimacy.iter().rev().find(|step| step.from <= intimacy).or(self.intimacy.first())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small bilingual persona for the tests of this crate.
    pub(crate) fn sample() -> Persona {
        let korean = Profile {
            language: Language::Korean,
            name: "나래".into(),
            job: "서점 주인".into(),
            personality: "차분하고 다정함".into(),
            background: "전주에서 작은 서점을 연다.".into(),
            hobbies: vec!["산책".into(), "필사".into()],
            likes: vec!["비 오는 날".into()],
            dislikes: vec!["시끄러운 곳".into()],
            speaking_style: "천천히, 되묻기를 좋아함".into(),
            greeting: "어서 오세요.".into(),
            examples: vec![Example {
                user: "피곤해.".into(), persona: "오늘 많이 바빴나 봐요.".into()
            }],
            deflections: vec!["글쎄요, 서점 귀신이라는 말은 들어 봤어요.".into()],
            voice: Some(VoiceChoice { voice: "kokoro-kumo".into(), speed: 1.0 }),
        };
        let english = Profile {
            language: Language::English,
            name: "Narae".into(),
            job: "bookshop owner".into(),
            personality: "calm and kind".into(),
            background: "Runs a small bookshop in Jeonju.".into(),
            hobbies: vec!["walking".into()],
            likes: vec!["rainy days".into()],
            dislikes: vec!["noise".into()],
            speaking_style: "slow, likes to ask back".into(),
            greeting: "Come in.".into(),
            examples: vec![Example { user: "I'm tired.".into(), persona: "Long day, was it?".into() }],
            deflections: vec!["Some say I'm the ghost of this shop.".into()],
            voice: None,
        };
        let step = |from, level, ko: &str| IntimacyStep {
            from,
            level,
            notes: vec![(Language::Korean, ko.to_owned())],
        };
        Persona {
            id: "narae".into(),
            name: "나래".into(),
            language: Language::Korean,
            languages: vec![Language::Korean, Language::English],
            description: "서점 주인".into(),
            mbti: "INFJ".into(),
            birth_year: 1990,
            age: 36,
            job: "서점 주인".into(),
            profiles: vec![korean, english],
            intimacy: vec![
                step(0, SpeechLevel::Formal, ""),
                step(10, SpeechLevel::Polite, "책 이야기를 꺼낸다."),
                step(50, SpeechLevel::Close, ""),
            ],
            sampling: PersonaSampling::default(),
            hot_words: vec!["나래".into()],
            portrait: None,
            tags: Vec::new(),
            tools: Vec::new(),
        }
    }

    #[test]
    fn the_ladder_is_climbed_by_its_thresholds() {
        let persona = sample();
        for (intimacy, level) in [
            (0, SpeechLevel::Formal),
            (9, SpeechLevel::Formal),
            (10, SpeechLevel::Polite),
            (49, SpeechLevel::Polite),
            (50, SpeechLevel::Close),
            (100, SpeechLevel::Close),
        ] {
            assert_eq!(persona.intimacy_step(intimacy).map(|step| step.level), Some(level), "{intimacy}");
        }
    }

    #[test]
    fn words_and_voices_follow_the_language() {
        let mut persona = sample();
        assert_eq!(persona.profile(Language::English).name, "Narae");
        assert_eq!(persona.voice(Language::Korean).map(|choice| choice.voice.as_str()), Some("kokoro-kumo"));
        assert!(persona.voice(Language::English).is_none());
        persona.profiles.pop();
        assert_eq!(persona.profile(Language::English).name, "나래");
        assert_eq!(persona.names().collect::<Vec<_>>(), ["나래", "나래"]);
    }
}
