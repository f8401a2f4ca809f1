/**
 * The loudspeaker's worklet: plays the queue at the sound card's rate and reports how far it has come.
 *
 * In:  {kind:"audio", turn, offset, pcm} · {kind:"end", turn} · {kind:"clear", floor}
 * Out: {turn, position, time, playing, buffered, level, underruns} about every 20 ms
 */
import { PlaybackQueue } from "./playback-queue.js";
import { Resampler } from "./resampler.js";

/** The wire's rate. */
const WIRE_RATE = 24_000;

/** Wire samples pulled at a time: 5 ms, the grain of the playout clock. */
const GRAIN = 120;

/** Blocks of the sound card between two reports: 8 × 128 samples are about 20 ms. */
const REPORT_EVERY = 8;

/** Length of the ramp that hides the click of a cut, in output samples. */
const FADE = 128;

class PlaybackProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = new PlaybackQueue();
    this.resampler = new Resampler(WIRE_RATE, sampleRate);
    /** @type {Float32Array[]} */
    this.ready = [];
    this.available = 0;
    this.grain = new Float32Array(GRAIN);
    this.blocks = 0;
    this.energy = 0;
    this.playing = false;
    this.fading = false;
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  /** @param {any} message */
  receive(message) {
    if (message.kind === "audio") {
      this.queue.push({ turn: message.turn, offset: message.offset, samples: toFloat(message.pcm) });
    } else if (message.kind === "end") {
      this.queue.end(message.turn);
    } else if (message.kind === "clear") {
      this.queue.clear(message.floor);
      this.fading = this.playing;
    }
  }

  /**
   * @param {Float32Array[][]} _inputs
   * @param {Float32Array[][]} outputs
   */
  process(_inputs, outputs) {
    const channels = outputs[0];
    const first = channels?.[0];
    if (!channels || !first) return true;
    while (this.available < first.length) this.pull();
    this.drain(first);
    if (this.fading) this.fade(first);
    for (const channel of channels.slice(1)) channel.set(first);
    for (const value of first) this.energy += value * value;
    this.blocks += 1;
    if (this.blocks === REPORT_EVERY) this.report(REPORT_EVERY * first.length);
    return true;
  }

  pull() {
    this.playing = this.queue.pull(this.grain) > 0;
    const block = this.resampler.process(this.grain).slice();
    this.ready.push(block);
    this.available += block.length;
  }

  /** @param {Float32Array} output */
  drain(output) {
    let filled = 0;
    while (filled < output.length) {
      const block = /** @type {Float32Array} */ (this.ready[0]);
      const take = Math.min(block.length, output.length - filled);
      output.set(block.subarray(0, take), filled);
      filled += take;
      if (take === block.length) this.ready.shift();
      else this.ready[0] = block.subarray(take);
    }
    this.available -= filled;
  }

  /**
   * Lets what is already converted die away within one block, then starts clean.
   * @param {Float32Array} output
   */
  fade(output) {
    for (let i = 0; i < output.length; i++) output[i] = (output[i] ?? 0) * Math.max(0, 1 - i / FADE);
    this.ready = [];
    this.available = 0;
    this.resampler.reset();
    this.fading = false;
    this.playing = false;
  }

  /** @param {number} samples */
  report(samples) {
    const { turn, position, buffered, underruns } = this.queue;
    const level = Math.sqrt(this.energy / samples);
    this.port.postMessage({ turn, position, buffered, underruns, level, playing: this.playing, time: currentTime });
    this.blocks = 0;
    this.energy = 0;
  }
}

/** @param {ArrayBuffer} pcm */
function toFloat(pcm) {
  const samples = new Int16Array(pcm);
  const floats = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) floats[i] = /** @type {number} */ (samples[i]) / 32_768;
  return floats;
}

registerProcessor("duologue-playback", PlaybackProcessor);
