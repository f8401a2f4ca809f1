/**
 * The waterfall of a turn: what took how long between the end of the person's words and the first sound.
 *
 * @typedef {import("./types.js").Latency} Latency
 * @typedef {import("./i18n.js").WordKey} WordKey
 */
import { make } from "./dom.js";
import { seconds, t } from "./i18n.js";

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
 * @param {Latency} latency
 * @returns {HTMLElement}
 */
export function drawWaterfall(latency) {
  const bars = barsOf(latency);
  const total = Math.max(1, latency.total_ms, ...bars.map(({ from, ms }) => from + ms));
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
    bar.style.setProperty("--from", String(from / total));
    bar.style.setProperty("--share", String(ms / total));
    const words = t(/** @type {WordKey} */ (`bar_${key}`));
    return make("li", { title: t(/** @type {WordKey} */ (`help_${key}`)) },
      make("span", { class: "bar-name" }, words),
      make("span", { class: "bar-lane", "aria-hidden": "true" }, bar),
      make("span", { class: "bar-time" }, seconds(ms)));
  });
  return make("div", { class: "waterfall", "data-turn": latency.turn },
    make("p", { class: "timing-head" }, heading),
    make("ul", { class: "bars" }, ...rows),
    sums(latency));
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
