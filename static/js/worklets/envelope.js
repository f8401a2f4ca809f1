/**
 * A gain that moves in straight lines: ducking, pausing and coming back without a click. Pure.
 */
export class Envelope {
  constructor() {
    this.gain = 1;
    this.target = 1;
    this.left = 0;
  }

  /** Whether the gain has arrived. */
  get resting() {
    return this.left === 0;
  }

  /** Whether it has arrived at silence. */
  get silent() {
    return this.left === 0 && this.gain === 0;
  }

  /**
   * Moves to `target` within the next `samples`.
   * @param {number} target
   * @param {number} samples
   */
  move(target, samples) {
    this.target = target;
    this.left = this.gain === target ? 0 : Math.max(1, samples);
  }

  /** Full volume at once, for what has not begun to sound. */
  reset() {
    this.gain = 1;
    this.target = 1;
    this.left = 0;
  }

  /** @param {Float32Array} block Is scaled in place. */
  apply(block) {
    if (this.resting && this.gain === 1) return;
    for (let i = 0; i < block.length; i++) {
      if (this.left > 0) {
        this.gain += (this.target - this.gain) / this.left;
        this.left -= 1;
        if (this.left === 0) this.gain = this.target;
      }
      block[i] = (block[i] ?? 0) * this.gain;
    }
  }
}
