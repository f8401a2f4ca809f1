/**
 * The socket of a duet: opens it, keeps the clocks together, and opens it again when it is lost. What is played has no
 * use after its moment, so nothing is kept for later.
 *
 * @typedef {import("../types.js").Scene} Scene
 * @typedef {import("./types.js").DuetEvent} DuetEvent
 *
 * @typedef {object} LinkHooks
 * @property {(event: DuetEvent) => void} event
 * @property {(state: "connecting" | "open" | "waiting" | "closed") => void} state
 * @property {(reason: "gone" | "full") => void} refused It is of no use to try again.
 */
import { whyRefused } from "../api.js";
import { DuetClock } from "./clock.js";

/** Waits between tries, in seconds; the last one repeats. */
const BACKOFF = [0.25, 0.5, 1, 2, 4, 8];

/** The first exchanges come quickly: the clock must be right before the first promise. */
const [FIRST_SYNCS, FIRST_SYNC_MS, SYNC_MS] = [16, 100, 2_000];

/** A server that accepts the socket but says nothing for this long is not there. */
const GREETING_MS = 8_000;

/** One that answers no exchange of clocks for this long is gone, before the system notices. */
const SILENT_MS = 9_000;

/** The close code of someone who leaves for good. */
const LEFT = 1000;

export class DuetLink {
  /** @param {LinkHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    this.clock = new DuetClock();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.ready = false;
    /** Raised by every open and close, so that late steps of an older try find out. */
    this.epoch = 0;
    this.heardAt = 0;
    this.syncs = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** Ends the connection without waiting for the other side to agree. @type {(() => void) | null} */
    this.over = null;
  }

  /** @param {Scene} scene */
  open(scene) {
    const epoch = ++this.epoch;
    this.hooks.state("connecting");
    void this.keep(scene, epoch);
  }

  close() {
    this.epoch += 1;
    this.drop();
    this.hooks.state("closed");
  }

  drop() {
    this.ready = false;
    clearTimeout(this.timer);
    this.socket?.close(LEFT);
    this.socket = null;
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

  /**
   * Dials until it is told to stop.
   * @param {Scene} scene
   * @param {number} epoch
   */
  async keep(scene, epoch) {
    for (let tries = 0; epoch === this.epoch; tries++) {
      const lasted = await this.dial(scene, epoch);
      if (epoch !== this.epoch) return;
      if (lasted) tries = 0;
      else {
        const reason = await whyRefused(scene);
        if (epoch !== this.epoch) return;
        if (reason !== "unknown") {
          this.close();
          return this.hooks.refused(reason);
        }
      }
      this.hooks.state("waiting");
      const wait = BACKOFF[Math.min(tries, BACKOFF.length - 1)] ?? 8;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  /**
   * One connection, from its first word to its last; resolves with whether it was greeted.
   * @param {Scene} scene
   * @param {number} epoch
   * @returns {Promise<boolean>}
   */
  dial(scene, epoch) {
    const socket = new WebSocket(...addressOf(scene));
    this.socket = socket;
    return new Promise((resolve) => {
      const impatience = setTimeout(() => this.over?.(), GREETING_MS);
      socket.onmessage = ({ data }) => {
        if (epoch !== this.epoch) return;
        const at = performance.now();
        this.heardAt = at;
        const event = parse(data);
        if (!event) return;
        if (event.type === "duet.welcome") {
          clearTimeout(impatience);
          this.ready = true;
          this.clock.reset();
          this.syncs = 0;
          this.sync(epoch);
          this.hooks.state("open");
        }
        if (event.type === "duet.synced") this.clock.add(Number(event.t0), Number(event.t1), Number(event.t2), at * 1000);
        else this.hooks.event(event);
      };
      this.over = () => {
        clearTimeout(impatience);
        const greeted = this.ready;
        if (socket === this.socket) this.drop();
        resolve(greeted);
      };
      socket.onclose = () => socket === this.socket && this.over?.();
    });
  }

  /** @param {number} epoch */
  sync(epoch) {
    if (epoch !== this.epoch || !this.ready) return;
    if (this.syncs > FIRST_SYNCS && performance.now() - this.heardAt > SILENT_MS) return void this.over?.();
    this.syncs += 1;
    this.send({ type: "duet.sync", t0: Math.round(performance.now() * 1000) });
    this.timer = setTimeout(() => this.sync(epoch), this.syncs < FIRST_SYNCS ? FIRST_SYNC_MS : SYNC_MS);
  }
}

/**
 * @param {Scene} scene
 * @returns {[string, string[]]}
 */
function addressOf(scene) {
  const url = new URL(`/ws/duet/${encodeURIComponent(scene.id)}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return [url.href, ["realtime", `duologue-secret.${scene.secret}`]];
}

/** @param {unknown} data */
function parse(data) {
  try {
    const event = JSON.parse(String(data));
    return typeof event?.type === "string" ? /** @type {DuetEvent} */ (event) : null;
  } catch {
    return null;
  }
}
