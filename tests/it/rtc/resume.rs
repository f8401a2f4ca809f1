//! Sessions that go on in another call: no event and no sound is lost, and none comes twice.

use std::{sync::Arc, time::Duration};

use duologue::store::MemoryStore;

use super::{Caller, LONG, no_peers, relayed};
use crate::http::House;

/// Samples that the two calls together may have heard twice or not at all: what was sent and not yet heard of, a frame that
/// was begun, and what the ears of both make up where sound begins and breaks off. It is 0.3 s.
const UNSURE: usize = 7_200;

/// How much sounds when nothing happens.
async fn undisturbed() -> usize {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[LONG]).await;
    let mut caller = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
    caller.event("session.created").await;
    caller.write("뭐 했어?").await;
    caller.event("output_audio_buffer.stopped").await;
    caller.call.close().await;
    caller.sounding
}

/// The session in another call, while the first one still listens until it is closed.
async fn elsewhere(house: &House, mut first: Caller) -> (Caller, usize) {
    let last = first.last;
    let path = format!("/v1/realtime/calls?session={}&resume={last}", first.session);
    let replaced =
        |caller: &Caller| caller.events.iter().any(|event| event["error"]["code"] == "attached_elsewhere");
    let (mut second, ()) = tokio::join!(Caller::new(house, &path), first.until("goodbye", replaced));
    assert_eq!((second.session.as_str(), second.secret.as_deref()), (first.session.as_str(), None));
    second.last = last;
    first.call.close().await;
    second.event("output_audio_buffer.stopped").await;
    second.listen(Duration::from_millis(300)).await;
    assert!(second.has("duologue.resumed") && !second.has("session.created"));
    let numbers = second
        .events
        .iter()
        .filter_map(|event| event["event_id"].as_str()?.strip_prefix("event_")?.parse::<u64>().ok());
    let numbers = numbers.filter(|number| *number > 0).collect::<Vec<_>>();
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    assert!(numbers.iter().all(|number| *number > last), "nothing twice: {numbers:?}");
    (second, first.sounding)
}

/// A reply that goes on in another call once `is_time`: what both heard of it, and what somebody heard whom nothing
/// disturbed.
async fn heard(is_time: impl Fn(&Caller) -> bool) -> (usize, usize) {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[LONG]).await;
    let resumed = async {
        let mut first = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
        first.event("session.created").await;
        first.write("뭐 했어?").await;
        first.until("the time to go", is_time).await;
        let (second, before) = elsewhere(&house, first).await;
        let both = before + second.sounding;
        second.call.close().await;
        both
    };
    let (both, whole) = tokio::join!(resumed, undisturbed());
    no_peers(&house).await;
    (both, whole)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_goes_on_in_another_call_where_its_sound_was_and_not_its_words() {
    let words = |caller: &Caller| caller.has("response.output_audio_transcript.delta");
    let (both, whole) = heard(|caller| caller.sounding > 12_000 && words(caller)).await;
    assert!(both.abs_diff(whole) < UNSURE, "{both} of {whole} samples");
}

/// Everything was told, and the last two seconds still have to be spoken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_was_told_to_its_end_is_heard_to_its_end_in_another_call() {
    let (both, whole) = heard(|caller| caller.has("response.done")).await;
    assert!(both.abs_diff(whole) < UNSURE, "{both} of {whole} samples");
}

/// Longer than it takes to notice, shorter than until ICE gives up: the same call goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_into_a_network_that_was_cut_is_said_again_when_it_is_back() {
    let house = House::saying(&[], Arc::new(MemoryStore::default()), &[LONG]).await;
    let cut = async {
        let mut caller = Caller::dialling(relayed(0.0), &house, "/v1/realtime/calls?model=seoa").await;
        caller.event("session.created").await;
        caller.write("뭐 했어?").await;
        caller.until("speech", |caller| caller.sounding > 24_000).await;
        caller.call.cut(true);
        caller.listen(Duration::from_secs(4)).await;
        let before = caller.sounding;
        assert!(before < 24_000 + 2 * UNSURE, "{before} samples came although the network is cut");
        caller.call.cut(false);
        caller.event("output_audio_buffer.stopped").await;
        caller.listen(Duration::from_millis(300)).await;
        assert!(caller.has("response.done") && !caller.has("duologue.resumed"));
        let sounding = caller.sounding;
        caller.call.close().await;
        sounding
    };
    let (sounding, whole) = tokio::join!(cut, undisturbed());
    assert!(sounding.abs_diff(whole) < 2 * UNSURE, "{sounding} of {whole} samples");
    no_peers(&house).await;
}
