//! The fields of a persona file as they are written, and how they become a [`Persona`].

use std::collections::BTreeMap;

use duologue_domain::{
    candor::denies_being_ai,
    lang::Language,
    persona::{Example, IntimacyStep, Persona, PersonaSampling, Portrait, Profile, SpeechLevel, VoiceChoice},
    prompt::{Prompt, estimate_tokens},
};
use serde::Deserialize;

use super::{
    PersonaFileError,
    place::{MAX_LIST, Place},
};

/// Longest system prompt by the upper estimate: about 500 real tokens, 16 s of reading for the slowest model at
/// hand. It is read once for all sessions, but at every start.
const MAX_PROMPT_TOKENS: usize = 700;

/// What stands for every function that fits.
const EVERY_TOOL: &str = "*";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFields {
    id: String,
    language: String,
    description: String,
    mbti: String,
    birth_year: u16,
    age: u8,
    profiles: BTreeMap<String, ProfileFields>,
    intimacy: Vec<StepFields>,
    #[serde(default)]
    sampling: Option<SamplingFields>,
    #[serde(default)]
    portrait: Option<PortraitFields>,
    #[serde(default)]
    hot_words: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    tools: Option<Vec<String>>,
}

impl FileFields {
    pub(super) fn into_persona(self, place: &Place<'_>) -> Result<Persona, PersonaFileError> {
        let at = |name: &str| place.field(name);
        check_id(&at("id"), &self.id)?;
        check_mbti(&at("mbti"), &self.mbti)?;
        at("birth_year").check(
            (1900..=2100).contains(&self.birth_year),
            || "it is no year of our time".into(),
            "choose 1900 to 2100",
        )?;
        at("age").check(
            (18..=120).contains(&self.age),
            || format!("{} is out of range", self.age),
            "choose 18 to 120; personas are adults",
        )?;
        let language = at("language").language(&self.language)?;
        let mut profiles = Vec::new();
        for (code, fields) in self.profiles {
            let here = at("profiles").field(&code);
            profiles.push(fields.into_profile(&here, here.language(&code)?)?);
        }
        let main = profiles.iter().find(|profile| profile.language == language).ok_or_else(|| {
            at("profiles").error(
                format!("the main language {language} has no profile"),
                format!("add profiles.{language}"),
            )
        })?;
        let (name, job) = (main.name.clone(), main.job.clone());
        profiles.sort_by_key(|profile| profile.language != language);
        let persona = Persona {
            id: self.id,
            name,
            language,
            languages: profiles.iter().map(|profile| profile.language).collect(),
            description: at("description").text(self.description)?,
            mbti: self.mbti,
            birth_year: self.birth_year,
            age: self.age,
            job,
            profiles,
            intimacy: ladder(&at("intimacy"), self.intimacy)?,
            sampling: sampling(&at("sampling"), self.sampling)?,
            hot_words: at("hot_words").texts(self.hot_words)?,
            portrait: self.portrait.map(|fields| fields.into_portrait(&at("portrait"))).transpose()?,
            tags: at("tags").texts(self.tags)?,
            tools: at("tools").texts(self.tools.unwrap_or_else(|| vec![EVERY_TOOL.to_owned()]))?,
        };
        check_prompts(&at("profiles"), &persona)?;
        Ok(persona)
    }
}

fn check_id(place: &Place<'_>, id: &str) -> Result<(), PersonaFileError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let valid = (1..=64).contains(&id.len()) && id.bytes().all(plain);
    place.check(valid, || format!("{id:?} is no id"), "use 1 to 64 of a-z, 0-9, - and _")?;
    let stem = place.file.strip_suffix(".json").unwrap_or(place.file);
    place.check(
        stem == id,
        || format!("{id:?} does not match the file"),
        &format!("name the file {id}.json or the id {stem:?}"),
    )
}

fn check_mbti(place: &Place<'_>, mbti: &str) -> Result<(), PersonaFileError> {
    let valid = mbti.len() == 4
        && mbti.chars().zip(["EI", "NS", "FT", "JP"]).all(|(letter, pair)| pair.contains(letter));
    place.check(valid, || format!("{mbti:?} is no type"), "write four letters such as ENFP")
}

