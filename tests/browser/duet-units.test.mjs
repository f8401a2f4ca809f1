/** The duet's machines without a page: clocks, promises, keys, the piano's places, tapping, traces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AudioClock, DuetClock } from "../../static/js/duet/clock.js";
import { Keys } from "../../static/js/duet/keys.js";
import { keyAt, layoutOf, nameOf } from "../../static/js/duet/layout.js";
import { Schedule } from "../../static/js/duet/schedule.js";
import { Tap } from "../../static/js/duet/tap.js";
import { Traces } from "../../static/js/duet/traces.js";
import { beatAt, noteOf, timeOf } from "../../static/js/duet/types.js";

/** Numbers between 0 and 1 that are the same in every run. */
function dice(seed) {
  let state = seed;
  return () => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32);
}

/**
 * Minutes of exchanges over a network of 40 ms with up to 40 ms more on each way, between clocks that drift apart.
 * @returns {{clock: DuetClock, errors: number[], truth: (ms: number) => number}}
 */
function exchanges(minutes, { drift = 60e-6, offset = 7_000_000_123 } = {}) {
  const roll = dice(5);
  const clock = new DuetClock();
  const truth = (ms) => ms * 1000 * (1 + drift) + offset;
  const errors = [];
  for (let ms = 1_000, count = 0; ms < minutes * 60_000; ms += ++count < 16 ? 100 : 2_000) {
    const [there, back] = [20 + 20 * roll() ** 2, 20 + 20 * roll() ** 2];
    clock.add(ms * 1000, truth(ms + there), truth(ms + there), (ms + there + back) * 1000);
    errors.push(clock.duetAt(ms + 1_000) - truth(ms + 1_000));
  }
  return { clock, errors, truth };
}

test("the duet's clock is found through a network that wavers, and its drift with it", () => {
  const { clock, errors, truth } = exchanges(8);
  const late = errors.slice(30).map(Math.abs);
  assert.ok(Math.max(...late) < 6_000, `off by up to ${Math.max(...late)} µs`);
  assert.ok(Math.abs(clock.drift - 60e-6) < 25e-6, `a drift of ${clock.drift * 1e6} ppm`);
  const at = 8 * 60_000;
  assert.ok(Math.abs(clock.pageAt(truth(at)) - at) < 6);
  assert.ok(Math.abs(clock.pageAt(clock.duetAt(at)) - at) < 1e-4, "there and back is the same");
  assert.ok(clock.rtt > 40_000 && clock.rtt < 80_100);
  assert.ok(clock.jitter > 1_000 && clock.jitter < 40_000);
});

test("once it plays, the clock is turned little by little: two notes never come closer by more than a thousandth", () => {
  const { clock } = exchanges(2);
  const before = clock.duetAt(130_000);
  clock.add(130_000_000, before + 3_000, before + 3_000, 130_000_100);
  assert.ok(Math.abs(clock.duetAt(130_000) - before) < 1, "nothing jumps");
  const gap = clock.duetAt(130_500) - clock.duetAt(130_000);
  assert.ok(Math.abs(gap - 500_000) < 600, `half a second is ${gap} µs`);
  clock.add(131_000_000, before + 901_000_000, before + 901_000_000, 131_000_050);
  assert.ok(clock.duetAt(131_000) - before > 800_000_000, "a clock that was set is");
});

test("nonsense from the wire does not move a clock", () => {
  const clock = new DuetClock();
  for (const bad of [[0, Number.NaN, 1, 2], [10, 0, 0, 5], [0, Infinity, 0, 9]]) clock.add(...bad);
  assert.equal(clock.isKnown, false);
  clock.add(0, 1_000, 1_000, 100);
  assert.equal(clock.isKnown, true);
  clock.reset();
  assert.deepEqual([clock.isKnown, clock.exchanges], [false, 0]);
});

test("the sound card's clock is read through blocks, and a device that changes is noticed", () => {
  const clock = new AudioClock();
  for (let ms = 0; ms < 3_000; ms += 25) clock.add(Math.floor((ms / 1000 + 5) * 100) / 100, ms);
  // Blocks of 10 ms are told up to 10 ms late, 5 on average, and never in a jump.
  assert.ok(Math.abs(clock.contextAt(10_000) - 15) < 0.008);
  clock.add(99, 3_000);
  assert.ok(Math.abs(clock.contextAt(10_000) - 15) < 0.008, "one stray reading is no news");
  for (let ms = 3_100; ms < 3_300; ms += 25) clock.add(ms / 1000 + 8, ms);
  assert.ok(Math.abs(clock.contextAt(10_000) - 18) < 0.008, "several are");
});

const note = (id, at, duration = 100_000) => noteOf([id, at, duration, "lead", 1, 0, 60, 80]);

test("promises are handed on in time and in order, once; what comes late is counted, what comes far too late is left out", () => {
  const schedule = new Schedule();
  schedule.promise([note(2, 900_000), note(1, 500_000)], 0);
  schedule.promise([note(1, 500_000)], 0);
  assert.deepEqual(schedule.due(0, 300_000), []);
  assert.deepEqual(schedule.due(300_000, 600_000).map(({ id }) => id), [1]);
  assert.deepEqual(schedule.due(600_000, 900_000).map(({ id }) => id), [2]);
  assert.equal(schedule.late, 0);
  schedule.promise([note(3, 950_000), note(4, 700_000)], 1_000_000);
  assert.deepEqual(schedule.due(1_000_000, 1_300_000).map(({ id }) => id), [3]);
  assert.deepEqual([schedule.late, schedule.played, schedule.skipped], [2, 3, 1]);
});

