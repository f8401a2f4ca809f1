/** The loudspeaker without a browser: the real worklet, driven block by block, so that every sample can be accounted for. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Playout } from "../../static/js/playout.js";
import { PlaybackQueue } from "../../static/js/worklets/playback-queue.js";

/** The sound card runs at the wire's rate here: nothing is converted, so every sample out is one that came in. */
const RATE = 24_000;
const BLOCK = 128;

let Processor;
let reports = [];
globalThis.sampleRate = RATE;
globalThis.currentTime = 0;
globalThis.AudioWorkletProcessor = class {
  port = { onmessage: null, postMessage: (report) => reports.push(report) };
};
globalThis.registerProcessor = (_name, made) => (Processor = made);
await import("../../static/js/worklets/playback.js");

/** @type {{port: {onmessage: (message: {data: unknown}) => void}, process: Function, queue: any}} */
let speaker;
beforeEach(() => {
  reports = [];
  globalThis.currentTime = 0;
  speaker = new Processor();
});

const tell = (data) => speaker.port.onmessage({ data });

/** A frame whose samples say their own position: position / 32768. */
const frame = (turn, offset, length) => tell({ kind: "audio", turn, offset, pcm: Int16Array.from({ length }, (_, at) => offset + at + 1).buffer });

/** Plays `ms` and returns what came out, as the numbers that went in. */
function play(ms) {
  const out = [];
  for (let blocks = Math.ceil((ms / 1000) * (RATE / BLOCK)); blocks > 0; blocks--) {
    const block = new Float32Array(BLOCK);
    speaker.process([], [[block]]);
    globalThis.currentTime += BLOCK / RATE;
    out.push(...block);
  }
  return out.map((value) => value * 32_768);
}

const ms = (samples) => (samples / RATE) * 1000;

/** The last sample that is loud, by position in `samples`. */
const lastLoud = (samples) => samples.findLastIndex((value) => value !== 0);

test("a voice that is held is silent within 20 ms and goes on at the very next sample, within 40 ms at full volume", () => {
  frame(1, 0, 24_000);
  const before = play(200);
  const reached = before.at(-1);
  tell({ kind: "hold", turn: 1 });
  const held = play(300);
  assert.ok(ms(lastLoud(held)) < 20, `silent after ${ms(lastLoud(held))} ms`);
  assert.equal(reports.at(-1).held, true);
  assert.equal(reports.at(-1).playing, false);
  const stood = reports.at(-1).position;
  assert.equal(speaker.queue.position, reports.at(-1).position + Math.round(speaker.available));
  tell({ kind: "restore", turn: 1 });
  const after = play(200);
  const ramp = Math.ceil((0.04 * RATE) / BLOCK) * BLOCK;
  const full = after.slice(ramp);
  assert.ok(full.every((value, at) => at === 0 || Math.abs(value - full[at - 1] - 1) < 0.01), "no sample is left out or said twice");
  // What sounded before the hold, during both ramps and since makes up the item without a gap.
  const faded = lastLoud(held) + 2;
  assert.equal(Math.round(full[0]), Math.round(reached) + faded + ramp + 1, "it goes on where it stood");
  assert.equal(stood, Math.round(reached) + faded, "and the clock stood there");
});

test("a voice that is ducked sounds softly after 20 ms, without a jump, and comes back", () => {
  frame(1, 0, 24_000);
  play(400);
  tell({ kind: "duck", turn: 1, gain: 0.25 });
  const ducked = play(60).slice(0.02 * RATE);
  const position = speaker.queue.position - speaker.available;
  const share = ducked.at(-1) / position;
  assert.ok(Math.abs(share - 0.25) < 0.001, `it sounds at ${share}`);
  tell({ kind: "restore", turn: 1 });
  const back = play(100);
  for (let at = 1; at < back.length; at++) assert.ok(Math.abs(back[at] - back[at - 1]) < 12, "no click");
  assert.ok(Math.abs(back.at(-1) - (speaker.queue.position - speaker.available)) < 1);
});

