//! From sound to words with fake engines in paused time: what a pause costs, and what is no speech at all.

mod common;

use std::time::Duration;

use duologue_actors::event::SessionEvent;
use duologue_engines::port::ChatMessage;
use duologue_testkit::{FakeLlm, FakeStt, silence, speech};

use self::common::{RATE, Stage};

/// Two partials in one and a half seconds of speech, and one transcription of the whole: begun in the pause, before
/// anybody knew that it was the end, and not begun again when it was.
#[tokio::test(start_paused = true)]
async fn the_words_are_transcribed_once_in_the_pause() {
    for (said, answer) in
        [("오늘 뭐 했어요?", "회의를 했어요."), ("What did you do today?", "I met a client.")]
    {
        let stage = Stage::new(&[said, "never heard"], &[answer]).await;
        let (_, heard) = tokio::join!(stage.speak(1_500), stage.reply());
        assert_eq!(heard.text(), answer);
        assert_eq!(stage.stt.gate.uses(), 3);
    }
}

/// In the scene's language; where another one turns out to be spoken, its beginning is read with the words.
#[tokio::test(start_paused = true)]
async fn what_comes_before_the_words_is_read_when_somebody_begins_to_speak() {
    for (said, answer, is_the_scenes) in
        [("오늘 뭐 했어요?", "회의를 했어요.", true), ("What did you do today?", "I met a client.", false)]
    {
        let stage = Stage::new(&[said; 4], &[answer]).await;
        let read = || stage.llm.read.lock().expect("not poisoned").clone();
        stage.feed(&silence(500, RATE)).await;
        assert!(read().is_empty(), "nobody speaks");
        stage.feed(&speech(400, RATE)).await;
        let begun = read();
        assert_eq!(begun.len(), 1, "once");
        let (_, heard) = tokio::join!(stage.speak(1_000), stage.reply());
        assert_eq!(heard.text(), answer);
        let prompts = stage.llm.prompts.lock().expect("not poisoned").clone();
        let (last, before) = prompts[0].split_last().expect("the words");
        assert_eq!(last.content, said);
        assert_eq!(before == begun[0], is_the_scenes, "all but the words: {begun:?} {before:?}");
    }
}

/// A recogniser changes its mind about capitals and commas; what the model has read already stays as it was.
#[tokio::test(start_paused = true)]
async fn words_that_were_read_ahead_are_not_read_again_for_a_capital() {
    for (partial, said, asked) in [
        ("and mr kim met me", "And Mr. Kim met me today.", "and mr kim met me today."),
        (
            "그래서 오늘은 회의를 했고",
            "그래서 오늘은, 회의를 했고 끝났어요.",
            "그래서 오늘은 회의를 했고 끝났어요.",
        ),
    ] {
        let stt = FakeStt::guessing(partial, said);
        let stage = Stage::pausing(0.9, stt, FakeLlm::saying(&["I see."])).await;
        let (_, heard) = tokio::join!(stage.speak(2_000), stage.reply());
        assert_eq!(heard.text(), "I see.");
        let read = stage.llm.read.lock().expect("not poisoned").clone();
        let prompts = stage.llm.prompts.lock().expect("not poisoned").clone();
        let last = |prompt: &[ChatMessage]| prompt.last().expect("the words").content.clone();
        assert!(read.iter().any(|prompt| last(prompt) == partial), "{read:?}");
        assert_eq!(last(&prompts[0]), asked);
        let is_shown =
            |event: &SessionEvent| matches!(event, SessionEvent::Heard { text, .. } if text == said);
        assert!(heard.events.iter().any(is_shown), "shown as it was heard");
    }
}

#[tokio::test(start_paused = true)]
async fn for_somebody_who_has_left_nothing_is_read_ahead() {
    let Stage { scene, llm, attachment, sessions: _sessions, .. } =
        Stage::new(&["Hello."], &["I see."]).await;
    drop(attachment);
    for packet in speech(600, RATE).chunks(RATE as usize / 50) {
        scene.push_audio(packet).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(llm.read.lock().expect("not poisoned").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_being_read_ahead_rests_when_they_leave() {
    let Stage { scene, llm, attachment, sessions: _sessions, .. } =
        Stage::new(&["Hello."], &["I see."]).await;
    for packet in speech(600, RATE).chunks(RATE as usize / 50) {
        scene.push_audio(packet).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(llm.reading(), 1);
    drop(attachment);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(llm.reading(), 0);
}

/// How much of `after` had been heard when the turn that said `said` was over; 0.3 is what smart-turn says of it.
async fn wait_after(said: &str) -> Duration {
    let stage = Stage::pausing(0.3, FakeStt::hearing(&[said, said]), FakeLlm::saying(&["Yes."])).await;
    stage.feed(&speech(1_500, RATE)).await;
    let silent_since = tokio::time::Instant::now();
    let ended = async {
        stage.until(|event| matches!(event, SessionEvent::Committed { .. })).await;
        silent_since.elapsed()
    };
    let rest = silence(4_500, RATE);
    tokio::join!(ended, stage.feed(&rest)).0
}

#[tokio::test(start_paused = true)]
async fn words_decide_where_the_sound_does_not() {
    for (whole, dangling) in [("학교에 갔어요.", "학교에 갔는데"), ("I went home.", "I went home and")]
    {
        let (soon, late) = (wait_after(whole).await, wait_after(dangling).await);
        assert!(soon < Duration::from_millis(600), "{whole}: {soon:?}");
        assert!(late > Duration::from_millis(2_000), "{dangling}: {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn minutes_of_garbage_are_cut_transcribed_and_survived() {
    let nothing = [""; 12];
    let mut lines = nothing.to_vec();
    lines.extend(["still there?"; 40]);
    let stage = Stage::new(&lines, &["Still listening."]).await;
    // Two minutes at full scale, alternately a square wave and whatever a generator gives: voice activity takes it
    // all for speech, a turn is cut at half a minute.
    let mut seed = 1_u32;
    for second in 0..120 {
        let garbage: Vec<i16> = (0..RATE)
            .map(|index| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let square = if index / 60 % 2 == 0 { i16::MAX } else { i16::MIN };
                if second % 2 == 0 { square } else { (seed >> 16) as i16 }
            })
            .collect();
        stage.scene.push_audio(&garbage).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stage.feed(&silence(1_500, RATE)).await;
    let asked = stage.stt.gate.uses();
    assert!(
        (4..=120 * 2 + 10).contains(&asked),
        "at most a partial every 600 ms and a final a turn: {asked}"
    );
    let (_, heard) = tokio::join!(
        async {
            // Lines are left from the garbage or not; one of the next turns is heard.
            for _ in 0..12 {
                stage.speak(800).await;
            }
        },
        stage.reply()
    );
    assert_eq!(heard.text(), "Still listening.");
}

/// A noise that comes and goes makes many pauses; the recogniser is asked three times a second at most.
#[tokio::test(start_paused = true)]
async fn a_stuttering_sound_does_not_keep_the_recogniser_busy() {
    let stage = Stage::new(&[""; 200], &["Yes."]).await;
    for _ in 0..50 {
        stage.feed(&speech(100, RATE)).await;
        stage.feed(&silence(140, RATE)).await;
    }
    let asked = stage.stt.gate.uses();
    assert!(asked <= 12 * 3 + 12 * 2 + 3, "{asked} in 12 s");
}