fn check_prompts(place: &Place<'_>, persona: &Persona) -> Result<(), PersonaFileError> {
    for language in &persona.languages {
        let messages = Prompt::shared_messages(persona, *language);
        let tokens: usize = messages.iter().map(|message| estimate_tokens(&message.content)).sum();
        place.field(language.code()).check(
            tokens <= MAX_PROMPT_TOKENS,
            || format!("its prompt is too long for a small model (about {tokens} tokens, at most {MAX_PROMPT_TOKENS})"),
            "shorten its texts and lists",
        )?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFields {
    name: String,
    job: String,
    personality: String,
    background: String,
    hobbies: Vec<String>,
    likes: Vec<String>,
    dislikes: Vec<String>,
    speaking_style: String,
    greeting: String,
    examples: Vec<ExampleFields>,
    deflections: Vec<String>,
    #[serde(default)]
    voice: Option<VoiceFields>,
}

impl ProfileFields {
    fn into_profile(self, place: &Place<'_>, language: Language) -> Result<Profile, PersonaFileError> {
        let at = |name: &str| place.field(name);
        at("examples").check(
            self.examples.len() <= MAX_LIST,
            || "there are too many".into(),
            "two show the tone",
        )?;
        let example = |(index, fields): (usize, ExampleFields)| {
            let here = at("examples").field(&index.to_string());
            Ok(Example {
                user: here.field("user").text(fields.user)?,
                persona: here.field("persona").text(fields.persona)?,
            })
        };
        let deflections = at("deflections").texts(self.deflections)?;
        for (index, words) in deflections.iter().enumerate() {
            let here = at("deflections").field(&index.to_string());
            here.check(
                !denies_being_ai(words),
                || "it denies being an AI".into(),
                "play with the question instead of answering it with a lie",
            )?;
        }
        Ok(Profile {
            language,
            name: at("name").text(self.name)?,
            job: at("job").text(self.job)?,
            personality: at("personality").text(self.personality)?,
            background: at("background").text(self.background)?,
            hobbies: at("hobbies").texts(self.hobbies)?,
            likes: at("likes").texts(self.likes)?,
            dislikes: at("dislikes").texts(self.dislikes)?,
            speaking_style: at("speaking_style").text(self.speaking_style)?,
            greeting: at("greeting").text(self.greeting)?,
            examples: self.examples.into_iter().enumerate().map(example).collect::<Result<_, _>>()?,
            deflections,
            voice: self.voice.map(|fields| fields.into_choice(&at("voice"))).transpose()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleFields {
    user: String,
    persona: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoiceFields {
    id: String,
    #[serde(default)]
    speed: Option<f32>,
}

impl VoiceFields {
    fn into_choice(self, place: &Place<'_>) -> Result<VoiceChoice, PersonaFileError> {
        // The range of every engine; see `TtsRequest`.
        let speed = place.field("speed").number(self.speed.unwrap_or(1.0), 0.25, 1.5)?;
        Ok(VoiceChoice { voice: place.field("id").text(self.id)?, speed })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFields {
    from: u8,
    level: String,
    #[serde(default)]
    note: BTreeMap<String, String>,
}

fn ladder(place: &Place<'_>, steps: Vec<StepFields>) -> Result<Vec<IntimacyStep>, PersonaFileError> {
    place.check(steps.len() <= MAX_LIST, || "there are too many steps".into(), "three or four are enough")?;
    place.check(
        steps.first().is_some_and(|step| step.from == 0),
        || "the first step does not begin at 0".into(),
        "add {\"from\": 0, \"level\": \"polite\"}",
    )?;
    let rising = steps.windows(2).all(|pair| pair[0].from < pair[1].from);
    place.check(
        rising,
        || "the steps do not rise".into(),
        "order them by \"from\", each higher than the one before",
    )?;
    let read = |(index, step): (usize, StepFields)| {
        let here = place.field(&index.to_string());
        here.field("from").check(
            step.from <= 100,
            || format!("{} is out of range", step.from),
            "choose 0 to 100",
        )?;
        let names = SpeechLevel::ALL.map(SpeechLevel::name);
        let name = here.field("level").one_of(step.level, &names)?;
        let level =
            SpeechLevel::ALL.into_iter().find(|level| level.name() == name).unwrap_or(SpeechLevel::Polite);
        let note = |(code, text): (String, String)| {
            let there = here.field("note").field(&code);
            Ok((there.language(&code)?, there.text(text)?))
        };
        let notes = step.note.into_iter().map(note).collect::<Result<_, PersonaFileError>>()?;
        Ok(IntimacyStep { from: step.from, level, notes })
    };
    steps.into_iter().enumerate().map(read).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SamplingFields {
    temperature: Option<f32>,
    top_p: Option<f32>,
    repeat_penalty: Option<f32>,
}

fn sampling(place: &Place<'_>, fields: Option<SamplingFields>) -> Result<PersonaSampling, PersonaFileError> {
    let usual = PersonaSampling::default();
    let Some(fields) = fields else { return Ok(usual) };
    Ok(PersonaSampling {
        temperature: place.field("temperature").number(
            fields.temperature.unwrap_or(usual.temperature),
            0.0,
            2.0,
        )?,
        top_p: place.field("top_p").number(fields.top_p.unwrap_or(usual.top_p), 0.01, 1.0)?,
        repeat_penalty: place.field("repeat_penalty").number(
            fields.repeat_penalty.unwrap_or(usual.repeat_penalty),
            1.0,
            2.0,
        )?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortraitFields {
    skin: String,
    hair_style: String,
    hair_color: String,
    eye_color: String,
    lip_color: String,
    outfit_style: String,
    outfit_color: String,
    backdrop: String,
    #[serde(default)]
    extras: Vec<String>,
}

impl PortraitFields {
    fn into_portrait(self, place: &Place<'_>) -> Result<Portrait, PersonaFileError> {
        let color = |name: &str, value| place.field(name).color(value);
        let extra = |text| place.field("extras").one_of(text, &Portrait::EXTRAS);
        Ok(Portrait {
            skin: color("skin", self.skin)?,
            hair_style: place.field("hair_style").one_of(self.hair_style, &Portrait::HAIR_STYLES)?,
            hair_color: color("hair_color", self.hair_color)?,
            eye_color: color("eye_color", self.eye_color)?,
            lip_color: color("lip_color", self.lip_color)?,
            outfit_style: place.field("outfit_style").one_of(self.outfit_style, &Portrait::OUTFIT_STYLES)?,
            outfit_color: color("outfit_color", self.outfit_color)?,
            backdrop: color("backdrop", self.backdrop)?,
            extras: self.extras.into_iter().map(extra).collect::<Result<_, _>>()?,
        })
    }
}
