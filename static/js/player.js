/**
 * The loudspeaker: takes binary frames from the wire, plays them, and is the playout clock.
 */

/** The wire's rate, in samples per millisecond. */
export const SAMPLES_PER_MS = 24;

/** Bytes before the samples of a binary frame. */
const HEADER = 16;

/**
 * What the worklet reports.
 * @typedef {object} Report
 * @property {number} turn
 * @property {number} position Samples of the item played so far.
 * @property {number} time The context's time of the report, in seconds.
 * @property {boolean} playing
 * @property {boolean} held
 * @property {number} buffered
 * @property {number} level
 * @property {number} underruns
 */

export class Player {
  /**
   * @param {AudioContext} context
   * @param {(report: Report) => void} onReport
   */
  constructor(context, onReport) {
    this.context = context;
    this.onReport = onReport;
    /** @type {AudioWorkletNode | null} */
    this.node = null;
    /** @type {Report} */
    this.last = silence();
    /** The context's time when the sound last ceased. */
    this.ceasedAt = 0;
    /** The newest turn that has sent a frame. */
    this.newest = 0;
    /** Frames of older turns are dropped. */
    this.floor = 0;
    this.droppedFrames = 0;
  }

  async open() {
    await this.context.audioWorklet.addModule(new URL("./worklets/playback.js", import.meta.url).href);
    this.node = new AudioWorkletNode(this.context, "duologue-playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.reported(data);
    this.node.connect(this.context.destination);
  }

  /** @param {Report} report */
  reported(report) {
    // What the worklet said before it heard of a stop says nothing any more.
    const sounding = report.playing || report.held || report.buffered > 0;
    if (report.turn < this.floor - 1 || (report.turn < this.floor && sounding)) return;
    if (this.last.playing && !report.playing) this.ceasedAt = report.time;
    this.last = report;
    this.onReport(report);
  }

  /**
   * One binary message: a 16-byte header (magic, version, kind, turn, sample offset), then PCM16.
   * @param {ArrayBuffer} message
   * @returns {{turn: number, end: number} | null} What of it will be heard, and where it ends; `null` for nothing.
   */
  push(message) {
    const frame = readFrame(message);
    if (frame === null || frame.pcm.byteLength === 0) return null;
    if (frame.turn < this.floor) {
      this.droppedFrames += 1;
      return null;
    }
    const { turn } = frame;
    const end = frame.offset + frame.pcm.byteLength / 2;
    this.newest = Math.max(this.newest, turn);
    this.node?.port.postMessage({ kind: "audio", ...frame }, [frame.pcm]);
    return { turn, end };
  }

  /**
   * The last frame of `turn` has come.
   * @param {number} turn
   */
  end(turn) {
    this.node?.port.postMessage({ kind: "end", turn });
  }

  /**
   * Softer at once, while someone else may be about to speak.
   * @param {number} turn
   * @param {number} gain
   */
  duck(turn, gain) {
    this.node?.port.postMessage({ kind: "duck", turn, gain: Math.max(0, Math.min(1, gain)) });
  }

  /**
   * Stands still, silently; it can go on at the same sample.
   * @param {number} turn
   */
  hold(turn) {
    this.node?.port.postMessage({ kind: "hold", turn });
  }

  /**
   * Goes on, at full volume.
   * @param {number} turn
   */
  restore(turn) {
    this.node?.port.postMessage({ kind: "restore", turn });
  }

  /**
   * `turn` was heard up to `offset` before the page was loaded anew.
   * @param {number} turn
   * @param {number} offset In samples of its item.
   */
  seek(turn, offset) {
    this.newest = Math.max(this.newest, turn);
    this.last = { ...this.last, turn, position: offset };
    this.node?.port.postMessage({ kind: "seek", turn, offset });
  }

  /** Whether something sounds, is held, or is about to. */
  get busy() {
    return this.last.playing || this.last.held || this.last.buffered > 0 || this.newest > this.last.turn;
  }

  /**
   * Silence at once. Returns what had been heard until now.
   * @param {number} [floor] The oldest turn that may still sound; by default none that has sounded so far.
   */
  clear(floor = this.newest + 1) {
    const begun = this.last.turn >= this.newest;
    const heard = { turn: this.newest, ms: begun ? this.heardMs() : 0 };
    this.floor = Math.max(this.floor, floor, this.newest + 1);
    this.newest = this.floor - 1;
    this.node?.port.postMessage({ kind: "clear", floor: this.floor });
    this.last = { ...this.last, turn: this.newest, playing: false, held: false, buffered: 0, level: 0 };
    return heard;
  }

  /** A new connection counts its turns from the start. */
  restart() {
    if (this.newest === 0 && this.floor === 0) return Promise.resolve();
    this.clear();
    this.floor = 0;
    this.newest = 0;
    this.node?.disconnect();
    this.node?.port.close();
    this.node = null;
    this.last = silence();
    return this.open();
  }

  /**
   * How much of the playing item has left the loudspeaker, in milliseconds: reports, carried on by the clock, less
   * what is still on its way through the sound card.
   */
  heardMs() {
    const { position, time, playing } = this.last;
    const now = this.context.currentTime;
    const latency = (this.context.outputLatency || this.context.baseLatency || 0) * 1000;
    const ahead = playing
      ? latency - Math.min(60, Math.max(0, (now - time) * 1000))
      : Math.max(0, latency - (now - this.ceasedAt) * 1000);
    return Math.max(0, Math.round(position / SAMPLES_PER_MS - ahead));
  }
}

/** @returns {Report} */
export function silence() {
  return { turn: 0, position: 0, time: 0, playing: false, held: false, buffered: 0, level: 0, underruns: 0 };
}

/**
 * @param {ArrayBuffer} message
 * @returns {{turn: number, offset: number, pcm: ArrayBuffer} | null} `null` for anything that is not audio.
 */
export function readFrame(message) {
  if (message.byteLength < HEADER || message.byteLength % 2 !== 0) return null;
  const view = new DataView(message);
  if (view.getUint8(0) !== 0x44 || view.getUint8(1) !== 1 || view.getUint8(2) !== 1) return null;
  return { turn: view.getUint32(4, true), offset: Number(view.getBigUint64(8, true)), pcm: message.slice(HEADER) };
}
