//! Progress of long work on standard error: a bar for people, now and then a line for logs.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// Often enough to look alive, seldom enough to cost nothing.
const REDRAW: Duration = Duration::from_millis(150);
/// A log wants to know that it goes on, not how smoothly.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// Characters of the bar.
const BAR: usize = 24;

/// One bar; drop or `finish` ends its line.
#[derive(Debug)]
pub(super) struct Progress {
    label: String,
    total: u64,
    first: Option<u64>,
    done: u64,
    started: Instant,
    drawn: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Begins `label`, which is `total` bytes long.
    pub(super) fn new(label: &str, total: u64) -> Self {
        let (terminal, started) = (std::io::stderr().is_terminal(), Instant::now());
        // A bar appears at once; a log hears of what takes long, and of every end.
        let drawn = if terminal { None } else { Some(started) };
        Self { label: label.to_owned(), total, first: None, done: 0, started, drawn, terminal }
    }

    /// So many bytes are done; the first call may start anywhere, when something is resumed.
    pub(super) fn set(&mut self, done: u64) {
        self.first.get_or_insert(done);
        self.done = done;
        let pause = if self.terminal { REDRAW } else { LINE_EVERY };
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= pause) {
            self.draw();
        }
    }

    /// So many bytes more are done.
    pub(super) fn add(&mut self, bytes: u64) {
        self.set(self.done + bytes);
    }

    /// Draws the end.
    pub(super) fn finish(mut self) {
        self.done = self.total;
        self.draw();
    }

    fn draw(&mut self) {
        self.drawn = Some(Instant::now());
        let line = line(&self.label, self.done, self.total, self.rate());
        let mut out = std::io::stderr().lock();
        // A closed terminal is no reason to stop a download.
        let _ = if self.terminal { write!(out, "\r\x1b[2K{line}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }

    fn rate(&self) -> f64 {
        let fresh = self.done.saturating_sub(self.first.unwrap_or(0));
        fresh as f64 / self.started.elapsed().as_secs_f64().max(0.001)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.drawn.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn line(label: &str, done: u64, total: u64, bytes_per_second: f64) -> String {
    let share = (done as f64 / total.max(1) as f64).min(1.0);
    let full = (share * BAR as f64) as usize;
    let bar: String = (0..BAR).map(|idx| if idx < full { '#' } else { '-' }).collect();
    let left = total.saturating_sub(done) as f64 / bytes_per_second.max(1.0);
    let left = if done >= total || bytes_per_second < 1.0 {
        String::new()
    } else {
        format!("  {} left", clock(left))
    };
    let percent = (share * 100.0) as u32;
    format!(
        "  {label:<34} [{bar}] {percent:>3} %  {} of {}  {}/s{left}",
        size(done),
        size(total),
        size(bytes_per_second as u64)
    )
}

fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A size as people say it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, f64); 3] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let found = UNITS.iter().find(|(_, unit)| bytes as f64 >= *unit);
    match found {
        Some((name, unit)) if *name == "GB" => format!("{:.2} {name}", bytes as f64 / unit),
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::{line, size};

    #[test]
    fn sizes_read_like_speech() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_144, "1.1 kB"),
            (81_768_585, "81.8 MB"),
            (1_117_320_768, "1.12 GB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_line_tells_share_rate_and_rest() {
        let half = line("voice", 50_000_000, 100_000_000, 1e7);
        assert!(half.contains(" 50 %  50.0 MB of 100.0 MB  10.0 MB/s  0:05 left"), "{half}");
        assert!(half.contains("############------------"), "{half}");
        assert!(!line("voice", 100, 100, 10.0).contains("left"));
    }
}
