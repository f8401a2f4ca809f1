/**
 * The waterfall of a turn: what took how long between the end of the person's words and the first sound.
 *
 * @typedef {import("./types.js").Latency} Latency
 * @typedef {import("./i18n.js").WordKey} WordKey
 */
import { draw, make } from "./dom.js";
import { hasWords, seconds, t } from "./i18n.js";

/**
 * Each bar ends at a stage and begins where the one before it ended.
 * @type {{key: "waiting" | "hearing" | "thinking" | "clause" | "speaking", until: string}[]}
 */
const BARS = [
  { key: "waiting", until: "turn_decided" },
  { key: "hearing", until: "transcript" },
  { key: "thinking", until: "first_token" },
  { key: "clause", until: "first_clause" },
  { key: "speaking", until: "first_audio" },
];

/**
 * The bars of a turn with their beginnings and lengths in milliseconds; stages that did not happen are left out.
 * @param {Latency} latency
 */
export function barsOf(latency) {
  const ends = new Map(latency.stages.map(({ name, at_ms }) => [name, at_ms]));
  const spoken = ends.has("turn_decided");
  let from = 0;
  return BARS.flatMap(({ key, until }) => {
    const end = ends.get(until);
    if (end === undefined || (key === "hearing" && !spoken)) return [];
    const bar = { key, from, ms: Math.max(0, end - from) };
    from = Math.max(from, end);
    return [bar];
  });
}

/**
 * How far the lanes reach: over the whole turn, and to the target when that is not much further.
 * @param {Latency} latency
 */
export function scaleOf(latency) {
  const total = Math.max(1, latency.total_ms, ...barsOf(latency).map(({ from, ms }) => from + ms));
  const target = latency.budget?.target_ms ?? 0;
  return { scale: target <= total * 2 ? Math.max(total, target) : total, target };
}

/**
 * @param {Latency} latency
 * @returns {HTMLElement}
 */
export function drawWaterfall(latency) {
  const bars = barsOf(latency);
  const { scale, target } = scaleOf(latency);
  const spoken = bars.some(({ key }) => key === "waiting");
  const sounded = bars.some(({ key }) => key === "speaking");
  const heading = t("timing_turn", {
    turn: latency.turn,
    total: seconds(latency.total_ms),
    from: t(spoken ? "timing_from_speech" : "timing_from_text"),
    to: t(sounded ? "timing_to_sound" : "timing_to_words"),
  });
  const rows = bars.map(({ key, from, ms }) => {
    const bar = make("span", { class: "bar", "data-bar": key });
    bar.style.setProperty("--from", String(from / scale));
    bar.style.setProperty("--share", String(ms / scale));
    const words = t(/** @type {WordKey} */ (`bar_${key}`));
    const ahead = latency.speculative === true && ms === 0;
    return make("li", { title: t(/** @type {WordKey} */ (`help_${key}`)), ...(ahead ? { class: "ahead" } : {}) },
      make("span", { class: "bar-name" }, words),
      make("span", { class: "bar-lane", "aria-hidden": "true" }, bar),
      make("span", { class: "bar-time" }, ahead ? t("bar_ahead") : seconds(ms)));
  });
  const list = make("ul", { class: "bars" }, ...rows);
  if (target > 0 && target <= scale) {
    list.dataset.target = String(target);
    list.style.setProperty("--target", String(target / scale));
  }
  return make("div", { class: "waterfall", "data-turn": latency.turn },
    make("p", { class: "timing-head" }, heading),
    list,
    facts(latency),
    sums(latency));
}

/**
 * What else there is to say of the turn: that it was thought ahead, what was aimed at, and what was given up for that.
 * @param {Latency} latency
 */
function facts(latency) {
  const { budget } = latency;
  const chips = [];
  if (latency.speculative === true) {
    const spark = draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: "M9 1.5 3.5 9H7l-1 5.5L12.5 6H8.4Z" }));
    chips.push(make("li", { class: "fact", "data-fact": "speculative" }, spark, t("timing_ahead")));
  }
  if (budget?.target_ms) {
    const late = latency.total_ms > budget.target_ms;
    const key = `step_${budget.step}`;
    const step = hasWords(key) ? t(key) : budget.step;
    const words = [t("timing_target", { target: seconds(budget.target_ms) }), step].filter(Boolean).join(" · ");
    chips.push(make("li", { class: "fact", "data-fact": "budget", "data-late": String(late) }, make("i", { class: "fact-mark", "aria-hidden": "true" }), words));
  }
  return chips.length > 0 ? make("ul", { class: "facts" }, ...chips) : null;
}

/** @param {Latency} latency */
function sums(latency) {
  const models = latency.models.reduce((sum, { ms }) => sum + ms, 0);
  /** @type {[WordKey, number, string][]} */
  const entries = [["timing_models", models, "models"], ["timing_outside", latency.outside_ms, "outside"]];
  if (latency.wait_ms) entries.push(["timing_wait", latency.wait_ms, "wait"]);
  return make("dl", { class: "sums" }, ...entries.map(([key, ms, name]) =>
    make("div", { "data-sum": name }, make("dt", {}, t(key)), make("dd", {}, seconds(ms)))));
}
