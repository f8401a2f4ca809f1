//! The formulas, each over many inputs, and one scene from its first word to its last.

use super::*;
use crate::{
    persona::SpeechLevel,
    score::{Band, Span},
    words,
};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn score(value: u8, coverage: f32) -> Score {
    let why = WhyNot { code: "needs_face", needs: 1, has: 0 };
    Score { value: Ok(value), coverage, quality: 1.0, n: 10, ..Score::missing(Source::Face, "share", why) }
}

fn face(at_ms: u64, values: [u8; 5]) -> FaceReading {
    let [concentration, gaze, blinking, posture, expression] = values.map(|value| score(value, 1.0));
    let mut shares = [0.0; 8];
    (shares[0], shares[6]) = (0.4, 0.6);
    FaceReading {
        blinking,
        gaze_stability: Score { measure: Some(0.3), band: Some(Band::new([0.2, 0.45, 0.85, 1.05])), ..gaze },
        concentration,
        posture,
        expression,
        shares,
        smiling: 0.4,
        present: 1.0,
        ..FaceReading::none(at_ms, NoFace::Unseen)
    }
}

/// A turn of three seconds in a lively voice; the higher the number, the livelier.
fn voice_turn(number: u64) -> VoiceTurn {
    let track = voice::Prosody::new(voice::VoiceConfig::default()).finish();
    let span = Span { from_ms: number * 1_000, to_ms: number * 1_000 + 3_000 };
    let said = voice::Said { turn: TurnId(number), span, words: "", lang: Language::Korean };
    VoiceTurn {
        units: 15,
        speech_ms: 3_000,
        voiced_ms: 2_400,
        median_f0_hz: Some(180.0),
        pitch_sd_st: Some(1.0 + (number % 5) as f32 * 0.5),
        loudness_sd_db: Some(5.0),
        above_noise_db: Some(20.0),
        f0_plot: vec![Some(180.0); 30],
        ..voice::measure(&track, &said)
    }
}

struct Scene {
    coach: Coach,
    turn: u64,
    now: u64,
    level: SpeechLevel,
}

impl Scene {
    fn new(language: Language) -> Self {
        let coach = Coach::new(CoachConfig::default(), language, None);
        Self { coach, turn: 0, now: 1_000, level: SpeechLevel::Polite }
    }

    fn span(&mut self, ms: u64) -> Span {
        let span = Span { from_ms: self.now, to_ms: self.now + ms };
        self.now += ms + 300;
        span
    }

    fn person(&mut self, text: &str, with: impl FnOnce(&mut Said)) -> Vec<(Why, i8)> {
        let language = Language::of_text(text).expect("letters");
        let mut counts = Said::of(&words::read(text, language));
        with(&mut counts);
        let (turn, item) = (TurnId(self.turn), format!("p{}", self.turn).into());
        let level = self.level;
        let span = self.span(text.chars().count() as u64 * 90);
        let line =
            PersonTurn { turn, item, span, text: text.into(), language, said: counts, level, spoken: true };
        self.coach.handle_person(&line).iter().map(|change| (change.why, change.delta)).collect()
    }

    fn persona(&mut self, text: &str) {
        self.turn += 1;
        let span = self.span(text.chars().count() as u64 * 90);
        self.say(text, span, false);
    }

    fn say(&mut self, text: &str, span: Span, stopped: bool) {
        let language = Language::of_text(text).expect("letters");
        let (turn, item) = (TurnId(self.turn), format!("r{}", self.turn).into());
        self.coach.handle_persona(&PersonaTurn { turn, item, span, text: text.into(), language, stopped });
    }
}

