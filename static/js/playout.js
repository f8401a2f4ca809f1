/**
 * When the server is told how far the persona's voice has come: every 200 ms while it sounds, and once at each
 * change (begun, held, going on, stopped, finished). Pure.
 *
 * @typedef {object} Playing
 * @property {string | null} item Which item sounds; `null` before the first.
 * @property {number} ms How much of it has left the loudspeaker.
 * @property {boolean} playing
 */

/** Between two reports of a voice that sounds. */
const EVERY_MS = 200;

export class Playout {
  /** @param {(item: string, ms: number) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** @type {Playing} What was told last. */
    this.told = { item: null, ms: 0, playing: false };
    this.toldAt = 0;
    this.last = 0;
  }

  /**
   * @param {number} now Milliseconds on any clock.
   * @param {Playing} state
   */
  update(now, state) {
    if (state.item === null) return;
    const changed = state.item !== this.told.item || state.playing !== this.told.playing;
    // What was on its way to the loudspeaker at a pause or at the end sounds on for its latency.
    const settled = !state.playing && state.ms === this.last;
    const unsaid = state.ms !== this.told.ms;
    this.last = state.ms;
    if (changed || (unsaid && (settled || now - this.toldAt >= EVERY_MS))) this.report(now, state);
  }

  /**
   * @param {number} now
   * @param {Playing} state
   */
  report(now, state) {
    this.told = { ...state };
    this.toldAt = now;
    if (state.item !== null) this.tell(state.item, state.ms);
  }
}
