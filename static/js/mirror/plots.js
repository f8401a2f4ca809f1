/**
 * Small pictures of scores, as SVG: the dial, the line of its history, its band, the moments on a time line.
 *
 * @typedef {{at: number, value: number}} Point
 */
import { draw } from "../dom.js";
import { bandScale } from "./scores.js";

/** A dial opens downwards: 240 degrees, from lower left over the top to lower right. */
const SWEEP = 240;

/**
 * The path of an arc around (50, 50), from the dial's beginning through a share of its sweep.
 * @param {number} radius
 * @param {number} share
 */
function arc(radius, share) {
  const at = (/** @type {number} */ degrees) => {
    const turn = ((degrees - 180 - (SWEEP - 180) / 2) * Math.PI) / 180;
    return `${(50 + radius * Math.cos(turn)).toFixed(2)} ${(50 + radius * Math.sin(turn)).toFixed(2)}`;
  };
  const degrees = SWEEP * Math.min(1, Math.max(0, share));
  return `M${at(0)}A${radius} ${radius} 0 ${degrees > 180 ? 1 : 0} 1 ${at(degrees)}`;
}

/**
 * A dial: the thick arc is the score, the thin one inside how much of the time could be observed.
 * @param {{value: number | null, coverage: number, progress: number, word: string}} shown `progress`: of what is missing, what there is.
 */
export function drawDial({ value, coverage, progress, word }) {
  const share = value === null ? progress : value / 100;
  return draw("svg", { class: "dial-picture", viewBox: "0 0 100 84", "aria-hidden": "true" },
    draw("path", { class: "dial-track", d: arc(42, 1) }),
    share > 0 ? draw("path", { class: value === null ? "dial-progress" : "dial-arc", d: arc(42, share) }) : null,
    coverage > 0 ? draw("path", { class: "dial-coverage", d: arc(33.5, coverage) }) : null,
    draw("text", { class: "dial-value", x: 50, y: word ? 57 : 59, "text-anchor": "middle" }, value === null ? "–" : String(Math.round(value))),
    word ? draw("text", { class: "dial-word", x: 50, y: 79, "text-anchor": "middle" }, word) : null);
}

/**
 * The line of a history over the last `span` milliseconds before `now`.
 * @param {Point[]} history
 * @param {{now: number, span: number, width: number, height: number, label?: string}} frame
 */
export function drawSparkline(history, { now, span, width, height, label }) {
  const since = now - span;
  const inside = history.filter(({ at }) => at >= since);
  const x = (/** @type {number} */ at) => (((at - since) / span) * width).toFixed(1);
  const y = (/** @type {number} */ value) => (height - 2 - (value / 100) * (height - 4)).toFixed(1);
  const points = inside.map(({ at, value }) => `${x(at)},${y(value)}`);
  const last = inside.at(-1);
  return draw("svg", { class: "sparkline", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) },
    draw("path", { class: "sparkline-middle", d: `M0 ${y(50)}H${width}` }),
    points.length > 1 ? draw("polyline", { class: "sparkline-line", points: points.join(" ") }) : null,
    // A line of no length with a round end: a dot that keeps its shape however the picture is stretched.
    last ? draw("path", { class: "sparkline-dot", d: `M${x(last.at)} ${y(last.value)}h0.01` }) : null);
}

/**
 * A band and the measure on it: faint where the score rises and falls, full where it is 100.
 * @param {(number | null)[]} band
 * @param {number} measure
 */
export function drawBand(band, measure) {
  const { zeroFrom, fullFrom, fullTo, zeroTo, at } = bandScale(band, measure);
  const bar = (/** @type {string} */ kind, /** @type {number} */ from, /** @type {number} */ to) =>
    draw("rect", { class: kind, x: (from * 100).toFixed(1), y: 0, width: Math.max(0, (to - from) * 100).toFixed(1), height: 10 });
  return draw("svg", { class: "band", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    bar("band-all", 0, 1), bar("band-some", zeroFrom, zeroTo), bar("band-full", fullFrom, fullTo),
    draw("path", { class: "band-at", d: `M${(at * 100).toFixed(1)} 0v10` }));
}

/**
 * Moments on the time of the scene.
 * @param {import("./scores.js").Evidence[]} moments
 * @param {{from: number, to: number}} frame
 * @param {string} label
 */
export function drawMoments(moments, { from, to }, label) {
  const x = (/** @type {number} */ ms) => Math.min(100, Math.max(0, ((ms - from) / Math.max(1, to - from)) * 100));
  const marks = moments.map(({ from_ms, to_ms }, index) =>
    draw("rect", { class: "moment-mark", "data-index": index, x: x(from_ms).toFixed(2), y: 4, width: Math.max(0.6, x(to_ms) - x(from_ms)).toFixed(2), height: 16, rx: 0.3 }));
  return draw("svg", { class: "moments-line", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": label },
    draw("path", { class: "moments-axis", d: "M0 22H100" }), ...marks);
}
