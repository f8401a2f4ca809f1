//! Timed words and traces of voice activity, Korean and English, and what must hold whatever comes.

use super::*;
use crate::lang::Language;
use InterruptEvent::{Duck, Hold, Restore, Stop};
use StopReason::{Answered, Over, Sustained, Words as ByWords};

const REPLY: Audible = Audible { turn: TurnId(3), asking: false };
const QUESTION: Audible = Audible { turn: TurnId(3), asking: true };

/// A part of a trace.
enum Step {
    /// Voice for so many frames.
    Voice(u32),
    /// Voice, fainter by so many dB.
    Faint(u32, f32),
    /// Loud, without a sign of a voice.
    Noise(u32),
    /// The room.
    Quiet(u32),
    /// What comes back through the loudspeakers, explained this well.
    Echo(u32, f32),
    /// The same, and it explained everything before.
    Dip(u32, f32),
    /// The words up to a pause.
    Words(&'static str),
    /// The words so far.
    Begun(&'static str),
    /// The endpointer's end of speech.
    Ended,
    Audible(Option<Audible>),
}
use Step::{Audible as Now, Begun, Dip, Echo, Ended, Faint, Noise, Quiet, Voice, Words as Said};

const VOICE_DB: f32 = -25.0;
const ROOM_DB: f32 = -65.0;

fn room() -> Frame {
    Frame { probability: 0.02, level_db: ROOM_DB, echo: 0.0, dip: false }
}

/// Runs a trace after two seconds of room under `audible`; answers events with the millisecond of the trace at which
/// they came.
fn run(audible: Audible, steps: &[Step]) -> Vec<(u64, InterruptEvent)> {
    let mut machine = Interrupter::new(InterruptConfig::default());
    for _ in 0..60 {
        assert_eq!(machine.handle_frame(room()), vec![]);
    }
    assert_eq!(machine.handle_audible(Some(audible)), vec![]);
    play(&mut machine, steps)
}

fn play(machine: &mut Interrupter, steps: &[Step]) -> Vec<(u64, InterruptEvent)> {
    let mut log = Vec::new();
    let mut now = 0;
    let mut frames = |machine: &mut Interrupter, count: u32, frame: Frame, now: &mut u64| {
        for _ in 0..count {
            *now += u64::from(FRAME_MS);
            log.extend(machine.handle_frame(frame).into_iter().map(|event| (*now, event)));
        }
        std::mem::take(&mut log)
    };
    let mut all = Vec::new();
    for step in steps {
        let voice = Frame { probability: 0.95, level_db: VOICE_DB, echo: 0.0, dip: false };
        let events = match *step {
            Voice(count) => frames(machine, count, voice, &mut now),
            Faint(count, by) => frames(machine, count, Frame { level_db: VOICE_DB - by, ..voice }, &mut now),
            Noise(count) => frames(machine, count, Frame { probability: 0.03, ..voice }, &mut now),
            Quiet(count) => frames(machine, count, room(), &mut now),
            Dip(count, echo) => frames(machine, count, Frame { echo, dip: true, ..voice }, &mut now),
            Echo(count, echo) => frames(machine, count, Frame { echo, ..voice }, &mut now),
            Begun(text) => {
                machine.handle_words(text, Extent::SoFar).into_iter().map(|event| (now, event)).collect()
            }
            Said(text) => {
                machine.handle_words(text, Extent::Whole).into_iter().map(|event| (now, event)).collect()
            }
            Ended => machine.handle_speech_ended().into_iter().map(|event| (now, event)).collect(),
            Now(audible) => machine.handle_audible(audible).into_iter().map(|event| (now, event)).collect(),
        };
        all.extend(events);
    }
    all
}

fn kinds(log: &[(u64, InterruptEvent)]) -> Vec<InterruptEvent> {
    log.iter().map(|(_, event)| *event).collect()
}

#[test]
fn ducks_within_a_tenth_of_a_second_and_holds_within_a_quarter() {
    let log = run(REPLY, &[Voice(8)]);
    assert_eq!(log, [(32, Duck), (128, Hold)]);
    // The hiss of "stop" is no voice yet; it counts once the voice comes.
    let log = run(REPLY, &[Noise(4), Voice(8)]);
    assert_eq!(log, [(64, Duck), (192, Hold)]);
}

#[test]
fn a_glance_between_two_frames_ducks_and_nothing_else() {
    let voice = Frame { probability: 0.95, level_db: VOICE_DB, echo: 0.0, dip: false };
    let mut machine = Interrupter::new(InterruptConfig::default());
    play(&mut machine, &[Quiet(10)]);
    assert_eq!(machine.handle_glance(voice), [], "nothing is audible");
    play(&mut machine, &[Now(Some(REPLY)), Quiet(10)]);
    for nobody in [room(), Frame { echo: 0.9, ..voice }, Frame { probability: 0.03, ..voice }] {
        assert_eq!(machine.handle_glance(nobody), [], "{nobody:?}");
    }
    assert_eq!(machine.handle_glance(voice), [Duck]);
    assert_eq!(machine.handle_glance(voice), [], "once");
    assert_eq!(kinds(&play(&mut machine, &[Voice(10)])), [Hold]);
    assert_eq!(machine.handle_glance(voice), []);
    assert_eq!(kinds(&play(&mut machine, &[Said("잠깐만")])), [Stop(ByWords)]);
    assert_eq!(machine.handle_glance(voice), [], "it has been stopped");
    // A hint of a voice is enough, unless it may be the reply's own.
    let hint = Frame { probability: 0.25, ..voice };
    let mut machine = Interrupter::new(InterruptConfig::default());
    play(&mut machine, &[Now(Some(REPLY)), Quiet(10)]);
    assert_eq!(machine.handle_glance(Frame { echo: 0.5, ..hint }), []);
    assert_eq!(machine.handle_glance(hint), [Duck]);
    // What was a click is restored, and after a click only a steady voice counts.
    let mut machine = Interrupter::new(InterruptConfig::default());
    play(&mut machine, &[Now(Some(REPLY)), Quiet(10)]);
    assert_eq!(machine.handle_glance(voice), [Duck]);
    assert_eq!(kinds(&play(&mut machine, &[Quiet(8)])), [Restore]);
    assert_eq!(machine.handle_glance(voice), []);
}

#[test]
fn listening_goes_on_and_asking_for_the_floor_stops() {
    // (what is said, frames of voice, what becomes of the reply)
    let cases: &[(&str, u32, InterruptEvent)] = &[
        ("응", 10, Restore),
        ("네.", 10, Restore),
        ("네네네", 16, Restore),
        ("어...", 9, Restore),
        ("음", 11, Restore),
        ("아 그래요?", 18, Restore),
        ("맞아", 12, Restore),
        ("맞아요, 맞아요.", 24, Restore),
        ("그렇구나", 28, Restore),
        ("진짜?", 13, Restore),
        ("오 대박", 20, Restore),
        ("말도 안 돼", 22, Restore),
        ("Mhm.", 12, Restore),
        ("Mm-hmm", 14, Restore),
        ("Uh-huh.", 12, Restore),
        ("Yeah", 10, Restore),
        ("Yeahhh", 14, Restore),
        ("Right, right.", 20, Restore),
        ("Okay.", 12, Restore),
        ("Oh, I see.", 20, Restore),
        ("That makes sense.", 26, Restore),
        ("No way!", 16, Restore),
        ("[cough]", 10, Restore),
        ("", 10, Restore),
        ("시청해주셔서 감사합니다.", 12, Restore),
        ("Thanks for watching!", 12, Restore),
        ("うん", 10, Restore),
        ("Bus", 9, Restore),
        ("굿 굿", 30, Restore),
        // One English word of their own in less than 0.8 s is what recognisers make of listening.
        ("sour", 14, Restore),
        ("and coarse.", 19, Restore),
        ("M.M. Thun", 19, Restore),
        ("내몰", 11, Restore),
        ("Spaghetti!", 27, Stop(ByWords)),
        ("피자", 15, Stop(ByWords)),
        ("그만", 13, Stop(ByWords)),
        ("금암", 13, Stop(ByWords)),
        ("구맨", 11, Stop(ByWords)),
        ("마자", 16, Restore),
        // Written in two, or with two sounds misheard of nine; a grunt.
        ("그 만", 13, Stop(ByWords)),
        ("알게 소요", 28, Restore),
        ("그라군요", 24, Restore),
        ("어헛", 14, Restore),
        ("어헌.", 16, Restore),
        ("한옥", 15, Stop(ByWords)),
        ("뭐?", 9, Restore),
        ("야.", 9, Restore),
        ("뭐라구?", 14, Stop(ByWords)),
        ("잠깐만", 22, Stop(ByWords)),
        ("잠깐만요, 제 말 좀 들어 보세요", 80, Stop(ByWords)),
        ("아니", 11, Stop(ByWords)),
        ("아니 그게 아니라", 30, Stop(ByWords)),
        ("뭐라고요?", 18, Stop(ByWords)),
        ("근데 있잖아요", 26, Stop(ByWords)),
        ("저는 커피를 더 좋아해요", 60, Stop(ByWords)),
        ("모르겠습니다", 28, Stop(ByWords)),
        ("네 그런데 저는요", 34, Stop(ByWords)),
        ("Stop!", 10, Stop(ByWords)),
        ("Wait.", 10, Stop(ByWords)),
        ("No, no, no.", 22, Stop(ByWords)),
        ("Hold on", 16, Stop(ByWords)),
        ("What?", 9, Stop(ByWords)),
        ("Can you say that again?", 40, Stop(ByWords)),
        ("I'd like a pizza", 30, Stop(ByWords)),
        ("Yeah but my brother went there", 50, Stop(ByWords)),
    ];
    for (words, voice, expected) in cases {
        // The words come when the recogniser was asked in the pause and took a while.
        let log = run(REPLY, &[Voice(*voice), Quiet(10), Said(words), Quiet(40)]);
        let kinds = kinds(&log);
        assert_eq!(kinds.first(), Some(&Duck), "{words}");
        assert_eq!(kinds.get(1), Some(&Hold), "{words}: {log:?}");
        match (kinds.get(2), expected) {
            // A long voice has decided before its words came.
            (Some(Stop(Sustained)), Stop(_)) if *voice >= 38 => {}
            (found, expected) => assert_eq!(found, Some(expected), "{words}: {log:?}"),
        }
        assert_eq!(kinds.len(), 3, "{words}: {log:?}");
    }
}

#[test]
fn early_words_stop_while_the_person_still_speaks() {
    let log = run(REPLY, &[Voice(14), Said("저기 제가"), Voice(40)]);
    assert_eq!(log, [(32, Duck), (128, Hold), (448, Stop(ByWords))]);
    // The beginning of a word is not a word.
    for begun in ["그렇", "exac", "알겠", "맞"] {
        let log = run(REPLY, &[Voice(14), Said(begun), Voice(14), Quiet(10), Said("네"), Quiet(10)]);
        assert_eq!(kinds(&log), [Duck, Hold, Restore], "{begun}");
    }
    // One word of their own waits for what comes after it, since it may only be begun.
    let log = run(REPLY, &[Voice(15), Begun("아침"), Voice(8), Said("아 진짜?"), Quiet(10)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore]);
    let log = run(REPLY, &[Voice(15), Begun("아침"), Voice(8), Said("아침에 뭐라고"), Voice(10)]);
    assert_eq!(kinds(&log), [Duck, Hold, Stop(ByWords)]);
    let log = run(REPLY, &[Voice(15), Begun("아침"), Voice(20)]);
    assert_eq!(log, [(32, Duck), (128, Hold)]);
    let log = run(REPLY, &[Voice(15), Begun("아침"), Voice(12), Begun("아침"), Voice(12)]);
    assert_eq!(log, [(32, Duck), (128, Hold), (1_216, Stop(Sustained))]);
    // Neither does it at the end, as long as the words of the whole may come.
    let log = run(REPLY, &[Voice(15), Begun("오버"), Quiet(12), Said("어허."), Quiet(12)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore]);
    let log = run(REPLY, &[Voice(15), Begun("오버"), Quiet(30)]);
    assert_eq!(kinds(&log), [Duck, Hold, Stop(ByWords)], "they did not come");
    // Several words may still become a reaction.
    let led = |rest| run(REPLY, &[Voice(15), Begun("that's such a"), Voice(10), Said(rest), Quiet(10)]);
    assert_eq!(kinds(&led("that's such a shame")), [Duck, Hold, Restore]);
    assert_eq!(kinds(&led("that's such a long story")), [Duck, Hold, Stop(ByWords)]);
    let log = run(REPLY, &[Voice(15), Begun("that's my sister's"), Voice(10)]);
    assert_eq!(log, [(32, Duck), (128, Hold), (480, Stop(ByWords))]);
    // Nor do more words fit into a sound than can be spoken.
    let log = run(REPLY, &[Voice(6), Said("Thank you so much for having me here today"), Quiet(40)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore]);
}

#[test]
fn where_the_reply_comes_back_words_of_their_own_need_the_voice() {
    let words = "Train journey by train";
    let heard = |before: Step| kinds(&run(REPLY, &[before, Quiet(10), Voice(18), Said(words), Quiet(40)]));
    assert_eq!(heard(Quiet(20)), [Duck, Hold, Stop(ByWords)]);
    assert_eq!(heard(Echo(20, 0.9)), [Duck, Hold, Restore]);
    // Who goes on is no sign of listening, and who asks for the floor gets it.
    let log = run(REPLY, &[Echo(20, 0.9), Quiet(10), Voice(16), Begun(words), Voice(30)]);
    assert_eq!(kinds(&log), [Duck, Hold, Stop(Sustained)]);
    let log = run(REPLY, &[Echo(20, 0.9), Quiet(10), Voice(28), Said("I am hungry"), Quiet(12)]);
    assert_eq!(kinds(&log), [Duck, Hold, Stop(ByWords)]);
    let log = run(REPLY, &[Echo(20, 0.9), Quiet(10), Voice(12), Said("잠깐만요"), Quiet(10)]);
    assert_eq!(kinds(&log), [Duck, Hold, Stop(ByWords)]);
    // It is known at the beginning of the next reply, and forgotten when that one did not come back.
    let mut machine = Interrupter::new(InterruptConfig::default());
    let reply = |turn| Now(Some(Audible { turn: TurnId(turn), asking: false }));
    let short = |turn| [reply(turn), Quiet(10), Voice(18), Said(words), Quiet(40), Now(None)];
    play(&mut machine, &[reply(1), Echo(20, 0.9), Now(None)]);
    assert_eq!(kinds(&play(&mut machine, &short(2))), [Duck, Hold, Restore]);
    assert_eq!(kinds(&play(&mut machine, &short(3))), [Duck, Hold, Stop(ByWords)]);
}

#[test]
fn a_voice_longer_than_any_backchannel_stops_without_words() {
    let log = run(REPLY, &[Voice(60)]);
    assert_eq!(log, [(32, Duck), (128, Hold), (1_216, Stop(Sustained))]);
    let log = run(REPLY, &[Voice(32), Quiet(30)]);
    assert_eq!(kinds(&log), [Duck, Hold, Stop(Sustained)], "one second, and no word came at all");
    let log = run(REPLY, &[Voice(12), Quiet(30)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore], "short, and no word came at all");
}

#[test]
fn a_long_string_of_agreement_goes_on_for_a_while() {
    let steps = [
        Voice(16),
        Said("네, 네"),
        Voice(16),
        Said("네, 네, 맞아요"),
        Voice(16),
        Quiet(8),
        Said("네, 네, 맞아요, 그렇죠"),
        Quiet(8),
    ];
    assert_eq!(kinds(&run(REPLY, &steps)), [Duck, Hold, Restore]);
    let steps = [Voice(12), Said("yeah"), Voice(80)];
    assert_eq!(kinds(&run(REPLY, &steps)), [Duck, Hold, Stop(Sustained)], "and not for ever");
}

#[test]
fn a_short_answer_to_the_question_is_an_answer() {
    for words in ["네", "응", "Yeah.", "Sure, of course."] {
        let steps = [Voice(14), Quiet(6), Said(words), Quiet(30)];
        assert_eq!(kinds(&run(QUESTION, &steps)), [Duck, Hold, Stop(Answered)], "{words}");
    }
    // The question may come while they already speak.
    let steps = [Voice(8), Now(Some(QUESTION)), Voice(4), Quiet(6), Said("네")];
    assert_eq!(kinds(&run(REPLY, &steps)), [Duck, Hold, Stop(Answered)]);
    let steps = [Voice(12), Quiet(30), Said("[cough]")];
    assert_eq!(kinds(&run(QUESTION, &steps)), [Duck, Hold, Restore], "a cough is no answer");
}

#[test]
fn coughs_clicks_and_hiss_only_duck() {
    for steps in [
        vec![Noise(6), Quiet(30)],
        vec![Noise(2), Quiet(30)],
        vec![Voice(1), Quiet(30)],
        vec![Voice(2), Quiet(2), Voice(1), Quiet(30)],
        vec![Noise(100), Quiet(30)],
    ] {
        let log = run(REPLY, &steps);
        assert!(log.chunks(2).all(|pair| kinds(pair) == [Duck, Restore]), "{log:?}");
        assert!(log.len() <= 6, "no pumping: {log:?}");
        assert!(log[1].0 - log[0].0 <= 400, "{log:?}");
    }
    assert_eq!(run(REPLY, &[Noise(1), Quiet(9), Noise(1), Quiet(9)]), [], "a click does nothing");
}

#[test]
fn late_words_still_stop() {
    let log = run(REPLY, &[Voice(12), Quiet(25), Said("잠깐만"), Voice(20)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore, Duck, Stop(ByWords)]);
    let log = run(REPLY, &[Voice(3), Quiet(12), Said("No!"), Quiet(20)]);
    assert_eq!(kinds(&log), [Duck, Restore, Duck, Stop(ByWords)]);
    let log = run(REPLY, &[Voice(12), Quiet(25), Said("네"), Quiet(20)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore]);
    let log = run(REPLY, &[Voice(12), Quiet(175), Said("stop"), Quiet(20)]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore], "too late to mean this reply");
}

#[test]
fn waits_for_words_only_while_they_can_change_something() {
    let mut machine = Interrupter::new(InterruptConfig::default());
    machine.handle_audible(Some(REPLY));
    assert!(!machine.awaits_words());
    play(&mut machine, &[Voice(12)]);
    assert!(machine.awaits_words() && machine.is_deciding());
    play(&mut machine, &[Quiet(25)]);
    assert!(machine.awaits_words() && !machine.is_deciding());
    play(&mut machine, &[Quiet(150)]);
    assert!(!machine.awaits_words());
    play(&mut machine, &[Voice(12), Quiet(8), Said("응")]);
    assert!(!machine.awaits_words());
}

#[test]
fn the_reply_itself_does_nothing() {
    assert_eq!(run(REPLY, &[Echo(200, 0.9)]), []);
    // Before the gate knows the room, it must be a longer voice, and what is explained then was nothing.
    let log = run(REPLY, &[Echo(8, 0.5), Echo(100, 0.9)]);
    assert_eq!(log, []);
    // A person over the echo is heard.
    let log = run(REPLY, &[Echo(50, 0.9), Voice(3), Echo(1, 0.7), Voice(4)]);
    assert_eq!(kinds(&log), [Duck, Hold]);
}

#[test]
fn somebody_in_the_background_takes_longer() {
    let mut machine = Interrupter::new(InterruptConfig::default());
    play(&mut machine, &[Quiet(60), Voice(100), Quiet(10), Now(Some(REPLY))]);
    let near = play(&mut machine.clone(), &[Voice(8)]);
    let far = play(&mut machine, &[Faint(8, 20.0), Quiet(20)]);
    assert_eq!(kinds(&near), [Duck, Hold]);
    assert_eq!(kinds(&far), [Duck, Restore]);
}

#[test]
fn who_speaks_when_the_reply_ends_has_the_floor() {
    assert_eq!(kinds(&run(REPLY, &[Voice(12), Now(None), Voice(20)])), [Duck, Hold, Stop(Over)]);
    assert_eq!(kinds(&run(REPLY, &[Noise(3), Now(None), Voice(20)])), [Duck, Restore]);
    // It went on, and ended before the recogniser had answered: what was said is not lost.
    let unheard = [Voice(12), Quiet(30), Now(None)];
    assert_eq!(kinds(&run(REPLY, &unheard)), [Duck, Hold, Restore, Duck, Stop(Over)]);
    let understood = [Voice(12), Quiet(8), Said("응"), Quiet(30), Now(None)];
    assert_eq!(kinds(&run(REPLY, &understood)), [Duck, Hold, Restore]);
    assert_eq!(kinds(&run(REPLY, &[Now(None), Voice(20), Said("stop")])), []);
}

#[test]
fn the_end_of_speech_needs_no_further_quiet() {
    let log = run(REPLY, &[Voice(12), Said("그래"), Quiet(3), Ended]);
    assert_eq!(kinds(&log), [Duck, Hold, Restore]);
}

#[test]
fn replies_that_may_not_be_interrupted_are_left_alone() {
    let mut machine = Interrupter::new(InterruptConfig { enabled: false, ..InterruptConfig::default() });
    let steps = [Now(Some(REPLY)), Voice(90), Said("stop it now"), Quiet(9), Ended, Now(None)];
    assert_eq!(play(&mut machine, &steps), []);
    assert!(!machine.is_listening());
    let mut machine = Interrupter::new(InterruptConfig::default());
    play(&mut machine, &[Now(Some(REPLY)), Voice(12)]);
    let off = InterruptConfig { enabled: false, ..InterruptConfig::default() };
    assert_eq!(machine.reconfigure(off), [Restore], "what was begun is ended");
}

#[test]
fn a_new_reply_can_be_interrupted_again() {
    let next = Audible { turn: TurnId(5), asking: false };
    let steps = [Voice(12), Said("stop"), Voice(60), Now(None), Quiet(40), Now(Some(next)), Voice(12)];
    assert_eq!(kinds(&run(REPLY, &steps)), [Duck, Hold, Stop(ByWords), Duck, Hold]);
}

#[test]
fn the_floor_can_be_taken_by_hand() {
    let mut machine = Interrupter::new(InterruptConfig::default());
    assert_eq!(machine.take_floor(), []);
    machine.handle_audible(Some(REPLY));
    assert_eq!(machine.clone().take_floor(), [Duck, Stop(ByWords)]);
    play(&mut machine, &[Voice(3)]);
    assert_eq!(machine.take_floor(), [Stop(ByWords)]);
    assert_eq!(machine.take_floor(), []);
}

#[test]
fn figures_that_are_no_numbers_are_silence() {
    let mut machine = Interrupter::new(InterruptConfig::default());
    machine.handle_audible(Some(REPLY));
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for frame in [
            Frame { probability: f32::NAN, level_db: broken, echo: 0.0, dip: false },
            Frame { probability: 0.9, level_db: f32::NAN, echo: 0.0, dip: false },
            Frame { probability: 0.9, level_db: -20.0, echo: f32::NAN, dip: false },
        ] {
            assert_eq!(machine.handle_frame(frame), [], "{frame:?}");
        }
    }
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Whatever comes in whatever order: Duck, then perhaps Hold, then Restore or Stop, in bounded time; nothing while
/// nothing is audible and nothing after a Stop; never a Stop where it is not allowed.
#[test]
fn what_is_begun_is_ended() {
    const WORDS: [&str; 9] =
        ["", "응", "stop", "잠깐만", "네 네", "I think so too", "Pizza", "그렇", "[noise]"];
    let mut state = 11;
    for round in 0..600u64 {
        let enabled = !u64::is_multiple_of(round, 7);
        let mut machine = Interrupter::new(InterruptConfig { enabled, ..InterruptConfig::default() });
        let (mut audible, mut stopped, mut ducked, mut held) = (false, false, false, false);
        let (mut frames, mut turn) = (0u64, 0);
        // Long stretches of one kind, as sound has.
        let (mut kind, mut left) = (0, 0);
        for _ in 0..1_500 {
            if left == 0 {
                (kind, left) = (random(&mut state) % 6, random(&mut state) % 40);
            }
            left -= left.min(1);
            let was_audible = audible;
            let jitter = random(&mut state) as f32 / u32::MAX as f32;
            let (probability, level_db, echo) = match kind {
                0 | 1 => (0.01, -65.0, 0.0),
                2 => (0.9, -25.0, 0.0),
                3 => (jitter, -30.0, jitter),
                4 => (0.05, -20.0, 0.1),
                _ => (0.9, -30.0, 0.9),
            };
            let frame = Frame { probability, level_db, echo, dip: echo < 0.85 };
            let events = match random(&mut state) % 60 {
                0 => {
                    audible = !random(&mut state).is_multiple_of(3);
                    turn += random(&mut state) % 2;
                    let now = Audible { turn: TurnId(turn), asking: random(&mut state).is_multiple_of(4) };
                    let events = machine.handle_audible(audible.then_some(now));
                    assert!(events.len() <= 2);
                    // Whether it is the same reply is the machine's to know: any of these may free it.
                    stopped = stopped && !machine.is_listening() && audible;
                    events
                }
                1..=3 => {
                    let extent = [Extent::SoFar, Extent::Whole][random(&mut state) as usize % 2];
                    machine.handle_words(WORDS[random(&mut state) as usize % WORDS.len()], extent)
                }
                4 => machine.handle_speech_ended(),
                5 if random(&mut state).is_multiple_of(8) => machine.forget(),
                6 if random(&mut state).is_multiple_of(16) => machine.take_floor(),
                7..20 => {
                    let events = machine.handle_glance(frame);
                    assert!(matches!(events[..], [] | [Duck]), "{events:?}");
                    events
                }
                _ => {
                    frames += 1;
                    machine.handle_frame(frame)
                }
            };
            for event in events {
                assert!(enabled && (audible || was_audible) && !stopped, "{event:?} in round {round}");
                match event {
                    Duck => {
                        assert!(!ducked);
                        (ducked, frames) = (true, 0);
                    }
                    Hold => {
                        assert!(ducked && !held);
                        held = true;
                    }
                    Restore | Stop(_) => {
                        assert!(ducked, "{event:?} without a duck in round {round}");
                        (ducked, held) = (false, false);
                        stopped = matches!(event, Stop(_)) && audible && !machine.is_listening();
                    }
                }
            }
            assert_eq!(ducked, machine.is_deciding());
            assert!(!ducked || frames * u64::from(FRAME_MS) <= LONGEST_MS + 200, "undecided for too long");
        }
        assert!(machine.handle_audible(None).len() <= 2);
        assert!(!machine.is_deciding());
    }
}

#[test]
fn readings() {
    let cases = [
        ("", Reading::Nothing),
        ("...", Reading::Nothing),
        ("(한숨)", Reading::Nothing),
        ("♪♪", Reading::Nothing),
        ("MBC 뉴스 김철수입니다", Reading::Nothing),
        ("Hmmmm", Reading::Backchannel),
        ("그래그래그래", Reading::Backchannel),
        ("OK, got it!", Reading::Backchannel),
        ("아, 그렇군요!", Reading::Backchannel),
        ("아찐자?", Reading::Backchannel),
        ("오그래요", Reading::Backchannel),
        ("어허.", Reading::Backchannel),
        ("으흠", Reading::Backchannel),
        ("여행", Reading::Content { weight: 3 }),
        ("하나", Reading::Content { weight: 3 }),
        ("아잠깐만", Reading::Stop),
        ("아버지가", Reading::Content { weight: 3 }),
        ("어머니는", Reading::Content { weight: 3 }),
        ("Don’t.", Reading::Stop),
        ("응 잠깐만", Reading::Stop),
        ("Excuse me", Reading::Stop),
        ("피자", Reading::Content { weight: 3 }),
        ("피자 먹자", Reading::Content { weight: 6 }),
        ("모르겠어요", Reading::Content { weight: 3 }),
        ("seventeen cats", Reading::Content { weight: 4 }),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text).reading, expected, "{text}");
    }
    assert_eq!(read("그렇구나").syllables, 4);
    assert_eq!(read("understanding me").syllables, 5);
}