#[test]
fn likability_cites_its_reasons_in_both_languages() {
    type Case = (&'static [&'static str], &'static str, &'static [(Why, i8)]);
    let cases: [Case; 12] = [
        (&["무슨 음악을 좋아하세요?"], "날씨가 어때요? 밥은요?", &[(Why::Asked, 1)]),
        (&["무슨 음악을 좋아하세요?"], "회사가 어디예요?", &[(Why::IgnoredQuestion, -4)]),
        (&["무슨 음악을 좋아하세요?"], "재즈를 자주 들어요. 서점은 바빠요?", &[(Why::Asked, 1)]),
        (&["무슨 음악을 좋아하세요?"], "재즈.", &[(Why::Curt, -2)]),
        (&["재즈를 좋아하세요?"], "네.", &[]),
        (&["반가워요."], "나 밥 먹었어. 배불러.", &[(Why::SpeechLevel, -3)]),
        (
            &["필사를 해요.", "차를 마셨어요.", "비가 왔어요."],
            "저도 필사를 해 봤어요.",
            &[(Why::Remembered, 4)],
        ),
        (&["필사를 좋아해요."], "필사는 어떻게 시작했어요?", &[(Why::Asked, 1)]),
        (&["What do you do on Sundays?"], "Where is the station?", &[(Why::IgnoredQuestion, -4)]),
        (&["What do you do on Sundays?"], "I paint. How about you?", &[(Why::Empathy, 1), (Why::Asked, 1)]),
        (&["What do you do on Sundays?"], "Nothing.", &[(Why::Curt, -2)]),
        (
            &["My bicycle broke.", "It was raining.", "I had tea."],
            "Is the bicycle repaired now?",
            &[(Why::Remembered, 4), (Why::Asked, 1)],
        ),
    ];
    for (lines, answer, expected) in cases {
        let mut scene = Scene::new(Language::Korean);
        for line in lines {
            scene.persona(line);
        }
        assert_eq!(scene.person(answer, |_| {}), expected, "{lines:?} / {answer}");
    }
}

#[test]
fn likability_knows_how_close_the_two_are() {
    let mut scene = Scene::new(Language::Korean);
    scene.level = SpeechLevel::Close;
    assert_eq!(scene.person("나 오늘 산에 갔어. 좋더라.", |_| {}), []);
    let distant = scene.person("산에 갔습니다. 날씨가 맑았습니다.", |_| {});
    assert_eq!(distant, [(Why::TooDistant, -1)]);
    let warm = scene.person("많이 힘들었겠다. 괜찮아졌어?", |said| said.empathy = 6);
    assert_eq!(warm, [(Why::Empathy, 3), (Why::Asked, 1)], "three points of empathy at most");
}

#[test]
fn an_interruption_is_one_only_when_the_other_stops() {
    for (stopped, expected) in [(true, vec![(Why::Interrupted, -2)]), (false, vec![])] {
        let mut scene = Scene::new(Language::English);
        scene.turn = 1;
        scene.say("I was going to tell you about the shop.", Span { from_ms: 1_000, to_ms: 4_000 }, false);
        scene.say("I was going to", Span { from_ms: 1_000, to_ms: 2_500 }, stopped);
        scene.now = 2_000;
        assert_eq!(scene.person("Hold on a second.", |_| {}), expected);
        assert_eq!(scene.coach.talk.lines().count(), 2, "the cut line replaces the whole one");
        assert_eq!(scene.coach.talk.interruptions(), u32::from(stopped));
    }
}

#[test]
fn the_ledger_is_bounded_whatever_is_said() {
    let mut dice = Dice(7);
    let lines = [
        "응.",
        "뭐?",
        "저는 필사와 산책을 좋아해요.",
        "너 몇 살이야?",
        "What?",
        "I like rainy days, thank you.",
    ];
    for start in [0, 3, 50, 97, 100] {
        let mut scene = Scene::new(Language::Korean);
        scene.coach = Coach::new(CoachConfig::default(), Language::Korean, Some(start));
        for _ in 0..300 {
            let before = i16::from(scene.coach.likability());
            scene.persona(lines[dice.roll(6) as usize]);
            let empathy = dice.roll(7) as u8;
            let line = lines[dice.roll(6) as usize];
            let changes = scene.person(line, |said| said.empathy = empathy);
            let after = i16::from(scene.coach.likability());
            let sum = changes.iter().map(|(_, delta)| i16::from(*delta)).sum::<i16>();
            assert_eq!(after - before, sum, "every change has its reason");
            assert!((after - before).abs() <= 6 && (0..=100).contains(&after), "{before} {after}");
        }
        assert!(scene.coach.likability.changes().count() <= 200);
    }
}

