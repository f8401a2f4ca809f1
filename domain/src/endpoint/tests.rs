use super::{EndpointEvent as E, *};

const SPEECH: f32 = 0.9;
const QUIET: f32 = 0.05;

fn frames(ms: u32) -> u32 {
    ms.div_ceil(32)
}

/// Feeds `probability` for `ms` and collects the events.
fn feed_all(endpointer: &mut Endpointer, probability: f32, ms: u32) -> Vec<E> {
    (0..frames(ms)).flat_map(|_| endpointer.handle_frame(probability)).collect()
}

/// The same without the pauses, which have tests of their own.
fn feed(endpointer: &mut Endpointer, probability: f32, ms: u32) -> Vec<E> {
    let mut events = feed_all(endpointer, probability, ms);
    events.retain(|event| !matches!(event, E::Pause { .. }));
    events
}

/// The default without the least wait, so that what else decides shows.
fn config() -> EndpointConfig {
    EndpointConfig { least_wait_ms: 0, ..EndpointConfig::default() }
}

fn with(mode: EndpointMode) -> Endpointer {
    Endpointer::new(EndpointConfig { mode, ..config() })
}

fn server() -> Endpointer {
    with(EndpointMode::Server { silence_ms: 500 })
}

fn semantic() -> Endpointer {
    with(EndpointMode::Semantic { max_wait_ms: 4000 })
}

/// Silence until the question has been asked, and its answer.
fn pause_judged(endpointer: &mut Endpointer, answer: f32) -> Vec<E> {
    let events = feed(endpointer, QUIET, 256);
    let [E::JudgeTurn { ask, .. }] = events[..] else { panic!("{events:?}") };
    endpointer.handle_completeness(ask, answer)
}

/// A semantic endpointer whose judge has answered, in a pause after two seconds of speech.
fn judged(answer: f32) -> (Endpointer, Vec<E>) {
    let mut endpointer = semantic();
    feed(&mut endpointer, SPEECH, 2000);
    let events = pause_judged(&mut endpointer, answer);
    (endpointer, events)
}

/// Silence in ms, from the end of speech, after which the turn ends.
fn wait_of(endpointer: &mut Endpointer) -> (u64, EndReason) {
    for _ in 0..2000 {
        for event in endpointer.handle_frame(QUIET) {
            if let E::TurnEnded { end, decided_at, reason, .. } = event {
                return ((decided_at - end) / 16, reason);
            }
        }
    }
    panic!("never ends");
}

#[test]
fn silence_ends_a_turn_in_server_mode() {
    let mut endpointer = server();
    assert_eq!(feed(&mut endpointer, QUIET, 960), []);
    assert_eq!(feed(&mut endpointer, SPEECH, 640), [E::SpeechStarted { start: (960 - 300) * 16 }]);
    assert!(endpointer.in_speech());
    let end = endpointer.position();
    let decided_at = end + 16 * FRAME_SAMPLES;
    let ended = E::TurnEnded { start: 660 * 16, end, decided_at, reason: EndReason::Silence };
    assert_eq!(feed(&mut endpointer, QUIET, 2000), [E::SpeechStopped { end }, ended]);
    assert!(!endpointer.in_speech());
}

#[test]
fn clicks_do_not_start_a_turn() {
    // Patterns of strong (#), weak (+) and silent (.) frames, and whether they start a turn.
    let cases = [
        ("#", false),
        ("##", false),
        ("###", true),
        ("#.#.#.#.#.#.", false),
        ("##..##..##..", false),
        ("##.##.##", true),
        ("#++++", true),
        ("#++", false),
        ("++++++++++++++++++++", false),
        ("", false),
    ];
    for (pattern, starts) in cases {
        let mut endpointer = server();
        let events: Vec<E> = pattern
            .chars()
            .flat_map(|c| {
                endpointer.handle_frame(match c {
                    '#' => 0.9,
                    '+' => 0.4,
                    _ => 0.1,
                })
            })
            .collect();
        assert_eq!(events.iter().any(|event| matches!(event, E::SpeechStarted { .. })), starts, "{pattern}");
    }
}

