//! Calls that do not return: abandoned, answered, replaced, bounded, and gone when they return after all.

use super::*;

/// A call of these tests either returns at once or waits for its gate, so this is how long a test takes; and how long a
/// busy machine may leave a thread without a processor before a call that returns at once looks like one that hangs.
const STALL: Duration = Duration::from_secs(1);

/// A thread whose worker serves at once, but hangs at the gate for a `hang…`.
fn hanging() -> Bench {
    let (ear, heard) = sync_channel(ROOM);
    let (begin, began) = sync_channel(ROOM);
    let (gate, wait) = sync_channel(ROOM);
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        ThreadConfig { stall_after: STALL, ..config(8, 8) },
        move || Ok(count.fetch_add(1, Ordering::SeqCst)),
        move |_, job: &mut Job<Note>| {
            begin.send(job.payload.label).expect("the test listens");
            if job.payload.label.starts_with("hang") {
                let _closed = wait.lock().expect("not poisoned").recv();
            } else {
                let _closed = job.payload.heard.send(Heard::Served(job.payload.label));
            }
        },
    );
    Bench { thread, began, gate, heard, ear, opened }
}

fn abandoned(bench: &Bench) -> usize {
    bench.thread.owner.shared.lock().abandoned
}

#[test]
fn a_call_that_hangs_costs_its_own_job_alone() {
    let bench = hanging();
    bench.submit(1, "hang").expect("room");
    bench.submit(1, "behind").expect("room");
    assert_eq!(bench.heard(), Heard::Refused("hang", ErrorKind::Broken));
    assert_eq!(bench.heard(), Heard::Served("behind"), "by a fresh worker");
    assert_eq!(bench.opened.load(Ordering::SeqCst), 2);
    assert!(matches!(bench.thread.health(), Health::Degraded(why) if why.contains("hang")));
    bench.open_gate(1);
    eventually("the abandoned thread ends once its call returns", || abandoned(&bench) == 0);
    assert_eq!(bench.thread.health(), Health::Ready);
    bench.submit(1, "later").expect("room");
    assert_eq!(bench.heard(), Heard::Served("later"));
    assert_eq!(bench.opened.load(Ordering::SeqCst), 2, "the fresh worker goes on");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the engine's own thread, and its model takes its time")]
fn the_first_call_after_a_long_load_may_hang_like_any_other() {
    let (ear, heard) = sync_channel(ROOM);
    let (gate, wait) = sync_channel::<()>(ROOM);
    let wait = Mutex::new(wait);
    let thread = EngineThread::spawn(
        ThreadConfig { stall_after: STALL, ..config(8, 8) },
        // Long enough for the keeper to have looked at a thread that loads, which may take far longer than a call.
        || {
            thread::sleep(STALL);
            Ok(())
        },
        move |(), _: &mut Job<Note>| {
            let _closed = wait.lock().expect("not poisoned").recv();
        },
    );
    let note = Note { label: "hang", partial: false, cancel: CancelFlag::default(), heard: ear };
    thread.submit(1, SOON, note).expect("room");
    assert_eq!(heard.recv_timeout(SOON), Ok(Heard::Refused("hang", ErrorKind::Broken)));
    gate.send(()).expect("the call still hangs");
}

#[test]
fn two_that_hang_make_the_engine_unavailable_until_one_returns() {
    let bench = hanging();
    for label in ["hang one", "hang two", "behind"] {
        bench.submit(1, label).expect("room");
    }
    assert_eq!(bench.heard(), Heard::Refused("hang one", ErrorKind::Broken));
    assert_eq!(bench.heard(), Heard::Refused("hang two", ErrorKind::Broken));
    assert_eq!(bench.heard(), Heard::Refused("behind", ErrorKind::Unavailable));
    assert!(matches!(bench.thread.health(), Health::Unavailable(why) if why.contains("hang")));
    let refused = bench.submit(1, "refused").expect_err("nobody is there to work");
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert_eq!(bench.opened.load(Ordering::SeqCst), 2, "no third model in memory");
    bench.open_gate(1);
    eventually("it works again", || bench.submit(1, "again").is_ok());
    assert_eq!(bench.heard(), Heard::Served("again"));
    assert_eq!(abandoned(&bench), 1);
    bench.open_gate(1);
    eventually("nothing hangs any more", || abandoned(&bench) == 0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the job's own thread, and it takes its time")]
fn a_long_job_that_moves_is_left_alone() {
    let (ear, heard) = sync_channel(ROOM);
    let limits = ThreadConfig { stall_after: STALL, ..config(8, 8) };
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let thread = EngineThread::spawn(
        limits,
        move || Ok(count.fetch_add(1, Ordering::SeqCst)),
        |_, job: &mut Job<Note>| {
            let end = Instant::now() + STALL * 4;
            while Instant::now() < end {
                job.progressed();
                thread::sleep(STALL / 20);
            }
            let _closed = job.payload.heard.send(Heard::Served(job.payload.label));
        },
    );
    let note = Note { label: "long", partial: false, cancel: CancelFlag::default(), heard: ear };
    thread.submit(1, SOON, note).expect("room");
    assert_eq!(heard.recv_timeout(SOON), Ok(Heard::Served("long")));
    assert_eq!(opened.load(Ordering::SeqCst), 1);
}

#[test]
fn an_idle_thread_is_no_hanging_one() {
    let bench = hanging();
    bench.submit(1, "before").expect("room");
    assert_eq!(bench.heard(), Heard::Served("before"));
    let age = || bench.thread.owner.shared.lock().progress.age();
    eventually("it idles for long", || age() > STALL * 3);
    bench.submit(1, "after").expect("room");
    assert_eq!(bench.heard(), Heard::Served("after"));
    assert_eq!((abandoned(&bench), bench.opened.load(Ordering::SeqCst)), (0, 1));
    // The keeper woke for the first job, and sleeps again.
    bench.submit(1, "hang").expect("room");
    assert_eq!(bench.heard(), Heard::Refused("hang", ErrorKind::Broken), "also after a nap");
    bench.open_gate(1);
}

#[test]
fn the_last_drop_does_not_wait_for_a_call_that_hangs() {
    let bench = hanging();
    bench.submit(1, "hang").expect("room");
    assert_eq!(bench.began(), "hang");
    bench.submit(1, "behind").expect("room");
    let began = Instant::now();
    drop(bench.thread);
    assert!(began.elapsed() < SOON, "it hangs together with the call");
    let rest: Vec<_> = bench.heard.try_iter().collect();
    let refused =
        [Heard::Refused("hang", ErrorKind::Broken), Heard::Refused("behind", ErrorKind::Unavailable)];
    assert_eq!(rest, refused);
    bench.gate.send(()).expect("the call still hangs");
}

#[tokio::test]
async fn what_an_abandoned_call_answers_late_is_dropped() {
    let (gate, wait) = sync_channel::<u32>(ROOM);
    let wait = Mutex::new(wait);
    let (say, said) = sync_channel(ROOM);
    let thread = EngineThread::spawn(
        ThreadConfig { stall_after: STALL, ..config(8, 8) },
        || Ok(()),
        move |(), job: &mut Job<Question<u32, u32>>| {
            job.payload.reply.begin();
            let number = match job.payload.asked {
                0 => wait.lock().expect("not poisoned").recv().unwrap_or_default(),
                number => number,
            };
            job.payload.reply.send(Ok(number));
            say.send(job.payload.reply.cancel().is_cancelled()).expect("the test listens");
        },
    );
    let put = |number| {
        let (question, answer) = ask("bench", number, SOON, SOON);
        thread.submit(1, SOON, question).expect("room");
        answer
    };
    let error = put(0).wait().await.expect_err("it hangs");
    assert_eq!(error.kind, ErrorKind::Broken);
    assert!(error.retryable(), "{error}");
    assert_eq!(put(7).wait().await.expect("a fresh worker"), 7);
    assert!(said.recv_timeout(SOON).is_ok(), "the seven");
    gate.send(13).expect("the call still hangs");
    assert_eq!(said.recv_timeout(SOON), Ok(true), "the late call learns that nobody waits");
    assert_eq!(put(8).wait().await.expect("nothing of the thirteen"), 8);
}
