/**
 * Three clocks and how they are told apart: the duet's (on the server), the page's (`performance.now`) and the sound
 * card's (`AudioContext`). No clock is read here: moments come in as numbers, so that tests can pass any.
 */

/** Of so many exchanges, the one that took least is believed: the others waited somewhere on one of their ways. */
const BELIEVED_OF = 16;

/** One believed exchange for each stretch of so long enters the line that says how the clocks drift apart. */
const DRIFT_EVERY_MS = 5_000;

/** How many of these are kept: ten minutes are enough, and temperatures change. */
const DRIFT_KEPT = 120;

/** Drift is not told from the noise of a network in less than this. */
const DRIFT_AFTER_MS = 60_000;

/** What crystals usually differ by: a drift that the noise explains as well is believed less. */
const USUAL_DRIFT = 40e-6;

/** Crystals are better than this; what is more is a clock that was set. */
const MOST_DRIFT = 300e-6;

/** A difference above this is taken over at once, a smaller one little by little: notes must not be moved audibly. */
const STEP_US = 20_000;

/** Small differences are taken over in the time to the next exchange, and no more of them: a thousandth of the tempo is not heard. */
const [TURN_US, MOST_TURN_US] = [2_000_000, 2_000];

/** Weight of a new difference in the jitter, as RFC 3550 has it. */
const JITTER_WEIGHT = 1 / 16;

/** The duet's clock as seen from the page's. */
export class DuetClock {
  constructor() {
    /** @type {{at: number, theta: number, delay: number}[]} */
    this.recent = [];
    /** @type {{at: number, theta: number}[]} */
    this.line = [];
    this.drift = 0;
    this.rtt = 0;
    this.jitter = 0;
    this.exchanges = 0;
    /** What is added to the page's microseconds, since when, and how much more it is going to be. @type {{at: number, offset: number, turn: number} | null} */
    this.applied = null;
  }

  /** A new connection: nothing is known. */
  reset() {
    Object.assign(this, new DuetClock());
  }

  get isKnown() {
    return this.applied !== null;
  }

  /**
   * An exchange has come back. θ = ((t1 − t0) + (t2 − t3)) / 2, delay = (t3 − t0) − (t2 − t1).
   * @param {number} t0 Sent, µs of the page.
   * @param {number} t1 Received, µs of the duet.
   * @param {number} t2 Answered, µs of the duet.
   * @param {number} t3 Come back, µs of the page.
   */
  add(t0, t1, t2, t3) {
    const delay = t3 - t0 - (t2 - t1);
    if (!(delay >= 0) || !Number.isFinite(t1 + t2)) return;
    const at = (t0 + t3) / 2;
    if (this.exchanges > 0) this.jitter += (Math.abs(delay - this.rtt) - this.jitter) * JITTER_WEIGHT;
    this.rtt = delay;
    this.exchanges += 1;
    this.recent.push({ at, theta: (t1 - t0 + (t2 - t3)) / 2, delay });
    if (this.recent.length > BELIEVED_OF) this.recent.shift();
    const before = this.offsetAt(t3);
    this.fit(at);
    this.steer(t3, before);
  }

  /** The exchange that took least; of equals, the newest. */
  get best() {
    return this.recent.reduce((best, one) => (one.delay <= best.delay ? one : best), /** @type {any} */ ({ delay: Infinity }));
  }

  /** @param {number} at µs of the page. */
  fit(at) {
    const last = this.line.at(-1);
    if (last && at - last.at < DRIFT_EVERY_MS * 1000) return;
    if (this.recent.length < BELIEVED_OF / 2) return;
    this.line.push({ at, theta: this.best.theta + this.drift * (at - this.best.at) });
    if (this.line.length > DRIFT_KEPT) this.line.shift();
    const first = /** @type {{at: number, theta: number}} */ (this.line[0]);
    if (at - first.at >= DRIFT_AFTER_MS * 1000) this.drift = Math.max(-MOST_DRIFT, Math.min(MOST_DRIFT, driftOf(this.line)));
  }

