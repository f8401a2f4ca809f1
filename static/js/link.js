/**
 * The socket of a scene: opens it, opens it again when it is lost, and says in which state it is.
 *
 * Everything that the server sends has a number: events carry theirs, each binary frame is the next one. After a
 * loss the link asks for what came after the last number; what it has already is dropped. When the server does not
 * answer within a minute or no longer knows the session, the link gives up and says why.
 *
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./types.js").ServerEvent} ServerEvent
 *
 * @typedef {object} LinkState
 * @property {"idle" | "connecting" | "open" | "waiting" | "closed"} name
 * @property {number} [seconds] Until the next try.
 * @property {number} [lostFor] Milliseconds since the connection was lost.
 * @property {boolean} [resumed] Of `open`: whether it goes on where it was.
 * @property {import("./api.js").Refusal} [reason] Why the last try failed, where that is known.
 *
 * @typedef {object} LinkHooks
 * @property {(event: ServerEvent) => void} event
 * @property {(frame: ArrayBuffer, number: number) => void} audio
 * @property {(state: LinkState) => void} state
 * @property {() => Promise<boolean>} alive Whether the server answers.
 * @property {(reason: string) => void} stopped The server ended it for good.
 * @property {(reason: "gone" | "unreachable") => void} lost It could not be resumed.
 */
import { socketOf, whyRefused } from "./api.js";

/** Waits between tries, in seconds; the last one repeats. */
const BACKOFF = [0.25, 0.5, 1, 2, 4, 8];

/** A server that asks for more patience than this is asked again all the same. */
const LONGEST_WAIT_S = 10;

/** How long a session outlives its socket on the server. */
export const RESUME_MS = 60_000;

/** A server that accepts the socket but says nothing for this long is not there. */
const GREETING_MS = 10_000;

/** Audio waiting in the socket beyond this (about 5 s) is late already: newer frames are dropped instead. */
const BACKLOG_BYTES = 256 * 1024;

/** Landmarks give way to the voice: they are sent only while less than half a second of it waits. */
const FRAME_BACKLOG_BYTES = 24 * 1024;

/** A backlog that has stood for this long says that nobody is there any more, before the system notices. */
const STALLED_MS = 5_000;

