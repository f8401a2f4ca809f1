/**
 * The loudspeaker's worklet: plays the queue at the sound card's rate and reports how far it has come.
 *
 * In:  {kind:"audio", turn, offset, pcm} · {kind:"end", turn} · {kind:"clear", floor} · {kind:"seek", turn, offset}
 *      {kind:"duck", turn, gain} · {kind:"hold", turn} · {kind:"restore", turn}
 * Out: {turn, position, time, playing, held, buffered, level, underruns} about every 20 ms
 *
 * A held voice has faded out and stands still: nothing is pulled, so that it goes on at the very next sample.
 */
import { Envelope } from "./envelope.js";
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

/** Ramps, in seconds. A hold is silent within 20 ms, the message's way to this thread included. */
const RAMP = { duck: 0.02, hold: 0.012, restore: 0.04 };

class PlaybackProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = new PlaybackQueue();
    this.resampler = new Resampler(WIRE_RATE, sampleRate);
    this.envelope = new Envelope();
    /** @type {Float32Array[]} */
    this.ready = [];
    this.available = 0;
    this.grain = new Float32Array(GRAIN);
    this.blocks = 0;
    this.energy = 0;
    this.playing = false;
    this.fading = false;
    /** The turn whose voice is ducked or held, 0 when none is. */
    this.hushed = 0;
    this.held = false;
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  /** @param {any} message */
  receive(message) {
    switch (message.kind) {
      case "audio":
        this.queue.push({ turn: message.turn, offset: message.offset, samples: toFloat(message.pcm) });
        // Who begins to speak anew is not held any more, whatever became of the word that said so.
        if (this.held && message.turn > this.hushed) this.restore();
        break;
      case "end":
        this.queue.end(message.turn);
        break;
      case "clear":
        this.clear(message.floor);
        break;
      case "seek":
        this.queue.seek(message.turn, message.offset);
        break;
      case "duck":
        if (this.hush(message.turn)) this.envelope.move(message.gain, RAMP.duck * sampleRate);
        break;
      case "hold":
        if (this.hush(message.turn)) this.hold();
        break;
      case "restore":
        if (message.turn >= this.hushed) this.restore();
        break;
    }
  }

  /**
   * Notes whose voice it is; false for a turn that is over.
   * @param {number} turn
   */
  hush(turn) {
    if (turn < this.queue.floor || turn < this.queue.turn) return false;
    this.hushed = turn;
    return true;
  }

  hold() {
    this.held = true;
    // Whole blocks, because a block that ends in silence would swallow the samples after its ramp.
    this.envelope.move(0, Math.max(1, Math.floor((RAMP.hold * sampleRate) / 128)) * 128);
  }

  restore() {
    this.held = false;
    this.envelope.move(1, RAMP.restore * sampleRate);
  }

  /** @param {number} floor */
  clear(floor) {
    const audible = this.playing && !this.paused;
    this.queue.clear(floor);
    // The next report measures what sounds after the stop, not what sounded before it.
    this.energy = 0;
    if (audible) this.fading = true;
    else this.startClean();
  }

  /** Held, and the ramp is over. */
  get paused() {
    return this.held && this.envelope.silent;
  }

  /**
   * @param {Float32Array[][]} _inputs
   * @param {Float32Array[][]} outputs
   */
  process(_inputs, outputs) {
    const channels = outputs[0];
    const first = channels?.[0];
    if (!channels || !first) return true;
    // What dies away after a stop is not what sounds: a meter that the stop has darkened does not flare up again.
    const dying = this.fading;
    if (this.paused) this.playing = false;
    else this.fill(first);
    for (const channel of channels.slice(1)) channel.set(first);
    if (!dying) for (const value of first) this.energy += value * value;
    this.blocks += 1;
    if (this.blocks === REPORT_EVERY) this.report(REPORT_EVERY * first.length);
    return true;
  }

  /** @param {Float32Array} output */
  fill(output) {
    while (this.available < output.length) this.pull();
    this.drain(output);
    this.envelope.apply(output);
    if (this.fading) this.fade(output);
  }

  pull() {
    this.playing = this.queue.pull(this.grain) > 0;
    // The next reply speaks at its full volume.
    if (this.playing && this.hushed > 0 && this.queue.turn > this.hushed) this.unhush();
    const block = this.resampler.process(this.grain).slice();
    this.ready.push(block);
    this.available += block.length;
  }

  unhush() {
    this.hushed = 0;
    if (!this.held) this.envelope.reset();
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
    this.startClean();
  }

  startClean() {
    this.ready = [];
    this.available = 0;
    this.resampler.reset();
    this.envelope.reset();
    this.fading = false;
    this.playing = false;
    this.held = false;
    this.hushed = 0;
  }

  /** @param {number} samples */
  report(samples) {
    const { turn, buffered, underruns } = this.queue;
    const level = Math.sqrt(this.energy / samples);
    const position = Math.max(0, this.queue.position - this.behind());
    this.port.postMessage({ turn, position, buffered, underruns, level, playing: this.playing, held: this.held, time: currentTime });
    this.blocks = 0;
    this.energy = 0;
  }

  /** Wire samples that were pulled and have not been handed to the sound card yet. */
  behind() {
    if (!this.playing && !this.held) return 0;
    return Math.round((this.available * WIRE_RATE) / sampleRate) + this.resampler.lag;
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
