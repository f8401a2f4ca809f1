//! Plain downloads from the authors' own places, through the `curl` program: it knows proxies, certificates, resuming.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::pip::pause;

/// Seconds until a hub that does not answer is given up for the whole run.
const CONNECT_S: &str = "5";
/// Seconds for the question about a file, redirects included.
const ASK_S: &str = "20";
/// Slower than this many bytes a second …
const STALL_BYTES: &str = "1000";
/// … for so many seconds is a cut line.
const STALL_S: &str = "30";
/// curl's exit code when the server cannot continue where a part ends.
const CANNOT_RESUME: i32 = 33;
/// curl's exit codes that mean "no way to that host" rather than "no such file": name, connection, time, TLS, proxy.
const NO_WAY: [i32; 7] = [5, 6, 7, 28, 35, 56, 97];

/// What is known of the hubs in this run.
#[derive(Debug)]
pub(super) struct Hubs {
    enabled: bool,
    unreachable: BTreeSet<String>,
}

/// Why a hub gave nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The host cannot be reached; true when that is news.
    Unreachable { host: String, news: bool },
    /// It can, but this file is not to be had.
    Failed(anyhow::Error),
}

/// The file that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    pub(super) bytes: u64,
    pub(super) sha256: &'a str,
}

/// What a hub says of a file before it is fetched.
#[derive(Debug, Default, PartialEq, Eq)]
struct Announced {
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Hubs {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, unreachable: BTreeSet::new() }
    }

    /// Brings a file into `part`, going on where an earlier run was cut.
    pub(super) fn download(
        &mut self,
        wanted: Wanted<'_>,
        part: &Path,
        on_size: impl FnMut(u64),
    ) -> Result<(), Refusal> {
        let host = host(wanted.url).to_owned();
        if !self.enabled || self.unreachable.contains(&host) {
            return Err(Refusal::Unreachable { host, news: false });
        }
        let announced = match ask(wanted.url) {
            Ok(announced) => announced,
            Err(Refusal::Unreachable { host, .. }) => {
                self.unreachable.insert(host.clone());
                return Err(Refusal::Unreachable { host, news: true });
            }
            Err(failed) => return Err(failed),
        };
        // The hub's own word costs one small answer; a wrong gigabyte would cost minutes.
        let other = announced.bytes.is_some_and(|bytes| bytes != wanted.bytes)
            || announced.sha256.is_some_and(|sha256| sha256 != wanted.sha256);
        if other {
            return Err(Refusal::Failed(anyhow::anyhow!("{} has another version of the file", wanted.url)));
        }
        transfer(wanted.url, part, on_size).map_err(Refusal::Failed)
    }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn ask(url: &str) -> Result<Announced, Refusal> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--head",
        "--location",
        "--connect-timeout",
        CONNECT_S,
        "--max-time",
        ASK_S,
        "--",
        url,
    ]);
    let host = host(url).to_owned();
    // Without curl there is no way to any hub; the packages remain.
    let Ok(output) = command.stdin(Stdio::null()).stderr(Stdio::null()).output() else {
        return Err(Refusal::Unreachable { host, news: true });
    };
    let headers = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(code) if NO_WAY.contains(&code) && headers.is_empty() => {
            Err(Refusal::Unreachable { host, news: true })
        }
        _ if headers.is_empty() => Err(Refusal::Failed(anyhow::anyhow!("{url} gave no answer"))),
        _ => announced(&headers).map_err(|error| Refusal::Failed(error.context(url.to_owned()))),
    }
}

/// Reads the headers of every answer on the way. A hub that keeps large files elsewhere states their size and sum in
/// its first answer (`x-linked-*`); otherwise the last answer's length counts.
fn announced(headers: &str) -> anyhow::Result<Announced> {
    let mut found = Announced::default();
    let mut linked = false;
    let mut status = "";
    for line in headers.lines() {
        if line.starts_with("HTTP/") {
            status = line.split_whitespace().nth(1).unwrap_or("");
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "x-linked-size" => {
                found.bytes = value.parse().ok();
                linked = true;
            }
            "x-linked-etag" => {
                found.sha256 = Some(value.trim_matches('"').to_owned()).filter(|sum| sum.len() == 64);
            }
            "content-length" if !linked && status == "200" => found.bytes = value.parse().ok(),
            _ => {}
        }
    }
    if !linked && !status.starts_with('2') {
        bail!("the hub answered {status}");
    }
    Ok(found)
}

fn transfer(url: &str, part: &Path, mut on_size: impl FnMut(u64)) -> anyhow::Result<()> {
    for fresh in [false, true] {
        if fresh {
            fs::remove_file(part).with_context(|| format!("cannot remove {}", part.display()))?;
        }
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--location", "--connect-timeout", CONNECT_S]);
        command.args([
            "--speed-limit",
            STALL_BYTES,
            "--speed-time",
            STALL_S,
            "--retry",
            "3",
            "--continue-at",
            "-",
        ]);
        command.arg("--output").arg(part).args(["--", url]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot run curl")?;
        while child.try_wait().context("cannot wait for curl")?.is_none() {
            on_size(fs::metadata(part).map_or(0, |found| found.len()));
            pause();
        }
        match child.wait().context("cannot wait for curl")?.code() {
            Some(0) => return Ok(()),
            Some(CANNOT_RESUME) if part.exists() && !fresh => {}
            code => bail!(
                "the download of {url} was cut (curl exit code {code:?}); what came is kept for the next run"
            ),
        }
    }
    unreachable!("the second round returns or fails")
}

#[cfg(test)]
mod tests {
    use super::{Announced, announced, host};

    #[test]
    fn a_hub_that_links_states_size_and_sum() {
        let sum = "a".repeat(64);
        let headers = format!(
            "HTTP/2 302\r\nx-linked-size: 8679182\r\nX-Linked-Etag: \"{sum}\"\r\ncontent-length: 1200\r\n\r\nHTTP/2 200\r\ncontent-length: 9\r\n"
        );
        let expected = Announced { bytes: Some(8_679_182), sha256: Some(sum) };
        assert_eq!(announced(&headers).expect("headers"), expected);
    }

    #[test]
    fn a_redirect_counts_by_its_end() {
        let headers =
            "HTTP/1.1 301 Moved\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 42\r\n";
        assert_eq!(announced(headers).expect("headers"), Announced { bytes: Some(42), sha256: None });
        let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n";
        assert!(announced(gone).unwrap_err().to_string().contains("404"));
    }

    #[test]
    fn the_host_is_cut_out() {
        assert_eq!(host("https://example.org/a/b"), "example.org");
        assert_eq!(host("http://127.0.0.1:81"), "127.0.0.1:81");
    }
}
