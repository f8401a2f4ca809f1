//! The plots of the printed report: inline SVG, drawn here, without a script. Everything in them is a number of ours or
//! escaped by the caller.

use std::fmt::Write as _;

use serde_json::Value;

/// Size of a plot in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// Room for the labels on the left and below.
const LEFT: f64 = 34.0;
const BOTTOM: f64 = 20.0;
/// Voices of people lie within; beyond it the estimate is wrong.
const PITCH_HZ: (f64, f64) = (60.0, 600.0);

/// The colours of the lines, told apart by people who see few colours, and in print by their dashes.
pub(super) const COLOURS: [&str; 9] =
    ["#b5394b", "#2f6db3", "#2e8555", "#b97a12", "#6b4ca3", "#157f8f", "#8a5a3c", "#c2529b", "#222222"];
/// See [`COLOURS`].
pub(super) const DASHES: [&str; 9] = ["", "6 3", "2 2", "8 2 2 2", "4 4", "1 3", "10 4", "3 1", ""];

/// Where times and values lie in a plot.
struct Frame {
    to_ms: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, ms: f64) -> f64 {
        LEFT + (WIDTH - LEFT) * (ms / self.to_ms.max(1.0)).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        (HEIGHT - BOTTOM) * (1.0 - share.clamp(0.0, 1.0)) + 4.0
    }

    /// Lines at the values, and the minutes below.
    fn grid(&self, values: &[(f64, &str)]) -> String {
        let mut svg = String::new();
        for (value, label) in values {
            let y = self.y(*value);
            let _ = write!(
                svg,
                r##"<line x1="{LEFT}" y1="{y:.1}" x2="{WIDTH}" y2="{y:.1}" stroke="#ddd"/><text x="0" y="{:.1}" class="axis">{label}</text>"##,
                y + 4.0
            );
        }
        // Some six labels, whatever the length.
        let minutes = self.to_ms / 60_000.0;
        let step = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0].into_iter().find(|step| minutes / step <= 7.0);
        let step = step.unwrap_or(60.0);
        let mut at = 0.0;
        while at <= minutes {
            let (x, seconds) = (self.x(at * 60_000.0), (at * 60.0) as u64);
            let _ = write!(
                svg,
                r#"<text x="{x:.1}" y="{:.1}" class="axis">{}:{:02}</text>"#,
                HEIGHT - 2.0,
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

/// A line for each of `names` over time; a gap where there was no score.
pub(super) fn timeline(report: &Value, names: &[&str], label: &str) -> String {
    let frame = Frame { to_ms: end_ms(report), low: 0.0, high: 100.0 };
    let mut svg = open(HEIGHT, label) + &frame.grid(&[(0.0, "0"), (50.0, "50"), (100.0, "100")]);
    for (index, name) in names.iter().enumerate() {
        let points = list(&report["timeline"])
            .iter()
            .map(|moment| (number(moment, "at_ms"), number(moment, name)))
            .map(|(at, value)| Some((frame.x(at?), frame.y(value?))));
        let (colour, dash) = (COLOURS[index % COLOURS.len()], DASHES[index % DASHES.len()]);
        let width = if *name == "total_score" { 2.5 } else { 1.5 };
        let _ = write!(
            svg,
            r#"<path d="{}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}"/>"#,
            path(points)
        );
    }
    svg + "</svg>"
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

/// The pitch of every turn, on a scale of octaves.
pub(super) fn pitch(report: &Value, label: &str) -> String {
    let frame = Frame { to_ms: end_ms(report), low: PITCH_HZ.0.log2(), high: PITCH_HZ.1.log2() };
    let ticks = [(75.0_f64, "75"), (150.0, "150"), (300.0, "300"), (600.0, "600")];
    let mut svg = open(HEIGHT, label) + &frame.grid(&ticks.map(|(hz, text)| (hz.log2(), text)));
    for turn in list(&report["pitch"]) {
        let (from, step) = (number(turn, "from_ms").unwrap_or(0.0), number(turn, "step_ms").unwrap_or(100.0));
        let points = list(&turn["hz"]).iter().enumerate().map(|(index, hz)| {
            let hz = hz.as_f64().filter(|hz| (PITCH_HZ.0..=PITCH_HZ.1).contains(hz))?;
            Some((frame.x(from + step * index as f64), frame.y(hz.log2())))
        });
        let _ = write!(
            svg,
            r##"<path d="{}" fill="none" stroke="#2f6db3" stroke-width="1.5" stroke-linecap="round"/>"##,
            path(points)
        );
    }
    svg + "</svg>"
}

/// Where the eyes went: darker is longer; the target is in the middle.
pub(super) fn gaze(report: &Value, label: &str) -> String {
    let rows = list(&report["gaze"]["grid"]);
    let cells = rows.iter().flat_map(list).filter_map(Value::as_f64);
    let most = cells.fold(0.0, f64::max);
    let size = 20.0;
    let mut svg = format!(r#"<svg viewBox="0 0 320 180" class="gaze" role="img" aria-label="{label}">"#);
    for (row_idx, row) in rows.iter().enumerate() {
        for (column_idx, cell) in list(row).iter().enumerate() {
            let share = cell.as_f64().filter(|_| most > 0.0).unwrap_or(0.0) / most.max(f64::MIN_POSITIVE);
            // The square root shows short looks, too.
            let _ = write!(
                svg,
                r##"<rect x="{}" y="{}" width="{size}" height="{size}" fill="#2f6db3" fill-opacity="{:.2}" stroke="#eee"/>"##,
                column_idx as f64 * size,
                row_idx as f64 * size,
                share.clamp(0.0, 1.0).sqrt()
            );
        }
    }
    svg + r##"<circle cx="160" cy="90" r="14" fill="none" stroke="#b5394b" stroke-width="2"/></svg>"##
}

/// Who spoke when: the person above, the persona below.
pub(super) fn talk(report: &Value, label: &str, who: [&str; 2]) -> String {
    let frame = Frame { to_ms: end_ms(report), low: 0.0, high: 1.0 };
    let mut svg = open(64.0, label);
    for (row, name) in who.iter().enumerate() {
        let _ = write!(svg, r#"<text x="0" y="{}" class="axis">{name}</text>"#, 16 + row * 26);
    }
    for line in list(&report["talk"]) {
        let (Some(from), Some(to)) = (number(line, "from_ms"), number(line, "to_ms")) else { continue };
        let person = line["who"] == "user";
        let (y, colour) = if person { (4, COLOURS[0]) } else { (30, COLOURS[1]) };
        let x = frame.x(from);
        // What was written takes no time, and is a stroke.
        let _ = write!(
            svg,
            r#"<rect x="{x:.1}" y="{y}" width="{:.1}" height="18" fill="{colour}"/>"#,
            (frame.x(to) - x).max(1.5)
        );
    }
    svg + "</svg>"
}
