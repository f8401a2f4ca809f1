/**
 * The persona's voice: takes binary frames from the wire, plays them, and is the playout clock.
 */

/** The wire's rate, in samples per millisecond. */
const SAMPLES_PER_MS = 24;

/** Bytes before the samples of a binary frame. */
const HEADER = 16;

/**
 * What the worklet reports.
 * @typedef {object} Report
 * @property {number} turn
 * @property {number} position Samples of the item played so far.
 * @property {number} time The context's time of the report, in seconds.
 * @property {boolean} playing
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
    this.last = { turn: 0, position: 0, time: 0, playing: false, buffered: 0, level: 0, underruns: 0 };
    /** The newest turn that has sent a frame. */
    this.newest = 0;
    /** Frames of older turns are dropped. */
    this.floor = 0;
    this.droppedFrames = 0;
  }

  async open() {
    await this.context.audioWorklet.addModule(new URL("./worklets/playback.js", import.meta.url).href);
    this.node = new AudioWorkletNode(this.context, "duologue-playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => {
      this.last = data;
      this.onReport(data);
    };
    this.node.connect(this.context.destination);
  }

  /**
   * One binary message: a 16-byte header (magic, version, kind, turn, sample offset), then PCM16.
   * @param {ArrayBuffer} message
   */
  push(message) {
    const frame = readFrame(message);
    if (frame === null) return;
    if (frame.turn < this.floor) {
      this.droppedFrames += 1;
      return;
    }
    this.newest = Math.max(this.newest, frame.turn);
    this.node?.port.postMessage({ kind: "audio", ...frame }, [frame.pcm]);
  }

  /**
   * The last frame of `turn` has come.
   * @param {number} turn
   */
  end(turn) {
    this.node?.port.postMessage({ kind: "end", turn });
  }

  /** Whether something sounds or is about to. */
  get busy() {
    return this.last.playing || this.last.buffered > 0 || this.newest > this.last.turn;
  }

  /**
   * Silence at once. Returns what had been heard until now.
   * @param {number} [floor] The oldest turn that may still sound; by default none that has sounded so far.
   */
  clear(floor = this.newest + 1) {
    const begun = this.last.turn >= this.newest;
    const heard = { turn: this.newest, ms: begun ? this.heardMs() : 0 };
    this.floor = Math.max(this.floor, floor);
    this.newest = Math.max(this.newest, this.floor - 1);
    this.node?.port.postMessage({ kind: "clear", floor: this.floor });
    this.last = { ...this.last, turn: Math.max(this.last.turn, this.newest), playing: false, buffered: 0, level: 0 };
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
    this.last = { ...this.last, turn: 0, position: 0 };
    return this.open();
  }

  /** How much of the playing item has left the loudspeaker, in milliseconds: reports, carried on by the clock. */
  heardMs() {
    const { position, time, playing } = this.last;
    const since = playing ? Math.min(60, Math.max(0, (this.context.currentTime - time) * 1000)) : 0;
    const latency = playing ? (this.context.outputLatency || this.context.baseLatency || 0) * 1000 : 0;
    return Math.max(0, Math.round(position / SAMPLES_PER_MS + since - latency));
  }
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
