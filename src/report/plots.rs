//! The plots of the printed report: inline SVG, drawn here, without a script. Everything in them is a number of ours or
//! escaped by the caller; their colours are in the style.

use std::fmt::Write as _;

use serde_json::Value;

/// Width of a plot in its own units.
const WIDTH: f64 = 720.0;
/// Room for the labels on the left and below.
const LEFT: f64 = 30.0;
const BOTTOM: f64 = 20.0;
/// Voices of people lie within; beyond it the estimate is wrong.
const PITCH_HZ: (f64, f64) = (60.0, 600.0);

/// Where times and values lie in a plot.
struct Frame {
    to_ms: f64,
    height: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, ms: f64) -> f64 {
        LEFT + (WIDTH - LEFT) * (ms / self.to_ms.max(1.0)).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        (self.height - BOTTOM - 6.0) * (1.0 - share.clamp(0.0, 1.0)) + 5.0
    }

    /// Lines at the values, and the minutes below.
    fn grid(&self, values: &[(f64, String)]) -> String {
        let mut svg = String::new();
        for (value, label) in values {
            let y = self.y(*value);
            let _ = write!(
                svg,
                r#"<line x1="{LEFT}" y1="{y:.1}" x2="{WIDTH}" y2="{y:.1}" class="grid-line"/><text x="{}" y="{:.1}" class="axis right">{label}</text>"#,
                LEFT - 7.0,
                y + 3.5
            );
        }
        svg + &self.clock()
    }

    fn clock(&self) -> String {
        let mut svg = String::new();
        // Some six labels, whatever the length.
        let minutes = self.to_ms / 60_000.0;
        let step = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0].into_iter().find(|step| minutes / step <= 7.0);
        let step = step.unwrap_or(60.0);
        let mut at = 0.0;
        while at <= minutes {
            let (x, seconds) = (self.x(at * 60_000.0), (at * 60.0) as u64);
            let place = if x > WIDTH - 20.0 { "axis right" } else { "axis" };
            let _ = write!(
                svg,
                r#"<text x="{x:.1}" y="{:.1}" class="{place}">{}:{:02}</text>"#,
                self.height - 3.0,
                seconds / 60,
                seconds % 60
            );
            at += step;
        }
        svg
    }
}

fn open(height: f64, label: &str) -> String {
    format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">"#)
}

