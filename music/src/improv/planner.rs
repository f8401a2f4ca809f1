//! Bars in, bars out: which are planned, from what, and what is planned anew when something happens.

use super::{
    bar::{self, Brief, Hands, Role, Scene, Span},
    book::{Bar, Ready, Written},
    dice::Dice,
    engine::{Improviser, Phase},
    harmony::{Harmony, Place},
    types::{Mode, Settings, Style, Update},
};
use crate::{
    key::{self, Key},
    motif::Token,
};

/// Bars that are planned after what is promised.
const AHEAD: f64 = 2.0;
/// Bars that are planned at most: four seconds of the shortest bars at 300 beats a minute are 20.
const BARS: usize = 32;
/// Steps of a motif that one bar can use.
const STEPS: usize = 12;

impl Improviser {
    /// One step of playing: steer, plan, promise.
    pub(super) fn play(&mut self, update: &mut Update) {
        let horizon = self.horizon();
        self.steer(horizon);
        self.book.forget(&self.clock, self.now);
        self.watch();
        if self.dirty {
            self.dirty = false;
            self.revise();
        }
        self.extend();
        update.promised = self.book.promise(&self.clock, self.now, horizon);
        if self.is_over() {
            self.finish();
        }
    }

    /// What begins before this is promised now.
    pub(super) fn horizon(&self) -> u64 {
        self.book.promised_us.max(self.now + self.settings.commit_us)
    }

    /// Where the next note that can still be changed may be.
    fn cut(&self) -> f64 {
        self.clock.q(self.book.promised_us.max(self.now) as f64)
    }

    /// Whether the last chord has sounded.
    fn is_over(&self) -> bool {
        let here = self.clock.q(self.now as f64);
        let last = match (self.phase, &self.asked) {
            (Phase::Ending { cadence, short }, _) => cadence + i64::from(!short),
            (_, Some(asked)) if !asked.resumes => asked.to - 1,
            _ => return false,
        };
        self.book.bars.back().is_some_and(|bar| bar.number >= last && bar.end() <= here)
    }

    /// What the players do, in coarse steps that do not tremble.
    fn watch(&mut self) {
        let here = self.clock.q(self.now as f64);
        let old = self.scene;
        let bar = self.settings.metre.bar();
        let rest = self.ear.rest(here).min(here.max(0.0));
        let mut scene = old;
        scene.rests = rest > (0.9 * bar).max(2.5);
        let density = self.ear.density(here);
        let level =
            |density: f64| [0.3, 1.2, 2.2, 3.6].iter().filter(|least| density > **least).count() as u8;
        if level(density + 0.12) < old.density || level(density - 0.12) > old.density {
            scene.density = level(density);
        }
        let loud = self.ear.loud();
        if (loud - (f32::from(old.loud) * 8.0 + 4.0)).abs() > 6.0 {
            scene.loud = (loud / 8.0).clamp(3.0, 15.0) as u8;
        }
        let centre = self.ear.centre();
        if centre > 0.0 && (centre - (f32::from(old.centre) * 6.0 + 3.0)).abs() > 4.5 {
            scene.centre = (centre / 6.0).clamp(1.0, 21.0) as u8;
        }
        let trend = self.ear.trend();
        scene.trend = if trend > 0.7 {
            1
        } else if trend < -0.7 {
            -1
        } else {
            old.trend
        };
        self.dirty |= scene != old;
        self.scene = scene;
    }

    /// Plans until two bars after what is promised.
    fn extend(&mut self) {
        let bar = self.settings.metre.bar();
        // Of a wish more is shown: it is short, and somebody wants to see it.
        let ahead = if self.asked.is_some() { 2.0 * AHEAD } else { AHEAD };
        let until = self.clock.q(self.horizon() as f64).max(self.clock.q(self.now as f64)) + ahead * bar;
        self.skip();
        while self.book.bars.len() < BARS {
            let (number, start) = match self.book.bars.back() {
                Some(last) => (last.number + 1, last.end()),
                None => (self.origin.0, self.origin.1),
            };
            if start > until || !self.exists(number) {
                return;
            }
            let hands = self.book.bars.back().map_or(self.hands, |bar| bar.after);
            let blank = self.blank(number, start);
            let (bar, _) = self.written(blank, hands, f64::MIN);
            self.hands = bar.after;
            self.book.bars.push_back(bar);
            self.retimed = true;
        }
    }

    /// Whether a bar will be played at all.
    fn exists(&self, number: i64) -> bool {
        match (self.phase, &self.asked) {
            (Phase::Ending { cadence, short }, _) => number <= cadence + i64::from(!short),
            (_, Some(asked)) if !asked.resumes => number < asked.to,
            _ => true,
        }
    }

