/** The mirror's machines without a page: the frame of landmarks, the pace, the ring, blinks, gaze, bands, moments. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NEEDED_MS, Progress } from "../../static/js/mirror/calibration.js";
import { encodeFrame, SUBSET } from "../../static/js/mirror/landmark-frame.js";
import { Moments } from "../../static/js/mirror/moments.js";
import { Blinks, gazeOf } from "../../static/js/mirror/overlay.js";
import { Pace } from "../../static/js/mirror/pace.js";
import { bandScale, Scores, toneOf } from "../../static/js/mirror/scores.js";

/** The face of the server's own test of this frame (`src/ws/landmarks/codec/tests.rs`): both must make the same bytes of it. */
function whole() {
  const points = new Float32Array(478 * 3);
  SUBSET.forEach((id, at) => points.set([at / 64, 0.5, -0.25], id * 3));
  return {
    sequence: 0x0a0b_0c0d, at: 0x0102_0304_0506 / 1000, width: 640, height: 360, mirrored: true, faces: 1, points,
    blendshapes: Float32Array.from({ length: 52 }, (_, index) => (index * 5) / 255),
    matrix: Float32Array.from({ length: 16 }, (_, index) => index - 7.5),
  };
}

test("a frame of landmarks is byte for byte what the wire says", () => {
  const frame = Buffer.from(encodeFrame(whole()));
  const head = [0x44, 1, 2, 1, 0x0d, 0x0c, 0x0b, 0x0a, 6, 5, 4, 3, 2, 1, 0, 0, 0x80, 2, 0x68, 1, 7, 0, 36, 0];
  const blendshapes = Array.from({ length: 52 }, (_, index) => index * 5);
  const matrix = Buffer.alloc(64);
  for (let at = 0; at < 16; at++) matrix.writeFloatLE(at - 7.5, at * 4);
  const points = Buffer.alloc(36 * 6);
  for (let at = 0; at < 36; at++) {
    points.writeInt16LE(at * 256, at * 6);
    points.writeInt16LE(8192, at * 6 + 2);
    points.writeInt16LE(-4096, at * 6 + 4);
  }
  assert.equal(frame.toString("hex"), Buffer.concat([Buffer.from(head), Buffer.from(blendshapes), matrix, points]).toString("hex"));
});

test("a picture without a face is a frame of 24 bytes, and what is out of range stays in it", () => {
  const none = Buffer.from(encodeFrame({ ...whole(), mirrored: false, faces: 0, points: [], blendshapes: [], matrix: [] }));
  assert.deepEqual([none.length, none[3], none[20], none.readUInt16LE(22)], [24, 0, 0, 0]);
  const wild = whole();
  wild.points.set([9, -9, Number.NaN], 33 * 3);
  wild.blendshapes.set([2, -1, Number.NaN]);
  const frame = Buffer.from(encodeFrame(wild));
  assert.deepEqual([...frame.subarray(24, 27)], [255, 0, 0]);
  assert.deepEqual([0, 2, 4].map((at) => frame.readInt16LE(140 + at)), [32_767, -32_768, -32_768]);
});

test("the pace falls when a look takes too long, and rises only where there is room", () => {
  const looks = (pace, ms, count = 100) => {
    for (let n = 0; n < count; n++) pace.took(ms);
    return pace.fps;
  };
  const small = new Pace(2);
  assert.equal(small.fps, 15);
  assert.equal(looks(small, 16), 15, "two cores stay at fifteen");
  assert.equal(looks(small, 90), 10);
  assert.equal(looks(small, 50), 10, "it does not swing");
  assert.equal(looks(small, 20), 15);
  assert.equal(looks(new Pace(2), 900, 1), 15, "the first look says nothing");
  const large = new Pace(16);
  assert.equal(looks(large, 9), 30);
  assert.equal(looks(large, 40), 15);
});

test("the ring fills only while a face is seen, and gives up in the dark", () => {
  const seen = new Progress(0);
  let now = 0;
  const look = (progress, face, until) => {
    let state = "running";
    while (now < until && state === "running") state = progress.look(face, (now += 66));
    return state;
  };
  assert.equal(look(seen, true, 5_000), "running");
  assert.equal(look(seen, false, 12_000), "running", "it waits");
  assert.ok(seen.seenMs < 5_100);
  assert.equal(look(seen, true, 30_000), "done");
  assert.ok(now < 7_000 + NEEDED_MS + 500);
  now = 0;
  assert.equal(look(new Progress(0), false, 60_000), "failed");
});

