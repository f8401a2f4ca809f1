/**
 * The evidence drawer: one score, and everything that a person may ask about it. A modal dialog: the browser keeps
 * the focus inside, closes it with Escape and gives the focus back.
 *
 * @typedef {import("./scores.js").Scores} Scores
 * @typedef {import("./scores.js").ScoreName} ScoreName
 * @typedef {import("./scores.js").Detail} Detail
 * @typedef {import("./scores.js").Evidence} Evidence
 * @typedef {import("../i18n.js").WordKey} WordKey
 */
import { byId, make } from "../dom.js";
import { hasWords, language, t } from "../i18n.js";
import { drawBand, drawDial, drawMoments, drawSparkline } from "./plots.js";
import { toneOf } from "./scores.js";

/** The drawer looks further back than the dials. */
const HISTORY_MS = 600_000;

/** Units whose numbers are shares of one. */
const SHARES = /share|smiling/;

export class Drawer {
  /** @param {{itemOf: (moment: Evidence) => string | null, jump: (item: string) => void}} script */
  constructor(script) {
    this.script = script;
    this.dialog = byId("evidence", HTMLDialogElement);
    this.body = byId("evidence-body");
    /** @type {ScoreName | null} */
    this.name = null;
    byId("evidence-close").addEventListener("click", () => this.dialog.close());
    // A press beside the drawer closes it.
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  /**
   * @param {ScoreName} name
   * @param {Scores} scores
   */
  open(name, scores) {
    this.name = name;
    this.show(scores);
    if (!this.dialog.open) this.dialog.showModal();
    byId("evidence-title").focus();
  }

  close() {
    this.dialog.close();
  }

  /**
   * Draws anew; whoever has the focus keeps it.
   * @param {Scores} scores
   */
  show(scores) {
    const { name } = this;
    if (name === null) return;
    const held = this.body.contains(document.activeElement) ? document.activeElement?.getAttribute("data-moment") : null;
    const scrolled = this.body.scrollTop;
    const detail = scores.detail(name);
    byId("evidence-title").textContent = t(/** @type {const} */ (`score_${name}`));
    byId("evidence-about").textContent = t(/** @type {const} */ (`about_${name}`));
    this.dialog.dataset.tone = toneOf(detail?.value ?? null);
    this.body.replaceChildren(...[
      this.drawHead(name, detail, scores),
      detail?.shares ? drawShares(detail.shares) : null,
      drawPlace(detail),
      drawHistory(name, scores),
      this.drawMoments(detail, scores),
    ].flatMap((part) => part ?? []));
    this.body.scrollTop = scrolled;
    if (held) /** @type {HTMLElement | null} */ (this.body.querySelector(`[data-moment="${CSS.escape(held)}"]`))?.focus();
  }

  /**
   * @param {ScoreName} name
   * @param {Detail | null} detail
   * @param {Scores} scores
   */
  drawHead(name, detail, scores) {
    const value = detail?.value ?? null;
    const word = name === "expression" && value !== null ? (scores.mood ?? "") : "";
    const why = value === null ? detail?.why_not : null;
    const progress = why && why.needs > 0 ? why.has / why.needs : 0;
    return make("div", { class: "evidence-head" },
      drawDial({ value, coverage: detail?.coverage ?? 0, progress, word }),
      why ? make("p", { class: "evidence-why" }, why.text) : drawFacts(detail));
  }

  /**
   * @param {Detail | null} detail
   * @param {Scores} scores
   */
  drawMoments(detail, scores) {
    const moments = detail?.evidence ?? [];
    if (moments.length === 0) return part("moments_title", make("p", { class: "muted" }, t("moments_none")));
    const frame = { from: moments[0]?.from_ms ?? 0, to: Math.max(scores.at, ...moments.map(({ to_ms }) => to_ms)) };
    const line = drawMoments(moments, frame, t("moments_title"));
    const ends = make("div", { class: "moments-ends", "aria-hidden": "true" }, make("span", {}, clock(frame.from)), make("span", {}, clock(frame.to)));
    const items = moments.map((moment, index) => this.drawMoment(moment, line.querySelector(`[data-index="${index}"]`)));
    return part("moments_title", line, ends, make("ol", { class: "moments" }, ...items.reverse()));
  }

  /**
   * @param {Evidence} moment
   * @param {Element | null} mark Its place on the line.
   */
  drawMoment(moment, mark) {
    const item = this.script.itemOf(moment);
    const words = [
      make("span", { class: "moment-time" }, clock(moment.from_ms)),
      make("span", { class: "moment-what" }, whatWords(moment)),
    ];
    const key = `${moment.from_ms}-${moment.what}`;
    const entry = item
      ? make("button", { type: "button", class: "moment", title: t("moment_jump"), "data-moment": key }, ...words)
      : make("div", { class: "moment", tabindex: 0, "data-moment": key }, ...words);
    if (item) entry.addEventListener("click", () => (this.dialog.close(), this.script.jump(item)));
    const light = (/** @type {boolean} */ on) => () => mark?.classList.toggle("lit", on);
    for (const name of ["mouseenter", "focus"]) entry.addEventListener(name, light(true));
    for (const name of ["mouseleave", "blur"]) entry.addEventListener(name, light(false));
    return make("li", {}, entry);
  }
}

/**
 * @param {WordKey} title
 * @param {...(Node | null)} children
 */
function part(title, ...children) {
  return make("section", { class: "evidence-part" }, make("h3", {}, t(title)), ...children);
}

/** @param {Detail | null} detail */
function drawFacts(detail) {
  if (!detail) return null;
  const percent = (/** @type {number | undefined} */ share) => (typeof share === "number" ? `${Math.round(share * 100)} %` : "");
  const source = `source_${detail.source}`;
  /** @type {[WordKey, string][]} */
  const facts = [
    ["fact_source", hasWords(source) ? t(source) : ""],
    ["fact_observed", percent(detail.coverage)],
    ["fact_quality", percent(detail.quality)],
    ["fact_counted", detail.n ? String(detail.n) : ""],
  ];
  return make("dl", { class: "evidence-facts" },
    ...facts.filter(([, words]) => words).map(([key, words]) => make("div", {}, make("dt", {}, t(key)), make("dd", {}, words))));
}

/** @param {Detail | null} detail */
function drawPlace(detail) {
  const { band, measure, unit = "" } = detail ?? {};
  if (!band || typeof measure !== "number") return null;
  const [, low, high] = band;
  const values = { measure: inUnit(measure, unit), low: bare(low ?? 0, unit), high: bare(high ?? 0, unit) };
  const key = typeof low !== "number" ? "band_words_to" : typeof high !== "number" ? "band_words_from" : "band_words";
  return part("band_title", drawBand(band, measure), make("p", {}, t(key, values)));
}

/**
 * @param {ScoreName} name
 * @param {Scores} scores
 */
function drawHistory(name, scores) {
  const history = scores.history(name);
  const [first, last] = [history[0], history.at(-1)];
  if (!first || !last) return null;
  const values = history.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const words = low === high ? t("history_same", { value: low }) : t("history_words", { first: first.value, last: last.value, low, high });
  const span = Math.min(HISTORY_MS, Math.max(30_000, scores.at - first.at));
  return part("history_title", drawSparkline(history, { now: scores.at, span, width: 300, height: 60, label: words }), make("p", {}, words));
}

/** @param {Record<string, number>} shares */
function drawShares(shares) {
  const rows = Object.entries(shares).filter(([, share]) => share >= 0.005).sort(([, a], [, b]) => b - a).map(([name, share]) => {
    const key = `share_${name}`;
    const bar = make("span", { class: "share-bar" });
    bar.style.setProperty("--share", String(share));
    return make("li", { "data-share": name }, make("span", {}, hasWords(key) ? t(key) : name), make("span", { class: "share-lane", "aria-hidden": "true" }, bar), make("span", { class: "share-value" }, `${Math.round(share * 100)} %`));
  });
  return part("shares_title", make("ul", { class: "shares" }, ...rows));
}

/**
 * What a moment was, and how much.
 * @param {Evidence} moment
 */
function whatWords({ what, value, from_ms, to_ms }) {
  const key = `what_${what}`;
  const values = { value: plain(value), signed: `${value > 0 ? "+" : ""}${plain(value)}`, s: plain((to_ms - from_ms) / 1000) };
  return hasWords(key) ? t(key, values) : what.replaceAll("_", " ");
}

/**
 * @param {number} value
 * @param {string} unit
 */
function inUnit(value, unit) {
  const key = `unit_${unit}`;
  return hasWords(key) ? t(key, { value: bare(value, unit) }) : bare(value, unit);
}

/**
 * The number alone; shares as per cent.
 * @param {number} value
 * @param {string} unit
 */
function bare(value, unit) {
  return plain(SHARES.test(unit) ? value * 100 : value);
}

/** @param {number} value */
function plain(value) {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 }).format(value);
}

/** @param {number} ms */
function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
