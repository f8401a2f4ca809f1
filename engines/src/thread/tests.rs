//! The engine thread against scripted workers: gates instead of sleeps, so that nothing depends on speed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use super::*;
use crate::port::CancelFlag;

mod hangs;

const SOON: Duration = Duration::from_secs(20);

/// More than any test says, so that no scripted worker waits for the test.
const ROOM: usize = 32;

/// What a test hears of one job.
#[derive(Debug, PartialEq)]
enum Heard {
    Served(&'static str),
    Refused(&'static str, ErrorKind),
}

struct Note {
    label: &'static str,
    partial: bool,
    cancel: CancelFlag,
    heard: SyncSender<Heard>,
}

impl Payload for Note {
    fn refuse(self, error: EngineError) {
        let _closed = self.heard.send(Heard::Refused(self.label, error.kind));
    }

    fn escape(&self) -> Escape {
        let (label, heard) = (self.label, self.heard.clone());
        Box::new(move |error| {
            let _closed = heard.send(Heard::Refused(label, error.kind));
        })
    }

    fn abandoned(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// A thread whose worker says that it began and then waits for the gate; `panic` panics.
struct Bench {
    thread: EngineThread<Note>,
    began: Receiver<&'static str>,
    gate: SyncSender<()>,
    heard: Receiver<Heard>,
    ear: SyncSender<Heard>,
    opened: Arc<AtomicUsize>,
}

fn config(per_session: usize, total: usize) -> ThreadConfig {
    ThreadConfig { name: "bench", per_session, total, stall_after: SOON }
}

fn bench(config: ThreadConfig) -> Bench {
    let (ear, heard) = sync_channel(ROOM);
    let (begin, began) = sync_channel(ROOM);
    let (gate, wait) = sync_channel(ROOM);
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        config,
        move || Ok(count.fetch_add(1, Ordering::SeqCst)),
        move |_, job: &mut Job<Note>| {
            begin.send(job.payload.label).expect("the test listens");
            wait.lock().expect("not poisoned").recv().expect("the test opens the gate");
            assert_ne!(job.payload.label, "panic", "asked to panic");
            let _closed = job.payload.heard.send(Heard::Served(job.payload.label));
        },
    );
    Bench { thread, began, gate, heard, ear, opened }
}

impl Bench {
    fn note(&self, label: &'static str) -> Note {
        Note {
            label,
            partial: label.starts_with('p'),
            cancel: CancelFlag::default(),
            heard: self.ear.clone(),
        }
    }

    fn submit(&self, session: SessionKey, label: &'static str) -> Result<(), EngineError> {
        self.thread.submit(session, SOON, self.note(label))
    }

    /// Submits a job that occupies the worker until the gate opens once.
    fn occupy(&self) {
        self.submit(99, "first").expect("an empty queue has room");
        assert_eq!(self.began(), "first");
    }

    fn began(&self) -> &'static str {
        self.began.recv_timeout(SOON).expect("a job begins")
    }

    fn heard(&self) -> Heard {
        self.heard.recv_timeout(SOON).expect("a job is answered")
    }

    fn open_gate(&self, times: usize) {
        for _ in 0..times {
            self.gate.send(()).expect("the worker lives");
        }
    }
}

/// Polls until `condition` holds.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < end, "never happened: {what}");
        thread::yield_now();
    }
}

#[test]
fn sessions_are_served_in_turn_and_in_order() {
    let bench = bench(config(8, 32));
    bench.occupy();
    for (session, label) in [(1, "1a"), (1, "1b"), (1, "1c"), (2, "2a"), (2, "2b"), (3, "3a")] {
        bench.submit(session, label).expect("room");
    }
    assert_eq!(bench.thread.waiting(), 6);
    bench.open_gate(7);
    let order: Vec<_> = (0..6).map(|_| bench.began()).collect();
    assert_eq!(order, ["1a", "2a", "3a", "1b", "2b", "1c"]);
}

#[test]
fn a_full_session_and_a_full_queue_refuse_at_the_door() {
    let bench = bench(config(2, 3));
    bench.occupy();
    bench.submit(1, "a").expect("room");
    bench.submit(1, "b").expect("room");
    let own = bench.submit(1, "c").expect_err("the session's share is used up");
    assert_eq!((own.kind, own.engine), (ErrorKind::Overloaded, "bench"));
    bench.submit(2, "d").expect("another session still has room");
    let total = bench.submit(3, "e").expect_err("the whole queue is full");
    assert_eq!(total.kind, ErrorKind::Overloaded);
    bench.open_gate(4);
    for label in ["first", "a", "d", "b"] {
        assert_eq!(bench.heard(), Heard::Served(label));
    }
}

