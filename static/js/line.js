/**
 * How a scene is connected: by a call over WebRTC where that is possible, else by a socket. What is above it does not
 * see the difference, but for where the voice comes from and what is said to the person.
 *
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./rtc/rtc-link.js").Why} Why
 * @typedef {import("./rtc/figures.js").Figures} Figures
 * @typedef {"rtc" | "socket"} Kind
 *
 * @typedef {object} LineHooks What a socket tells, and:
 * @property {(kind: Kind, why: Why | null, detail: string) => void} kind How it is connected from now on, and why not by a call.
 * @property {(stream: MediaStream) => void} voice The persona's voice, in a call.
 * @property {(figures: Figures) => void} figures
 */
import { Link } from "./link.js";
import { RtcLink } from "./rtc/rtc-link.js";

export class Line {
  /**
   * @param {import("./link.js").LinkHooks & LineHooks} hooks
   * @param {boolean} wanted Whether the person wants a call.
   */
  constructor(hooks, wanted) {
    this.hooks = hooks;
    this.wanted = wanted;
    this.socket = new Link(hooks);
    this.rtc = new RtcLink({
      ...hooks,
      failed: (why, detail) => this.fall(why, detail),
    });
    /** @type {Kind} */
    this.kind = "socket";
    /** @type {Scene | null} */
    this.scene = null;
    /** Whether a call is being made for the first time in this scene. */
    this.opening = false;
  }

  get now() {
    return this.kind === "rtc" ? this.rtc : this.socket;
  }

  get last() {
    return this.now.last;
  }

  get renumbered() {
    return this.now.renumbered;
  }

  /** Why no call is tried. @returns {Why | null} */
  get why() {
    if (!this.wanted) return "chosen";
    return RtcLink.isPossible ? null : "unsupported";
  }

  /**
   * Connects; resolves with whether the server greeted us.
   * @param {Scene} scene
   * @param {{last: number, from: number} | null} [resume] What is known of it already, and from where on it is wanted.
   */
  async open(scene, resume = null) {
    this.scene = scene;
    const { why } = this;
    if (why === null) {
      this.use("rtc");
      this.opening = true;
      const greeted = await this.rtc.open(scene, resume?.last ?? null).finally(() => (this.opening = false));
      // Closed meanwhile, or the person has chosen otherwise.
      if (greeted || this.kind !== "rtc" || this.failed === null) return greeted;
      this.use("socket", this.failed.why, this.failed.detail);
    } else this.use("socket", why);
    return this.socket.open(scene, resume);
  }

  /** Why the call that was being made came to nothing. @type {{why: Why, detail: string} | null} */
  failed = null;

  /**
   * @param {Kind} kind
   * @param {Why | null} [why]
   * @param {string} [detail]
   */
  use(kind, why = null, detail = "") {
    this.failed = null;
    this.kind = kind;
    this.hooks.kind(kind, why, detail);
  }

  /**
   * There is no call any more: the socket takes the scene over, from the last event on.
   * @param {Why} why
   * @param {string} detail
   */
  fall(why, detail) {
    if (this.opening) {
      this.failed = { why, detail };
      return;
    }
    const { scene } = this;
    const { last } = this.rtc;
    if (!scene || last === null) return;
    this.use("socket", why, detail);
    void this.socket.open(scene, { last, from: last });
  }

  /**
   * The person chooses, in the middle of a scene too.
   * @param {boolean} wanted
   */
  async choose(wanted) {
    this.wanted = wanted;
    const { scene, last } = this;
    if (!scene || last === null || (wanted && RtcLink.isPossible) === (this.kind === "rtc")) return;
    this.now.drop();
    await this.open(scene, { last, from: last });
  }

  close() {
    this.scene = null;
    this.now.close();
  }

  /** @param {string} reason */
  stop(reason) {
    this.now.stop(reason);
  }

  wake() {
    this.now.wake();
  }

  /** @param {Record<string, unknown>} event */
  send(event) {
    return this.now.send(event);
  }

  /** @param {MediaStreamTrack | null} track */
  microphone(track) {
    this.rtc.microphone(track);
  }

  /** @param {ArrayBuffer} pcm */
  sendAudio(pcm) {
    this.now.sendAudio(pcm);
  }

  /** @param {ArrayBuffer} frame */
  sendFrame(frame) {
    this.now.sendFrame(frame);
  }
}
