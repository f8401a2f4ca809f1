use std::time::Duration;

use super::*;

fn frame(turn: u64, samples: usize) -> OutFrame {
    frame_at(turn, 0, samples)
}

fn frame_at(turn: u64, offset: u64, samples: usize) -> OutFrame {
    OutFrame { turn: TurnId(turn), response: "r".into(), item: "i".into(), offset, samples: vec![1; samples] }
}

fn text(delta: &str) -> SessionEvent {
    SessionEvent::OutputText { response: "r".into(), item: "i".into(), delta: delta.into(), spoken: true }
}

fn shown(numbered: &Numbered) -> String {
    match &numbered.outgoing {
        Outgoing::Event(event) => match &**event {
            SessionEvent::OutputText { delta, .. } => format!("{}:{delta}", numbered.first),
            _ => format!("{}:event", numbered.first),
        },
        Outgoing::Audio(frame) => format!("{}:{}+{}", numbered.first, frame.offset, frame.samples.len()),
    }
}

/// Somebody who says so many frames of 40 ms, waiting for room.
fn speaking(outbox: &Outbox, frames: u64) -> tokio::task::JoinHandle<()> {
    let outbox = outbox.clone();
    tokio::spawn(async move {
        for index in 0..frames {
            outbox.audio(frame_at(1, index * 960, 960)).await.unwrap();
        }
    })
}

/// Everything that comes without waiting.
async fn drained(outbox: &Outbox, reader: u64) -> Vec<String> {
    let mut out = Vec::new();
    while let Ok(Ok(numbered)) = tokio::time::timeout(Duration::from_millis(1), outbox.next(reader)).await {
        out.push(shown(&numbered));
    }
    out
}

#[tokio::test(start_paused = true)]
async fn nothing_of_an_old_turn_leaves() {
    let outbox = Outbox::default();
    let reader = outbox.attach();
    outbox.audio(frame(1, 10)).await.unwrap();
    outbox.event(SessionEvent::Cleared);
    outbox.supersede(TurnId(2));
    assert_eq!(outbox.audio(frame(1, 10)).await, Err(Stale));
    outbox.audio(frame(2, 10)).await.unwrap();
    let first = outbox.next(reader).await.unwrap();
    assert_eq!(
        (first.first, first.outgoing),
        (1, Outgoing::Event(Box::new(SessionEvent::Cleared))),
        "numbers are for what leaves"
    );
    let second = outbox.next(reader).await.unwrap();
    assert!(matches!(second.outgoing, Outgoing::Audio(frame) if frame.turn == TurnId(2)));
    assert_eq!(outbox.stale_dropped(), 2);
}