#[test]
fn a_passed_deadline_is_a_timeout_and_no_work() {
    let bench = bench(config(8, 8));
    bench.occupy();
    bench.thread.submit(1, Duration::ZERO, bench.note("late")).expect("room");
    bench.submit(1, "next").expect("room");
    bench.open_gate(2);
    assert_eq!(bench.heard(), Heard::Served("first"));
    assert_eq!(bench.heard(), Heard::Refused("late", ErrorKind::Timeout));
    assert_eq!(bench.heard(), Heard::Served("next"));
}

#[test]
fn a_newer_partial_takes_the_place_of_the_waiting_one() {
    let bench = bench(config(2, 8));
    let replace = |session, label| {
        bench.thread.submit_replacing(session, SOON, bench.note(label), |old| old.partial).expect("room")
    };
    bench.occupy();
    replace(1, "p1");
    bench.submit(2, "other").expect("room");
    bench.submit(1, "final").expect("room");
    replace(2, "p of another session");
    replace(1, "p2");
    assert_eq!(bench.heard(), Heard::Refused("p1", ErrorKind::Overloaded));
    assert_eq!(bench.thread.waiting(), 4);
    bench.open_gate(5);
    assert_eq!(bench.began(), "p2");
    assert_eq!(bench.began(), "other");
    assert_eq!(bench.began(), "final");
    assert_eq!(bench.began(), "p of another session");
}

#[test]
fn replacing_the_only_job_keeps_the_session_its_turn() {
    let bench = bench(config(1, 8));
    bench.occupy();
    bench.submit(1, "p1").expect("room");
    bench.submit(2, "b").expect("room");
    bench.thread.submit_replacing(1, SOON, bench.note("p2"), |old| old.partial).expect("its own place");
    bench.open_gate(3);
    assert_eq!([bench.began(), bench.began()], ["p2", "b"]);
    eventually("nothing is left", || bench.thread.waiting() == 0);
}

#[test]
fn a_panic_costs_one_job_and_reopens_the_worker() {
    let bench = bench(config(8, 8));
    bench.submit(1, "panic").expect("room");
    bench.submit(1, "after").expect("room");
    bench.open_gate(2);
    assert_eq!(bench.heard(), Heard::Refused("panic", ErrorKind::Broken));
    assert_eq!(bench.heard(), Heard::Served("after"));
    assert_eq!(bench.opened.load(Ordering::SeqCst), 2);
    assert_eq!(bench.thread.health(), Health::Ready);
}

#[test]
fn abandoned_jobs_are_skipped_and_make_room() {
    let bench = bench(config(1, 2));
    bench.occupy();
    let gone = bench.note("gone");
    gone.cancel.cancel();
    bench.thread.submit(1, SOON, gone).expect("room");
    bench.submit(1, "alive").expect("the dead do not keep out the living");
    assert_eq!(bench.heard(), Heard::Refused("gone", ErrorKind::Timeout));
    let skipped = bench.note("skipped");
    let flag = skipped.cancel.clone();
    bench.thread.submit(2, SOON, skipped).expect("room");
    flag.cancel();
    bench.open_gate(2);
    assert_eq!(bench.heard(), Heard::Served("first"));
    assert_eq!(bench.heard(), Heard::Served("alive"));
    // Behind the skipped job, which nobody waits for: nothing is said of it.
    bench.submit(3, "end").expect("room");
    bench.open_gate(1);
    assert_eq!(bench.heard(), Heard::Served("end"));
}

#[test]
fn the_last_drop_finishes_the_running_job_refuses_the_rest_and_joins() {
    struct Flagged(Arc<AtomicUsize>);
    impl Drop for Flagged {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (ear, heard) = sync_channel(ROOM);
    let (begin, began) = sync_channel(ROOM);
    let (gate, wait) = sync_channel::<()>(ROOM);
    let flag = Arc::clone(&dropped);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        config(8, 8),
        move || Ok(Flagged(Arc::clone(&flag))),
        move |_, job: &mut Job<Note>| {
            begin.send(()).expect("the test listens");
            wait.lock().expect("not poisoned").recv().expect("the test opens the gate");
            let _closed = job.payload.heard.send(Heard::Served(job.payload.label));
        },
    );
    for label in ["running", "waiting"] {
        let note = Note { label, partial: false, cancel: CancelFlag::default(), heard: ear.clone() };
        thread.submit(1, SOON, note).expect("room");
    }
    began.recv_timeout(SOON).expect("the job begins");
    let other = thread.clone();
    drop(thread);
    assert_eq!(other.waiting(), 1, "a remaining handle keeps the thread");
    let shared = Arc::clone(&other.owner.shared);
    let closer = std::thread::spawn(move || drop(other));
    eventually("the queue is closed", || shared.lock().closed);
    gate.send(()).expect("the worker still runs");
    closer.join().expect("the drop returns");
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "the worker is gone once the drop has returned");
    let rest: Vec<_> = heard.try_iter().collect();
    assert_eq!(rest, [Heard::Served("running"), Heard::Refused("waiting", ErrorKind::Unavailable)]);
}

