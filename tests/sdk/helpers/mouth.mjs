/** A person's end of a conversation: sound in real time, as a microphone gives it, silence included. */
import { setTimeout as sleep } from "node:timers/promises";

/** The rate of the wire. */
export const RATE = 24_000;

/** 20 ms. */
const FRAME = 480;

export class Mouth {
  /** @param {(pcm: Int16Array) => void} send Is given 20 ms at a time. */
  constructor(send) {
    this.send = send;
    /** @type {{samples: Int16Array, at: number, over: () => void} | null} */
    this.saying = null;
    this.sent = 0;
    this.since = performance.now();
    this.timer = setInterval(() => this.tick(), 20);
  }

  tick() {
    const due = Math.floor((performance.now() - this.since) / 20);
    for (; this.sent < due; this.sent++) this.send(this.frame());
  }

  frame() {
    const frame = new Int16Array(FRAME);
    if (!this.saying) return frame;
    const { samples, at, over } = this.saying;
    frame.set(samples.subarray(at, at + FRAME));
    this.saying.at += FRAME;
    if (this.saying.at >= samples.length) {
      this.saying = null;
      over();
    }
    return frame;
  }

  /**
   * Says it, and resolves when the last of it was sent.
   * @param {Int16Array} samples At the rate of the wire.
   */
  say(samples) {
    return new Promise((/** @type {(value?: unknown) => void} */ over) => (this.saying = { samples, at: 0, over }));
  }

  close() {
    clearInterval(this.timer);
  }
}

/** @type {() => string | Promise<string>} */
let witness = () => "";

/** What is waited for in vain is reported with what `tell` has to say. @param {typeof witness} tell */
export const witnessedBy = (tell) => (witness = tell);

/** Events as a few words each: what ended, and with which words or calls. */
export const briefly = (events) => events.filter(({ type }) => !type.endsWith(".delta")).map(({ type, response }) => {
  const output = response?.output?.map(({ name, arguments: given, content }) => name ? `${name}(${given})` : JSON.stringify(content));
  return [type, response?.status, ...(output ?? [])].filter(Boolean).join(" ");
}).join("\n");

/**
 * Waits until `look` gives something; what it gave.
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} look
 * @param {number} [seconds]
 */
export async function until(what, look, seconds = 180) {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(20)) {
    const seen = await look();
    if (seen) return seen;
  }
  throw new Error(`within ${seconds} s: ${what}\n${await witness()}`);
}
