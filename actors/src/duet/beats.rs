//! From microseconds to quarter notes: the beats that a duet had, as maps of tempo and metre of one piece.
//!
//! Times stay exact. Where the beats jump (a new start), the bar that was not finished is filled up: its rest is as
//! long as a whole bar at a tempo of its own, so that the next bar begins where the players began it.

use duologue_music::score::{Metre, Tempo};

use super::tape::Change;

/// Quarters that beats may be off and still be the same beats: a follower moves them that much.
const SAME: f64 = 0.1;

/// Before anybody has started there are no beats: 120 quarters a minute.
const FREE_US: f64 = 500_000.0;

#[derive(Clone, Copy, Debug)]
struct Piece {
    from_us: u64,
    from_quarter: f64,
    us_per_quarter: f64,
}

/// The maps.
#[derive(Debug)]
pub(super) struct Beats {
    pieces: Vec<Piece>,
    metres: Vec<Metre>,
    /// Where a bar begins.
    bar_at: f64,
}

impl Beats {
    /// From the first thing that was played on.
    pub(super) fn new<'a>(first_us: u64, changes: impl Iterator<Item = &'a Change>) -> Self {
        let free = Piece { from_us: first_us, from_quarter: 0.0, us_per_quarter: FREE_US };
        let mut beats = Self { pieces: vec![free], metres: vec![Metre::COMMON], bar_at: 0.0 };
        for change in changes {
            beats.change(change, first_us);
        }
        beats
    }

    fn change(&mut self, change: &Change, first_us: u64) {
        let transport = change.transport;
        let us_per_quarter = transport.us_per_beat / transport.quarters_per_beat;
        if !us_per_quarter.is_finite() || us_per_quarter < 1.0 {
            return;
        }
        let from_us = change.from_us.max(first_us);
        let bar = change.metre.bar();
        // Where in its bar the new beats are then.
        let beat =
            transport.origin_beat + (from_us as f64 - transport.origin_us as f64) / transport.us_per_beat;
        let phase = (beat * transport.quarters_per_beat).rem_euclid(bar);
        let now = self.quarters(from_us);
        let is_first = from_us == first_us;
        let off = (now - self.bar_at - phase).rem_euclid(bar);
        let is_same = self.same_metre(change.metre) && off.min(bar - off) < SAME && !is_first;
        let from_quarter = match (is_same, is_first) {
            (true, _) => now,
            (false, true) => phase,
            (false, false) => self.fill_up(from_us, now, phase),
        };
        if is_first {
            self.pieces.clear();
            self.bar_at = 0.0;
        }
        if !self.same_metre(change.metre) {
            let at = from_quarter - phase;
            self.metres.retain(|metre| metre.at < at - 1e-6);
            self.metres.push(Metre { at: at.max(0.0), ..change.metre });
        }
        self.pieces.retain(|piece| piece.from_us < from_us);
        self.pieces.push(Piece { from_us, from_quarter, us_per_quarter });
    }

    fn same_metre(&self, metre: Metre) -> bool {
        self.metres.last().is_some_and(|last| (last.num, last.den) == (metre.num, metre.den))
    }

    /// Stretches what is left of the last bar to a whole one, and says where the new bar's `phase` is then.
    fn fill_up(&mut self, from_us: u64, now: f64, phase: f64) -> f64 {
        let bar = self.metres.last().map_or(4.0, Metre::bar);
        let Some(last) = self.pieces.last().copied() else { return phase };
        let begun = (now - self.bar_at).rem_euclid(bar);
        // The last bar line, or where the last piece began if that was later.
        let line = (now - begun).max(last.from_quarter);
        let line_us = last.from_us as f64 + (line - last.from_quarter) * last.us_per_quarter;
        let missing = from_us as f64 - line_us;
        let next = self.bar_at + (((line - self.bar_at) / bar).floor() + 1.0) * bar;
        self.bar_at = next;
        if missing < 1_000.0 {
            // On the line itself: nothing to fill.
            self.bar_at = line;
            return line + phase;
        }
        let us_per_quarter = missing / (next + phase - line);
        self.pieces.retain(|piece| (piece.from_us as f64) < line_us);
        self.pieces.push(Piece { from_us: line_us.round() as u64, from_quarter: line, us_per_quarter });
        next + phase
    }

    /// Where a time is.
    pub(super) fn quarters(&self, at_us: u64) -> f64 {
        let idx = self.pieces.partition_point(|piece| piece.from_us <= at_us).saturating_sub(1);
        let Some(piece) = self.pieces.get(idx) else { return 0.0 };
        let quarters = piece.from_quarter + (at_us as f64 - piece.from_us as f64) / piece.us_per_quarter;
        quarters.max(0.0)
    }

    /// Tempo and metre for a score.
    pub(super) fn maps(&self) -> (Vec<Tempo>, Vec<Metre>) {
        let tempo = |piece: &Piece| Tempo { at: piece.from_quarter, bpm: 60e6 / piece.us_per_quarter };
        let mut tempos = self.pieces.iter().map(tempo).collect::<Vec<_>>();
        if let Some(first) = tempos.first_mut() {
            first.at = 0.0;
        }
        tempos.dedup_by(|later, earlier| (later.bpm - earlier.bpm).abs() < 0.01);
        (tempos, self.metres.clone())
    }
}