  /**
   * Turns what is applied towards what is believed.
   * @param {number} now µs of the page.
   * @param {number} offset What has been applied until now.
   */
  steer(now, offset) {
    const { at, theta } = this.best;
    const wanted = theta + this.drift * (now - at);
    const missing = wanted - offset;
    if (this.applied === null || this.exchanges <= BELIEVED_OF || Math.abs(missing) > STEP_US) this.applied = { at: now, offset: wanted, turn: 0 };
    else this.applied = { at: now, offset, turn: Math.max(-MOST_TURN_US, Math.min(MOST_TURN_US, missing)) };
  }

  /** @param {number} us Of the page. */
  offsetAt(us) {
    if (this.applied === null) return 0;
    const since = us - this.applied.at;
    const turned = Math.max(0, Math.min(1, since / TURN_US));
    return this.applied.offset + this.drift * since + this.applied.turn * turned;
  }

  /**
   * The duet's microseconds at a moment of the page.
   * @param {number} ms As `performance.now()` and `event.timeStamp` tell it.
   */
  duetAt(ms) {
    return ms * 1000 + this.offsetAt(ms * 1000);
  }

  /**
   * The page's milliseconds at a moment of the duet.
   * @param {number} us
   */
  pageAt(us) {
    // The offset changes by a thousandth of the time at most, so each round brings three more digits.
    let page = us - (this.applied?.offset ?? 0);
    for (let round = 0; round < 4; round++) page = us - this.offsetAt(page);
    return page / 1000;
  }
}

/** Readings of the sound card's clock that are averaged: the one is told in blocks, the other in tenths of milliseconds. */
const READINGS = 64;

/** A reading that is off by more says that the sound stood still, or went to another device. */
const JUMP_S = 0.03;

/** The sound card's clock as seen from the page's: when what is scheduled at a moment of the context is heard. */
export class AudioClock {
  constructor() {
    /** Context seconds less page seconds. @type {number[]} */
    this.readings = [];
    this.offset = 0;
    this.jumps = 0;
  }

  get isKnown() {
    return this.readings.length > 0;
  }

  /**
   * @param {number} contextSeconds
   * @param {number} pageMs When that sounded.
   */
  add(contextSeconds, pageMs) {
    const reading = contextSeconds - pageMs / 1000;
    if (!Number.isFinite(reading)) return;
    if (this.isKnown && Math.abs(reading - this.offset) > JUMP_S) {
      // One that stands out may be an accident; the third in a row is the truth.
      if (++this.jumps < 3) return;
      this.readings = [];
    }
    this.jumps = 0;
    this.readings.push(reading);
    if (this.readings.length > READINGS) this.readings.shift();
    this.offset = this.readings.reduce((sum, one) => sum + one, 0) / this.readings.length;
  }

  /**
   * Seconds of the context at which to schedule what is to be heard then.
   * @param {number} pageMs
   */
  contextAt(pageMs) {
    return pageMs / 1000 + this.offset;
  }
}

/**
 * The drift that points of theta over time (both in microseconds) tell: their least-squares slope, made smaller as far as
 * its own error is large beside what clocks usually do.
 * @param {{at: number, theta: number}[]} points
 */
function driftOf(points) {
  const mean = (/** @type {(point: {at: number, theta: number}) => number} */ of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [at, theta] = [mean((point) => point.at), mean((point) => point.theta)];
  const spread = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0);
  if (spread === 0 || points.length < 4) return 0;
  const slope = points.reduce((sum, point) => sum + (point.at - at) * (point.theta - theta), 0) / spread;
  const noise = points.reduce((sum, point) => sum + (point.theta - theta - slope * (point.at - at)) ** 2, 0) / (points.length - 2);
  // One lucky exchange stands in several points, so there are fewer than they seem: four times the variance.
  return (slope * USUAL_DRIFT ** 2) / (USUAL_DRIFT ** 2 + (4 * noise) / spread);
}
