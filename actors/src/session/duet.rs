//! The duet of a scene: opened when somebody first comes to play, and what the persona knows of it.

use std::time::Duration;

use duologue_domain::lang::Language;
use duologue_music::{
    improv::{Mode, Request, Style, ask},
    key::{self, Key},
};

use super::State;
use crate::{
    duet::{Duet, JustPlayed},
    policy::Role,
};

/// How long ago something may have been played to be talked about without being named.
const FRESH: Duration = Duration::from_secs(10 * 60);

impl State {
    /// The duet, opened if it was not.
    pub(super) fn open_duet(&mut self) -> Duet {
        if let Some(duet) = &self.duet {
            return duet.clone();
        }
        let duet = Duet::default();
        self.duet = Some(duet.clone());
        metrics::counter!("duets_opened_total").increment(1);
        self.begin(Role::Improviser);
        duet
    }

    /// Whether somebody is there to play.
    pub(super) fn has_duet_players(&self) -> bool {
        self.duet.as_ref().is_some_and(Duet::has_players)
    }

    /// The Improviser keeps failing: the players go on without it.
    pub(super) fn without_partner(&self, why: &str) {
        if let Some(duet) = &self.duet {
            duet.partner_failed(why);
        }
    }

    /// Words that wish to hear something are heard by the partner, before the persona answers.
    pub(super) fn play_if_asked(&self, text: &str) {
        if let Some(request) = self.wish(text)
            && let Some(duet) = self.duet.as_ref().filter(|duet| duet.has_players())
        {
            metrics::counter!("duet_asked_in_words_total").increment(1);
            duet.ask(request);
        }
    }

    fn wish(&self, text: &str) -> Option<Request> {
        // A line of a story is no wish, however much music is in it.
        (text.chars().count() <= LONGEST_WISH).then(|| ask::parse(text)).flatten()
    }

    /// What the persona is told of the music, for its answer to `said`; empty when there is nothing to tell.
    pub(super) fn musical_situation(&self, said: Option<&str>, language: Language) -> String {
        let wish = said.and_then(|said| self.wish(said));
        let Some(duet) = self.duet.as_ref() else {
            return wish.map_or_else(String::new, |_| words(language, NOBODY_PLAYS).to_owned());
        };
        let mut parts = Vec::new();
        match wish {
            Some(_) if duet.has_players() => parts.push(words(language, BEING_PLAYED).to_owned()),
            Some(_) => parts.push(words(language, NOBODY_PLAYS).to_owned()),
            None => {}
        }
        let played = duet.just_played().filter(|played| played.playing || played.ago < FRESH);
        parts.extend(played.map(|played| describe(&played, language)));
        parts.join(" ")
    }
}

/// Letters of a wish, far more than one has.
const LONGEST_WISH: usize = 300;

const BEING_PLAYED: [&str; 2] = [
    "They have just asked you to play; you are starting to play it with them right now. Say so in a few words.",
    "상대가 방금 연주를 부탁했고, 지금 바로 연주를 시작하고 있습니다. 짧게 그렇게 말하세요.",
];

const NOBODY_PLAYS: [&str; 2] = [
    "They would like you to play music. You can, once they open the Duet page of this scene: tell them so.",
    "상대가 음악 연주를 부탁했습니다. 이 장면의 듀엣 페이지를 열면 함께 연주할 수 있다고 알려 주세요.",
];

fn words(language: Language, [english, korean]: [&'static str; 2]) -> &'static str {
    match language {
        Language::English => english,
        Language::Korean => korean,
    }
}

/// One short line: a small model reads 33 tokens a second.
fn describe(played: &JustPlayed, language: Language) -> String {
    let style = words(language, style_name(played.style));
    let mode = words(language, mode_name(played.mode));
    let mut facts = vec![style.to_owned(), mode.to_owned()];
    facts.extend(played.key.map(|key| key_name(key, language)));
    if let Some(bpm) = played.bpm {
        facts.push(match language {
            Language::English => format!("{bpm:.0} bpm"),
            Language::Korean => format!("빠르기 {bpm:.0}"),
        });
    }
    if !played.chords.is_empty() {
        facts.push(match language {
            Language::English => format!("chords {}", played.chords.join(" ")),
            Language::Korean => format!("코드 {}", played.chords.join(" ")),
        });
    }
    facts.push(match language {
        Language::English => format!("{} bars", played.bars),
        Language::Korean => format!("{}마디", played.bars),
    });
    if played.motifs > 0 {
        facts.push(match language {
            Language::English => format!("they came back to {} figures", played.motifs),
            Language::Korean => format!("상대가 되풀이한 음형 {}개", played.motifs),
        });
    }
    let facts = facts.join(", ");
    match (language, played.playing) {
        (Language::English, true) => format!("You are playing a piano duet with them right now: {facts}."),
        (Language::English, false) => format!("You have just played a piano duet with them: {facts}."),
        (Language::Korean, true) => format!("지금 상대와 피아노 듀엣을 연주하고 있습니다: {facts}."),
        (Language::Korean, false) => format!("방금 상대와 피아노 듀엣을 연주했습니다: {facts}."),
    }
}

fn style_name(style: Style) -> [&'static str; 2] {
    match style {
        Style::JazzSwing => ["swinging jazz", "스윙 재즈"],
        Style::Bossa => ["bossa nova", "보사노바"],
        Style::Blues => ["blues", "블루스"],
        Style::PopBallad => ["a pop ballad", "팝 발라드"],
        Style::Classical => ["classical", "클래식"],
        Style::Ragtime => ["ragtime", "래그타임"],
        Style::KoreanBallad => ["a Korean ballad", "한국 발라드"],
    }
}

fn mode_name(mode: Mode) -> [&'static str; 2] {
    match mode {
        Mode::Trade => ["trading phrases", "주고받기"],
        Mode::Accompany => ["you accompanied", "당신이 반주"],
        Mode::Counter => ["you played a second voice", "당신이 대선율"],
        Mode::Lead => ["you played the solo", "당신이 솔로"],
    }
}

/// Such as `G major` or `사장조`.
fn key_name(key: Key, language: Language) -> String {
    match language {
        Language::English => format!("{} {}", key.tonic_name(), key.mode.code()),
        Language::Korean => {
            let mode = if key.mode == key::Mode::Major { "장조" } else { "단조" };
            format!("{} {mode}", key.tonic_name())
        }
    }
}
