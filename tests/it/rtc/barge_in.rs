//! Speech over a reply in a call: the reply is lowered, goes on, or is stopped. Then nothing of it is heard any more, and
//! what was heard is what the far end reports, not what was sent.

use std::time::Duration;

use super::{Caller, LONG, no_peers, relayed};
use crate::http::House;

const RATE: u32 = 24_000;

const LONG_ENGLISH: &str = "This morning I went to the office. For lunch I had kimchi stew with a friend, and in the evening we \
                            walked along the river. There was some wind, but I felt very well. Come along next time!";

/// Somebody who talks: a deep voice whose syllables are as irregular as people's, unlike the persona's here. A plain tone
/// against regular syllables could as well be their echo.
pub(super) fn voice(ms: usize) -> Vec<i16> {
    let (mut dice, mut left, mut loud) = (7_u32, 0, 0.0_f32);
    let mut level = 0.0_f32;
    let sample = |idx: usize| {
        if left == 0 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            left = (RATE as usize / 1_000) * (50 + (dice >> 16) as usize % 130);
            loud = 0.35 + ((dice >> 8) % 100) as f32 / 150.0;
        }
        left -= 1;
        // No clicks: a syllable takes some milliseconds to begin.
        level += (loud - level) * 0.004;
        let phase = idx as f32 * 130.0 * std::f32::consts::TAU / RATE as f32;
        let tones = (1..12).map(|tone| (phase * tone as f32).sin() / tone as f32).sum::<f32>();
        (tones * level * 9_000.0) as i16
    };
    (0..ms * RATE as usize / 1_000).map(sample).collect()
}

/// The voice of the tests takes so long for a character.
const MS_A_CHARACTER: usize = 50;

/// Milliseconds of the persona's voice that the caller has heard, silence between syllables included.
fn heard_ms(caller: &Caller) -> usize {
    // Of each syllable about an eighth is as quiet as silence.
    caller.sounding * 8 / 7 / 24
}

fn transcript(done: &serde_json::Value) -> &str {
    done["response"]["output"][0]["content"][0]["transcript"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speech_stops_the_reply_and_nothing_of_it_is_heard_any_more() {
    for (said, word, next) in
        [(&*[LONG; 2].join(" "), "잠깐만요", "네, 말씀하세요."), (LONG_ENGLISH, "wait", "Yes, go on.")]
    {
        let house = House::scripted(&[], &[word], &[said, next]).await;
        let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
        caller.event("session.created").await;
        caller.write("뭐 했어?").await;
        caller.event("output_audio_buffer.started").await;
        caller.until("speech", |caller| caller.sounding > 30_000).await;
        caller.call.say(&voice(1_600));
        caller.event("output_audio_buffer.cleared").await;
        let before_clear = heard_ms(&caller);
        // What was on its way at the clear: the far end's buffer has a fifth of a second at most.
        caller.listen(Duration::from_millis(400)).await;
        let silent_since = caller.sounding;
        let starts = |caller: &Caller| caller.played().iter().filter(|(what, _)| *what == "started").count();
        caller.until("the next reply", |caller| starts(caller) == 2).await;
        // Sound may overtake the event that tells of it.
        assert!(caller.sounding - silent_since < 4_800, "{} samples", caller.sounding - silent_since);
        caller.event("output_audio_buffer.stopped").await;

        let done = caller.events.iter().filter(|event| event["type"] == "response.done").collect::<Vec<_>>();
        let [first, second] = done[..] else { panic!("two replies: {done:?}") };
        assert_eq!((&first["response"]["status"], transcript(second)), (&"cancelled".into(), next));
        assert_eq!(first["response"]["status_details"]["reason"], "turn_detected");
        let (old, new) = (first["response"]["id"].as_str(), second["response"]["id"].as_str());
        let (old, new) = (old.expect("an id"), new.expect("an id"));
        let order = [("started", old), ("cleared", old), ("started", new), ("stopped", new)];
        assert_eq!(caller.played(), order);
        let place = |kind: &str| caller.events.iter().position(|event| event["type"] == kind);
        assert!(
            place("duologue.duck") < place("output_audio_buffer.cleared"),
            "lowered before it is stopped"
        );
        assert!(place("input_audio_buffer.speech_started") < place("response.done"));
        let kept = transcript(first);
        assert!(said.starts_with(kept) && !kept.is_empty() && kept.len() < said.len(), "{kept:?}");
        let kept_ms = kept.chars().count() * MS_A_CHARACTER;
        assert!(
            kept_ms < before_clear + 600 && kept_ms + 900 > before_clear,
            "{kept_ms} of {before_clear} ms"
        );
        caller.call.close().await;
        no_peers(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_of_listening_lowers_the_reply_for_a_moment_and_all_of_it_is_heard() {
    for (said, word) in [(LONG, "응"), (LONG_ENGLISH, "mhm")] {
        let house = House::scripted(&[], &[word], &[said]).await;
        let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
        caller.event("session.created").await;
        caller.write("뭐 했어?").await;
        caller.event("output_audio_buffer.started").await;
        caller.until("speech", |caller| caller.sounding > 30_000).await;
        caller.call.say(&voice(350));
        caller.event("duologue.duck").await;
        caller.event("duologue.restore").await;
        caller.event("output_audio_buffer.stopped").await;
        let done = caller.event("response.done").await;
        assert_eq!((&done["response"]["status"], transcript(&done)), (&"completed".into(), said));
        let response = done["response"]["id"].as_str().expect("an id");
        assert_eq!(caller.played(), [("started", response), ("stopped", response)]);
        let whole = said.chars().count() * MS_A_CHARACTER;
        assert!(heard_ms(&caller) * 10 > whole * 8, "{} of {whole} ms", heard_ms(&caller));
        caller.call.close().await;
        no_peers(&house).await;
    }
}

/// The network to the caller is cut in the middle of a reply and the caller, who hears nothing any more, interrupts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_arrived_was_not_heard() {
    let said = [LONG; 3].join(" ");
    let house = House::scripted(&[], &["잠깐만요"], &[&said, "네, 말씀하세요."]).await;
    let mut caller = Caller::dialling(relayed(0.0), &house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    caller.write("뭐 했어?").await;
    caller.event("output_audio_buffer.started").await;
    caller.until("speech", |caller| caller.sounding > 24_000).await;
    caller.call.deafen(true);
    // Two reports, and a second until they are looked at.
    caller.listen(Duration::from_secs(3)).await;
    let heard = heard_ms(&caller);
    assert!(heard < 2_500, "{heard} ms came although the network is cut");
    caller.call.say(&voice(1_600));
    caller.listen(Duration::from_millis(1_200)).await;
    caller.call.deafen(false);
    caller.event("output_audio_buffer.cleared").await;
    let done = caller.event("response.done").await;
    assert_eq!(done["response"]["status_details"]["reason"], "turn_detected", "{done}");
    let kept_ms = transcript(&done).chars().count() * MS_A_CHARACTER;
    assert!(kept_ms < heard + 700 && kept_ms + 900 > heard, "{kept_ms} of {heard} ms: {}", transcript(&done));
    caller.call.close().await;
    no_peers(&house).await;
}