#[test]
fn initiative_is_bounded_and_grows_with_questions() {
    let mut dice = Dice(3);
    for _ in 0..200 {
        let mut ledger = TalkLedger::default();
        let mut now = 0;
        for turn in 0..dice.roll(12) {
            let span = Span { from_ms: now, to_ms: now + dice.roll(9_000) };
            now = span.to_ms + dice.roll(4_000);
            let said =
                Said { words: dice.roll(20) as u32, questions: dice.roll(3) as u32, ..Said::default() };
            let (turn, text) = (TurnId(turn), "rivers and mountains".to_owned());
            let (item, language, level) = ("i".into(), Language::English, SpeechLevel::Polite);
            ledger.handle_person(&PersonTurn { turn, item, span, text, language, said, level, spoken: true });
        }
        let score = ledger.initiative(now, &CoachConfig::default());
        assert_eq!(score.value.is_ok(), ledger.turns() >= 2);
        assert!(score.value().is_none_or(|value| value <= 100));
        assert!(ledger.talk_share().is_none_or(|share| (0.0..=1.0).contains(&share)));
    }
    let with = |questions: usize| {
        let mut scene = Scene::new(Language::English);
        for turn in 0..6 {
            scene.persona("The shop was full of people this morning.");
            let line =
                if turn < questions { "Which books did they buy?" } else { "Those books were sold quickly." };
            scene.person(line, |_| {});
        }
        scene
            .coach
            .talk
            .initiative(scene.now.max(90_000), &CoachConfig::default())
            .value()
            .expect("six turns")
    };
    assert!(with(0) < with(1) && with(1) <= with(3), "{} {} {}", with(0), with(1), with(3));
}

#[test]
fn latency_is_the_gap_before_the_answer() {
    let mut scene = Scene::new(Language::English);
    for _ in 0..3 {
        scene.persona("The shop was full this morning.");
        scene.person("Then it was a good morning.", |_| {});
    }
    assert_eq!(scene.coach.talk.latency_ms(), Some(300));
}

#[test]
fn the_total_is_a_weighted_mean_within_its_parts() {
    let config = CoachConfig::default();
    let mut dice = Dice(11);
    let enough = SoFar { turns: 2, ms: 60_000, face: true };
    for _ in 0..500 {
        let scores: [Score; 8] =
            std::array::from_fn(|_| score(dice.roll(101) as u8, 0.5 + dice.roll(51) as f32 / 100.0));
        let fused = total(&scores, enough, &config).value().expect("enough");
        let values = scores.iter().filter_map(Score::value);
        assert!((values.clone().min()..=values.max()).contains(&Some(fused)));
    }
    let mut scores: [Score; 8] = std::array::from_fn(|_| score(80, 1.0));
    assert_eq!(total(&scores, enough, &config).value, Ok(80));
    scores[2] = score(0, 0.0);
    assert_eq!(total(&scores, enough, &config).value, Ok(80), "what was not observed does not count");
    scores[2] = score(0, 1.0);
    assert!(total(&scores, enough, &config).value().is_some_and(|value| value < 70));
}

#[test]
fn there_is_no_total_before_there_is_enough() {
    let config = CoachConfig::default();
    let mut scores: [Score; 8] = std::array::from_fn(|_| score(80, 1.0));
    let of = |turns, ms, face| SoFar { turns, ms, face };
    let code = |scores: &[Score; 8], so_far| total(scores, so_far, &config).value.err().map(|why| why.code);
    assert_eq!(code(&scores, of(1, 90_000, true)), Some("needs_turns"));
    assert_eq!(code(&scores, of(2, 59_999, true)), Some("needs_time"));
    assert_eq!(code(&scores, of(2, 60_000, true)), None);
    for observed in &mut scores[2..] {
        observed.coverage = 0.2;
    }
    assert_eq!(code(&scores, of(2, 60_000, true)), Some("needs_coverage"));
    for observed in &mut scores[2..] {
        *observed = FaceReading::none(0, NoFace::Unseen).posture;
    }
    scores[2] = score(60, 1.0);
    assert_eq!(code(&scores, of(2, 60_000, false)), None, "without a camera the rest counts");
    assert_eq!(code(&scores, of(2, 60_000, true)), None, "half of it is there");
}

