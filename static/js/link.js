/**
 * The socket of a scene: opens it, opens it again when it is lost, and says in which state it is.
 *
 * After a loss it waits until the server answers again and tries the same session; when the server does not know
 * that any longer, it asks for a new one.
 *
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./types.js").ServerEvent} ServerEvent
 *
 * @typedef {object} LinkState
 * @property {"idle" | "connecting" | "open" | "waiting" | "closed"} name
 * @property {number} [seconds] Until the next try.
 * @property {import("./api.js").Refusal} [reason] Why the last try failed, where that is known.
 *
 * @typedef {object} LinkHooks
 * @property {(event: ServerEvent) => void} event
 * @property {(frame: ArrayBuffer) => void} audio
 * @property {(state: LinkState) => void} state
 * @property {() => Promise<boolean>} alive Whether the server answers.
 * @property {(reason: string) => void} stopped The server ended it for good.
 * @property {() => Promise<Scene>} renew Makes a new session in place of one that is gone.
 */
import { socketOf, whyRefused } from "./api.js";

/** Waits between tries, in seconds; the last one repeats. */
const BACKOFF = [0.5, 1, 2, 4, 8];

/** A server that accepts the socket but says nothing for this long is not there. */
const GREETING_MS = 10_000;

/** Audio waiting in the socket beyond this (about 5 s) is late already: newer frames are dropped instead. */
const BACKLOG_BYTES = 256 * 1024;

export class Link {
  /** @param {LinkHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {Scene | null} */
    this.scene = null;
    this.ready = false;
    /** Raised by every open and close, so that late steps of an older try find out. */
    this.epoch = 0;
    this.droppedFrames = 0;
  }

  /**
   * Connects; resolves with whether the server greeted us.
   * @param {Scene} scene
   */
  async open(scene) {
    const epoch = ++this.epoch;
    this.scene = scene;
    this.hooks.state({ name: "connecting" });
    const greeted = await this.dial(scene, epoch);
    if (!greeted && epoch === this.epoch) void this.recover(epoch);
    return greeted;
  }

  /** Ends the scene from this side. */
  close() {
    this.epoch += 1;
    this.ready = false;
    this.socket?.close(1000);
    this.socket = null;
    this.hooks.state({ name: "closed" });
  }

  /**
   * Stays away: the server ended the scene, or it goes on elsewhere.
   * @param {string} reason
   */
  stop(reason) {
    this.close();
    this.hooks.stopped(reason);
  }

  /**
   * Sends an event; false when there is no connection.
   * @param {Record<string, unknown>} event
   */
  send(event) {
    if (!this.ready || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(event));
    return true;
  }

  /** @param {ArrayBuffer} pcm */
  sendAudio(pcm) {
    if (!this.ready || this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > BACKLOG_BYTES) this.droppedFrames += 1;
    else this.socket.send(pcm);
  }

  /**
   * One try. Resolves true at `session.created`, false when the socket closed before.
   * @param {Scene} scene
   * @param {number} epoch
   * @returns {Promise<boolean>}
   */
  dial(scene, epoch) {
    const { url, protocols } = socketOf(scene);
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    return new Promise((resolve) => {
      const impatience = setTimeout(() => socket.close(), GREETING_MS);
      socket.onmessage = ({ data }) => {
        if (epoch !== this.epoch) return;
        if (data instanceof ArrayBuffer) return this.hooks.audio(data);
        const event = parse(data);
        if (event === null) return;
        if (event.type === "session.created" && !this.ready) {
          clearTimeout(impatience);
          this.ready = true;
          this.hooks.state({ name: "open" });
          resolve(true);
        }
        this.hooks.event(event);
      };
      socket.onclose = ({ reason }) => {
        clearTimeout(impatience);
        resolve(false);
        if (epoch !== this.epoch || !this.ready) return;
        this.ready = false;
        if (reason === "attached_elsewhere") return this.stop(reason);
        void this.recover(epoch);
      };
    });
  }

  /** @param {number} epoch */
  async recover(epoch) {
    let tries = 0;
    /** @type {import("./api.js").Refusal} */
    let reason = "unknown";
    while (epoch === this.epoch && this.scene) {
      const seconds = BACKOFF[Math.min(tries++, BACKOFF.length - 1)] ?? 8;
      this.hooks.state({ name: "waiting", seconds, reason });
      await sleep(seconds * 1000);
      if (epoch !== this.epoch || !(await this.hooks.alive()) || epoch !== this.epoch) continue;
      this.hooks.state({ name: "connecting" });
      if (await this.dial(this.scene, epoch)) return;
      if (epoch !== this.epoch) return;
      reason = await whyRefused(this.scene);
      if (reason !== "gone" || epoch !== this.epoch) continue;
      const renewed = await this.hooks.renew().catch(() => null);
      if (renewed === null) continue;
      this.scene = renewed;
      tries = 0;
    }
  }
}

/** @param {unknown} data */
function parse(data) {
  try {
    const event = JSON.parse(String(data));
    return typeof event?.type === "string" ? /** @type {ServerEvent} */ (event) : null;
  } catch {
    return null;
  }
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
