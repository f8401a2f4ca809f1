/**
 * The call of a scene: the same as the socket's {@link import("../link.js").Link} does, over WebRTC. Sound does not pass
 * through here: the browser sends the microphone's track and plays the voice's.
 *
 * When the way to the server is lost, another is looked for under the same connection (nothing is lost then); when that
 * fails a new connection resumes the scene; when that fails too, it says so and leaves the rest to others.
 *
 * @typedef {import("../types.js").Scene} Scene
 * @typedef {import("../types.js").ServerEvent} ServerEvent
 * @typedef {import("./figures.js").Figures} Figures
 * @typedef {"off" | "unsupported" | "signalling" | "ice" | "chosen" | "lost"} Why
 *
 * @typedef {object} RtcHooks
 * @property {(event: ServerEvent) => void} event
 * @property {(state: import("../link.js").LinkState) => void} state
 * @property {(stream: MediaStream) => void} voice
 * @property {(figures: Figures) => void} figures
 * @property {(reason: string) => void} stopped The server ended it for good.
 * @property {(why: Why, detail: string) => void} failed There is no call any more, and there will be none.
 */
import { numberOf, parse } from "../link.js";
import { Call, CallError } from "./call.js";
import { Gauge } from "./figures.js";

/** A network that changes is back within this: no reason to do anything. */
const SHAKEN_MS = 1_500;

/** Between two looks at how the call is. */
const LOOK_MS = 2_000;

/** A server that accepts the call but says nothing for this long is not there. */
const GREETING_MS = 5_000;

/** What the server says last when the scene goes on in another window. */
const ELSEWHERE = "attached_elsewhere";

