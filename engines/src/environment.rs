//! What libraries of the engines read from the environment, and read once: when they are loaded.

use std::{env, io};

/// Keeps the ONNX Runtime from collecting data about this machine and sending them to its maker, as its Linux builds do
/// from 1.31 on. The switch of its own interface comes after the first data were written.
pub(crate) const NO_TELEMETRY: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// How often a thread of OpenMP looks before it sleeps at a barrier, of which a token has hundreds and a second of speech
/// as many. The default (300 000, about a millisecond and more) burns the very core that the thread it waits for needs,
/// as soon as another model computes beside: measured on two busy cores, a prompt took 9 to 16 s with it and 0.7 s with
/// this.
pub(crate) const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "5000");

/// How many heaps the C library keeps. The default, eight a core, lets each thread fill one of its own, of which little is
/// ever given back: after 45 minutes of people coming and going 664 MB were held with it and 608 MB with this.
const HEAPS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

/// All of these.
const NEEDED: [(&str, &str); 3] = [NO_TELEMETRY, SPINS, HEAPS];

/// Starts this program again, as the same process, with the environment that the libraries need; returns at once if it
/// is there already. To be called before anything else: a running program cannot change its environment safely, and
/// OpenMP's library has read it before `main`.
///
/// # Errors
/// The system cannot start the program again. It can go on; the ONNX Runtime's models will say what to do.
pub fn prepare() -> io::Result<()> {
    if NEEDED.into_iter().all(is_set) {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let mut words = env::args_os();
        let mut again = std::process::Command::new(env::current_exe()?);
        if let Some(name) = words.next() {
            again.arg0(name);
        }
        Err(again.args(words).envs(NEEDED).exec())
    }
    #[cfg(not(unix))]
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a library will find it so.
#[expect(clippy::disallowed_methods, reason = "it is the libraries that read this, not the configuration")]
pub(crate) fn is_set((name, value): (&str, &str)) -> bool {
    env::var_os(name).is_some_and(|found| found == value)
}