#[test]
fn a_mood_is_what_was_mostly_shown() {
    let cases = [(0.5, Mood::Positive), (0.1, Mood::Neutral), (-0.05, Mood::Neutral), (-0.3, Mood::Negative)];
    for (measure, expected) in cases {
        let shown = Score { measure: Some(measure), ..score(50, 1.0) };
        assert_eq!(Mood::of(&shown), Some(expected), "{measure}");
    }
    assert_eq!(Mood::of(&FaceReading::none(0, NoFace::Unseen).expression), None);
    assert_eq!(Mood::Positive.label(Language::Korean), "긍정적");
}

#[test]
fn tips_are_rare_never_over_speech_and_in_the_persons_language() {
    for (language, line) in
        [(Language::Korean, "저는 그냥 그래요."), (Language::English, "Not much, really.")]
    {
        let mut scene = Scene::new(language);
        scene.person(line, |_| {});
        let mut tips = Vec::new();
        for second in 1..=300 {
            let now = 1_000 + second * 1_000;
            scene.coach.handle_face(face(now, [20, 30, 90, 10, 40]));
            scene.coach.look(now);
            let speaking = second % 50 < 25;
            if let Some(tip) = scene.coach.tip(speaking) {
                assert!(!speaking);
                assert_eq!(tip.at_ms, now);
                tips.push(tip);
            }
        }
        assert!(tips.len() >= 5, "{tips:?}");
        assert!(tips.windows(2).all(|pair| pair[1].at_ms - pair[0].at_ms >= 20_000), "{tips:?}");
        assert!(
            tips.iter().any(|tip| tip.code == "look_at_camera")
                && tips.iter().any(|tip| tip.code == "sit_up")
        );
        assert!(tips.iter().all(|tip| Language::of_text(tip.text) == Some(language)));
        let mut last = std::collections::BTreeMap::new();
        for tip in &tips {
            if let Some(before) = last.insert(tip.code, tip.at_ms) {
                assert!(tip.at_ms - before >= 60_000, "{tips:?}");
            }
        }
    }
    for (code, [korean, english]) in advice::all_words() {
        assert_eq!(Language::of_text(korean), Some(Language::Korean), "{code}");
        assert_eq!(Language::of_text(english), Some(Language::English), "{code}");
        assert!(korean.chars().count() <= 28 && english.chars().count() <= 48, "{code} is short");
    }
}

#[test]
fn a_copy_goes_on_without_a_jump() {
    let mut scene = Scene::new(Language::English);
    for second in 0..40 {
        scene.coach.handle_face(face(second * 1_000, [90, 80, 70, 60, 50]));
        scene.coach.look(second * 1_000);
    }
    scene.persona("What do you do?");
    scene.person("I build small boats by hand.", |_| {});
    let before = scene.coach.look(41_000);
    let mut copy = scene.coach.clone();
    // Two seconds without anybody, and a face that begins elsewhere.
    copy.handle_face(face(43_000, [10, 10, 10, 10, 10]));
    let after = copy.look(43_000);
    for (name, (old, new)) in ScoreName::ALL.iter().zip(before.scores.iter().zip(&after.scores)) {
        let (Some(old), Some(new)) = (old.value(), new.value()) else { continue };
        assert!(old.abs_diff(new) <= 5, "{name:?} {old} {new}");
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let mut scene = Scene::new(Language::English);
    for second in 0..4 * 3_600 {
        if second % 6 == 0 {
            scene.persona("The shop was full this morning, and what did you do?");
            scene.person("I was painting the old boats. Is it always full?", |said| said.fillers = 1);
            scene.coach.handle_voice(voice_turn(second));
        }
        scene.coach.handle_face(face(second * 1_000, [90, 20, 70, 20, 20]));
        scene.coach.look(second * 1_000);
        scene.coach.tip(false);
    }
    let Report { timeline, pitch, talk, tips, likability, .. } =
        scene.coach.feedback().expect("looked").report;
    assert!((200..=480).contains(&timeline.len()), "{}", timeline.len());
    assert!(timeline.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms));
    assert!(timeline.last().is_some_and(|moment| moment.at_ms == (4 * 3_600 - 1) * 1_000));
    assert!(pitch.len() == 64 && talk.len() == 512 && tips.len() == 64 && likability.len() <= 200);
}

