//! Calls that go wrong in every way leave nothing behind: no place, no socket, no task.

use std::{process::Command, time::Duration};

use duologue_rtc::client::{CallError, Dial, post};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout},
};

use super::{Caller, no_peers, relayed};
use crate::http::House;

/// A call that is not there after 30 s is given up, and one whose caller is silent after 20.
const GIVEN_UP: Duration = Duration::from_secs(60);

fn sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").expect("Linux").filter_map(Result::ok);
    let is_socket = |link: &std::fs::DirEntry| {
        std::fs::read_link(link.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    links.filter(is_socket).count()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// An answer to an offer that the caller has changed, and who called.
async fn answered(house: &House, change: impl Fn(&str) -> String) -> Result<(), CallError> {
    let calling = Dial::default().prepare().await?;
    let url = format!("{}/v1/realtime/calls?model=seoa", house.url);
    let answer = post(&url, None, &change(calling.offer())).await?;
    if answer.status != 201 {
        return Err(CallError::Refused(answer));
    }
    // Whoever has another certificate waits in vain.
    let waits = timeout(GIVEN_UP, calling.accept(&answer.body)).await;
    match waits {
        Ok(Ok(call)) => call.close().await,
        Ok(Err(error)) => return Err(error),
        Err(_) => {}
    }
    Ok(())
}

fn with_another_certificate(offer: &str) -> String {
    let sum = offer.lines().find_map(|line| line.strip_prefix("a=fingerprint:sha-256 ")).expect("a sum");
    offer.replace(sum, &["00"; 32].join(":"))
}

fn with_nobody_there(offer: &str) -> String {
    let lines = offer.lines().filter(|line| !line.starts_with("a=candidate:"));
    lines.map(|line| format!("{line}\r\n")).collect()
}

fn with_many_candidates(offer: &str) -> String {
    format!("{offer}{}", "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host\r\n".repeat(1_000))
}

/// Calls that go wrong, one after the other or at once, until the server has given all of them up.
async fn go_wrong(house: &House) {
    let forged = answered(house, with_another_certificate);
    let nobody = async {
        // The offer is answered, and then nothing more is heard of who made it.
        let calling = Dial::default().prepare().await.expect("an offer");
        let url = format!("{}/v1/realtime/calls?model=seoa", house.url);
        let answer = post(&url, None, &with_nobody_there(calling.offer())).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.body);
    };
    let vanishing = async {
        let path = "/v1/realtime/calls?model=seoa";
        let mut caller = Caller::dialling(relayed(0.0), house, path).await;
        caller.event("session.created").await;
        caller.write("안녕").await;
        caller.event("output_audio_buffer.started").await;
    };
    let refused = async {
        for _ in 0..20 {
            let wrong = [
                answered(house, with_many_candidates).await,
                answered(house, |offer| offer.replace("opus/48000", "speex/48000")).await,
                answered(house, |offer| format!("{offer}{}", "a=x\r\n".repeat(20_000))).await,
            ];
            assert!(wrong.iter().all(|answer| matches!(answer, Err(CallError::Refused(_)))), "{wrong:?}");
        }
    };
    let leaving = async {
        for _ in 0..5 {
            let mut caller = Caller::new(house, "/v1/realtime/calls?model=seoa").await;
            caller.event("session.created").await;
            let hang_up = house.request(reqwest::Method::DELETE, &caller.location).send().await;
            assert!(hang_up.expect("sent").status().is_success());
            caller.call.close().await;
        }
    };
    let (forged, ()) = tokio::join!(forged, async {
        tokio::join!(nobody, vanishing, refused, leaving);
    });
    assert!(forged.is_err(), "another certificate is another person");
}

/// The others in this process have sockets and tasks of their own, so this one counts in a process of its own.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the test knows that it is alone")]
fn calls_that_go_wrong_leave_nothing_behind() {
    const ALONE: &str = "DUOLOGUE_CALLS_ALONE";
    let me = std::env::current_exe().expect("a program");
    if std::env::var_os(ALONE).is_none() {
        let name = "rtc::leaks::calls_that_go_wrong_leave_nothing_behind";
        let mut run = Command::new(me);
        let run = run.args([name, "--exact"]).env(ALONE, "1");
        // So many calls at once are large futures without optimisation.
        let run = run.env("RUST_MIN_STACK", "33554432").status();
        assert!(run.expect("runs").success());
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let house = House::scripted(&[("sessions.idle_timeout_s", "1")], &[], &["반가워요."]).await;
        // What is made once is made by the first call.
        let mut first = Caller::new(&house, "/v1/realtime/calls?model=seoa").await;
        first.event("session.created").await;
        first.call.close().await;
        no_peers(&house).await;
        settled(usize::MAX, usize::MAX).await;
        let (sockets, tasks) = (sockets(), tasks());
        go_wrong(&house).await;
        no_peers(&house).await;
        settled(sockets, tasks).await;
    });
}

/// Waits until there are no more sockets and tasks than so many, for a second at least.
async fn settled(most_sockets: usize, most_tasks: usize) {
    let end = Instant::now() + GIVEN_UP;
    loop {
        sleep(Duration::from_secs(3)).await;
        let (sockets, tasks) = (sockets(), tasks());
        if sockets <= most_sockets && tasks <= most_tasks {
            return;
        }
        assert!(
            Instant::now() < end,
            "{sockets} sockets and {tasks} tasks, of {most_sockets} and {most_tasks} before"
        );
    }
}
