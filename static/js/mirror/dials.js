/**
 * The dials: eight scores and their total, read in two seconds. Each says its value, how far it can be trusted, where
 * its measure lies and how it has moved; a press opens what made it.
 *
 * @typedef {import("./scores.js").Scores} Scores
 * @typedef {import("./scores.js").ScoreName} ScoreName
 */
import { byId, make } from "../dom.js";
import { t } from "../i18n.js";
import { drawBand, drawDial, drawSparkline } from "./plots.js";
import { NAMES, OF_FACE, toneOf } from "./scores.js";

/** What the small lines show: three minutes are enough to see where it goes. */
const SPARK_MS = 180_000;

export class Dials {
  /** @param {(name: ScoreName) => void} open */
  constructor(open) {
    /** @type {Map<ScoreName, HTMLElement>} */
    this.places = new Map();
    for (const name of NAMES) {
      const place = make("li", { class: name === "total_score" ? "dial total" : "dial", "data-score": name },
        make("div", { class: "dial-meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 }),
        make("button", { class: "dial-open", type: "button", "aria-haspopup": "dialog" }));
      place.querySelector("button")?.addEventListener("click", () => open(name));
      this.places.set(name, place);
    }
    byId("dials").replaceChildren(...["total_score", ...NAMES.slice(0, -1)].flatMap((name) => this.places.get(/** @type {ScoreName} */ (name)) ?? []));
  }

  /**
   * @param {Scores} scores
   * @param {{withFace: boolean, lost: boolean}} shown Without the face, what only a camera can tell is left out. Lost:
   *   nothing new comes, the last values stand in grey.
   */
  show(scores, { withFace, lost }) {
    for (const [name, place] of this.places) {
      place.hidden = OF_FACE.has(name) && !withFace;
      if (!place.hidden) this.showOne(name, place, scores);
    }
    byId("dials").dataset.face = String(withFace);
    byId("dials").dataset.lost = String(lost);
    byId("mirror-empty").hidden = scores.details.size > 0 || lost;
    const words = lost ? t("scores_lost") : scores.summary;
    if (byId("summary").textContent !== words) byId("summary").textContent = words;
  }

  /**
   * @param {ScoreName} name
   * @param {HTMLElement} place
   * @param {Scores} scores
   */
  showOne(name, place, scores) {
    const detail = scores.detail(name);
    const value = detail?.value ?? null;
    const why = value === null ? (detail?.why_not ?? null) : null;
    const title = t(/** @type {const} */ (`score_${name}`));
    const word = name === "expression" && value !== null ? (scores.mood ?? "") : "";
    place.dataset.tone = toneOf(value);
    const meter = /** @type {HTMLElement} */ (place.firstElementChild);
    meter.setAttribute("aria-label", title);
    meter.setAttribute("aria-valuenow", String(value ?? 0));
    meter.setAttribute("aria-valuetext", spoken(title, value, word, why?.text ?? t("moments_none")));
    const coverage = value === null ? 0 : (detail?.coverage ?? 0);
    const progress = why && why.needs > 0 ? why.has / why.needs : 0;
    meter.replaceChildren(
      drawDial({ value, coverage, progress, word }),
      make("span", { class: "dial-name" }, title),
      value === null ? make("span", { class: "dial-why" }, why?.text ?? "") : this.drawRest(name, scores));
    place.lastElementChild?.setAttribute("aria-label", t("score_why", { name: title }));
  }

  /**
   * @param {ScoreName} name
   * @param {Scores} scores
   */
  drawRest(name, scores) {
    const { band, measure } = scores.detail(name) ?? {};
    return make("span", { class: "dial-rest" },
      drawSparkline(scores.history(name), { now: scores.at, span: SPARK_MS, width: 100, height: 18 }),
      band && typeof measure === "number" ? drawBand(band, measure) : null);
  }
}

/**
 * What a screen reader says of a dial.
 * @param {string} name
 * @param {number | null} value
 * @param {string} word
 * @param {string} why
 */
function spoken(name, value, word, why) {
  if (value === null) return t("score_missing", { name, why });
  return word ? t("score_word", { name, value, word }) : t("score_value", { name, value });
}