fn number(value: &Value, name: &str) -> Option<f64> {
    value[name].as_f64().filter(|number| number.is_finite())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The last time in the report.
pub(super) fn end_ms(report: &Value) -> f64 {
    let times = list(&report["timeline"]).iter().filter_map(|moment| number(moment, "at_ms"));
    let talk = list(&report["talk"]).iter().filter_map(|line| number(line, "to_ms"));
    times.chain(talk).fold(1_000.0, f64::max)
}

/// An arc of 240 degrees as full as the value.
pub(super) fn dial(value: Option<f64>, label: &str) -> String {
    let arc = |share: f64| {
        let at = |degrees: f64| {
            let turn = (degrees - 210.0).to_radians();
            format!("{:.2} {:.2}", 50.0 + 42.0 * turn.cos(), 50.0 + 42.0 * turn.sin())
        };
        let degrees = 240.0 * share.clamp(0.0, 1.0);
        format!("M{}A42 42 0 {} 1 {}", at(0.0), u8::from(degrees > 180.0), at(degrees))
    };
    let filled = value.filter(|value| *value > 0.0);
    let filled =
        filled.map_or(String::new(), |value| format!(r#"<path class="arc" d="{}"/>"#, arc(value / 100.0)));
    let shown = value.map_or("–".into(), |value| format!("{value:.0}"));
    format!(
        r#"<svg class="dial" viewBox="0 0 100 84" role="img" aria-label="{label}: {shown}"><path class="track" d="{}"/>{filled}<text x="50" y="58">{shown}</text><text x="50" y="76" class="of">{label}</text></svg>"#,
        arc(1.0)
    )
}

/// The band of a score and where its measure lies; without one the value itself on 0 to 100.
pub(super) fn band(detail: &Value) -> String {
    let edges: [Option<f64>; 4] = std::array::from_fn(|index| detail["band"][index].as_f64());
    let measure = number(detail, "measure").filter(|_| edges.iter().any(Option::is_some));
    let Some(measure) = measure else {
        let value = number(detail, "value").unwrap_or(0.0).clamp(0.0, 100.0);
        return format!(
            r#"<svg class="band" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="all" y="3" width="100" height="4"/><rect class="full" y="3" width="{value:.1}" height="4"/></svg>"#
        );
    };
    let known = || edges.iter().flatten().copied().chain([measure]);
    let (low, high) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let room = 0.12 * if high > low { high - low } else { 1.0 };
    // Nothing that is measured here goes below nothing.
    let from = if low < 0.0 { low - room } else { (low - room).max(0.0) };
    let to = high + room;
    let place = |edge: Option<f64>, otherwise: f64| {
        edge.map_or(otherwise, |edge| 100.0 * (edge - from) / (to - from))
    };
    let [a, b, c, d] =
        [place(edges[0], 0.0), place(edges[1], 0.0), place(edges[2], 100.0), place(edges[3], 100.0)];
    let at = place(Some(measure), 0.0);
    format!(
        r#"<svg class="band" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="all" y="3" width="100" height="4"/><rect class="some" x="{a:.1}" y="3" width="{:.1}" height="4"/><rect class="full" x="{b:.1}" y="3" width="{:.1}" height="4"/><line class="at" x1="{at:.1}" y1="0.8" x2="{at:.1}" y2="9.2"/></svg>"#,
        (d - a).max(0.0),
        (c - b).max(0.0)
    )
}

/// The total over time; a gap where there was none.
pub(super) fn total(report: &Value, label: &str) -> String {
    let frame = Frame { to_ms: end_ms(report), height: 170.0, low: 0.0, high: 100.0 };
    let ticks = [0.0, 50.0, 100.0].map(|value: f64| (value, format!("{value:.0}")));
    let line = path(moments(report, "total_score", |at, value| (frame.x(at), frame.y(value))));
    open(170.0, label) + &frame.grid(&ticks) + &format!(r#"<path d="{line}" class="total-line"/></svg>"#)
}

/// One score over time, small.
pub(super) fn small(report: &Value, name: &str) -> String {
    let to_ms = end_ms(report);
    let place =
        |at: f64, value: f64| (2.0 + 152.0 * (at / to_ms), 43.0 - 40.0 * (value / 100.0).clamp(0.0, 1.0));
    let line = path(moments(report, name, place));
    let last = moments(report, name, place).flatten().last();
    let last = last.map_or(String::new(), |(x, y)| {
        format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="2.8" class="small-end"/>"#)
    });
    format!(
        r#"<svg viewBox="0 0 158 46" aria-hidden="true"><line x1="0" y1="3" x2="158" y2="3" class="grid-line"/><line x1="0" y1="43" x2="158" y2="43" class="grid-line"/><path d="{line}" class="small-line"/>{last}</svg>"#
    )
}

fn moments<'report>(
    report: &'report Value,
    name: &'report str,
    place: impl Fn(f64, f64) -> (f64, f64) + 'report,
) -> impl Iterator<Item = Option<(f64, f64)>> + 'report {
    list(&report["timeline"])
        .iter()
        .map(move |moment| Some(place(number(moment, "at_ms")?, number(moment, name)?)))
}

/// Points joined to lines, interrupted where there is none.
fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut path, mut down) = (String::new(), false);
    for point in points {
        if let Some((x, y)) = point {
            let _ = write!(path, "{}{x:.1} {y:.1}", if down { 'L' } else { 'M' });
        }
        down = point.is_some();
    }
    path
}

/// Every pitch of the person, in Hz.
pub(super) fn voiced(report: &Value) -> Vec<f64> {
    let all = list(&report["pitch"]).iter().flat_map(|turn| list(&turn["hz"])).filter_map(Value::as_f64);
    all.filter(|hz| (PITCH_HZ.0..=PITCH_HZ.1).contains(hz)).collect()
}

