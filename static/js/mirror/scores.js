/**
 * The scores of a scene as they have come so far. Pure.
 *
 * @typedef {{from_ms: number, to_ms: number, what: string, value: number, turn?: number}} Evidence
 * @typedef {{code: string, needs: number, has: number, text: string}} WhyNot
 *
 * @typedef {object} Detail
 * @property {number | null} value 0 to 100; null while there is too little to judge by.
 * @property {number | null} [measure] In `unit`.
 * @property {string} [unit]
 * @property {(number | null)[] | null} [band] Where the score is 0, 100, 100 and 0; null for no end on that side.
 * @property {number} [n]
 * @property {number} [coverage] 0 to 1.
 * @property {number} [quality] 0 to 1.
 * @property {string} [source]
 * @property {WhyNot | null} [why_not]
 * @property {Evidence[]} [evidence]
 * @property {Record<string, number>} [shares] Of the expression alone.
 *
 * @typedef {(typeof NAMES)[number]} ScoreName
 */

/** In the order of the page: what the partner thinks first, what the camera sees last. */
export const NAMES = /** @type {const} */ ([
  "likability", "initiative", "tone", "concentration", "gaze_stability", "blinking", "posture", "expression", "total_score",
]);

/** What only a camera can tell. @type {ReadonlySet<string>} */
export const OF_FACE = new Set(["concentration", "gaze_stability", "blinking", "posture", "expression"]);

/** One value a second for the longest sitting that anybody looks back on: ten minutes. */
const HISTORY = 600;

/** Evidence is told sixteen moments at a time; so many of each score are kept. */
const MOMENTS = 64;

export class Scores {
  constructor() {
    /** @type {Map<ScoreName, Detail>} */
    this.details = new Map();
    /** @type {Map<ScoreName, {at: number, value: number}[]>} */
    this.histories = new Map();
    /** What the face mostly shows, in the person's language. @type {string | null} */
    this.mood = null;
    this.summary = "";
    /** The scene's clock, in milliseconds. */
    this.at = 0;
  }

  /** @param {any} event A `duologue.scores`. */
  take(event) {
    this.at = number(event.at_ms) ?? this.at;
    this.mood = typeof event.expression === "string" ? event.expression : null;
    this.summary = typeof event.summary === "string" ? event.summary : "";
    for (const name of NAMES) {
      const told = event.details?.[name];
      if (!told) continue;
      const detail = { ...told, value: number(told.value), evidence: this.moments(name, told.evidence) };
      this.details.set(name, detail);
      if (detail.value !== null) this.remember(name, detail.value);
    }
  }

  /** @param {ScoreName} name */
  detail(name) {
    return this.details.get(name) ?? null;
  }

  /** @param {ScoreName} name */
  history(name) {
    return this.histories.get(name) ?? [];
  }

  /**
   * @param {ScoreName} name
   * @param {number} value
   */
  remember(name, value) {
    const history = this.histories.get(name) ?? [];
    if (history.at(-1)?.at === this.at) history.pop();
    history.push({ at: this.at, value });
    if (history.length > HISTORY) history.shift();
    this.histories.set(name, history);
  }

  /**
   * What was told before and what is told now, each moment once, oldest first.
   * @param {ScoreName} name
   * @param {Evidence[] | undefined} told
   */
  moments(name, told) {
    const all = new Map((this.details.get(name)?.evidence ?? []).map((one) => [keyOf(one), one]));
    // A moment that goes on is told again with a later end: the newer one stands.
    for (const one of Array.isArray(told) ? told : []) all.set(keyOf(one), one);
    return [...all.values()].sort((a, b) => a.from_ms - b.from_ms).slice(-MOMENTS);
  }
}

/** @param {Evidence} one */
function keyOf({ from_ms, what }) {
  return `${from_ms} ${what}`;
}

/** @param {unknown} value */
function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/**
 * How a value is shown: three tones, so that two seconds are enough.
 * @param {number | null} value
 */
export function toneOf(value) {
  if (value === null) return "none";
  return value >= 67 ? "high" : value >= 40 ? "middle" : "low";
}

/**
 * The scale on which a band and a measure are drawn, with places from 0 to 1.
 * @param {(number | null)[]} band
 * @param {number} measure
 */
export function bandScale(band, measure) {
  const [a = null, b = null, c = null, d = null] = band.map((edge) => number(edge));
  const edges = [a, b, c, d].filter((edge) => edge !== null);
  const low = Math.min(...edges, measure);
  const high = Math.max(...edges, measure);
  const room = (high - low || 1) * 0.12;
  // Nothing that is measured here goes below nothing.
  const from = low < 0 ? low - room : Math.max(0, low - room);
  const to = high + room;
  // An open side reaches to the end of the scale.
  const place = (/** @type {number | null} */ edge, /** @type {number} */ otherwise) => (edge === null ? otherwise : (edge - from) / (to - from));
  return { zeroFrom: place(a, 0), fullFrom: place(b, 0), fullTo: place(c, 1), zeroTo: place(d, 1), at: place(measure, 0) };
}
