/**
 * Streaming sample-rate conversion by a linear-phase polyphase filter (Kaiser-windowed sinc).
 *
 * Both worklets use it: 24 kHz is the rate of the wire, the sound card has its own. Nearest-neighbour or
 * linear interpolation would fold the consonants' upper band into what the recogniser hears.
 */

/** Zero crossings of the sinc on each side, at the lower of both rates: 32 give a transition band of about 8 %. */
const ZERO_CROSSINGS = 32;

/** Kaiser's shape for about 80 dB in the stop band. */
const KAISER_BETA = 8;

/** Where the filter begins to fall, as a share of the lower rate's Nyquist frequency. */
const CUTOFF = 0.93;

export class Resampler {
  /**
   * @param {number} from Samples per second that come in.
   * @param {number} to Samples per second that go out.
   */
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    /** Output samples per period: the number of filter phases. */
    this.up = to / divisor;
    /** Input samples per period. */
    this.down = from / divisor;
    const half = Math.ceil(ZERO_CROSSINGS * Math.max(1, from / to));
    /** Taps of each phase. */
    this.taps = 2 * half;
    /** By how many input samples the output lags. */
    this.lag = from === to ? 0 : half;
    /** @type {Float32Array | null} */
    this.phases = from === to ? null : makePhases(this.up, half, Math.min(1, to / from));
    /** The last samples of the past, so that the filter has its left side. */
    this.history = new Float32Array(this.taps);
    /** Position of the next output sample, in input samples from the start of `history`. */
    this.index = 0;
    /** Which row of the filter makes the next output sample. */
    this.phase = 0;
  }

  /** Forgets everything heard so far. */
  reset() {
    this.history = new Float32Array(this.taps);
    this.index = 0;
    this.phase = 0;
  }

  /**
   * Converts one block. What comes out lags by half the filter's length.
   * @param {Float32Array} input
   * @returns {Float32Array}
   */
  process(input) {
    if (this.phases === null) return input.slice();
    const { taps, up, down, phases } = this;
    const joined = new Float32Array(this.history.length + input.length);
    joined.set(this.history);
    joined.set(input, this.history.length);
    const output = new Float32Array(Math.ceil(((joined.length + 1) * up) / down) + 1);
    let count = 0;
    while (this.index + taps <= joined.length) {
      const base = this.phase * taps;
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        sum += /** @type {number} */ (joined[this.index + tap]) * /** @type {number} */ (phases[base + tap]);
      }
      output[count++] = sum;
      this.phase += down;
      while (this.phase >= up) {
        this.phase -= up;
        this.index += 1;
      }
    }
    const consumed = Math.min(this.index, joined.length);
    this.history = joined.slice(consumed);
    this.index -= consumed;
    return output.subarray(0, count);
  }
}

/**
 * One row of taps for each phase, each row with unit gain at 0 Hz so that no phase is louder than another.
 * @param {number} up
 * @param {number} half
 * @param {number} ratio
 */
function makePhases(up, half, ratio) {
  const taps = 2 * half;
  const cutoff = CUTOFF * ratio;
  const rows = new Float32Array(up * taps);
  const norm = bessel0(KAISER_BETA);
  for (let phase = 0; phase < up; phase++) {
    let gain = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = tap - (half - 1) - phase / up;
      const edge = distance / half;
      const window = Math.abs(edge) >= 1 ? 0 : bessel0(KAISER_BETA * Math.sqrt(1 - edge * edge)) / norm;
      const value = cutoff * sinc(cutoff * distance) * window;
      rows[phase * taps + tap] = value;
      gain += value;
    }
    for (let tap = 0; tap < taps; tap++) {
      rows[phase * taps + tap] = /** @type {number} */ (rows[phase * taps + tap]) / gain;
    }
  }
  return rows;
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * The modified Bessel function of order 0 by its power series.
 * @param {number} x
 */
function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-10; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