    /// When nobody asked for a long time, the bars between are left out.
    fn skip(&mut self) {
        let here = self.clock.q(self.now as f64);
        let Some(last) = self.book.bars.back() else {
            if here > self.origin.1 + 64.0 && self.asked.is_none() {
                let bar = self.settings.metre.bar();
                self.origin = (self.origin.0, self.origin.1 + ((here - self.origin.1) / bar).floor() * bar);
            }
            return;
        };
        let gap = here - last.end();
        if gap < 2.0 * last.quarters {
            return;
        }
        let bars = (gap / last.quarters).floor();
        let (number, start) = (last.number + 1 + bars as i64, last.end() + bars * last.quarters);
        if self.exists(number) {
            self.book.bars.clear();
            let blank = self.blank(number, start);
            let (bar, _) = self.written(blank, self.hands, f64::MIN);
            self.book.bars.push_back(bar);
            self.retimed = true;
        }
    }

    /// A bar with nothing in it.
    fn blank(&self, number: i64, start: f64) -> Bar {
        let settings = self.holding(number).0;
        Bar {
            number,
            form: 0,
            start,
            quarters: self.settings.metre.bar(),
            spans: Vec::new(),
            notes: std::collections::VecDeque::new(),
            written: Written {
                before: self.hands,
                role: Role::Band,
                scene: self.scene,
                style: settings.style,
                complexity: settings.complexity,
                next: crate::chord::Chord::new(0, crate::chord::Quality::Major),
                end: None,
                motif: Vec::new(),
                seed: settings.seed,
            },
            after: self.hands,
        }
    }

    /// The settings, the key and the form's first bar that hold in a bar.
    fn holding(&self, number: i64) -> (&Settings, Key, (i64, f64)) {
        match &self.asked {
            Some(asked) if (asked.from..asked.to).contains(&number) => {
                (&asked.settings, asked.key, (asked.from, asked.start))
            }
            _ => (&self.settings, self.key(), self.origin),
        }
    }

    /// The key of the duet: given, the chords', heard, or C major.
    pub(super) fn key(&self) -> Key {
        let heard = self.ear.key();
        self.settings.key.or(self.chart_key).or(heard).unwrap_or(Key::new(0, key::Mode::Major))
    }

    /// The chords of a bar, and where the last chord of all begins.
    fn spans(&self, number: i64, start: f64) -> (Vec<Span>, Option<f64>, i64) {
        let quarters = self.settings.metre.bar();
        let (settings, key, origin) = self.holding(number);
        let fixed = self.asked.as_ref().is_some_and(|asked| (asked.from..asked.to).contains(&number));
        let harmony = Harmony { settings, key, ear: &self.ear, fixed };
        let form = number - origin.0;
        let place = Place { number, form, from: start - origin.1, quarters };
        if let Phase::Ending { cadence, short } = self.phase {
            if number == cadence && short {
                let mut spans = harmony.cadence(quarters / 2.0);
                let last = harmony.last(quarters / 2.0);
                spans.extend(last.into_iter().map(|span| Span { at: quarters / 2.0, ..span }));
                return (spans, Some(quarters / 2.0), form);
            } else if number == cadence {
                return (harmony.cadence(quarters), None, form);
            } else if number > cadence {
                return (harmony.last(quarters), Some(0.0), form);
            }
        }
        if let Some(asked) = self.asked.as_ref().filter(|asked| fixed && !asked.resumes) {
            let left = asked.to - number;
            if left == 1 && !asked.named {
                return (harmony.last(quarters), Some(0.0), form);
            }
            if left == 2 && !asked.named && settings.style != Style::Blues {
                return (harmony.cadence(quarters), None, form);
            }
            if left == 1 {
                let spans = harmony.bar(place);
                let end = spans.last().map(|span| span.at);
                return (spans, end, form);
            }
        }
        (harmony.bar(place), None, form)
    }

    fn role(&self, number: i64, form: i64) -> Role {
        if let Some(asked) = self.asked.as_ref().filter(|asked| (asked.from..asked.to).contains(&number)) {
            return asked.role;
        }
        let bars = i64::from(self.settings.trade_bars);
        match self.settings.mode {
            Mode::Trade if matches!(self.phase, Phase::Ending { .. }) => Role::Answer,
            Mode::Trade if form.div_euclid(bars).rem_euclid(2) == 0 => Role::Listen,
            Mode::Trade => Role::Answer,
            Mode::Accompany if self.scene.rests => Role::Fill,
            Mode::Accompany => Role::Band,
            Mode::Counter => Role::Counter,
            Mode::Lead => Role::Solo,
        }
    }