/** The close code of someone who leaves the scene for good; others may come back. */
const LEFT = 1000;

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
    this.backlogSince = 0;
    /** The number of the last thing that came; `null` before the first. @type {number | null} */
    this.last = null;
    /** Whether the server has begun to count anew, turns too. */
    this.renumbered = false;
    /** Of the connection now: the number of the last thing that came, replayed or not. */
    this.at = 0;
    /** Why the server turned the last try away, where it said so. @type {{code: string, seconds: number} | null} */
    this.refusal = null;
    /** Ends a wait early. @type {(() => void) | null} */
    this.wakeUp = null;
  }

  /**
   * Connects; resolves with whether the server greeted us.
   * @param {Scene} scene
   * @param {{last: number, from: number} | null} [resume] What is known of it already, and from where on it is wanted.
   */
  async open(scene, resume = null) {
    const epoch = ++this.epoch;
    this.scene = scene;
    this.last = resume?.last ?? null;
    this.hooks.state({ name: "connecting" });
    const greeted = await this.dial(scene, epoch, resume?.from ?? null);
    if (!greeted && epoch === this.epoch) void this.recover(epoch, resume === null ? Infinity : RESUME_MS);
    return greeted;
  }

  /** Ends the scene from this side. */
  close() {
    this.drop(LEFT);
    this.hooks.state({ name: "closed" });
  }

  /**
   * Lets go of the connection; without a code the scene can go on elsewhere.
   * @param {number} [code]
   */
  drop(code) {
    this.epoch += 1;
    this.ready = false;
    this.socket?.close(code);
    this.socket = null;
    this.wake();
  }

  /**
   * Stays away: the server ended the scene, or it goes on elsewhere.
   * @param {string} reason
   */
  stop(reason) {
    this.close();
    this.hooks.stopped(reason);
  }

  /** The network may be back: the next try is now. */
  wake() {
    this.wakeUp?.();
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
    if (this.socket.bufferedAmount <= BACKLOG_BYTES) {
      this.backlogSince = 0;
      this.socket.send(pcm);
      return;
    }
    this.droppedFrames += 1;
    this.backlogSince ||= Date.now();
    if (Date.now() - this.backlogSince > STALLED_MS) this.cut(this.epoch);
  }

  /**
   * Sends a frame of landmarks; one that would have to wait is old when it arrives, so it is left out.
   * @param {ArrayBuffer} frame
   */
  sendFrame(frame) {
    if (!this.ready || this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount <= FRAME_BACKLOG_BYTES) this.socket.send(frame);
  }

  /**
   * One try. Resolves true once the server has greeted us, false when the socket closed before.
   * @param {Scene} scene
   * @param {number} epoch
   * @param {number | null} from Resumes after this number.
   * @returns {Promise<boolean>}
   */
  dial(scene, epoch, from) {
    const { url, protocols } = socketOf(scene, from);
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.at = from ?? 0;
    this.refusal = null;
    this.backlogSince = 0;
    return new Promise((resolve) => {
      const impatience = setTimeout(() => socket.close(), GREETING_MS);
      const greeted = (/** @type {boolean} */ resumed) => {
        clearTimeout(impatience);
        if (this.ready) return;
        this.ready = true;
        this.hooks.state({ name: "open", resumed });
        resolve(true);
      };
      socket.onmessage = ({ data }) => {
        if (epoch === this.epoch) this.receive(data, from !== null, greeted);
      };
      socket.onclose = ({ reason }) => {
        clearTimeout(impatience);
        if (!this.ready) this.refusal = readRefusal(reason);
        resolve(false);
        if (epoch !== this.epoch || !this.ready || socket !== this.socket) return;
        if (reason === "attached_elsewhere") return this.stop(reason);
        this.cut(epoch);
      };
    });
  }

  /**
   * @param {unknown} data
   * @param {boolean} resuming Then whatever comes first is the greeting: it is what was missed.
   * @param {(resumed: boolean) => void} greeted
   */
  receive(data, resuming, greeted) {
    if (data instanceof ArrayBuffer) {
      this.at += 1;
      if (resuming) greeted(true);
      if (this.ready) this.last = Math.max(this.last ?? 0, this.at);
      return this.hooks.audio(data, this.at);
    }
    const event = parse(data);
    if (event === null) return;
    this.at = numberOf(event) ?? this.at + 1;
    const anew = event.type === "session.created";
    if (anew) {
      this.renumbered = this.last === null || this.at <= this.last;
      greeted(false);
    } else if (resuming) greeted(true);
    if (!anew && this.last !== null && this.at <= this.last) return;
    this.last = this.at;
    this.hooks.event(event);
  }

  /**
   * The connection is lost.
   * @param {number} epoch
   */
  cut(epoch) {
    this.ready = false;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    void this.recover(epoch, RESUME_MS);
  }

  /**
   * @param {number} epoch
   * @param {number} patience How long to try, in milliseconds.
   */
  async recover(epoch, patience) {
    const since = Date.now();
    let tries = 0;
    let refusals = 0;
    /** @type {import("./api.js").Refusal} */
    let reason = this.isFull ? "full" : "unknown";
    while (epoch === this.epoch && this.scene) {
      const lostFor = Date.now() - since;
      if (lostFor > patience) return this.giveUp("unreachable");
      const seconds = Math.max(BACKOFF[Math.min(tries++, BACKOFF.length - 1)] ?? 8, Math.min(this.refusal?.seconds ?? 0, LONGEST_WAIT_S));
      this.hooks.state({ name: "waiting", seconds, reason, lostFor });
      await this.sleep(seconds * 1000);
      if (epoch !== this.epoch || !(await this.hooks.alive()) || epoch !== this.epoch) continue;
      // A server that is there and refuses to resume may still let us in anew.
      if (await this.dial(this.scene, epoch, refusals < 2 ? this.last : null)) return;
      if (epoch !== this.epoch) return;
      refusals += 1;
      reason = this.isFull ? "full" : await whyRefused(this.scene);
      if (reason === "gone" && epoch === this.epoch) return this.giveUp("gone");
    }
  }

  get isFull() {
    return ["session_limit", "client_limit", "capacity_full"].includes(this.refusal?.code ?? "");
  }

  /** @param {"gone" | "unreachable"} reason */
  giveUp(reason) {
    this.close();
    this.hooks.lost(reason);
  }

  /** @param {number} ms */
  sleep(ms) {
    return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** @param {unknown} data */
export function parse(data) {
  try {
    const event = JSON.parse(String(data));
    return typeof event?.type === "string" ? /** @type {ServerEvent} */ (event) : null;
  } catch {
    return null;
  }
}

/**
 * The number in an event's id.
 * @param {ServerEvent} event
 */
export function numberOf(event) {
  const found = /^event_(\d+)$/.exec(event.event_id ?? "");
  return found ? Number(found[1]) : null;
}

/**
 * The server lets a page in to turn it away, because a page cannot read anything else: `code retry_after=seconds`.
 * @param {string} reason Of the close.
 */
function readRefusal(reason) {
  const found = /^(\w+) retry_after=(\d+)$/.exec(reason);
  return found ? { code: String(found[1]), seconds: Number(found[2]) } : null;
}