#[cfg(test)]
mod tests {
    use duologue_music::improv::Transport;

    use super::*;

    fn change(from_us: u64, us_per_beat: f64, metre: Metre) -> Change {
        let transport = Transport {
            origin_beat: 0.0,
            origin_us: from_us,
            us_per_beat,
            beats_per_bar: metre.num,
            quarters_per_beat: 1.0,
        };
        Change { from_us, transport, metre }
    }

    #[test]
    fn a_start_begins_a_bar_and_times_stay_exact() {
        // Somebody plays freely for 2.7 s, then a duet at 100 a minute begins.
        let begun = change(2_700_000, 600_000.0, Metre::COMMON);
        let beats = Beats::new(0, [&begun].into_iter());
        assert!((beats.quarters(2_700_000) - 8.0).abs() < 1e-6, "{}", beats.quarters(2_700_000));
        assert!((beats.quarters(3_300_000) - 9.0).abs() < 1e-6);
        let (tempos, metres) = beats.maps();
        assert_eq!((tempos.len(), metres.len()), (3, 1), "{tempos:?}");
        let seconds = |at: f64| {
            let mut total = 0.0;
            for (idx, tempo) in tempos.iter().enumerate().take_while(|(_, tempo)| tempo.at < at) {
                let until = tempos.get(idx + 1).map_or(at, |next| next.at.min(at));
                total += (until - tempo.at) * 60.0 / tempo.bpm;
            }
            total
        };
        for at_us in [0, 500_000, 2_200_000, 2_700_000, 9_000_000] {
            let told = seconds(beats.quarters(at_us));
            assert!((told - at_us as f64 / 1e6).abs() < 1e-6, "{at_us}: {told}");
        }
    }

    #[test]
    fn a_follower_moves_the_tempo_and_not_the_bars() {
        let first = change(0, 500_000.0, Metre::COMMON);
        let transport = Transport { origin_beat: 8.0, origin_us: 4_000_000, ..first.transport };
        let faster = Change {
            from_us: 4_000_000,
            transport: Transport { us_per_beat: 480_000.0, ..transport },
            ..first
        };
        let beats = Beats::new(0, [&first, &faster].into_iter());
        assert!((beats.quarters(4_000_000) - 8.0).abs() < 1e-6);
        assert!((beats.quarters(4_480_000) - 9.0).abs() < 1e-6);
        assert_eq!(beats.maps().0.len(), 2);
    }

    #[test]
    fn another_metre_begins_on_a_bar_line() {
        let waltz = Metre { at: 0.0, num: 3, den: 4 };
        let (first, second) = (change(0, 500_000.0, Metre::COMMON), change(5_100_000, 500_000.0, waltz));
        let beats = Beats::new(0, [&first, &second].into_iter());
        assert!((beats.quarters(5_100_000) - 12.0).abs() < 1e-6, "{}", beats.quarters(5_100_000));
        let (_, metres) = beats.maps();
        assert_eq!(metres.len(), 2);
        assert!((metres[1].at - 12.0).abs() < 1e-6 && metres[1].num == 3, "{metres:?}");
    }
}