test("a stop ends a held or ducked voice for good, and the next turn speaks at full volume", () => {
  for (const kind of ["hold", "duck"]) {
    beforeEachAgain();
    frame(3, 0, 24_000);
    play(200);
    tell({ kind, turn: 3, gain: 0.25 });
    play(60);
    tell({ kind: "clear", floor: 4 });
    frame(3, 24_000, 4_800);
    const stopped = play(200);
    assert.ok(lastLoud(stopped) < BLOCK, `${kind}: something of the old turn came out`);
    tell({ kind: "restore", turn: 3 });
    assert.equal(lastLoud(play(100)), -1, `${kind}: a late restore brings nothing back`);
    frame(4, 0, 4_800);
    const next = play(250);
    assert.equal(Math.max(...next), 4_800, `${kind}: the next turn is heard whole and loud`);
  }
});

/** As before each test. */
function beforeEachAgain() {
  reports = [];
  speaker = new Processor();
}

test("what a stop lets die away is heard for less than a block, and measured by nobody", () => {
  frame(1, 0, 24_000);
  play(200);
  assert.ok(reports.at(-1).level > 0);
  reports = [];
  tell({ kind: "clear", floor: 2 });
  const last = lastLoud(play(60));
  assert.ok(last >= 0 && last < BLOCK, `it died away until ${last}`);
  assert.ok(reports.length > 1 && reports.every(({ level }) => level === 0), `${reports.map(({ level }) => level)}`);
});

test("a duck or hold that comes late for its turn changes nothing, and a new turn is not held by an old hold", () => {
  frame(1, 0, 2_400);
  tell({ kind: "end", turn: 1 });
  play(150);
  tell({ kind: "clear", floor: 2 });
  tell({ kind: "hold", turn: 1 });
  frame(2, 0, 4_800);
  assert.equal(Math.max(...play(250)), 4_800);
  tell({ kind: "hold", turn: 2 });
  play(60);
  frame(3, 0, 4_800);
  assert.ok(Math.max(...play(300)) >= 4_799);
});

test("what comes twice after a lost connection is heard once, and what is new is heard whole", () => {
  frame(1, 0, 2_400);
  frame(1, 1_200, 2_400);
  frame(1, 0, 2_400);
  frame(1, 3_600, 1_200);
  tell({ kind: "end", turn: 1 });
  const heard = play(260).filter((value) => value !== 0).map(Math.round);
  assert.deepEqual([heard.length, heard[0], heard.at(-1)], [4_800, 1, 4_800]);
  assert.ok(heard.every((value, at) => at === 0 || value === heard[at - 1] + 1));
  assert.equal(speaker.queue.duplicates, 1_200 + 2_400);
});

test("a page that was loaded anew goes on after what was heard before", () => {
  const queue = new PlaybackQueue();
  queue.seek(5, 1_000);
  const samples = (length) => new Float32Array(length).fill(0.5);
  queue.push({ turn: 4, offset: 0, samples: samples(500) });
  queue.push({ turn: 5, offset: 0, samples: samples(900) });
  queue.push({ turn: 5, offset: 900, samples: samples(4_800) });
  assert.equal(queue.buffered, 4_700);
  const block = new Float32Array(480);
  assert.equal(queue.pull(block), 480);
  assert.deepEqual([queue.turn, queue.position], [5, 1_480]);
});

test("the server is told every 200 ms while it sounds, and once at each change", () => {
  const told = [];
  const playout = new Playout((item, ms) => told.push([item, ms]));
  let now = 0;
  const run = (upTo, state) => {
    for (; now < upTo; now += 20) playout.update(now, state(now));
  };
  run(1_000, (at) => ({ item: "a", ms: at, playing: true }));
  assert.deepEqual(told, [["a", 0], ["a", 200], ["a", 400], ["a", 600], ["a", 800]]);
  // Held: 60 ms are still on their way through the sound card.
  run(2_000, (at) => ({ item: "a", ms: Math.min(1_060, at), playing: false }));
  assert.deepEqual(told.slice(5), [["a", 1_000], ["a", 1_060]]);
  run(2_300, (at) => ({ item: "a", ms: at - 940, playing: true }));
  run(3_000, () => ({ item: "a", ms: 1_350, playing: false }));
  assert.deepEqual(told.at(-1), ["a", 1_350], "the end is told");
  const before = told.length;
  run(4_000, () => ({ item: null, ms: 0, playing: false }));
  assert.equal(told.length, before, "nothing is told of nothing");
});
