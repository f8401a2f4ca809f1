//! What one picture adds to what is kept.

use super::{
    Face,
    blinks::{Eyes, Lids},
    expression::{Expression, Units},
    frame::Frame,
    geometry::Seen,
    history::{Run, Second},
    judge::Evidences,
    posture::{self, Held, Learning},
};
use crate::score::{Evidence, Span};

/// Closed for longer is not attending.
const ASLEEP_MS: f32 = 500.0;
/// Half closed, the iris says nothing about where the eye looks.
const LOOKS_ABOVE: f32 = 0.8;
/// A resting head may be turned this far from the camera, in degrees; beyond it the person sits before something else.
const REST_AT_MOST: f32 = 15.0;
/// Moments that are shorter are not worth showing.
const MOMENT_MS: u64 = 500;

impl Face {
    pub(super) fn handle_nobody(&mut self, span: Span, is_face: bool) {
        self.blinks.lose();
        self.gaze.lose();
        self.leaning = None;
        if self.calibrating.is_some() {
            return;
        }
        // Somebody else's face says nothing about this person's attention; no face says that they turned away.
        if !is_face {
            self.history.second(span.to_ms).judged.add(span.ms() as f32);
            let ended = self.runs.attention.handle(span, Some("no_face"), [0.0; 2]);
            keep_lapse(&mut self.moments, ended);
        }
    }

    pub(super) fn handle_face(&mut self, span: Span, frame: &Frame, mut seen: Seen) {
        let yaw = seen.pose.map_or(0.0, |pose| pose.yaw);
        let eyes = Eyes { ears: seen.ears, lids: seen.lids, yaw };
        let lids = self.blinks.handle(span.to_ms, eyes, self.config.closed_below);
        // Half closed, the iris says nothing about where the eye looks.
        seen.gaze = seen.gaze.filter(|_| !lids.known || lids.openness > LOOKS_ABOVE);
        if self.calibrating.is_some() {
            return self.collect(span.to_ms, frame, &seen);
        }
        self.history.second(span.to_ms).face.add(span.ms() as f32);
        self.count_lids(span, &lids);
        self.count_gaze(span, seen.gaze);
        self.count_attention(span, &seen, &lids);
        self.count_posture(span, &seen);
        if let Some(shapes) = &frame.blendshapes {
            self.resting.handle(span.to_ms, shapes);
            self.count_expression(span, Units::read(shapes, self.resting.values(), yaw));
        }
    }

    fn count_lids(&mut self, span: Span, lids: &Lids) {
        let second = self.history.second(span.to_ms);
        if lids.known {
            second.lids.add(span.ms() as f32);
        }
        if let Some(blink) = lids.blink {
            second.blinks = second.blinks.saturating_add(1);
            let what = if blink.ms() > ASLEEP_MS as u64 { "long_blink" } else { "blink" };
            self.moments.blinking.push(Evidence { span: blink, what, value: blink.ms() as f32, turn: None });
        }
    }

    fn count_gaze(&mut self, span: Span, looking: Option<[f32; 2]>) {
        let look = match looking {
            Some(direction) => {
                self.gaze.handle(direction, span.ms() as f32, self.config.uncalibrated_cone_deg)
            }
            None => {
                self.gaze.lose();
                None
            }
        };
        if let Some(look) = look {
            let second = self.history.second(span.to_ms);
            second.gaze.add(span.ms() as f32);
            if look.on_target {
                second.on_target.add(span.ms() as f32);
            }
        }
        let what = look.map(|look| if look.on_target { "on_target" } else { "looked_away" });
        let values = look.map_or([0.0; 2], |look| look.from_target);
        if let Some(moment) = self.runs.gaze.handle(span, what, values).as_ref().and_then(gaze_moment) {
            self.moments.gaze.push(moment);
        }
    }

    fn count_attention(&mut self, span: Span, seen: &Seen, lids: &Lids) {
        let Some(pose) = seen.pose else { return };
        let rest = self.rest.map(|rest| rest.pose).unwrap_or_default();
        let own = |angle: f32| angle.clamp(-REST_AT_MOST, REST_AT_MOST);
        let [yaw, pitch] = [pose.yaw - own(rest.yaw), pose.pitch - own(rest.pitch)];
        let [most_yaw, most_pitch] = self.config.attentive_deg;
        let what = if lids.closed_ms > ASLEEP_MS {
            "eyes_closed"
        } else if yaw.abs() > most_yaw || pitch.abs() > most_pitch {
            "turned_away"
        } else {
            "attentive"
        };
        let second = self.history.second(span.to_ms);
        second.judged.add(span.ms() as f32);
        if what == "attentive" {
            second.attentive.add(span.ms() as f32);
        }
        let ended = self.runs.attention.handle(span, Some(what), [yaw, pitch]);
        keep_lapse(&mut self.moments, ended);
    }

