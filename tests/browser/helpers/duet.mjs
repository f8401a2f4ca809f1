/** A duet for the tests: a partner on the scripted stage that plays what the test says, and what is heard of it. */
import { openPage } from "./browser.mjs";

/** What a duet begins with. */
export const SETTINGS = { mode: "accompany", style: "jazz_swing", complexity: "medium", bpm: 120, follow: false, metre: [4, 4], key: "auto", changes: "", trade_bars: 2, commit_ms: 400, seed: 1 };

/**
 * The partner at the other end of a connection. Its clock began a minute before the test: nothing may depend on where
 * it begins.
 * @param {ReturnType<typeof import("./stage.mjs").openStage> extends Promise<infer S> ? any : never} call
 */
export function partnerOf(call) {
  const began = performance.now() - 60_000;
  let settings = { ...SETTINGS };
  const partner = {
    call,
    now: () => Math.round((performance.now() - began) * 1000),
    greet: (more = {}) => call.say("duet.welcome", { player: 0, channel: 0, players: [{ player: 0, name: "" }], settings, playing: false, transport: null, now_us: partner.now(), ...more }),
    /** Begins to count at `at`. */
    start(at, bpm = 120) {
      call.say("duet.playing", { playing: true, ended: false });
      call.say("duet.transport", { origin_beat: 0, origin_us: at, us_per_beat: 60e6 / bpm, beats_per_bar: 4, quarters_per_beat: 1 });
    },
    /** Events of a type, without the time at which they came. */
    told: (type) => call.of(type).map(({ at, ...event }) => event),
  };
  call.answer = (event) => {
    if (event.type === "duet.sync") call.say("duet.synced", { t0: event.t0, t1: partner.now(), t2: partner.now() });
    if (event.type === "duet.set") call.say("duet.settings", { settings: (settings = { ...settings, ...event, type: undefined, at: undefined }) });
    if (event.type === "duet.name") call.say("duet.players", { players: [{ player: 0, name: event.name }] });
  };
  return partner;
}

/**
 * Opens the duet's page and sits down at the piano.
 * @param {import("node:test").TestContext} t
 * @param {Awaited<ReturnType<typeof import("./stage.mjs").openStage>>} stage
 * @param {object} [options] Of `openPage`.
 */
export async function sitDown(t, stage, options = {}) {
  const opened = await openPage(t, stage.url, { path: "/duet", ready: "#begin:not([disabled])", ...options });
  const [call] = await Promise.all([stage.next(), opened.page.locator("#begin").click()]);
  const partner = partnerOf(call);
  partner.greet();
  await opened.page.locator('#link[data-state="open"]').waitFor({ state: "attached" });
  return { ...opened, partner, call };
}

/** A worklet that keeps every block with its place in time. */
const TAP_SOURCE = `registerProcessor("tap", class extends AudioWorkletProcessor {
  constructor() { super(); this.blocks = []; this.at = currentFrame; }
  process([[channel]]) {
    this.blocks.push(channel ? channel.slice() : new Float32Array(128));
    if (this.blocks.length < 64) return true;
    const all = new Float32Array(this.blocks.length * 128);
    this.blocks.forEach((block, index) => all.set(block, index * 128));
    this.port.postMessage({ at: this.at, all });
    this.at += all.length;
    this.blocks = [];
    return true;
  }
});`;

/**
 * Whatever goes to the loudspeaker goes to the test too, block by block. The page must be lenient.
 * @param {import("playwright-core").Page} page
 */
export async function tapOutput(page) {
  await page.addInitScript((source) => {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const connect = AudioNode.prototype.connect;
    window.tapped = [];
    AudioNode.prototype.connect = function (target, ...rest) {
      if (target instanceof AudioDestinationNode) {
        window.tappedRate = this.context.sampleRate;
        void this.context.audioWorklet.addModule(address).then(() => {
          const tap = new AudioWorkletNode(this.context, "tap", { channelCount: 1, channelCountMode: "explicit" });
          tap.port.onmessage = ({ data }) => window.tapped.push(data);
          connect.call(this, tap);
          // It writes nothing: the loudspeaker only makes it run.
          connect.call(tap, target);
        });
      }
      return connect.call(this, target, ...rest);
    };
  }, TAP_SOURCE);
}

/**
 * What was heard so far.
 * @param {import("playwright-core").Page} page
 */
export async function tapped(page) {
  const { rate, first, base64 } = await page.evaluate(() => {
    const blocks = window.tapped;
    const first = blocks[0]?.at ?? 0;
    const last = blocks.at(-1);
    const pcm = new Float32Array(last ? last.at + last.all.length - first : 0);
    for (const { at, all } of blocks) pcm.set(all, at - first);
    let binary = "";
    const bytes = new Uint8Array(pcm.buffer);
    for (let from = 0; from < bytes.length; from += 8192) binary += String.fromCharCode(...bytes.subarray(from, from + 8192));
    return { rate: window.tappedRate, first, base64: btoa(binary) };
  });
  const bytes = Buffer.from(base64, "base64");
  return { rate, first, samples: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) };
}

/** Samples of one step of the onset search: well under the 5 ms that are to be told apart. */
const STEP = 32;

/**
 * The moments, in seconds, at which something begins to sound: the loudness of half a millisecond rises well above that
 * of the tens before it.
 * @param {{rate: number, samples: Float32Array}} sound
 * @param {number} [apart] Seconds between two beginnings.
 */
export function onsets({ rate, samples }, apart = 0.15) {
  const levels = [];
  for (let at = 0; at + STEP <= samples.length; at += STEP) {
    let most = 0;
    for (let index = at; index < at + STEP; index++) most = Math.max(most, Math.abs(samples[index]));
    levels.push(most);
  }
  const loudest = levels.reduce((most, level) => Math.max(most, level), 0);
  const found = [];
  const before = Math.round((0.02 * rate) / STEP);
  for (let index = before; index < levels.length; index++) {
    const past = Math.max(...levels.slice(index - before, index));
    const at = (index * STEP) / rate;
    if (levels[index] > 0.06 * loudest && levels[index] > 1.7 * past && at - (found.at(-1) ?? -1) > apart) found.push(at);
  }
  return found;
}

/**
 * How strong a pitch is in a stretch of sound (Goertzel, with a window).
 * @param {{rate: number, samples: Float32Array}} sound
 * @param {number} at Seconds.
 * @param {number} pitch MIDI.
 */
export function strength({ rate, samples }, at, pitch, seconds = 0.18) {
  const omega = (2 * Math.PI * 440 * 2 ** ((pitch - 69) / 12)) / rate;
  const [from, count] = [Math.round(at * rate), Math.round(seconds * rate)];
  let [re, im] = [0, 0];
  for (let index = 0; index < count; index++) {
    const value = (samples[from + index] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * index) / count));
    re += value * Math.cos(omega * index);
    im += value * Math.sin(omega * index);
  }
  return Math.hypot(re, im) / count;
}

/** @param {number[]} values */
export function spread(values) {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  return Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length);
}
