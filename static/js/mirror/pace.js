/** How many pictures a second are looked at: the machine that runs the browser often runs the models too. Pure. */

/** From calm to lively. Ten still sees every blink (100 to 400 ms) at least once. */
const LADDER = [10, 15, 30];

/** A look that takes longer than this (in ms) leaves too little for the rest, at each rate. */
const TOO_LONG = [Infinity, 60, 25];

/** Looks must be so short (in ms) to try the next rate. */
const SHORT_ENOUGH = [40, 14];

/** So many looks are judged together before anything changes. */
const PATIENCE = 45;

/** With fewer cores than this, thirty a second would be taken from somebody. */
const MANY_CORES = 8;

export class Pace {
  /** @param {number} cores */
  constructor(cores) {
    this.top = cores >= MANY_CORES ? 2 : 1;
    this.rung = 1;
    /** A running mean of what a look takes. */
    this.ms = 0;
    this.looks = 0;
  }

  /** Pictures a second. */
  get fps() {
    return LADDER[this.rung] ?? 10;
  }

  /** @param {number} ms What the last look took. */
  took(ms) {
    this.looks += 1;
    // The first look compiles and allocates: it says nothing about the others.
    if (this.looks === 1) return;
    this.ms = this.ms === 0 ? ms : this.ms + (ms - this.ms) * 0.1;
    if (this.looks < PATIENCE) return;
    if (this.ms > (TOO_LONG[this.rung] ?? Infinity)) this.step(-1);
    else if (this.rung < this.top && this.ms < (SHORT_ENOUGH[this.rung] ?? 0)) this.step(1);
  }

  /** @param {number} by */
  step(by) {
    this.rung += by;
    this.looks = 1;
  }
}
