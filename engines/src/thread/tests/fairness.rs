//! Who is served first: the urgent, then clients in turn, whatever they have waiting.

use super::*;
use crate::fair::{Haste, session_key};

/// A note with an urgency, at a worker that serves only when the gate opens.
struct Wish {
    note: Note,
    haste: Haste,
}

impl Payload for Wish {
    fn refuse(self, error: EngineError) {
        self.note.refuse(error);
    }

    fn escape(&self) -> Escape {
        self.note.escape()
    }

    fn abandoned(&self) -> bool {
        self.note.abandoned()
    }

    fn urgency(&self) -> Urgency {
        self.haste.urgency()
    }

    fn gives_way(&self) -> Option<CancelFlag> {
        (self.urgency() == Urgency::Soon).then(|| self.note.cancel.clone())
    }
}

struct Desk {
    thread: EngineThread<Wish>,
    began: Receiver<&'static str>,
    gate: SyncSender<()>,
    heard: Receiver<Heard>,
    ear: SyncSender<Heard>,
}

fn desk(config: ThreadConfig) -> Desk {
    let (ear, heard) = sync_channel(ROOM);
    let (begin, began) = sync_channel(ROOM);
    let (gate, wait) = sync_channel(ROOM);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        config,
        || Ok(()),
        move |(), job: &mut Job<Wish>| {
            begin.send(job.payload.note.label).expect("the test listens");
            wait.lock().expect("not poisoned").recv().expect("the test opens the gate");
        },
    );
    Desk { thread, began, gate, heard, ear }
}

impl Desk {
    fn wish(&self, (key, label): (SessionKey, &'static str), urgency: Urgency) -> (Haste, CancelFlag) {
        let (haste, cancel) = (Haste::new(urgency), CancelFlag::default());
        let note = Note { label, partial: false, cancel: cancel.clone(), heard: self.ear.clone() };
        self.thread.submit(key, SOON, Wish { note, haste: haste.clone() }).expect("room");
        (haste, cancel)
    }

    fn began(&self) -> &'static str {
        self.began.recv_timeout(SOON).expect("a job begins")
    }

    /// What is served from now on, in its order.
    fn order(&self, count: usize) -> Vec<&'static str> {
        (0..count)
            .map(|_| {
                self.gate.send(()).expect("the worker lives");
                self.began()
            })
            .collect()
    }
}

#[test]
fn a_client_with_thirty_sessions_gets_one_turn_like_everybody() {
    let desk = desk(ThreadConfig { total: 256, ..config(4, 256) });
    desk.wish((1, "first"), Urgency::Now);
    assert_eq!(desk.began(), "first");
    for session in 0..30 {
        desk.wish((session_key(Some("greedy"), session), "greedy"), Urgency::Now);
    }
    desk.wish((session_key(Some("one"), 100), "one"), Urgency::Now);
    desk.wish((session_key(Some("two"), 200), "two"), Urgency::Now);
    desk.wish((session_key(Some("two"), 201), "two again"), Urgency::Now);
    let order = desk.order(8);
    assert_eq!(order, ["greedy", "one", "two", "greedy", "two again", "greedy", "greedy", "greedy"]);
    desk.gate.send(()).expect("the worker lives");
    drop(desk.gate);
}

#[test]
fn a_client_with_many_sessions_leaves_half_of_the_room() {
    let bench = bench(config(2, 8));
    bench.occupy();
    let greedy = |number| session_key(Some("greedy"), number);
    let taken = (0..20).filter(|number| bench.submit(greedy(*number), "g").is_ok()).count();
    assert_eq!(taken, 4);
    for (number, name) in [(30, "one"), (31, "two")] {
        bench.submit(session_key(Some(name), number), "other").expect("there is room for others");
    }
    bench.open_gate(7);
}

#[test]
fn what_is_waited_for_goes_before_partials_and_those_before_speculation() {
    let desk = desk(config(4, 32));
    desk.wish((1, "first"), Urgency::Now);
    assert_eq!(desk.began(), "first");
    desk.wish((2, "speculation"), Urgency::Ahead);
    desk.wish((3, "partial"), Urgency::Soon);
    desk.wish((4, "used speculation"), Urgency::Ahead).0.raise();
    desk.wish((5, "final"), Urgency::Now);
    assert_eq!(desk.order(4), ["used speculation", "final", "partial", "speculation"]);
    desk.gate.send(()).expect("the worker lives");
}

#[test]
fn within_a_session_the_order_stays() {
    let desk = desk(config(4, 32));
    desk.wish((1, "first"), Urgency::Now);
    assert_eq!(desk.began(), "first");
    desk.wish((2, "lazy"), Urgency::Ahead);
    desk.wish((3, "other's lazy"), Urgency::Ahead);
    desk.wish((3, "other's final"), Urgency::Now);
    assert_eq!(desk.order(3), ["other's lazy", "other's final", "lazy"]);
    desk.gate.send(()).expect("the worker lives");
}

#[test]
fn words_so_far_stop_when_somebody_waits_and_a_speculation_does_not() {
    let desk = desk(config(4, 32));
    let (_, partial) = desk.wish((1, "partial"), Urgency::Soon);
    assert_eq!(desk.began(), "partial");
    let (_, other) = desk.wish((2, "another partial"), Urgency::Soon);
    assert!(!partial.is_cancelled(), "nobody waits");
    let (_, speculation) = desk.wish((3, "speculation"), Urgency::Ahead);
    desk.wish((4, "final"), Urgency::Now);
    assert!(partial.is_cancelled() && !other.is_cancelled());
    assert_eq!(desk.order(3), ["final", "another partial", "speculation"]);
    desk.wish((5, "another final"), Urgency::Now);
    assert!(!speculation.is_cancelled(), "it is likely to be what somebody waits for");
    assert_eq!(desk.order(1), ["another final"]);
    desk.gate.send(()).expect("the worker lives");
    drop(desk.heard);
}