#[tokio::test(start_paused = true)]
async fn audio_waits_for_the_reader_and_is_freed_by_a_new_turn() {
    let outbox = Outbox::default();
    outbox.audio(frame(1, MAX_AUDIO_SAMPLES)).await.unwrap();
    assert!(outbox.is_full());
    let full = tokio::time::timeout(Duration::from_secs(1), outbox.audio(frame(1, 1))).await;
    assert!(full.is_err(), "no room");
    let waiting = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.audio(frame(1, 1)).await }
    });
    tokio::task::yield_now().await;
    outbox.supersede(TurnId(2));
    assert_eq!(waiting.await.unwrap(), Err(Stale));
    outbox.audio(frame(2, 1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_reads_is_cut_off_without_growth() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    for _ in 0..MAX_EVENTS * 3 {
        outbox.event(SessionEvent::Cleared);
    }
    assert_eq!(outbox.next(reader).await, Err(Closed::Overflowed));
    assert_eq!(outbox.lock().queue.capacity(), 0, "the memory is given back");
    let (next_reader, joined) = outbox.connect(Some(0));
    assert_eq!(joined, Joined::Gap, "what was dropped cannot be replayed");
    outbox.event(SessionEvent::Cleared);
    assert_eq!(outbox.next(reader).await, Err(Closed::Replaced));
    assert!(outbox.next(next_reader).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_few_large_events_are_too_many_as_well() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    for _ in 0..10 {
        outbox.event(text(&"가".repeat(20_000)));
    }
    assert_eq!(outbox.next(reader).await, Err(Closed::Overflowed));
}

#[tokio::test(start_paused = true)]
async fn closing_delivers_what_is_queued() {
    let outbox = Outbox::default();
    let reader = outbox.attach();
    outbox.event(SessionEvent::Cleared);
    outbox.close();
    assert!(outbox.next(reader).await.is_ok());
    assert_eq!(outbox.next(reader).await, Err(Closed::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_resume_replays_from_any_point_and_goes_on() {
    let outbox = Outbox::default();
    let (reader, joined) = outbox.connect(None);
    assert_eq!(joined, Joined::Fresh);
    outbox.event(text("안녕"));
    outbox.audio(frame_at(1, 0, 100)).await.unwrap();
    outbox.event(text("하세요"));
    outbox.audio(frame_at(1, 100, 50)).await.unwrap();
    let all = ["1:안녕", "2:0+100", "3:하세요", "4:100+50"];
    assert_eq!(drained(&outbox, reader).await, all);
    outbox.event(text("!"));
    for after in 0..=4 {
        let (reader, joined) = outbox.connect(Some(after));
        assert_eq!(joined, Joined::Resumed);
        let mut expected = all[after as usize..].to_vec();
        if after == 0 {
            expected.push("5:!");
        }
        let got = drained(&outbox, reader).await;
        assert_eq!(got.len(), if after == 0 { 5 } else { 5 - after as usize }, "{got:?}");
        assert!(got.iter().zip(&expected).all(|(got, expected)| got == expected), "{got:?} after {after}");
    }
    let (_, joined) = outbox.connect(Some(6));
    assert_eq!(joined, Joined::Gap, "a number from nowhere");
}

/// A call that was told three words with their sound, of which the first is known to have been heard.
async fn half_heard() -> (Outbox, u64) {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    outbox.hear_apart(reader);
    for index in 0..3 {
        outbox.event(text(&index.to_string()));
        outbox.audio(frame_at(1, index * 100, 100)).await.unwrap();
    }
    assert_eq!(drained(&outbox, reader).await.len(), 6);
    outbox.acknowledge(reader, 2);
    (outbox, reader)
}

/// In a call events overtake the sound that came before them, so the last number that its client knows says nothing of
/// what was heard.
#[tokio::test(start_paused = true)]
async fn a_call_that_resumes_gets_the_sound_that_has_not_arrived_and_no_event_twice() {
    let (outbox, _) = half_heard().await;
    for _ in 0..2 {
        let (reader, joined) = outbox.connect(Some(5));
        assert_eq!(joined, Joined::Resumed);
        outbox.hear_apart(reader);
        assert_eq!(outbox.arrived(), 2, "nothing was heard by being known");
        let mut got = Vec::new();
        while let Ok(Ok(numbered)) = tokio::time::timeout(Duration::from_millis(1), outbox.next(reader)).await
        {
            got.push((numbered.skip, shown(&numbered)));
        }
        let expected = [(1, "3:1"), (0, "4:100+100"), (1, "5:2"), (0, "6:200+100")];
        assert_eq!(got, expected.map(|(skip, shown)| (skip, shown.to_owned())));
    }
    // Who asks for more than that gets the events; what was heard was heard.
    let (reader, _) = outbox.connect(Some(0));
    outbox.hear_apart(reader);
    assert_eq!(drained(&outbox, reader).await[..3], ["1:0", "2:0+0", "3:1"]);
    // A socket gets everything after the number that it names, and nothing before.
    let (reader, _) = outbox.connect(Some(5));
    assert_eq!(drained(&outbox, reader).await, ["6:200+100"]);
    // And the other way, its number holds for sound as well.
    let (reader, _) = outbox.connect(Some(5));
    outbox.hear_apart(reader);
    assert_eq!(drained(&outbox, reader).await, ["6:200+100"]);
}

#[tokio::test(start_paused = true)]
async fn who_was_out_of_reach_hears_again_what_has_not_arrived_and_is_told_nothing_twice() {
    let (outbox, reader) = half_heard().await;
    // A second time in the middle of the first.
    assert_eq!(outbox.hear_again(reader), Some(3));
    assert_eq!(outbox.next(reader).await.unwrap().first, 3);
    assert_eq!(outbox.hear_again(reader), Some(3));
    outbox.event(text("new"));
    let mut got = Vec::new();
    while let Ok(Ok(numbered)) = tokio::time::timeout(Duration::from_millis(1), outbox.next(reader)).await {
        got.push((numbered.skip, shown(&numbered)));
    }
    let expected = [(1, "3:1"), (0, "4:100+100"), (1, "5:2"), (0, "6:200+100"), (0, "7:new")];
    assert_eq!(got, expected.map(|(skip, shown)| (skip, shown.to_owned())));
    let (other, _) = outbox.connect(Some(7));
    assert_eq!(outbox.hear_again(reader), None);
    assert!(drained(&outbox, other).await.is_empty(), "who was replaced asks for nothing");
}

#[tokio::test(start_paused = true)]
async fn an_event_of_several_numbers_is_resumed_in_its_middle() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    outbox.event(SessionEvent::Created);
    outbox.event(SessionEvent::Cleared);
    assert_eq!(outbox.next(reader).await.unwrap().last(), 2);
    assert_eq!(outbox.next(reader).await.unwrap().first, 3);
    let (reader, _) = outbox.connect(Some(1));
    let again = outbox.next(reader).await.unwrap();
    assert_eq!((again.first, again.skip, again.last()), (1, 1, 2));
    let next = outbox.next(reader).await.unwrap();
    assert_eq!((next.first, next.skip), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn superseded_speech_is_replayed_as_its_place_alone() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    outbox.audio(frame_at(1, 0, 100)).await.unwrap();
    outbox.audio(frame_at(1, 100, 100)).await.unwrap();
    assert_eq!(drained(&outbox, reader).await.len(), 2);
    outbox.supersede(TurnId(2));
    outbox.audio(frame_at(2, 0, 70)).await.unwrap();
    let (reader, _) = outbox.connect(Some(0));
    assert_eq!(drained(&outbox, reader).await, ["1:0+0", "2:100+0", "3:0+70"]);
}

/// A call's player holds its sound, which therefore does not arrive; were what lets it go to wait behind more of it, both
/// would wait for ever.
#[tokio::test(start_paused = true)]
async fn what_steers_the_play_overtakes_speech_that_waits() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    let speaking = speaking(&outbox, 60);
    assert_eq!(drained(&outbox, reader).await.len(), MAX_UNHEARD / 960);
    let turn = TurnId(1);
    outbox.event(text("later"));
    outbox.event(SessionEvent::Hold { turn });
    outbox.event(SessionEvent::Restore { turn });
    assert_eq!(drained(&outbox, reader).await, ["51:event", "52:event"], "and the words stay where they are");
    outbox.acknowledge(reader, 50);
    let rest = drained(&outbox, reader).await;
    assert_eq!(rest.iter().filter(|shown| shown.ends_with("+960")).count(), 10);
    assert_eq!(rest.iter().filter(|shown| shown.ends_with(":later")).count(), 1);
    speaking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn speech_runs_two_seconds_ahead_of_what_arrived_and_waits_for_who_is_gone() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    let speaking = speaking(&outbox, 200);
    let sent = drained(&outbox, reader).await;
    assert_eq!(sent.len(), MAX_UNHEARD / 960, "two seconds, and not a frame more");
    assert!(outbox.is_full());
    outbox.event(SessionEvent::Cleared);
    assert!(drained(&outbox, reader).await.is_empty(), "what comes after the speech stays after it");
    // The connection breaks: twenty frames have arrived.
    assert!(outbox.detach(reader));
    assert!(!outbox.is_read());
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(!speaking.is_finished(), "nothing is spoken into the void");
    let (reader, joined) = outbox.connect(Some(20));
    assert_eq!(joined, Joined::Resumed);
    let mut got = Vec::new();
    for _ in 0..20 {
        got.extend(drained(&outbox, reader).await);
        let number: u64 = got.last().unwrap().split(':').next().unwrap().parse().unwrap();
        outbox.acknowledge(reader, number);
        assert_eq!(outbox.arrived(), number);
    }
    let frames = got.iter().filter(|shown| !shown.ends_with("event")).cloned().collect::<Vec<_>>();
    let expected = (20..200).map(|index| index * 960).collect::<Vec<u64>>();
    let offsets = frames.iter().map(|shown| shown.split([':', '+']).nth(1).unwrap().parse::<u64>().unwrap());
    assert_eq!(offsets.collect::<Vec<_>>(), expected, "every sample from where it was lost, once");
    let numbers = got.iter().map(|shown| shown.split(':').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), (21..=201).collect::<Vec<_>>());
    assert!(speaking.is_finished());
    assert_eq!(outbox.lock().log.unheard(), 0);
    // A page that is loaded anew wants what it had not played: the last two seconds are there, before that the place.
    let (reader, joined) = outbox.connect(Some(100));
    assert_eq!(joined, Joined::Resumed);
    let again = drained(&outbox, reader).await;
    let (kept, gone) = again
        .iter()
        .filter(|shown| !shown.ends_with("event"))
        .partition::<Vec<_>, _>(|it| it.ends_with("+960"));
    assert_eq!((kept.len(), gone.len(), again.len()), (50, 51, 101), "{again:?}");
    assert_eq!(kept.first().map(|shown| shown.as_str()), Some(format!("152:{}+960", 150 * 960).as_str()));
    outbox.forget_sound();
    let (reader, _) = outbox.connect(Some(150));
    let again = drained(&outbox, reader).await;
    assert!(again.iter().all(|shown| shown.ends_with("+0")), "once played it takes no memory: {again:?}");
}

#[tokio::test(start_paused = true)]
async fn the_log_is_bounded_and_says_when_it_is_too_late() {
    let outbox = Outbox::default();
    let (reader, _) = outbox.connect(None);
    for index in 0..1_500 {
        outbox.event(text(&index.to_string()));
        outbox.next(reader).await.unwrap();
    }
    assert_eq!(outbox.connect(Some(100)).1, Joined::Gap, "the oldest are gone");
    let (reader, _) = outbox.connect(None);
    for index in 0..300 {
        outbox.event(text(&index.to_string()));
        outbox.next(reader).await.unwrap();
    }
    let (_, joined) = outbox.connect(Some(1_600));
    assert_eq!(joined, Joined::Resumed, "the newest are there");
    outbox.acknowledge(outbox.attach(), u64::MAX);
    assert_eq!(outbox.arrived(), 1_800);
    let (_, joined) = outbox.connect(Some(1_400));
    assert_eq!(joined, Joined::Gap, "of what arrived only the last few are kept");
}

#[tokio::test(start_paused = true)]
async fn a_gap_keeps_the_speech_that_waits_and_who_was_replaced_stays_so() {
    let outbox = Outbox::default();
    let (first, _) = outbox.connect(None);
    outbox.event(text("lost"));
    outbox.audio(frame_at(1, 500, 10)).await.unwrap();
    let (second, joined) = outbox.connect(Some(99));
    assert_eq!(joined, Joined::Gap);
    outbox.events_first(vec![SessionEvent::Created, SessionEvent::Cleared]);
    assert_eq!(drained(&outbox, second).await, ["1:event", "3:event", "4:500+10"]);
    assert_eq!(outbox.next(first).await, Err(Closed::Replaced));
    assert!(!outbox.detach(first), "it is not the reader any more");
    outbox.acknowledge(first, 4);
    assert_eq!(outbox.arrived(), 0, "nor can it acknowledge");
    assert!(outbox.is_read());
}

/// Reproducible chance.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// What a client knows: it counts, and it listens to the live turn.
#[derive(Default)]
struct Client {
    last: u64,
    turn: u64,
    samples: u64,
    words: Vec<u64>,
}

impl Client {
    fn hear(&mut self, numbered: &Numbered, live: u64) {
        assert_eq!(numbered.first + numbered.skip as u64, self.last + 1, "no gap, nothing twice");
        self.last = numbered.last();
        match &numbered.outgoing {
            Outgoing::Audio(frame) if !frame.samples.is_empty() => {
                assert_eq!(frame.turn.0, live, "nothing of an old turn");
                if frame.turn.0 != self.turn {
                    (self.turn, self.samples) = (frame.turn.0, 0);
                }
                assert_eq!(frame.offset, self.samples, "every sample once");
                self.samples += frame.samples.len() as u64;
            }
            Outgoing::Event(event) => {
                if let SessionEvent::OutputText { delta, .. } = &**event {
                    self.words.push(delta.parse().unwrap());
                }
            }
            Outgoing::Audio(_) => {}
        }
    }
}

/// Whatever is said, interrupted, acknowledged, lost and resumed in whatever order: the client gets every event
/// once and in order, and of the live turn every sample.
#[tokio::test(start_paused = true)]
async fn whatever_happens_nothing_is_missed_and_nothing_comes_twice() {
    for seed in 0..300 {
        let (mut dice, outbox, mut client) = (Dice(seed), Outbox::default(), Client::default());
        let (mut reader, _) = outbox.connect(None);
        let (mut turn, mut offset, mut said) = (1, 0, 0);
        for _ in 0..200 {
            match dice.roll(10) {
                0..3 => {
                    outbox.event(text(&said.to_string()));
                    said += 1;
                }
                3..6 if !outbox.is_full() => {
                    let length = 1 + dice.roll(960);
                    outbox.audio(frame_at(turn, offset, length as usize)).await.unwrap();
                    offset += length;
                }
                6 if dice.roll(4) == 0 => {
                    turn += 1;
                    offset = 0;
                    outbox.supersede(TurnId(turn));
                }
                7 => outbox.acknowledge(reader, client.last),
                8 => {
                    // Some of what is on its way is lost with the connection.
                    for _ in 0..dice.roll(6) {
                        let _ = tokio::time::timeout(Duration::from_millis(1), outbox.next(reader)).await;
                    }
                    let joined;
                    (reader, joined) = outbox.connect(Some(client.last));
                    assert_eq!(joined, Joined::Resumed);
                }
                _ => {
                    for _ in 0..dice.roll(8) {
                        let next = tokio::time::timeout(Duration::from_millis(1), outbox.next(reader)).await;
                        let Ok(Ok(numbered)) = next else { break };
                        client.hear(&numbered, turn);
                    }
                }
            }
        }
        (reader, _) = outbox.connect(Some(client.last));
        while let Ok(Ok(numbered)) = tokio::time::timeout(Duration::from_millis(1), outbox.next(reader)).await
        {
            client.hear(&numbered, turn);
            outbox.acknowledge(reader, client.last);
        }
        assert_eq!(client.words, (0..said).collect::<Vec<_>>(), "seed {seed}");
        assert!(offset == 0 || (client.turn, client.samples) == (turn, offset), "seed {seed}");
    }
}