test("a blink is one tick, and the gaze follows head and eyes", () => {
  const blinks = new Blinks();
  const eyes = (shut) => Float32Array.from({ length: 52 }, (_, index) => (index === 9 || index === 10 ? shut : 0));
  for (const [at, shut] of [[0, 0.1], [66, 0.6], [132, 0.9], [198, 0.45], [264, 0.2], [1000, 0.7]]) blinks.look(eyes(shut), at);
  assert.deepEqual(blinks.times, [66, 1000]);
  blinks.look(eyes(0), 20_500);
  assert.deepEqual(blinks.times, [1000], "the strip is twenty seconds long");
  const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, -30, 1];
  assert.deepEqual(gazeOf(eyes(0), identity), { x: 0, y: 0 });
  const turned = identity.with(8, 0.5);
  assert.ok(gazeOf(eyes(0), turned).x > 0.4);
  const aside = eyes(0);
  aside[15] = aside[14] = 0.8; // The left eye out, the right eye in: to the person's left, which is right in the picture.
  assert.ok(gazeOf(aside, identity).x > 0.3);
  const down = eyes(0);
  down[11] = down[12] = 0.8;
  assert.ok(gazeOf(down, identity).y > 0.3);
});

test("a band is drawn in order, open sides included", () => {
  for (const [band, measure] of [[[5, 10.5, 32.5, 45], 38], [[5, 10.5, 32.5, 45], 90], [[null, null, 5, 15], 3], [[0.3, 0.85, null, null], 0.1], [[-0.3, 0.15, null, null], -0.8]]) {
    const { zeroFrom, fullFrom, fullTo, zeroTo, at } = bandScale(band, measure);
    assert.ok(0 <= zeroFrom && zeroFrom <= fullFrom && fullFrom < fullTo && fullTo <= zeroTo && zeroTo <= 1, `${band}: ${[zeroFrom, fullFrom, fullTo, zeroTo]}`);
    assert.ok(at >= 0 && at <= 1);
  }
  assert.deepEqual([null, 0, 39, 40, 66, 67, 100].map(toneOf), ["none", "low", "low", "middle", "middle", "high", "high"]);
});

test("a score keeps its history and each of its moments once", () => {
  const scores = new Scores();
  const event = (at, value, evidence) => ({ at_ms: at, details: { blinking: { value, evidence } } });
  scores.take(event(1000, null, []));
  assert.deepEqual(scores.history("blinking"), [], "what is not known is no point");
  const blink = (from, to) => ({ from_ms: from, to_ms: to, what: "blink", value: to - from });
  scores.take(event(2000, 50, [blink(900, 1000), blink(1500, 1600)]));
  scores.take(event(2000, 51, [blink(1500, 1700)]));
  scores.take(event(3000, 52, [blink(1500, 1700), blink(2500, 2600)]));
  assert.deepEqual(scores.history("blinking"), [{ at: 2000, value: 51 }, { at: 3000, value: 52 }]);
  assert.deepEqual(scores.detail("blinking")?.evidence?.map(({ from_ms, to_ms }) => [from_ms, to_ms]), [[900, 1000], [1500, 1700], [2500, 2600]]);
  for (let at = 4000; at < 2_000_000; at += 1000) scores.take(event(at, 50, [blink(at, at + 100)]));
  assert.deepEqual([scores.history("blinking").length, scores.detail("blinking")?.evidence?.length], [600, 64], "both have an end");
});

test("a moment belongs to the line that was said then, or to the line of its turn", () => {
  const moments = new Moments();
  moments.note({ type: "input_audio_buffer.speech_started", item_id: "a" }, 11_000);
  moments.note({ type: "input_audio_buffer.speech_stopped", item_id: "a" }, 14_000);
  assert.equal(moments.itemOf({ from_ms: 1500, to_ms: 2000 }), null, "the scene's clock is not known yet");
  moments.note({ type: "duologue.scores", at_ms: 4_000 }, 14_200);
  moments.note({ type: "duologue.scores", at_ms: 5_000 }, 15_000);
  moments.note({ type: "response.output_item.added", item: { role: "assistant", id: "b" }, duologue: { turn: 1 } }, 16_000);
  moments.note({ type: "response.done" }, 20_000);
  assert.equal(moments.itemOf({ from_ms: 1500, to_ms: 2000 }), "a");
  assert.equal(moments.itemOf({ from_ms: 7000, to_ms: 7100 }), "b");
  assert.equal(moments.itemOf({ from_ms: 60_000, to_ms: 60_100 }), null);
  assert.equal(moments.itemOf({ from_ms: 60_000, to_ms: 60_100, turn: 1 }), "a", "what the person said in that turn");
});
