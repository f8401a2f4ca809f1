/**
 * How the scene is connected, small, beside the reply times: the kind, why it is not a call, and how good the call is.
 *
 * @typedef {import("./line.js").Kind} Kind
 * @typedef {import("./line.js").Why} Why
 * @typedef {import("./rtc/figures.js").Figures} Figures
 */
import { byId, make } from "./dom.js";
import { onLanguage, t } from "./i18n.js";

/** Above these, and lower down, what is heard suffers. */
const POOR = { roundTrip: 300, lost: 0.05, jitter: 50 };

export class LineMark {
  constructor() {
    /** @type {Kind | null} */
    this.kind = null;
    /** @type {Why | null} */
    this.why = null;
    this.detail = "";
    /** @type {Figures | null} */
    this.figures = null;
    onLanguage(() => this.draw());
  }

  /**
   * @param {Kind} kind
   * @param {Why | null} why
   * @param {string} detail
   */
  setKind(kind, why, detail) {
    Object.assign(this, { kind, why, detail, figures: null });
    this.draw();
  }

  /** @param {Figures} figures */
  setFigures(figures) {
    this.figures = figures;
    this.draw();
  }

  draw() {
    const mark = byId("line");
    mark.hidden = this.kind === null;
    if (this.kind === null) return;
    mark.dataset.kind = this.kind;
    const words = wordsOf(this.kind, this.why, this.figures);
    mark.dataset.quality = isPoor(this.figures) ? "poor" : "good";
    mark.title = this.detail;
    mark.replaceChildren(make("b", {}, t(`line_${this.kind}`)), ...words.map((word) => make("span", {}, word)));
  }
}

/**
 * What there is to say of it.
 * @param {Kind} kind
 * @param {Why | null} why
 * @param {Figures | null} figures
 */
function wordsOf(kind, why, figures) {
  if (kind === "socket") return why === null ? [] : [t(`line_why_${why}`)];
  const { roundTrip, lost, jitter } = figures ?? {};
  /** @param {number | null | undefined} value */
  const known = (value) => value !== null && value !== undefined;
  return [
    known(roundTrip) ? t("line_round_trip", { ms: Number(roundTrip) }) : "",
    known(lost) ? t("line_lost", { percent: Math.round(Number(lost) * 1000) / 10 }) : "",
    known(jitter) ? t("line_jitter", { ms: Number(jitter) }) : "",
  ].filter(Boolean);
}

/** @param {Figures | null} figures */
function isPoor(figures) {
  if (figures === null) return false;
  const { roundTrip, lost, jitter } = figures;
  return (roundTrip ?? 0) > POOR.roundTrip || (lost ?? 0) > POOR.lost || (jitter ?? 0) > POOR.jitter;
}