#[test]
fn what_is_missing_is_said_in_both_languages() {
    let why = WhyNot { code: "needs_face", needs: 60_000, has: 21_900 };
    assert_eq!(why_not(&why, Language::English), "needs 60 s of face, has 21 s");
    assert_eq!(why_not(&why, Language::Korean), "얼굴이 60초 보여야 해요. 지금까지 21초 보였어요.");
    let mut coach = Coach::new(CoachConfig::default(), Language::Korean, None);
    assert!(coach.feedback().is_none());
    let card = coach.look(1_000);
    assert!(card.scores.iter().chain([&card.total]).all(|score| score.value().is_none()));
    assert_eq!(card.summary, "실시간 꿀팁! AI와 대화를 2회 이상 나누면 자동으로 분석이 시작됩니다.");
}

/// One scene, from its first word to its last: what the scores are after each turn.
#[test]
fn a_whole_scene() {
    let mut scene = Scene::new(Language::Korean);
    let lines: [(&str, &str, u8); 5] = [
        ("어서 오세요. 산책하다 들르셨어요? 무슨 책을 찾으세요?", "안녕하세요. 시집을 한 권 찾고 있어요.", 0),
        (
            "시집이라면 저쪽에 있어요. 시를 자주 읽으세요?",
            "네, 자기 전에 조금씩 읽어요. 사장님은 어떤 시를 좋아하세요?",
            0,
        ),
        ("저는 짧은 시가 좋아요. 사실 요즘은 조금 지쳐서요.", "많이 힘드셨겠어요. 무슨 일이 있었어요?", 4),
        ("고마워요. 서점 일이 많았거든요.", "비 오는 날에는 산책을 해 보세요. 저는 그게 좋더라고요.", 0),
        ("좋은 생각이네요. 언제 또 오실 거예요?", "몰라.", 0),
    ];
    let mut seen = Vec::new();
    for (persona, person, empathy) in lines {
        scene.persona(persona);
        scene.person(person, |said| said.empathy = empathy);
        scene.coach.handle_voice(voice_turn(scene.turn));
        let until = scene.now + 14_000;
        let mut card = None;
        while scene.now < until {
            scene.coach.handle_face(face(scene.now, [92, 70, 64, 33, 58]));
            card = Some(scene.coach.look(scene.now));
            scene.now += 1_000;
        }
        let card = card.expect("looked");
        let shown = |name| card.score(name).value().map_or("-".into(), |value| value.to_string());
        seen.push(format!(
            "{} likability {} initiative {} tone {} total {} | {}",
            card.turn,
            shown(ScoreName::Likability),
            shown(ScoreName::Initiative),
            shown(ScoreName::Tone),
            card.total.value().map_or("-".into(), |value| value.to_string()),
            card.summary,
        ));
    }
    let hint = "실시간 꿀팁! AI와 대화를 2회 이상 나누면 자동으로 분석이 시작됩니다.";
    let summary = "가장 돋보인 것은 주도성(100점), 더 다듬을 것은 자세(33점)입니다.";
    assert_eq!(
        seen,
        [
            format!("1 likability 51 initiative - tone - total - | {hint}"),
            format!("2 likability 53 initiative 76 tone 93 total - | {hint}"),
            format!("3 likability 57 initiative 100 tone 100 total - | {hint}"),
            format!("4 likability 62 initiative 100 tone 100 total 75 | {summary}"),
            format!("5 likability 57 initiative 100 tone 100 total 76 | {summary}"),
        ]
    );
    let changes = scene.coach.likability.changes().map(|change| (change.turn.0, change.why, change.delta));
    let expected = [
        (1, Why::Kind, 1),
        (2, Why::Asked, 1),
        (2, Why::Kind, 1),
        (3, Why::Empathy, 3),
        (3, Why::Asked, 1),
        (4, Why::Remembered, 4),
        (4, Why::Kind, 1),
        (5, Why::SpeechLevel, -3),
        (5, Why::Curt, -2),
    ];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}