export class RtcLink {
  /** @param {RtcHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {Call | null} */
    this.call = null;
    /** @type {Scene | null} */
    this.scene = null;
    this.ready = false;
    this.epoch = 0;
    /** The number of the last event that came. @type {number | null} */
    this.last = null;
    this.renumbered = false;
    /** What goes out as sound; without it sound goes as events, while a button is held. @type {MediaStreamTrack | null} */
    this.track = null;
    this.gauge = new Gauge();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.shaking = undefined;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.looking = undefined;
    this.mending = false;
  }

  /** Whether this browser can call at all. */
  static get isPossible() {
    return typeof RTCPeerConnection === "function";
  }

  /**
   * Calls; resolves with whether the server greeted us. When it did not, {@link RtcHooks.failed} was told why.
   * @param {Scene} scene
   * @param {number | null} last What is known of it already.
   */
  async open(scene, last = null) {
    const epoch = ++this.epoch;
    this.scene = scene;
    this.last = last;
    this.hooks.state({ name: "connecting" });
    try {
      await this.dial(epoch, last);
      return true;
    } catch (error) {
      if (epoch === this.epoch) this.fail(error);
      return false;
    }
  }

  /**
   * One try, to the greeting.
   * @param {number} epoch
   * @param {number | null} from
   */
  async dial(epoch, from) {
    const scene = /** @type {Scene} */ (this.scene);
    this.call?.drop();
    /** @type {(resumed: boolean) => void} */
    let greet = () => {};
    const greeted = new Promise((/** @type {(resumed: boolean) => void} */ resolve) => (greet = resolve));
    /** @type {() => boolean} */
    const mine = () => epoch === this.epoch && this.call === call;
    /** @type {Call} */
    const call = new Call(scene, {
      event: (text) => mine() && this.receive(text, from !== null, greet),
      voice: (stream) => mine() && this.hooks.voice(stream),
      shaken: () => mine() && this.shaken(epoch),
      over: () => mine() && this.ready && void this.mend(epoch),
    });
    this.call = call;
    this.ready = false;
    await call.open(this.track, from);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new CallError("signalling")), GREETING_MS)));
    await Promise.race([greeted, late]).finally(() => clearTimeout(timer));
    if (epoch !== this.epoch) call.drop();
    else this.look(epoch);
  }

  /**
   * @param {string} text
   * @param {boolean} resuming Then whatever comes first is the greeting: it is what was missed.
   * @param {(resumed: boolean) => void} greet
   */
  receive(text, resuming, greet) {
    const event = parse(text);
    if (event === null) return;
    // A socket is told so as it is closed; to come back would take the scene away from where it is now.
    if (event.type === "error" && event.error?.code === ELSEWHERE) return this.stop(ELSEWHERE);
    const number = numberOf(event);
    const anew = event.type === "session.created";
    if (anew) this.renumbered = this.last === null || (number ?? 0) <= this.last;
    if ((anew || resuming) && !this.ready) {
      this.ready = true;
      this.hooks.state({ name: "open", resumed: !anew });
      greet(!anew);
    }
    if (number !== null) {
      if (!anew && this.last !== null && number <= this.last) return;
      this.last = number;
    }
    this.hooks.event(event);
  }

  /** Looks at how the call is, and whether it still is. @param {number} epoch */
  look(epoch) {
    clearInterval(this.looking);
    this.looking = setInterval(async () => {
      const { call } = this;
      if (epoch !== this.epoch || !call) return clearInterval(this.looking);
      if (call.isGone) return call.end();
      const report = await call.pc.getStats().catch(() => null);
      if (report && epoch === this.epoch && call === this.call && this.ready) this.hooks.figures(this.gauge.read(report.values()));
    }, LOOK_MS);
  }

  /** @param {number} epoch */
  shaken(epoch) {
    if (!this.ready || this.mending) return;
    clearTimeout(this.shaking);
    const lasting = this.call?.pc.connectionState === "failed" ? 0 : SHAKEN_MS;
    this.shaking = setTimeout(() => {
      if (epoch === this.epoch && this.call?.pc.connectionState !== "connected") void this.mend(epoch);
    }, lasting);
  }

  /**
   * The way to the server is lost.
   * @param {number} epoch
   */
  async mend(epoch) {
    if (this.mending) return;
    this.mending = true;
    this.ready = false;
    const since = Date.now();
    this.hooks.state({ name: "waiting", seconds: 0, lostFor: 0 });
    try {
      if (await this.restarted(epoch)) return;
      if (epoch !== this.epoch) return;
      this.hooks.state({ name: "waiting", seconds: 0, lostFor: Date.now() - since });
      await this.dial(epoch, this.last);
    } catch (error) {
      if (epoch === this.epoch) this.fail(error, "lost");
    } finally {
      this.mending = false;
    }
  }

  /**
   * Whether another way was found for the same connection.
   * @param {number} epoch
   */
  async restarted(epoch) {
    const { call } = this;
    if (!call || call.closed || call.isGone) return false;
    const back = await call.restart().then(() => true, () => false);
    if (!back || epoch !== this.epoch || call !== this.call) return false;
    this.ready = true;
    this.hooks.state({ name: "open", resumed: true });
    return true;
  }

  /**
   * @param {unknown} error
   * @param {Why} [why]
   */
  fail(error, why) {
    const detail = error instanceof CallError ? error.detail : "";
    const code = error instanceof CallError ? error.code : "signalling";
    this.drop();
    this.hooks.failed(why ?? code, detail);
  }

  /** Lets go of the call, so that the scene can go on elsewhere. */
  drop() {
    this.epoch += 1;
    this.ready = false;
    clearTimeout(this.shaking);
    clearInterval(this.looking);
    this.call?.drop();
    this.call = null;
  }

  /** Ends the scene from this side. */
  close() {
    this.call?.hangUp();
    this.drop();
    this.hooks.state({ name: "closed" });
  }

  /** @param {string} reason */
  stop(reason) {
    this.close();
    this.hooks.stopped(reason);
  }

  /** The network may be back. */
  wake() {
    if (this.ready) this.shaken(this.epoch);
  }

  /** @param {Record<string, unknown>} event */
  send(event) {
    return this.ready && this.call !== null && this.call.send(JSON.stringify(event));
  }

  /**
   * The microphone's track, or none: then what {@link sendAudio} is given goes as events, exactly as it is.
   * @param {MediaStreamTrack | null} track
   */
  microphone(track) {
    if (this.track === track) return;
    this.track = track;
    this.call?.setTrack(track);
  }

  /** @param {ArrayBuffer} pcm */
  sendAudio(pcm) {
    if (this.track === null) this.send({ type: "input_audio_buffer.append", audio: base64(pcm) });
  }

  /** @param {ArrayBuffer} frame */
  sendFrame(frame) {
    if (this.ready) this.call?.sendFast(frame);
  }
}

/** @param {ArrayBuffer} bytes */
function base64(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
