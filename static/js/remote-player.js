/**
 * The persona's voice in a call: the browser plays a track, and the server says which reply sounds in it, pauses it and
 * lowers it. The same for {@link import("./voice.js").Voice} as the loudspeaker of a socket, but for its clock: that runs
 * between what the server tells, less what the browser holds back so that the sound has no gaps.
 *
 * @typedef {import("./player.js").Report} Report
 */
import { silence, SAMPLES_PER_MS } from "./player.js";

/** Between two looks at the level. */
const TICK_MS = 33;

/** What a browser holds back on an ordinary network, until it has told. */
const USUAL_DELAY_MS = 80;

/** Samples of one look at the level. */
const WINDOW = 1024;

/** Seconds of the ramp that hides the click of a cut. */
const FADE = 0.008;

export class RemotePlayer {
  /**
   * @param {AudioContext} context
   * @param {(report: Report) => void} onReport
   */
  constructor(context, onReport) {
    this.context = context;
    this.onReport = onReport;
    /** @type {Report} */
    this.last = silence();
    this.floor = 0;
    this.newest = 0;
    /** What the browser holds back, in milliseconds. */
    this.delay = USUAL_DELAY_MS;
    /** Of the reply that sounds: milliseconds played until `since`, and from when on it goes on; 0 while it does not. */
    this.played = 0;
    this.since = 0;
    this.gain = new GainNode(context);
    this.meter = new AnalyserNode(context, { fftSize: WINDOW });
    this.gain.connect(this.meter);
    this.gain.connect(context.destination);
    this.window = new Float32Array(WINDOW);
    /** @type {MediaStreamAudioSourceNode | null} */
    this.source = null;
    /** Chromium delivers a track to the audio graph only while an element plays it too. */
    this.element = new Audio();
    this.element.muted = true;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
  }

  /** @param {MediaStream} stream */
  attach(stream) {
    this.detach();
    this.element.srcObject = stream;
    void this.element.play().catch(() => {});
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.gain);
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  detach() {
    clearInterval(this.timer);
    this.source?.disconnect();
    this.source = null;
    this.element.srcObject = null;
    if (this.last.playing || this.last.held || this.last.level > 0) this.tell({ playing: false, held: false, level: 0 });
  }

  /**
   * A reply begins to sound.
   * @param {number} turn
   */
  begin(turn) {
    if (turn < this.floor) return;
    this.newest = Math.max(this.newest, turn);
    const goesOn = this.last.turn === turn && this.played > 0;
    if (!goesOn) this.played = 0;
    this.since = performance.now() + this.delay;
    this.volume(1);
    this.tell({ turn, playing: true, held: false });
  }

  /**
   * A reply has been heard to its end.
   * @param {number} turn
   */
  finish(turn) {
    if (turn !== this.last.turn) return;
    this.freeze();
    this.tell({ playing: false, held: false });
  }

  /** @param {number} turn */
  hold(turn) {
    if (turn < this.last.turn || turn < this.floor) return;
    this.freeze();
    this.tell({ playing: false, held: true });
  }

  /** @param {number} turn */
  restore(turn) {
    if (!this.last.held || turn < this.last.turn) return;
    this.since = performance.now() + this.delay;
    this.tell({ playing: true, held: false });
  }

  /** The server lowers the voice itself: doing it here too would do it twice. */
  duck() {}

  /** The end of what was sent is told by its own event. */
  end() {}

  /**
   * `turn` was heard up to `offset` before the page was loaded anew.
   * @param {number} turn
   * @param {number} offset In samples of its item.
   */
  seek(turn, offset) {
    this.newest = Math.max(this.newest, turn);
    this.played = offset / SAMPLES_PER_MS;
    this.since = 0;
    this.last = { ...this.last, turn, position: offset };
  }

  get busy() {
    return this.last.playing || this.last.held;
  }

  /**
   * Silence at once. Returns what had been heard until now.
   * @param {number} [floor] The oldest turn that may still sound.
   */
  clear(floor = this.newest + 1) {
    const heard = { turn: this.last.turn, ms: this.heardMs() };
    this.floor = Math.max(this.floor, floor);
    this.freeze();
    // What is on its way here is of the reply that was cut; the next one is told to begin.
    this.volume(0);
    this.tell({ playing: false, held: false, level: 0 });
    return heard;
  }

  /** A new connection counts its turns from the start. */
  restart() {
    this.clear();
    this.floor = this.newest = this.played = 0;
    this.last = silence();
    return Promise.resolve();
  }

  /** How much of the reply has left the loudspeaker, in milliseconds. */
  heardMs() {
    const since = this.since === 0 ? 0 : Math.max(0, performance.now() - this.since);
    return Math.round(this.played + since);
  }

  freeze() {
    this.played = this.heardMs();
    this.since = 0;
  }

  /** @param {number} to */
  volume(to) {
    this.gain.gain.setTargetAtTime(to, this.context.currentTime, FADE / 3);
  }

  tick() {
    const { playing, held, level } = this.last;
    if (!playing && !held && level === 0) return;
    this.meter.getFloatTimeDomainData(this.window);
    const energy = this.window.reduce((sum, value) => sum + value * value, 0);
    const measured = Math.sqrt(energy / WINDOW);
    // The tail of a sound that has ended counts until it is quiet; noise of the codec does not.
    this.tell({ level: playing || measured > 0.001 ? measured : 0 });
  }

  /** @param {Partial<Report>} change */
  tell(change) {
    this.last = { ...this.last, ...change, position: this.heardMs() * SAMPLES_PER_MS };
    this.onReport(this.last);
  }

  /** Gives the sound back for good. */
  close() {
    this.detach();
    this.gain.disconnect();
  }
}