#[test]
fn hysteresis_holds_speech_between_the_thresholds() {
    let mut endpointer = server();
    feed(&mut endpointer, SPEECH, 320);
    assert_eq!(feed(&mut endpointer, 0.4, 2000), [], "0.4 is not silence once speech has begun");
    assert_eq!(feed(&mut endpointer, 0.34, 1000).len(), 2, "0.34 is");
    assert_eq!(feed(&mut endpointer, 0.4, 2000), [], "and 0.4 is not speech before it has begun");
}

#[test]
fn a_dip_or_a_click_does_not_disturb() {
    let mut endpointer = server();
    feed(&mut endpointer, SPEECH, 320);
    feed(&mut endpointer, QUIET, 64);
    assert_eq!(feed(&mut endpointer, SPEECH, 32), []);
    let end = endpointer.position();
    feed(&mut endpointer, QUIET, 256);
    // One loud frame in the pause: the wait goes on as if it had not been.
    feed(&mut endpointer, SPEECH, 32);
    let events = feed(&mut endpointer, QUIET, 512);
    assert!(
        matches!(events[..], [E::SpeechStopped { end: stopped }, E::TurnEnded { .. }] if stopped == end),
        "{events:?}"
    );
}

#[test]
fn speech_after_a_pause_continues_the_turn() {
    let mut endpointer = server();
    feed(&mut endpointer, SPEECH, 320);
    for _ in 0..5 {
        assert_eq!(feed(&mut endpointer, QUIET, 448), []);
        assert_eq!(feed(&mut endpointer, SPEECH, 320), []);
    }
    assert_eq!(wait_of(&mut endpointer), (512, EndReason::Silence));
}

#[test]
fn a_complete_turn_ends_as_soon_as_its_words_are_known() {
    for text in ["I went home.", "집에 갔어요"] {
        let (mut endpointer, events) = judged(0.97);
        assert_eq!(events, [], "the words are still being transcribed, so nothing is lost by waiting");
        endpointer.handle_partial(text);
        assert_eq!(wait_of(&mut endpointer), (288, EndReason::Complete), "{text}");
        assert!(!endpointer.in_speech());
    }
}

#[test]
fn two_opinions_count_as_their_mean_and_one_does_not_decide_alone() {
    let eager = || {
        let config = EndpointConfig { words_within_ms: 0, complete_at: 0.8, ..config() };
        let mut endpointer = Endpointer::new(config);
        feed(&mut endpointer, SPEECH, 3000);
        endpointer
    };
    let wait = |first: f32, second: f32| {
        let mut endpointer = eager();
        let events = feed(&mut endpointer, QUIET, 224);
        let [E::JudgeTurn { ask, .. }, E::JudgeTurn { ask: again, .. }] = events[..] else { panic!() };
        assert_eq!(endpointer.handle_completeness(ask, first), []);
        let events = endpointer.handle_completeness(again, second);
        if events.is_empty() { wait_of(&mut endpointer).0 } else { 224 }
    };
    assert_eq!(wait(0.98, 0.98), 224);
    assert!(wait(0.1, 0.98) > 400 && wait(0.98, 0.1) > 400);
    let mut endpointer = eager();
    let events = feed(&mut endpointer, QUIET, 128);
    let [E::JudgeTurn { ask, .. }] = events[..] else { panic!() };
    assert_eq!(endpointer.handle_completeness(ask, 0.99), []);
    assert_eq!(wait_of(&mut endpointer), (352, EndReason::Complete), "the second never came");
}

#[test]
fn the_default_waits_while_a_reply_is_drafted() {
    let mut endpointer = Endpointer::new(EndpointConfig::default());
    feed(&mut endpointer, SPEECH, 2000);
    assert_eq!(pause_judged(&mut endpointer, 0.97), []);
    endpointer.handle_partial("I went home.");
    assert_eq!(wait_of(&mut endpointer), (480, EndReason::Complete));
}

