//! Runs the espeak-ng program: text in by stdin, phonemes or a WAV file out by stdout. It is never
//! linked, and never sees a shell.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use duologue_domain::lang::Language;

use super::text::segments;
use crate::port::{CancelFlag, EngineError, ErrorKind, TtsRequest};

/// A call takes some 5 ms, and a minute of speech 200 ms; past this the program hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a waiting call looks whether the requester has gone.
const LOOK: Duration = Duration::from_millis(10);
/// Far more than 500 characters at the lowest speed make (four minutes at 22 kHz are 11 MB).
const MAX_OUTPUT: u64 = 64 << 20;

const ENGINE: &str = "espeak";

/// English text as phrases of espeak IPA, each with the mark that ends it.
pub(super) fn phrases(program: &Path, text: &str, cancel: &CancelFlag) -> Result<Vec<String>, EngineError> {
    let segments = segments(text);
    if segments.is_empty() {
        return Ok(Vec::new());
    }
    let input: String = segments.iter().map(|segment| segment.words.clone() + "\n").collect();
    let output = run(program, &["-v", "en-us", "-q", "--ipa"], &input, cancel)?;
    let output = String::from_utf8_lossy(&output);
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // Should it ever see a pause that we do not, every line counts as a phrase of its own.
    let last = segments.len() - 1;
    let mark = |index: usize| match segments.get(index) {
        Some(segment) if lines.len() == segments.len() => segment.mark,
        _ if index + 1 == lines.len() => segments[last].mark,
        _ => ',',
    };
    Ok(lines.iter().enumerate().map(|(index, line)| format!("{line}{}", mark(index))).collect())
}

/// `text` in espeak's own voice, in the language and at the speed of the request, as a WAV file.
pub(super) fn wav(
    program: &Path,
    text: &str,
    request: &TtsRequest,
    cancel: &CancelFlag,
) -> Result<Vec<u8>, EngineError> {
    let voice = match request.language {
        Language::Korean => "ko",
        Language::English => "en-us",
    };
    // 165 words a minute are natural for it, and 80 are the least it can do.
    let words_per_minute = (165.0 * request.speed).round().max(80.0).to_string();
    run(program, &["-v", voice, "-s", &words_per_minute, "--stdout"], &one_line(text), cancel)
}

/// espeak speaks stdin line by line, each line a WAV of its own.
fn one_line(text: &str) -> String {
    let mut line: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.push('\n');
    line
}

fn run(program: &Path, options: &[&str], input: &str, cancel: &CancelFlag) -> Result<Vec<u8>, EngineError> {
    let mut child = start(program, options)?;
    let outcome = talk(&mut child, input, cancel);
    if outcome.is_err() {
        // Whatever it was doing, nobody waits for it any more.
        let _ended = child.kill();
    }
    let status = child.wait().map_err(|error| broken(format!("it cannot be waited for: {error}")))?;
    let output = outcome?;
    if !status.success() {
        return Err(broken(format!("it ended with {status}")));
    }
    Ok(output)
}

fn start(program: &Path, options: &[&str]) -> Result<Child, EngineError> {
    let child = Command::new(program)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    child.map_err(|error| {
        let message = format!(
            "{} cannot be run ({error}); install espeak-ng, or run `make run` once",
            program.display()
        );
        EngineError::new(ErrorKind::Unavailable, ENGINE, message)
    })
}

/// Writes all, then reads all. A clause is smaller than a pipe's buffer, so that writing first cannot
/// lock the two up; reading has a thread of its own, so that it can be given up.
fn talk(child: &mut Child, input: &str, cancel: &CancelFlag) -> Result<Vec<u8>, EngineError> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(broken("it has no pipes".into()));
    };
    stdin.write_all(input.as_bytes()).map_err(|error| broken(format!("it does not read: {error}")))?;
    drop(stdin);
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("espeak-pipe".into())
        .spawn(move || {
            let mut output = Vec::new();
            let read = stdout.take(MAX_OUTPUT).read_to_end(&mut output).map(|_| output);
            let _gone = sender.send(read);
        })
        .map_err(|error| broken(format!("no thread to read it: {error}")))?;
    let give_up = Instant::now() + PATIENCE;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(read) => return read.map_err(|error| broken(format!("it cannot be read: {error}"))),
            Err(RecvTimeoutError::Disconnected) => return Err(broken("its reader ended".into())),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(EngineError::new(ErrorKind::Timeout, ENGINE, "cancelled"));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() > give_up => {
                let message = format!("no answer within {} s", PATIENCE.as_secs());
                return Err(EngineError::new(ErrorKind::Timeout, ENGINE, message));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn broken(message: String) -> EngineError {
    EngineError::new(ErrorKind::Broken, ENGINE, message)
}

/// Whether `program` can be found, without running it.
pub(super) fn installed(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    ["/usr/bin", "/usr/local/bin", "/bin", "/opt/homebrew/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file())
}

/// The samples of a 16-bit mono WAV file, and their rate. A file written to a pipe does not know its own
/// length, so that the data reach to the end.
pub(super) fn samples(wav: &[u8]) -> Option<(u32, Vec<f32>)> {
    let rest = wav.strip_prefix(b"RIFF")?;
    if rest.get(4..8)? != b"WAVE" {
        return None;
    }
    let mut at = 12;
    let mut rate = None;
    loop {
        let name = wav.get(at..at + 4)?;
        let length = u32::from_le_bytes(wav.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let body = wav.get(at + 8..)?;
        match name {
            b"fmt " => {
                let mono = body.get(0..4)? == [1, 0, 1, 0] && body.get(14..16)? == [16, 0];
                rate = Some(u32::from_le_bytes(body.get(4..8)?.try_into().ok()?)).filter(|_| mono);
                rate?;
            }
            b"data" => {
                let data = &body[..length.min(body.len())];
                let sample = |two: &[u8]| f32::from(i16::from_le_bytes([two[0], two[1]])) / 32_768.0;
                return Some((rate?, data.chunks_exact(2).map(sample).collect()));
            }
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(length)?;
    }
}
