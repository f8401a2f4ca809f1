/**
 * The microphone's worklet: mono, resampled to the wire's rate, cut into 20 ms frames of PCM16.
 */
import { Resampler } from "./resampler.js";

/** The wire's rate. */
const WIRE_RATE = 24_000;

/** 20 ms: short enough to add little delay, long enough for 50 messages a second at most. */
const FRAME = 480;

class CaptureProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, WIRE_RATE);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.energy = 0;
  }

  /**
   * @param {Float32Array[][]} inputs
   * @returns {boolean}
   */
  process(inputs) {
    const channels = inputs[0];
    if (!channels || channels.length === 0) return true;
    for (const value of this.resampler.process(mix(channels))) this.take(value);
    return true;
  }

  /** @param {number} value */
  take(value) {
    const clipped = Math.max(-1, Math.min(1, value));
    this.energy += clipped * clipped;
    this.frame[this.filled++] = Math.round(clipped * 32_767);
    if (this.filled < FRAME) return;
    const level = Math.sqrt(this.energy / FRAME);
    this.port.postMessage({ pcm: this.frame.buffer, level }, [this.frame.buffer]);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.energy = 0;
  }
}

/**
 * The mean of all channels.
 * @param {Float32Array[]} channels
 */
function mix(channels) {
  const first = /** @type {Float32Array} */ (channels[0]);
  if (channels.length === 1) return first;
  const mono = new Float32Array(first.length);
  for (const channel of channels) {
    for (let i = 0; i < mono.length; i++) mono[i] = (mono[i] ?? 0) + (channel[i] ?? 0) / channels.length;
  }
  return mono;
}

registerProcessor("duologue-capture", CaptureProcessor);
