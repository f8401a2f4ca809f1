/**
 * How good a call is, from what the browser counts. Pure.
 *
 * @typedef {object} Figures
 * @property {number | null} roundTrip Milliseconds there and back.
 * @property {number | null} lost Share of the packets that did not arrive since the last look, 0 to 1.
 * @property {number | null} jitter Milliseconds by which packets come unevenly.
 * @property {number | null} delay Milliseconds that sound waits here, so that it plays without gaps.
 */

/** The counters that only say something by how much they have grown. */
const COUNTERS = /** @type {const} */ (["packetsReceived", "packetsLost", "jitterBufferDelay", "jitterBufferEmittedCount"]);

/** @typedef {Record<typeof COUNTERS[number], number>} Counted */

/** Looks at one call, again and again. */
export class Gauge {
  constructor() {
    /** @type {Counted | null} */
    this.before = null;
  }

  /**
   * @param {Iterable<any>} report The entries of `getStats`.
   * @returns {Figures}
   */
  read(report) {
    const all = [...report];
    const inbound = all.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
    const pair = all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
    const since = this.since(inbound);
    const packets = since ? since.packetsReceived + since.packetsLost : 0;
    return {
      roundTrip: ms(pair?.currentRoundTripTime),
      lost: since && packets > 0 ? Math.max(0, since.packetsLost / packets) : null,
      jitter: ms(inbound?.jitter),
      delay: since && since.jitterBufferEmittedCount > 0 ? ms(since.jitterBufferDelay / since.jitterBufferEmittedCount) : null,
    };
  }

  /**
   * By how much the counters have grown; from nothing at the first look.
   * @param {any} inbound
   * @returns {Counted | null}
   */
  since(inbound) {
    if (!inbound) return null;
    const now = /** @type {Counted} */ (Object.fromEntries(COUNTERS.map((name) => [name, inbound[name] ?? 0])));
    const before = this.before;
    this.before = now;
    // A new connection counts from the start.
    if (!before || now.packetsReceived < before.packetsReceived) return now;
    return /** @type {Counted} */ (Object.fromEntries(COUNTERS.map((name) => [name, now[name] - before[name]])));
  }
}

/** @param {unknown} seconds */
function ms(seconds) {
  return typeof seconds === "number" && Number.isFinite(seconds) ? Math.round(seconds * 1000) : null;
}