#[test]
fn a_failed_open_refuses_every_job_with_its_reason_until_the_retry() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let open = move || match count.fetch_add(1, Ordering::SeqCst) {
        0 => Err(EngineError::new(ErrorKind::Unavailable, "bench", "no such file")),
        _ => Ok(()),
    };
    let retry = Duration::from_millis(200);
    let thread = EngineThread::spawn_retrying(config(8, 8), retry, open, |(), job: &mut Job<Note>| {
        let _closed = job.payload.heard.send(Heard::Served(job.payload.label));
    });
    let (ear, heard) = sync_channel(ROOM);
    let submit = |label| {
        let note = Note { label, partial: false, cancel: CancelFlag::default(), heard: ear.clone() };
        thread.submit(1, SOON, note)
    };
    thread.warm_up();
    eventually("the failure shows", || thread.health() == Health::Unavailable("no such file".into()));
    let error = submit("too early").expect_err("the failure is fresh");
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Unavailable, "no such file"));
    eventually("a later job is let in", || submit("later").is_ok());
    assert_eq!(heard.recv_timeout(SOON), Ok(Heard::Served("later")));
    assert_eq!(tries.load(Ordering::SeqCst), 2);
}

#[test]
fn jobs_behind_a_failing_open_hear_the_same_reason() {
    let (gate, wait) = sync_channel::<()>(ROOM);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        config(8, 8),
        move || -> Result<(), _> {
            wait.lock().expect("not poisoned").recv().expect("the test opens the gate");
            panic!("the model library crashed");
        },
        |(), _: &mut Job<Note>| {},
    );
    let (ear, heard) = sync_channel(ROOM);
    for label in ["a", "b"] {
        let note = Note { label, partial: false, cancel: CancelFlag::default(), heard: ear.clone() };
        thread.submit(1, SOON, note).expect("not failed yet");
    }
    eventually("loading shows", || thread.health() == Health::Loading);
    gate.send(()).expect("the thread lives");
    assert_eq!(heard.recv_timeout(SOON), Ok(Heard::Refused("a", ErrorKind::Broken)));
    assert_eq!(heard.recv_timeout(SOON), Ok(Heard::Refused("b", ErrorKind::Broken)));
    assert!(matches!(thread.health(), Health::Unavailable(_)));
}

#[tokio::test]
async fn a_question_is_answered_refused_or_given_up() {
    let (gate, wait) = sync_channel::<u32>(ROOM);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        config(8, 8),
        || Ok(()),
        move |(), job: &mut Job<Question<(), u32>>| {
            job.payload.reply.begin();
            let number = wait.lock().expect("not poisoned").recv().expect("the test opens the gate");
            assert_ne!(number, 13, "asked to panic");
            job.payload.reply.send(Ok(number));
        },
    );
    let put = |deadline, patience| {
        let (question, answer) = ask("bench", (), deadline, patience);
        thread.submit(1, deadline, question).expect("room");
        answer
    };
    let answer = put(SOON, SOON);
    gate.send(7).expect("the thread lives");
    assert_eq!(answer.wait().await.expect("an answer"), 7);

    let answer = put(SOON, SOON);
    gate.send(13).expect("the thread lives");
    assert_eq!(answer.wait().await.expect_err("a panic").kind, ErrorKind::Broken);

    let brief = Duration::from_millis(20);
    let hung = put(SOON, SOON);
    eventually("the worker is busy", || thread.waiting() == 0);
    let behind = put(brief, SOON);
    assert_eq!(behind.wait().await.expect_err("the worker hangs").kind, ErrorKind::Timeout);
    gate.send(1).expect("the thread lives");
    assert_eq!(hung.wait().await.expect("an answer"), 1);

    let impatient = put(brief, brief);
    let error = impatient.wait().await.expect_err("the work never ends");
    assert!(matches!(error.kind, ErrorKind::Broken | ErrorKind::Timeout), "{error}");
    gate.send(2).expect("the thread lives");
}

#[test]
fn dropping_the_answer_raises_the_flag() {
    let (question, answer) = ask::<(), u32>("bench", (), SOON, SOON);
    assert!(!question.abandoned());
    drop(answer);
    assert!(question.abandoned());
}

mod fairness;
