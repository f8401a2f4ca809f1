/**
 * Mouth shapes: what each viseme looks like, and a smooth way from one to the next. Pure.
 *
 * @typedef {object} Shape All from 0 to 1 but `smile`, which also goes below 0.
 * @property {number} open How far the jaw is down.
 * @property {number} wide How far the corners are apart.
 * @property {number} round How far the lips are pushed forward.
 * @property {number} teeth How much of the upper teeth shows.
 * @property {number} tongue How high the tongue is.
 * @property {number} smile How far the corners are up.
 *
 * @typedef {{at: number, viseme: string}} Cue
 */

/** @type {Record<string, Shape>} */
export const SHAPES = {
  rest: { open: 0, wide: 0.62, round: 0, teeth: 0, tongue: 0, smile: 0.95 },
  pbm: { open: 0, wide: 0.42, round: 0.1, teeth: 0, tongue: 0, smile: 0.1 },
  fv: { open: 0.12, wide: 0.5, round: 0, teeth: 1, tongue: 0, smile: 0.15 },
  tdn: { open: 0.26, wide: 0.55, round: 0, teeth: 0.7, tongue: 0.9, smile: 0.2 },
  s: { open: 0.16, wide: 0.66, round: 0.05, teeth: 1, tongue: 0.2, smile: 0.25 },
  kg: { open: 0.34, wide: 0.52, round: 0, teeth: 0.4, tongue: 0.3, smile: 0.2 },
  w: { open: 0.18, wide: 0.12, round: 0.9, teeth: 0, tongue: 0, smile: 0.05 },
  a: { open: 0.9, wide: 0.58, round: 0, teeth: 0.55, tongue: 0.25, smile: 0.2 },
  e: { open: 0.5, wide: 0.78, round: 0, teeth: 0.7, tongue: 0.35, smile: 0.35 },
  i: { open: 0.24, wide: 0.9, round: 0, teeth: 0.8, tongue: 0.4, smile: 0.45 },
  o: { open: 0.62, wide: 0.2, round: 0.7, teeth: 0.15, tongue: 0.1, smile: 0.1 },
  u: { open: 0.28, wide: 0.08, round: 1, teeth: 0, tongue: 0, smile: 0.05 },
};

/** Lips begin to move this long before the sound, as people's do. */
const ANTICIPATION_MS = 50;

/** Time constant of the lips: fast enough for 12 shapes a second, slow enough not to flicker. */
const SMOOTHING_MS = 42;

/** The cues of one item, and where they are on its clock. */
export class MouthTrack {
  constructor() {
    /** @type {Cue[]} */
    this.cues = [];
  }

  /** @param {{at_ms: number, viseme: string}[]} cues */
  add(cues) {
    for (const { at_ms, viseme } of cues) {
      if (Number.isFinite(at_ms)) this.cues.push({ at: at_ms, viseme });
    }
    this.cues.sort((a, b) => a.at - b.at);
  }

  /**
   * The viseme at this moment of the item.
   * @param {number} ms
   */
  at(ms) {
    const time = ms + ANTICIPATION_MS;
    let low = 0;
    let high = this.cues.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {Cue} */ (this.cues[middle]).at <= time) low = middle + 1;
      else high = middle;
    }
    return this.cues[low - 1]?.viseme ?? "rest";
  }
}

/**
 * One step of the lips towards `target`.
 * @param {Shape} from
 * @param {Shape} target
 * @param {number} elapsed Milliseconds.
 * @returns {Shape}
 */
export function approach(from, target, elapsed) {
  const share = 1 - Math.exp(-Math.max(0, elapsed) / SMOOTHING_MS);
  const next = { ...from };
  for (const key of /** @type {(keyof Shape)[]} */ (Object.keys(target))) next[key] += (target[key] - from[key]) * share;
  return next;
}

/**
 * The outlines of a mouth around (0, 0), in units of the portrait.
 * @param {Shape} shape
 */
export function outlines(shape) {
  const half = 19 + 11 * shape.wide - 9 * shape.round;
  const drop = 30 * shape.open;
  const lip = 4.6 + 2.6 * shape.round;
  const corner = -6 * shape.smile + drop * 0.22;
  const inner = half - 3.5 + 1.5 * shape.round;
  const gap = Math.max(0.1, drop);
  const top = -1.2 - shape.round * 1.6;
  const outer =
    `M${n(-half)} ${n(corner)}` +
    `C${n(-half * 0.6)} ${n(top - lip * 0.9)} ${n(-half * 0.22)} ${n(top - lip * 1.35)} 0 ${n(top - lip * 0.75)}` +
    `C${n(half * 0.22)} ${n(top - lip * 1.35)} ${n(half * 0.6)} ${n(top - lip * 0.9)} ${n(half)} ${n(corner)}` +
    `C${n(half * 0.72)} ${n(gap + lip * 1.5)} ${n(half * 0.34)} ${n(gap + lip * 2.15)} 0 ${n(gap + lip * 2.15)}` +
    `C${n(-half * 0.34)} ${n(gap + lip * 2.15)} ${n(-half * 0.72)} ${n(gap + lip * 1.5)} ${n(-half)} ${n(corner)}Z`;
  const hollow =
    `M${n(-inner)} ${n(corner + 0.3)}` +
    `C${n(-inner * 0.5)} ${n(top + 1.2)} ${n(inner * 0.5)} ${n(top + 1.2)} ${n(inner)} ${n(corner + 0.3)}` +
    `C${n(inner * 0.66)} ${n(gap + 2.4)} ${n(-inner * 0.66)} ${n(gap + 2.4)} ${n(-inner)} ${n(corner + 0.3)}Z`;
  const teeth = { y: top - 3, height: Math.max(0, 3 + Math.min(8, gap * 0.8) * shape.teeth) };
  const tongue = { y: gap + 4 - shape.tongue * gap * 0.45, width: inner * 0.62 };
  return { outer, hollow, teeth, tongue };
}

/** @param {number} value */
function n(value) {
  return value.toFixed(1);
}