    /// Steps that a bar may call back.
    fn motif(&self, role: Role, number: i64, form: i64) -> Vec<Token> {
        let mut dice = Dice::new(self.settings.seed, number, 71);
        match role {
            Role::Answer => {
                let bars = i64::from(self.settings.trade_bars);
                let bar = self.settings.metre.bar();
                let line = self.ear.line();
                let from = form.rem_euclid(bars) as f64 * bar;
                let mut at = 0.0;
                let mut steps: Vec<Token> = Vec::new();
                for step in &line {
                    at += f64::from(step.wait) / 12.0;
                    if at > from && steps.len() < STEPS {
                        steps.push(*step);
                    }
                }
                // When their phrase was shorter than the answer, it goes on as they would.
                let mut history = line;
                while steps.len() < 5 {
                    let Some(step) = self.ear.continuation(&history, dice.unit()) else { break };
                    history.push(step);
                    steps.push(step);
                }
                steps
            }
            Role::Fill if dice.chance(0.5) => self.ear.recent().iter().take(STEPS).copied().collect(),
            Role::Fill | Role::Solo | Role::Show => {
                let motifs = self.ear.motifs();
                motifs.get(dice.below(motifs.len())).map_or(Vec::new(), |motif| motif.steps.clone())
            }
            _ => Vec::new(),
        }
    }

    /// Writes a bar from a place on (notes before it stay); whether anything is another.
    fn written(&mut self, mut bar: Bar, before: Hands, cut: f64) -> (Bar, bool) {
        let is_new = bar.spans.is_empty();
        let (spans, end, form) = match self.spans(bar.number, bar.start) {
            // It was planned before another form began, and keeps its chords.
            (_, end, form) if form < 0 && !is_new => (bar.spans.clone(), end, bar.form),
            found => found,
        };
        let (following, _, _) = self.spans(bar.number + 1, bar.end());
        let role = self.role(bar.number, form);
        let (settings, _, _) = self.holding(bar.number);
        // A change of density or register waits for the next bar; whether they rest does not.
        let scene = if is_new || bar.start >= cut {
            Scene { trend: self.scene.trend, ..self.scene }
        } else {
            Scene { rests: self.scene.rests, ..bar.written.scene }
        };
        // Only a second voice minds which way their line goes.
        let scene = if role == Role::Counter { scene } else { Scene { trend: 0, ..scene } };
        let next = following.first().or(spans.last()).map_or(bar.written.next, |span| span.chord);
        let motif = if is_new || role == Role::Answer || role != bar.written.role {
            self.motif(role, bar.number, form)
        } else {
            std::mem::take(&mut bar.written.motif)
        };
        let written = Written {
            before,
            role,
            scene,
            style: settings.style,
            complexity: settings.complexity,
            next,
            end,
            motif,
            seed: settings.seed,
        };
        if !is_new && spans == bar.spans && written == bar.written {
            return (bar, false);
        }
        let brief = Brief {
            number: bar.number,
            form,
            quarters: bar.quarters,
            beat: self.settings.metre.beat(),
            spans: &spans,
            next,
            style: written.style,
            complexity: written.complexity,
            swing: self.swing(written.style),
            role,
            scene,
            motif: &written.motif,
            end,
            seed: written.seed,
        };
        let mut hands = before;
        let drafts = bar::write(&brief, &mut hands);
        bar.notes.retain(|note| note.at < cut);
        for note in &mut bar.notes {
            note.draft.len = note.draft.len.min((cut - note.at).max(0.25));
        }
        for draft in drafts {
            let at = bar.start + draft.at;
            if at >= cut {
                bar.notes.push_back(Ready { id: self.book.id(), at, draft });
            }
        }
        (bar.spans, bar.form, bar.written, bar.after) = (spans, form, written, hands);
        (bar, true)
    }

    /// Plans anew what is not promised, where something is another than it was.
    fn revise(&mut self) {
        let beat = self.settings.metre.beat();
        let cut = self.cut();
        let mut bars = std::mem::take(&mut self.book.bars);
        let mut hands: Option<Hands> = None;
        for bar in &mut bars {
            if bar.end() <= cut {
                hands = Some(bar.after);
                continue;
            }
            // Within a bar, what is new begins on a beat.
            let from = bar.start + (((cut - bar.start) / beat).ceil() * beat).max(0.0);
            let blank = Bar { spans: Vec::new(), notes: std::collections::VecDeque::new(), ..bar.clone() };
            let before = hands.unwrap_or(bar.written.before);
            let (next, changed) = self.written(std::mem::replace(bar, blank), before, from);
            *bar = next;
            hands = Some(bar.after);
            self.retimed |= changed;
        }
        self.book.bars = bars;
    }

    /// Where the second half of a beat is played.
    fn swing(&self, style: Style) -> f64 {
        // Fast swing is nearly even.
        let bpm = 60_000_000.0 / self.clock.last().us_per_q;
        match style {
            Style::JazzSwing => (0.68 - ((bpm / 10.0).round() * 10.0 - 120.0).max(0.0) / 1000.0).max(0.55),
            Style::Blues => 2.0 / 3.0,
            _ => 0.5,
        }
    }

    /// The same as the players' ears expect it.
    pub(super) fn half(&self) -> f64 {
        if self.settings.metre.is_compound() { 0.5 } else { self.swing(self.settings.style) }
    }
}