#[test]
fn words_that_do_not_come_are_not_waited_for_long() {
    let (mut endpointer, _) = judged(0.97);
    assert_eq!(wait_of(&mut endpointer), (480, EndReason::Complete));
    let config = EndpointConfig { words_within_ms: 0, ..config() };
    let mut eager = Endpointer::new(config);
    feed(&mut eager, SPEECH, 3000);
    let events = feed(&mut eager, QUIET, 224);
    let [E::JudgeTurn { ask: first, .. }, E::JudgeTurn { ask: second, .. }] = events[..] else { panic!() };
    assert_eq!(eager.handle_completeness(first, 0.98), [], "the second opinion is waited for");
    let events = eager.handle_completeness(second, 0.98);
    assert!(
        matches!(events[..], [E::SpeechStopped { .. }, E::TurnEnded { reason: EndReason::Complete, .. }]),
        "{events:?}"
    );
}

#[test]
fn the_patient_wait_at_least_so_long() {
    let config = EndpointConfig { least_wait_ms: 704, ..config() };
    let mut endpointer = Endpointer::new(config);
    feed(&mut endpointer, SPEECH, 1000);
    assert_eq!(pause_judged(&mut endpointer, 0.99), []);
    endpointer.handle_partial("That's all.");
    assert_eq!(wait_of(&mut endpointer), (704, EndReason::Complete));
}

#[test]
fn a_pause_is_announced_once_and_anew_after_speech() {
    for mode in [EndpointMode::Server { silence_ms: 500 }, EndpointMode::Semantic { max_wait_ms: 4000 }] {
        let mut endpointer = with(mode);
        feed(&mut endpointer, SPEECH, 640);
        let mut ends = Vec::new();
        for _ in 0..2 {
            let end = endpointer.position();
            assert_eq!(feed_all(&mut endpointer, QUIET, 32), []);
            assert!(!endpointer.is_voiced() && !endpointer.in_pause());
            assert_eq!(feed_all(&mut endpointer, QUIET, 32), [E::Pause { start: 0, end }]);
            let later = feed_all(&mut endpointer, QUIET, 128);
            assert!(!later.iter().any(|event| matches!(event, E::Pause { .. })), "once: {later:?}");
            assert!(endpointer.in_pause());
            // One loud frame may be a click, two are speech.
            feed_all(&mut endpointer, SPEECH, 32);
            assert!(endpointer.in_pause());
            assert_eq!(feed_all(&mut endpointer, SPEECH, 320), []);
            assert!(endpointer.is_voiced() && !endpointer.in_pause());
            ends.push(end);
        }
        assert!(ends[0] < ends[1]);
        let end = endpointer.position();
        let events = feed_all(&mut endpointer, QUIET, 5000);
        assert_eq!(events[0], E::Pause { start: 0, end });
        assert!(
            matches!(events.last(), Some(E::TurnEnded { end: at, .. }) if *at == end),
            "the pause that is the end has the same end: {events:?}"
        );
    }
}

#[test]
fn a_dip_inside_a_word_is_over_with_its_first_loud_frame() {
    let mut endpointer = with(EndpointMode::Semantic { max_wait_ms: 4000 });
    feed(&mut endpointer, SPEECH, 640);
    let end = endpointer.position();
    assert_eq!(feed_all(&mut endpointer, QUIET, 64), [E::Pause { start: 0, end }], "it may be an end");
    feed_all(&mut endpointer, SPEECH, 32);
    assert!(endpointer.is_voiced() && !endpointer.in_pause());
}