#[test]
fn a_dip_of_the_echo_ducks_and_nothing_more() {
    assert_eq!(run(REPLY, &[Echo(10, 0.7), Quiet(10)]), []);
    let log = run(REPLY, &[Dip(3, 0.7), Quiet(10)]);
    assert_eq!(log.iter().map(|(_, event)| *event).collect::<Vec<_>>(), [Duck, Restore]);
    assert_eq!(log[0].0, u64::from(FRAME_MS));
}

#[test]
fn of_words_in_doubt_only_those_that_ask_for_the_floor_count() {
    for asks in ["그맘", "금암.", "잠칸만", "stop", "Wait!", "그만 그만"] {
        assert_eq!(despite_doubt(asks), asks);
    }
    for nothing in ["", "아", "네", "No.", "시청해주셔서 감사합니다", "Thank you.", "구매했", "mhm", "그램"]
    {
        assert_eq!(despite_doubt(nothing), "", "{nothing}");
    }
}

#[test]
fn hot_words_are_known_words_of_both_kinds() {
    for language in [Language::English, Language::Korean] {
        let sentences = hot_words(language).split_inclusive(['.', '?']);
        let readings = sentences.map(|sentence| read(sentence).reading).collect::<Vec<_>>();
        let all = readings.len();
        let of = |kind: Reading| readings.iter().filter(|reading| **reading == kind).count();
        let (stop, backchannel) = (of(Reading::Stop), of(Reading::Backchannel));
        assert_eq!(stop + backchannel, all, "{language:?}: {readings:?}");
        assert!(stop >= 3 && backchannel >= 3, "{language:?}: what is likelier must not decide");
    }
}
