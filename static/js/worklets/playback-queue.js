/**
 * What is to be played, in order, at the wire's rate: the jitter buffer and the playout clock in one.
 *
 * A pure machine without audio context, so that its rules can be tested: it waits for a small cushion before
 * it starts, plays on as long as there is something, waits for a cushion again after it ran dry, and never
 * holds back the end of a reply.
 */

/** Cushion before a reply starts: three frames of 20 ms survive ordinary loopback and Wi-Fi jitter. */
const START_CUSHION = 1440;

/** Cushion after running dry: larger, because this link has just shown that it is late. */
const REFILL_CUSHION = 2880;

/** How many samples of waiting make a small remainder play anyway: 250 ms without news is no jitter. */
const PATIENCE = 6000;

/**
 * @typedef {object} Frame
 * @property {number} turn Which turn it belongs to.
 * @property {number} offset Position of its first sample in the item.
 * @property {Float32Array} samples
 */

export class PlaybackQueue {
  constructor() {
    /** @type {Frame[]} */
    this.frames = [];
    /** Turns below this one were interrupted: their frames are dropped. */
    this.floor = 0;
    /** The turn now playing, 0 before the first. */
    this.turn = 0;
    /** Position after the last sample played of that turn's item. */
    this.position = 0;
    this.buffered = 0;
    this.flowing = false;
    this.cushion = START_CUSHION;
    this.waited = 0;
    /** Turns whose last frame has come. */
    this.ended = 0;
    /** How often it ran dry within a reply. */
    this.underruns = 0;
    /** Where the newest turn's sound ends so far: what comes from before it has been here already. */
    this.tail = { turn: 0, offset: 0 };
    /** Samples that came twice, after a lost connection. */
    this.duplicates = 0;
  }

  /**
   * Adds a frame unless its turn is over; of one that overlaps what is there already, only what is new.
   * @param {Frame} frame
   */
  push(frame) {
    if (frame.turn < this.floor || frame.turn < this.tail.turn) return;
    const known = frame.turn === this.tail.turn ? Math.max(0, this.tail.offset - frame.offset) : 0;
    this.duplicates += Math.min(known, frame.samples.length);
    if (known >= frame.samples.length) return;
    const samples = frame.samples.subarray(known);
    this.tail = { turn: frame.turn, offset: frame.offset + known + samples.length };
    this.frames.push({ turn: frame.turn, offset: frame.offset + known, samples });
    this.buffered += samples.length;
  }

  /**
   * Everything of `turn` before `offset` was heard elsewhere, before the page was loaded anew.
   * @param {number} turn
   * @param {number} offset
   */
  seek(turn, offset) {
    if (turn <= this.tail.turn) return;
    this.tail = { turn, offset };
    this.turn = turn;
    this.position = offset;
  }

  /**
   * Nothing more will come for `turn`.
   * @param {number} turn
   */
  end(turn) {
    this.ended = Math.max(this.ended, turn);
  }

  /**
   * Forgets everything, and whatever may still arrive of turns below `floor`.
   * @param {number} floor
   */
  clear(floor) {
    this.floor = Math.max(this.floor, floor);
    if (this.turn < this.floor - 1) {
      // The turn that was cut may never have sounded: it is the newest one all the same.
      this.turn = this.floor - 1;
      this.position = 0;
    }
    this.frames = [];
    this.buffered = 0;
    this.flowing = false;
    this.cushion = START_CUSHION;
    this.waited = 0;
  }

  /**
   * Fills `block` as far as there is something to play and returns how much that was; the rest is silence.
   * @param {Float32Array} block
   */
  pull(block) {
    block.fill(0);
    if (!this.flowing && !this.mayStart(block.length)) return 0;
    let filled = 0;
    while (filled < block.length) {
      const frame = this.frames[0];
      if (!frame) break;
      const take = Math.min(frame.samples.length, block.length - filled);
      block.set(frame.samples.subarray(0, take), filled);
      filled += take;
      this.turn = frame.turn;
      this.position = frame.offset + take;
      if (take === frame.samples.length) this.frames.shift();
      else {
        frame.samples = frame.samples.subarray(take);
        frame.offset += take;
      }
    }
    this.buffered -= filled;
    if (filled < block.length) this.runDry();
    return filled;
  }

  /** @param {number} elapsed */
  mayStart(elapsed) {
    const first = this.frames[0];
    if (!first) return false;
    this.waited += elapsed;
    this.flowing = this.buffered >= this.cushion || first.turn <= this.ended || this.waited >= PATIENCE;
    if (this.flowing) this.waited = 0;
    return this.flowing;
  }

  runDry() {
    this.flowing = false;
    const over = this.turn <= this.ended;
    if (!over) this.underruns += 1;
    this.cushion = over ? START_CUSHION : REFILL_CUSHION;
  }
}