#[test]
fn somebody_who_pauses_long_is_waited_for_longer() {
    let wait = |pauses: &[u32], fluent: u32| {
        let mut endpointer = server();
        for pause in pauses {
            feed(&mut endpointer, SPEECH, 640);
            feed(&mut endpointer, QUIET, *pause);
        }
        for _ in 0..fluent {
            feed(&mut endpointer, SPEECH, 640);
            feed(&mut endpointer, QUIET, 2000);
        }
        endpointer.reconfigure(config());
        feed(&mut endpointer, SPEECH, 640);
        assert_eq!(pause_judged(&mut endpointer, 0.1), []);
        endpointer.handle_partial("He was not an ill-disposed young man.");
        wait_of(&mut endpointer).0
    };
    let (fluent, usual) = (wait(&[], 30), wait(&[], 0));
    let (slow, cut_off) = (wait(&[480, 480, 480], 1), wait(&[800, 900, 800], 1));
    assert!(fluent < usual && usual <= slow && slow < cut_off, "{fluent} {usual} {slow} {cut_off}");
    assert!((400..=1100).contains(&fluent) && cut_off <= 1600, "bounded: {fluent} {cut_off}");
    assert!(wait(&[800, 900, 800], 60) < cut_off, "and forgotten");
}

#[test]
fn the_judge_hears_the_silence_too() {
    let mut endpointer = Endpointer::new(EndpointConfig { words_within_ms: 0, ..config() });
    feed(&mut endpointer, SPEECH, 640);
    for ask in 0..2 {
        let events = feed(&mut endpointer, QUIET, [128, 96][ask as usize]);
        let end = endpointer.position();
        assert_eq!(events, [E::JudgeTurn { ask, start: 0, end }], "shortly before and at 200 ms");
    }
}