/// The pitch of every turn, on a scale of octaves that holds what was heard.
pub(super) fn pitch(report: &Value, label: &str) -> String {
    const TICKS: [f64; 8] = [60.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0];
    let heard = voiced(report);
    let (least, most) =
        (heard.iter().copied().fold(f64::MAX, f64::min), heard.iter().copied().fold(0.0, f64::max));
    let low = TICKS.into_iter().rfind(|tick| *tick <= least && *tick < most).unwrap_or(PITCH_HZ.0);
    let high = TICKS.into_iter().find(|tick| *tick >= most && *tick > low).unwrap_or(PITCH_HZ.1);
    let frame = Frame { to_ms: end_ms(report), height: 150.0, low: low.log2(), high: high.log2() };
    let ticks = TICKS.into_iter().filter(|tick| (low..=high).contains(tick));
    let ticks = ticks.map(|tick| (tick.log2(), format!("{tick:.0}"))).collect::<Vec<_>>();
    let mut svg = open(150.0, label) + &frame.grid(&ticks);
    for turn in list(&report["pitch"]) {
        let (from, step) = (number(turn, "from_ms").unwrap_or(0.0), number(turn, "step_ms").unwrap_or(100.0));
        let hz = list(&turn["hz"]);
        let (left, right) = (frame.x(from), frame.x(from + step * hz.len() as f64));
        let points = hz.iter().enumerate().map(|(index, hz)| {
            let hz = hz.as_f64().filter(|hz| (PITCH_HZ.0..=PITCH_HZ.1).contains(hz))?;
            Some((frame.x(from + step * index as f64), frame.y(hz.log2())))
        });
        let _ = write!(
            svg,
            r#"<rect x="{left:.1}" y="5" width="{:.1}" height="124" class="turn"/><path d="{}" class="voice"/>"#,
            (right - left).max(0.0),
            path(points)
        );
    }
    svg + "</svg>"
}

/// Where the eyes went: darker is longer; the target is in the middle.
pub(super) fn gaze(report: &Value, label: &str) -> String {
    let rows = list(&report["gaze"]["grid"]);
    let most = rows.iter().flat_map(list).filter_map(Value::as_f64).fold(0.0, f64::max);
    let mut svg = format!(
        r#"<svg viewBox="0 0 320 180" role="img" aria-label="{label}"><rect width="320" height="180" rx="8" class="heat-ground"/>"#
    );
    for (row_idx, row) in rows.iter().enumerate() {
        for (column_idx, cell) in list(row).iter().enumerate() {
            let share = cell.as_f64().filter(|_| most > 0.0).unwrap_or(0.0) / most.max(f64::MIN_POSITIVE);
            if share < 0.001 {
                continue;
            }
            // The square root shows short looks, too.
            let _ = write!(
                svg,
                r#"<rect x="{}" y="{}" width="19" height="19" rx="3" class="heat" fill-opacity="{:.2}"/>"#,
                column_idx as f64 * 20.0 + 0.5,
                row_idx as f64 * 20.0 + 0.5,
                share.clamp(0.0, 1.0).sqrt()
            );
        }
    }
    svg + r#"<circle cx="160" cy="90" r="26" class="ring"/></svg>"#
}

/// Who spoke when: the person above, the persona below.
pub(super) fn talk(report: &Value, label: &str) -> String {
    let frame = Frame { to_ms: end_ms(report), height: 62.0, low: 0.0, high: 1.0 };
    let mut svg = open(62.0, label);
    for y in [9, 30] {
        let _ = write!(svg, r#"<line x1="{LEFT}" y1="{y}" x2="{WIDTH}" y2="{y}" class="grid-line"/>"#);
    }
    for line in list(&report["talk"]) {
        let (Some(from), Some(to)) = (number(line, "from_ms"), number(line, "to_ms")) else { continue };
        let (y, class) = if line["who"] == "user" { (1, "you") } else { (22, "persona") };
        let x = frame.x(from);
        // What was written takes no time, and is a stroke.
        let _ = write!(
            svg,
            r#"<rect x="{x:.1}" y="{y}" width="{:.1}" height="16" rx="3" class="{class}"/>"#,
            (frame.x(to) - x).max(2.0)
        );
    }
    svg + &frame.clock() + "</svg>"
}
