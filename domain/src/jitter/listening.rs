//! Taking packets as they come, for who plays nothing: a recogniser needs order and the time, and no even stream.

use super::{Buffer, FRAME, Place, Step};

impl Buffer {
    /// For who listens without playing, as a recogniser does: what is there is given at once, in order, with no delay to
    /// even it out; call it until it gives nothing, after each [`Buffer::push`] and every 10 ms. What is missing is waited
    /// for as long as a player would have waited, then it is lost; while nothing comes at all time stands still for up to
    /// [`Config::hold_us`](super::Config::hold_us), unless the sender said that silence follows.
    pub fn take(&mut self, now_us: u64) -> Option<Step> {
        let mut place = self.place.or_else(|| self.first_place())?;
        let delay = self.delay.of(place.at, now_us);
        self.statistics.delay_us = delay;
        let step = self.next(&mut place, delay);
        self.place = Some(place);
        if let Some(step) = &step {
            self.count_gap(step, place.silent);
        }
        step
    }

    /// What is there for this place, or has to be given up at this delay.
    fn next(&mut self, place: &mut Place, delay: i64) -> Option<Step> {
        let Some((at, first)) = self.waiting.first_key_value() else {
            let frame = i64::from(FRAME);
            let step = match place.silent {
                // A turn ends in silence, so silence passes as soon as nothing that may yet come is cut off by it.
                true if delay >= self.delay.target() => self.comfort(frame),
                false if delay >= self.config.hold_us => self.conceal(frame),
                _ => return None,
            };
            place.at += frame;
            return Some(step);
        };
        let (at, missing) = (*at, first.sequence - place.sequence);
        let gap = at - place.at;
        if gap <= 0 {
            let (at, first) = self.waiting.pop_first()?;
            self.play(place, at, &first);
            return Some(Step::Play(first.packet));
        }
        let silence = gap - missing.max(0) * place.unit;
        if silence > 0 {
            let span = silence.min(i64::from(FRAME));
            place.at += span;
            return Some(self.comfort(span));
        }
        (delay >= self.delay.target()).then(|| self.lose(place, gap))
    }
}