#[test]
fn where_words_are_waited_for_the_judge_is_asked_once_and_later() {
    let mut endpointer = semantic();
    feed(&mut endpointer, SPEECH, 2000);
    assert_eq!(feed(&mut endpointer, QUIET, 224), []);
    let events = feed(&mut endpointer, QUIET, 32);
    let [E::JudgeTurn { ask, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(endpointer.handle_completeness(ask, 0.5), []);
    assert_eq!(feed(&mut endpointer, QUIET, 192), []);
}

#[test]
fn the_wait_follows_the_answer() {
    for (answer, least, most, reason) in [
        (0.0, 1152, 1216, EndReason::MaxWait),
        (0.2, 576, 640, EndReason::MaxWait),
        (0.4, 480, 480, EndReason::Complete),
        (0.6, 480, 480, EndReason::Complete),
        (0.9, 480, 480, EndReason::Complete),
        (0.97, 480, 480, EndReason::Complete),
    ] {
        let (mut endpointer, events) = judged(answer);
        assert_eq!(events, []);
        let (wait, found) = wait_of(&mut endpointer);
        assert!((least..=most).contains(&wait), "{answer}: {wait}");
        assert_eq!(found, reason);
    }
}

#[test]
fn words_move_the_wait_in_both_languages() {
    // By an answer of 0.97, 0.3 and 0.1.
    let cases = [
        ("저는 학생이에요", [288..=288, 288..=288, 376..=456]),
        ("이제 갈게", [288..=288, 288..=288, 376..=456]),
        ("같이 갈까", [288..=288, 288..=288, 376..=456]),
        ("그렇죠", [288..=288, 288..=288, 376..=456]),
        ("비가 오네", [288..=288, 288..=288, 376..=456]),
        ("Thank you.", [288..=288, 288..=288, 288..=288]),
        ("그리고", [1144..=1224, 1848..=1928, 2104..=2184]),
        ("저는 어제 학교에 갔는데", [1144..=1224, 1848..=1928, 2104..=2184]),
        ("I went home and", [1144..=1224, 1848..=1928, 2104..=2184]),
        ("Unless to be rather...", [1144..=1224, 1848..=1928, 2104..=2184]),
        ("오늘 날씨", [288..=288, 632..=712, 792..=872]),
        ("blue sky", [288..=288, 632..=712, 792..=872]),
    ];
    for (text, waits) in cases {
        for (answer, expected) in [0.97, 0.3, 0.1].into_iter().zip(waits) {
            let (mut endpointer, _) = judged(answer);
            endpointer.handle_partial(text);
            let (wait, _) = wait_of(&mut endpointer);
            assert!(expected.contains(&wait), "{text} {answer}: {wait}");
        }
    }
}

#[test]
fn words_of_a_moment_ago_count_less_than_all_of_them() {
    // The last word may be missing in what was heard before the pause.
    for (text, less) in
        [("안녕히 가세요", false), ("That's it.", false), ("왜냐하면", true), ("because", true)]
    {
        let wait = |before: bool| {
            let mut endpointer = semantic();
            feed(&mut endpointer, SPEECH, 640);
            if before {
                endpointer.handle_partial(text);
            }
            pause_judged(&mut endpointer, 0.6);
            if !before {
                endpointer.handle_partial(text);
            }
            wait_of(&mut endpointer).0
        };
        assert_eq!(wait(true) < wait(false), less, "{text}: {} {}", wait(true), wait(false));
        assert_ne!(wait(true), wait(false), "{text}");
    }
}

#[test]
fn old_words_say_nothing() {
    let mut endpointer = semantic();
    feed(&mut endpointer, SPEECH, 640);
    endpointer.handle_partial("그리고");
    feed(&mut endpointer, SPEECH, 1200);
    assert_eq!(wait_of(&mut endpointer).0, 512, "two seconds ago");
    endpointer.handle_partial("그리고");
    feed(&mut endpointer, SPEECH, 640);
    assert_eq!(wait_of(&mut endpointer).0, 512, "before the turn");
}

#[test]
fn without_a_judge_silence_decides() {
    for (text, wait) in [("", 512), ("그랬어요.", 416), ("but", 1504)] {
        let mut endpointer = semantic();
        feed(&mut endpointer, SPEECH, 640);
        endpointer.handle_partial(text);
        assert_eq!(wait_of(&mut endpointer), (wait, EndReason::Silence), "{text}");
    }
}

#[test]
fn a_judge_that_fell_silent_is_given_up() {
    let (mut endpointer, _) = judged(0.9);
    feed(&mut endpointer, SPEECH, 640);
    assert_eq!(wait_of(&mut endpointer), (1216, EndReason::Silence), "patient once");
    feed(&mut endpointer, SPEECH, 640);
    assert_eq!(wait_of(&mut endpointer), (512, EndReason::Silence), "then no more");
}

#[test]
fn asks_again_at_growing_distances() {
    // A high bar, so that no silence is long enough.
    let mut endpointer = Endpointer::new(EndpointConfig { complete_at: 0.99, ..config() });
    feed(&mut endpointer, SPEECH, 1000);
    assert_eq!(pause_judged(&mut endpointer, 0.0), []);
    endpointer.handle_partial("그리고");
    let mut asked = Vec::new();
    let from = endpointer.position() - 256 * 16;
    for _ in 0..110 {
        for event in endpointer.handle_frame(QUIET) {
            if let E::JudgeTurn { ask, end, .. } = event {
                asked.push((end - from) / 16);
                assert_eq!(endpointer.handle_completeness(ask, 0.0), []);
            }
        }
    }
    assert_eq!(asked, [672, 1472, 3072]);
}

#[test]
fn speech_voids_the_question() {
    let mut endpointer = semantic();
    feed(&mut endpointer, SPEECH, 640);
    let Some(E::JudgeTurn { ask, .. }) = feed(&mut endpointer, QUIET, 256).pop() else { panic!() };
    feed(&mut endpointer, SPEECH, 96);
    assert_eq!(endpointer.handle_completeness(ask, 1.0), []);
    assert!(endpointer.in_speech());
    // Neither does it touch the next pause, nor does an answer nobody asked for.
    feed(&mut endpointer, QUIET, 96);
    assert_eq!(endpointer.handle_completeness(ask, 1.0), []);
    assert_eq!(endpointer.handle_completeness(99, 1.0), []);
    assert_eq!(endpointer.handle_completeness(ask, f32::NAN), []);
}

#[test]
fn an_answer_waits_for_a_sound_to_show_itself() {
    let mut endpointer = semantic();
    feed(&mut endpointer, SPEECH, 640);
    let Some(E::JudgeTurn { ask, .. }) = feed(&mut endpointer, QUIET, 256).pop() else { panic!() };
    endpointer.handle_partial("That's all.");
    feed(&mut endpointer, SPEECH, 32);
    assert_eq!(endpointer.handle_completeness(ask, 1.0), [], "speech may be resuming");
    assert_eq!(endpointer.handle_frame(QUIET).len(), 2, "it was a click");
}

#[test]
fn overlong_turns_are_cut_without_losing_audio() {
    for mode in [EndpointMode::Server { silence_ms: 500 }, EndpointMode::Semantic { max_wait_ms: 4000 }] {
        let mut endpointer = with(mode);
        let events = feed(&mut endpointer, SPEECH, 70_000);
        let turns: Vec<(u64, u64)> = events
            .iter()
            .filter_map(|e| if let E::TurnEnded { start, end, .. } = e { Some((*start, *end)) } else { None })
            .collect();
        assert_eq!(turns.len(), 2);
        assert_eq!(turns[0].1, turns[1].0, "seamless");
        assert!(
            turns.iter().all(|(start, end)| end - start <= 30_000 * 16 && end - start > 29_900 * 16),
            "{turns:?}"
        );
    }
}

#[test]
fn an_overlong_turn_is_cut_in_a_pause() {
    let mut endpointer = server();
    feed(&mut endpointer, SPEECH, 28_000);
    let end = endpointer.position();
    let events = feed(&mut endpointer, QUIET, 128);
    assert!(
        matches!(events.last(), Some(E::TurnEnded { end: at, reason: EndReason::MaxTurn, .. }) if *at == end),
        "{events:?}"
    );
}

#[test]
fn manual_mode_leaves_it_to_the_client() {
    let mut endpointer = with(EndpointMode::Manual);
    assert_eq!(endpointer.commit(), [], "nothing to commit");
    assert_eq!(feed(&mut endpointer, SPEECH, 40_000), []);
    let at = endpointer.position();
    assert_eq!(
        endpointer.commit(),
        [E::TurnEnded { start: 0, end: at, decided_at: at, reason: EndReason::Committed }]
    );
    assert_eq!(endpointer.commit(), []);
    feed(&mut endpointer, SPEECH, 320);
    endpointer.clear();
    assert_eq!(endpointer.commit(), [], "cleared");
    let from = endpointer.position();
    feed(&mut endpointer, SPEECH, 320);
    assert!(matches!(endpointer.commit()[..], [E::TurnEnded { start, .. }] if start == from));
}

#[test]
fn commit_ends_a_turn_in_any_mode() {
    let mut endpointer = server();
    feed(&mut endpointer, SPEECH, 640);
    let at = endpointer.position();
    let ended = E::TurnEnded { start: 0, end: at, decided_at: at, reason: EndReason::Committed };
    assert_eq!(endpointer.commit(), [E::SpeechStopped { end: at }, ended]);
    assert_eq!(endpointer.commit(), []);
    // A turn begun before the mode changed still ends.
    feed(&mut endpointer, SPEECH, 640);
    endpointer.reconfigure(EndpointConfig { mode: EndpointMode::Manual, ..config() });
    assert_eq!(feed(&mut endpointer, QUIET, 5000), []);
    assert_eq!(endpointer.commit().len(), 2);
}

#[test]
fn idle_is_said_once_per_quiet() {
    let config = EndpointConfig {
        mode: EndpointMode::Server { silence_ms: 500 },
        idle_timeout_ms: Some(3000),
        ..config()
    };
    let mut endpointer = Endpointer::new(config);
    assert_eq!(feed(&mut endpointer, QUIET, 20_000), [E::IdleTimeout { since: 0 }]);
    feed(&mut endpointer, SPEECH, 640);
    assert!(matches!(feed(&mut endpointer, QUIET, 20_000).last(), Some(E::IdleTimeout { .. })));
    endpointer.restart_idle();
    let since = endpointer.position();
    assert_eq!(feed(&mut endpointer, QUIET, 2900), []);
    assert_eq!(feed(&mut endpointer, QUIET, 200), [E::IdleTimeout { since }]);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Where a turn begins whose voice comes at 3200 ms, with the persona's own voice in the frames before `own_until`.
fn start_after_own_voice(own_until: u32) -> u64 {
    let mut endpointer = server();
    for frame in 0..100 {
        assert_eq!(endpointer.handle_frame(QUIET), []);
        if frame * 32 < own_until {
            endpointer.handle_own_voice();
        }
    }
    match feed(&mut endpointer, SPEECH, 320)[..] {
        [E::SpeechStarted { start }] => start / 16,
        ref events => panic!("{events:?}"),
    }
}

#[test]
fn a_turn_does_not_reach_back_into_the_personas_own_voice() {
    for (own_until, start) in [(0, 2900), (2880, 2900), (3008, 2944), (3104, 3040), (3200, 3136)] {
        assert_eq!(start_after_own_voice(own_until), start, "own voice until {own_until} ms");
    }
}

fn random_config(dice: &mut Dice) -> EndpointConfig {
    let mode = match dice.roll(4) {
        0 => EndpointMode::Server { silence_ms: dice.roll(1000) as u32 },
        1 => EndpointMode::Manual,
        _ => EndpointMode::Semantic { max_wait_ms: dice.roll(5000) as u32 },
    };
    EndpointConfig {
        mode,
        prefix_padding_ms: dice.roll(600) as u32,
        min_speech_ms: dice.roll(200) as u32,
        pause_after_ms: dice.roll(400) as u32,
        ask_after_ms: dice.roll(700) as u32,
        least_wait_ms: [0, dice.roll(2000) as u32][dice.roll(2) as usize],
        words_within_ms: dice.roll(1500) as u32,
        complete_at: dice.roll(101) as f32 / 100.0,
        max_turn_ms: dice.roll(6000) as u32,
        idle_timeout_ms: (dice.roll(2) == 0).then_some(1000),
        ..config()
    }
}

/// Whatever comes in, events come in order, positions never go back, and every turn ends.
#[test]
fn events_are_always_in_order() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut endpointer = Endpointer::new(random_config(&mut dice));
        let mut order = Order::default();
        let mut probability = 0.0;
        for _ in 0..600 {
            if dice.roll(6) == 0 {
                probability = [0.0, 0.1, 0.4, 0.6, 0.95, f32::NAN][dice.roll(6) as usize];
            }
            let events = endpointer.handle_frame(probability);
            order.check(&events, &endpointer);
            let mut events = Vec::new();
            match dice.roll(60) {
                0 => events.extend(endpointer.commit()),
                1 => {
                    endpointer.clear();
                    order.open = None;
                }
                2 => {
                    endpointer.handle_partial(["그리고", "갔어요.", "and", "", "okay"][dice.roll(5) as usize])
                }
                3 => endpointer.reconfigure(random_config(&mut dice)),
                30..40 => endpointer.handle_own_voice(),
                4..30 => events
                    .extend(endpointer.handle_completeness(dice.roll(40), dice.roll(100) as f32 / 100.0)),
                _ => {}
            }
            order.check(&events, &endpointer);
            assert_eq!(endpointer.in_speech(), order.open.is_some(), "seed {seed}");
        }
        endpointer.reconfigure(EndpointConfig { mode: EndpointMode::Server { silence_ms: 300 }, ..config() });
        for _ in 0..frames(1000) {
            let events = endpointer.handle_frame(QUIET);
            order.check(&events, &endpointer);
        }
        assert!(order.open.is_none(), "seed {seed}: a turn that never ends");
    }
}

#[derive(Default)]
struct Order {
    open: Option<u64>,
    paused_at: Option<u64>,
    stopped: Option<u64>,
    previous_end: u64,
    last_ask: Option<u64>,
}

impl Order {
    fn check(&mut self, events: &[E], endpointer: &Endpointer) {
        for event in events {
            match *event {
                E::SpeechStarted { start } => {
                    assert!(
                        self.open.is_none() && start >= self.previous_end && start <= endpointer.position()
                    );
                    self.open = Some(start);
                }
                E::Pause { start, end } => {
                    assert!(self.open == Some(start) && start < end && end < endpointer.position());
                    assert!(self.paused_at < Some(end), "once per pause");
                    self.paused_at = Some(end);
                }
                E::JudgeTurn { ask, start, end } => {
                    assert!(self.open == Some(start) && start < end && self.last_ask < Some(ask));
                    assert!(self.paused_at.is_some_and(|at| start < at && at < end), "not announced");
                    self.last_ask = Some(ask);
                }
                E::SpeechStopped { end } => {
                    assert!(self.open.is_some() && self.stopped.is_none());
                    self.stopped = Some(end);
                }
                E::TurnEnded { start, end, decided_at, reason } => {
                    assert!(
                        start < end && end <= decided_at && decided_at == endpointer.position(),
                        "{event:?} at {}",
                        endpointer.position()
                    );
                    assert!(
                        self.stopped.take() == Some(end)
                            || (self.open.is_none() && reason == EndReason::Committed)
                    );
                    assert!(self.open.take().is_none_or(|open| open == start));
                    assert!(start >= self.previous_end);
                    self.previous_end = end;
                }
                E::IdleTimeout { .. } => assert!(self.open.is_none()),
            }
        }
        assert!(self.stopped.is_none(), "stopped without an end");
    }
}

#[test]
fn tails_of_korean() {
    let cases = [
        (Tail::Final, "뭐 하고 있어요?|알았어.|진짜?|그래서요?|뭐라고?|저는 학생이에요.|갈게!"),
        (
            Tail::Likely,
            "안녕하세요|저는 학생입니다|갈까|같이 갈까요|그렇죠|좋네요|비가 오네|뭐야|그건 아니야|가자|했지|밥 먹었어|내가 할게|어디 갈래|네|예|그랬구나|먹었습니까|비가 와서 그랬거든요|오늘 날씨.",
        ),
        (
            Tail::Dangling,
            "그리고|그런데|근데.|그래서|밥을 먹고|학교에 갔는데|좋지만|비가 오니까|그러니까|만약에 내가|시간이 있으면|집에 가려고|저는|이거를|내일 아침까지|친구한테|음|그게 어|그 …|저는, |먹어야|가면서|왜냐하면...",
        ),
        (Tail::Open, "|오늘 날씨|최고|라면|어|바다|아까|잘 모르겠는데요|?|그건 좀|집에"),
    ];
    for (expected, texts) in cases {
        for text in texts.split('|') {
            assert_eq!(tail_of(text), expected, "{text:?}");
        }
    }
}

#[test]
fn tails_of_english() {
    let cases = [
        (Tail::Final, "Thank you.|thanks!|Really?|What for?|That's all.|If you have time?"),
        (
            Tail::Likely,
            "Thank you|Okay|I went home.|Yes, I am.|Stop!|He said \"no.\"|bye|After lunch.|Before, I did.|Unless to be cold and rather selfish is to be ill.",
        ),
        (
            Tail::Dangling,
            "I went home and|but|so|um|I think, um.|the|because.|I want to|my|well...|first,|I was like —|if I|let's|I’m|If you have time|And when I was a child.|After I finished|It rained. Although it was late.",
        ),
        (Tail::Open, "blue sky|I went home|so.|yes I am|tomorrow"),
    ];
    for (expected, texts) in cases {
        for text in texts.split('|') {
            assert_eq!(tail_of(text), expected, "{text:?}");
        }
    }
}