    fn count_posture(&mut self, span: Span, seen: &Seen) {
        let (Some(pose), Some(place)) = (seen.pose, seen.place) else { return };
        let Some(rest) = self.rest else {
            if self.learning.handle(span.to_ms, pose, place) {
                self.rest = self.learning.rest();
                self.learning = Learning::default();
            }
            return;
        };
        let Some(held) = posture::judge(&rest, pose, place, &self.config) else { return };
        let bad_after = self.config.bad_after_ms;
        let second = self.history.second(span.to_ms);
        lean(&mut self.leaning, second, (span.ms() as f32, held), bad_after as f32);
        let what = if held.upright < 1.0 { held.worst } else { "upright" };
        let ended = self.runs.posture.handle(span, Some(what), [1.0 - held.upright, 0.0]);
        if let Some(moment) = ended.as_ref().and_then(|run| posture_moment(run, bad_after)) {
            self.moments.posture.push(moment);
        }
    }

    fn count_expression(&mut self, span: Span, units: Units) {
        let lasted = span.ms() as f32;
        let shares = units.shares();
        let second = self.history.second(span.to_ms);
        second.shown.add(lasted);
        if units.smiles() {
            second.smile.add(lasted);
        }
        if units.frowns() {
            second.frown.add(lasted);
        }
        for (kept, share) in second.shares.iter_mut().zip(shares) {
            kept.add(lasted * share);
        }
        let shown = Expression::ALL.into_iter().zip(shares).max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((shown, share)) = shown else { return };
        let ended = self.runs.expression.handle(span, Some(shown.name()), [share, 0.0]);
        if let Some(moment) = ended.as_ref().and_then(expression_moment) {
            self.moments.expression.push(moment);
        }
    }
}

/// A run of gaze that is worth showing; its value is its spread on the target, its distance off it, in degrees.
fn gaze_moment(run: &Run) -> Option<Evidence> {
    let value = if run.what == "on_target" { run.spread() } else { run.root_mean_square() };
    (run.span.ms() >= MOMENT_MS).then_some(Evidence { span: run.span, what: run.what, value, turn: None })
}

/// Posture that is worth showing; its value is how far from upright it was, in per cent.
fn posture_moment(run: &Run, bad_after: u64) -> Option<Evidence> {
    let value = 100.0 * run.root_mean_square();
    let is_shown = run.what != "upright" && run.span.ms() >= bad_after;
    is_shown.then_some(Evidence { span: run.span, what: run.what, value, turn: None })
}

/// An expression that is worth showing; its value is its share.
fn expression_moment(run: &Run) -> Option<Evidence> {
    let is_shown = run.what != Expression::Neutral.name() && run.span.ms() >= MOMENT_MS;
    is_shown.then_some(Evidence { span: run.span, what: run.what, value: run.root_mean_square(), turn: None })
}

/// A lapse of attention that is worth showing; its value is its length.
fn attention_moment(run: &Run) -> Option<Evidence> {
    let is_shown = run.what != "attentive" && run.span.ms() >= MOMENT_MS;
    is_shown.then_some(Evidence { span: run.span, what: run.what, value: run.span.ms() as f32, turn: None })
}

fn keep_lapse(moments: &mut Evidences, ended: Option<Run>) {
    if let Some(moment) = ended.as_ref().and_then(attention_moment) {
        moments.concentration.push(moment);
    }
}

/// What goes on now as evidence up to now. Here what is good counts, too: somebody who sits well and looks at the target
/// all the time would have nothing to point at otherwise. Kept is only what has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Running {
    pub(super) gaze: Option<Evidence>,
    pub(super) concentration: Option<Evidence>,
    pub(super) posture: Option<Evidence>,
    pub(super) expression: Option<Evidence>,
}

impl Face {
    pub(super) fn running(&self) -> Running {
        let upright = |run: &Run| {
            let is_shown = run.what == "upright" && run.span.ms() >= MOMENT_MS;
            is_shown.then_some(Evidence {
                span: run.span,
                what: run.what,
                value: 100.0 * run.root_mean_square(),
                turn: None,
            })
        };
        let bad_after = self.config.bad_after_ms;
        let posture = self.runs.posture.current();
        Running {
            gaze: self.runs.gaze.current().and_then(gaze_moment),
            concentration: self.runs.attention.current().and_then(attention_moment),
            posture: posture.and_then(|run| posture_moment(run, bad_after).or_else(|| upright(run))),
            expression: self.runs.expression.current().and_then(expression_moment),
        }
    }
}

/// Adds posture to a second. What is not upright waits until it has lasted long enough to be bad; if it does not, it
/// was none.
fn lean(leaning: &mut Option<(f32, f32)>, second: &mut Second, (lasted, held): (f32, Held), bad_after: f32) {
    if held.upright >= 1.0 {
        let (waited, _) = leaning.take().unwrap_or_default();
        let waited = if waited > bad_after { 0.0 } else { waited };
        second.posture.add(waited + lasted);
        second.upright.add(waited + lasted);
        return;
    }
    let (waited, upright) = leaning.get_or_insert((0.0, 0.0));
    let was_bad = *waited > bad_after;
    (*waited, *upright) = (*waited + lasted, *upright + lasted * held.upright);
    if was_bad {
        second.posture.add(lasted);
        second.upright.add(lasted * held.upright);
    } else if *waited > bad_after {
        second.posture.add(*waited);
        second.upright.add(*upright);
    }
}
