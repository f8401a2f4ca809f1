/** Tempo by tapping: the middle of the last intervals, begun anew after a pause. */

/** A pause of so long begins a new tempo; the slowest is 30 beats a minute. */
const PAUSE_MS = 2_200;

/** Older taps say nothing about the tempo now. */
const KEPT = 6;

export class Tap {
  constructor() {
    /** @type {number[]} */
    this.taps = [];
  }

  /**
   * @param {number} at Milliseconds.
   * @returns {number | null} Beats a minute, from the second tap on.
   */
  tap(at) {
    if (at - (this.taps.at(-1) ?? -Infinity) > PAUSE_MS) this.taps = [];
    this.taps.push(at);
    if (this.taps.length > KEPT) this.taps.shift();
    const gaps = this.taps.slice(1).map((tap, index) => tap - /** @type {number} */ (this.taps[index]));
    if (gaps.length === 0) return null;
    gaps.sort((a, b) => a - b);
    const middle = ((gaps[(gaps.length - 1) >> 1] ?? 0) + (gaps[gaps.length >> 1] ?? 0)) / 2;
    return Math.max(30, Math.min(300, Math.round(60_000 / middle)));
  }
}