test("what is taken back is not played, and what was handed on already is named", () => {
  const schedule = new Schedule();
  schedule.promise([note(1, 100_000), note(2, 200_000), note(3, 800_000)], 0);
  schedule.due(0, 300_000);
  assert.deepEqual(schedule.cancel([2, 3, 99]).map(({ id }) => id), [2]);
  assert.deepEqual(schedule.due(700_000, 1_000_000), []);
  schedule.promise([note(5, 2_000_000, 900_000)], 1_000_000);
  schedule.due(1_900_000, 2_100_000);
  schedule.promise([note(6, 2_600_000)], 2_000_000);
  schedule.clear(2_300_000);
  assert.deepEqual(schedule.due(2_500_000, 2_900_000), [], "silence is silence");
  assert.equal(schedule.given.find(({ id }) => id === 5)?.duration, 300_000, "what sounds ends now");
});

test("beats and times are each other's inverse", () => {
  const transport = { origin_beat: 8, origin_us: 4_000_000, us_per_beat: 500_000, beats_per_bar: 4, quarters_per_beat: 1 };
  assert.equal(beatAt(transport, 4_750_000), 9.5);
  assert.equal(timeOf(transport, 9.5), 4_750_000);
});

test("two rows of the keyboard are a piano, wherever the letters are, and no key can hang", () => {
  const told = [];
  const keys = new Keys({ press: (pitch, velocity) => told.push([pitch, velocity]), release: (pitch) => told.push([pitch, 0]), sustain: (down) => told.push(down), moved: () => {} });
  assert.equal(keys.down("KeyA", 0), true);
  assert.equal(keys.down("KeyA", 1), true, "a key that repeats is ours and does nothing");
  keys.down("KeyX", 2);
  keys.up("KeyA", 3);
  keys.down("KeyW", 4);
  keys.down("Space", 5);
  keys.down("Space", 6);
  keys.releaseAll(7);
  assert.deepEqual(told, [[60, 78], [60, 0], [73, 78], true, [73, 0], false]);
  assert.equal(keys.down("F5", 8), false);
  assert.equal(keys.hint(72), "A");
  assert.equal(keys.hint(60), "");
  for (let at = 0; at < 20; at++) keys.shift(12);
  assert.equal(keys.base, 96);
  for (let at = 0; at < 20; at++) keys.strike(-1);
  keys.down("KeyS", 9);
  assert.deepEqual(told.at(-1), [98, 38]);
});

test("the piano fits every width, always holds the row that the computer's keys play, and knows where it is struck", () => {
  for (const [width, coarse] of [[360, true], [390, true], [844, true], [865, false], [1100, false], [2400, false]]) {
    for (const base of [24, 48, 60, 84, 96]) {
      const layout = layoutOf(width, base, coarse);
      const last = layout.keys.at(-1);
      assert.ok(layout.low <= base && (layout.high >= base + 12 || layout.high === 108), `${width}: ${layout.low} to ${layout.high} for ${base}`);
      assert.ok(Math.abs(Math.max(...layout.keys.map((key) => key.x + key.width)) - width) < width * 0.05, "it is as wide as it should be");
      assert.ok(last && last.pitch === layout.high && layout.keys.length === layout.high - layout.low + 1);
      assert.ok(!coarse || layout.white >= 34, "fingers are that wide");
      for (const key of layout.keys) assert.equal(keyAt(layout, key.x + key.width / 2, key.black ? 0.3 : 0.9)?.pitch, key.pitch);
    }
  }
  const layout = layoutOf(390, 60, true);
  assert.equal(keyAt(layout, -5, 0.5), null);
  const [soft, loud] = [keyAt(layout, 5, 0.1), keyAt(layout, 5, 0.98)];
  assert.ok(soft && loud && soft.velocity < loud.velocity && loud.velocity <= 127);
  assert.deepEqual([nameOf(60), nameOf(61), nameOf(70)], ["C4", "C♯4", "B♭4"]);
});

test("a tapped tempo is the middle of the gaps, and a pause begins anew", () => {
  const tap = new Tap();
  assert.equal(tap.tap(0), null);
  assert.equal(tap.tap(500), 120);
  assert.equal(tap.tap(1_000), 120);
  assert.equal(tap.tap(1_900), 120, "one slip does not count");
  assert.equal(tap.tap(9_000), null);
  assert.equal(tap.tap(9_750), 80);
  assert.equal(tap.tap(9_760), 158);
});

test("traces begin, end and are forgotten; whoever leaves lets go", () => {
  const traces = new Traces();
  traces.take(1, [1_000, 0x94, 60, 80]);
  traces.take(1, [2_000, 0x94, 64, 80]);
  traces.take(1, [3_000, 0x94, 60, 0]);
  traces.begin(0, 60, 2_500);
  assert.deepEqual([...traces.held((player) => player === 1)], [64]);
  assert.deepEqual([...traces.held((player) => player === 0)], [60]);
  traces.endAll(4_000, 1);
  assert.deepEqual([...traces.held(() => true)], [60]);
  traces.forget(10_000_000);
  assert.equal(traces.notes.length, 1, "what is held stays");
});
