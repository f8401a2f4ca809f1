/** The page's machines without a page: resampling, jitter, lips, the script, push to talk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../static/js/conversation.js";
import { approach, MouthTrack, outlines, SHAPES } from "../../static/js/mouth.js";
import { readFrame } from "../../static/js/player.js";
import { TalkButton } from "../../static/js/talk-button.js";
import { barsOf, scaleOf } from "../../static/js/waterfall.js";
import { PlaybackQueue } from "../../static/js/worklets/playback-queue.js";
import { Resampler } from "../../static/js/worklets/resampler.js";
import { en } from "../../static/js/words/en.js";
import { ko } from "../../static/js/words/ko.js";

/** Root mean square of a tone after resampling in blocks of 128, without the filter's run-in. */
function toneAfter(from, to, frequency) {
  const resampler = new Resampler(from, to);
  const out = [];
  for (let at = 0; at < from; at += 128) {
    const block = Float32Array.from({ length: 128 }, (_, i) => Math.sin((2 * Math.PI * frequency * (at + i)) / from));
    out.push(...resampler.process(block));
  }
  const steady = out.slice(to / 4, -to / 8);
  const level = Math.sqrt(steady.reduce((sum, value) => sum + value * value, 0) / steady.length);
  return { level, length: out.length };
}

for (const [from, to] of [[48_000, 24_000], [44_100, 24_000], [16_000, 24_000], [96_000, 24_000], [24_000, 48_000], [24_000, 44_100]]) {
  test(`resampling ${from} to ${to} keeps speech and its length`, () => {
    for (const frequency of [200, 1000, 3500, 7000]) {
      const { level, length } = toneAfter(from, to, frequency);
      assert.ok(Math.abs(20 * Math.log10(level * Math.SQRT2)) < 0.2, `${frequency} Hz came out at ${level}`);
      assert.ok(Math.abs(length - to) < 300, `a second became ${length} samples`);
    }
  });
}

test("what does not fit into the lower rate is gone, not folded into speech", () => {
  for (const frequency of [13_500, 16_000, 20_000]) {
    const { level } = toneAfter(48_000, 24_000, frequency);
    assert.ok(20 * Math.log10(level) < -60, `${frequency} Hz is heard at ${20 * Math.log10(level)} dB`);
  }
});

const frame = (turn, offset, length) => ({ turn, offset, samples: new Float32Array(length).fill(0.5) });

test("a reply starts after its cushion, and its end is never held back", () => {
  const queue = new PlaybackQueue();
  const block = new Float32Array(480);
  queue.push(frame(1, 0, 480));
  assert.equal(queue.pull(block), 0, "one frame is no cushion");
  queue.push(frame(1, 480, 480));
  queue.push(frame(1, 960, 480));
  assert.equal(queue.pull(block), 480);
  assert.deepEqual([queue.turn, queue.position], [1, 480]);
  const short = new PlaybackQueue();
  short.push(frame(2, 0, 100));
  short.end(2);
  assert.equal(short.pull(block), 100, "a reply shorter than the cushion plays once it has ended");
  assert.equal(short.position, 100);
});

test("a late link is waited for, with a count, and nothing is lost", () => {
  const queue = new PlaybackQueue();
  const block = new Float32Array(960);
  queue.push(frame(1, 0, 1440));
  assert.equal(queue.pull(block), 960);
  assert.equal(queue.pull(block), 480);
  assert.equal(queue.underruns, 1);
  queue.push(frame(1, 1440, 480));
  assert.equal(queue.pull(block), 0, "the cushion is built again");
  let pulls = 0;
  while (queue.pull(block) === 0) assert.ok(++pulls < 20, "patience has an end");
  assert.equal(queue.position, 1920);
});

test("frames of an interrupted turn are dropped, before and after the cut", () => {
  const queue = new PlaybackQueue();
  const block = new Float32Array(480);
  queue.push(frame(1, 0, 4800));
  queue.pull(block);
  queue.clear(2);
  queue.push(frame(1, 4800, 4800));
  assert.equal(queue.pull(block), 0);
  assert.equal(queue.buffered, 0);
  queue.push(frame(2, 0, 4800));
  assert.equal(queue.pull(block), 480);
  assert.deepEqual([queue.turn, queue.position], [2, 480]);
});

test("binary frames are read, and garbage is not", () => {
  const message = new ArrayBuffer(20);
  const view = new DataView(message);
  [0x44, 1, 1, 0].forEach((byte, at) => view.setUint8(at, byte));
  view.setUint32(4, 7, true);
  view.setBigUint64(8, 4_800n, true);
  view.setInt16(16, -2, true);
  const read = readFrame(message);
  assert.deepEqual([read?.turn, read?.offset, new Int16Array(read?.pcm ?? new ArrayBuffer(0))[0]], [7, 4800, -2]);
  assert.equal(readFrame(new ArrayBuffer(8)), null);
  assert.equal(readFrame(new ArrayBuffer(20)), null);
  assert.equal(readFrame(message.slice(0, 19)), null);
});

test("lips follow the cues, a little ahead, and move smoothly", () => {
  const track = new MouthTrack();
  track.add([{ at_ms: 400, viseme: "o" }, { at_ms: 100, viseme: "a" }]);
  assert.deepEqual([0, 60, 200, 360].map((ms) => track.at(ms)), ["rest", "a", "a", "o"]);
  let shape = { ...SHAPES.rest };
  const first = approach(shape, SHAPES.a, 16).open;
  assert.ok(first > 0.1 && first < SHAPES.a.open);
  for (let i = 0; i < 20; i++) shape = approach(shape, SHAPES.a, 16);
  assert.ok(Math.abs(shape.open - SHAPES.a.open) < 0.01);
});

test("every viseme has a mouth of its own", () => {
  const names = ["rest", "pbm", "fv", "tdn", "s", "kg", "w", "a", "e", "i", "o", "u"];
  assert.deepEqual(Object.keys(SHAPES).sort(), names.sort());
  const drawn = names.map((name) => JSON.stringify(outlines(SHAPES[name])));
  assert.equal(new Set(drawn).size, names.length);
  assert.ok(drawn.every((outline) => !outline.includes("NaN")));
});

test("the script: partial, final, reply, cut, heard, timing", () => {
  const script = new Conversation();
  script.apply({ type: "input_audio_buffer.speech_started", item_id: "u1" });
  script.apply({ type: "conversation.item.input_audio_transcription.delta", item_id: "u1", delta: "오늘", duologue: { partial: "오늘" } });
  assert.deepEqual(pick(script, "u1"), ["오늘", false]);
  script.apply({ type: "conversation.item.input_audio_transcription.completed", item_id: "u1", transcript: " 오늘 뭐 했어요? " });
  assert.deepEqual(pick(script, "u1"), ["오늘 뭐 했어요?", true]);
  script.apply({ type: "response.output_item.added", response_id: "r1", item: { id: "a1", type: "message", role: "assistant" }, duologue: { turn: 3 } });
  for (const delta of ["카페에 ", "다녀왔어요."]) script.apply({ type: "response.output_audio_transcript.delta", item_id: "a1", delta });
  script.apply({ type: "duologue.latency", turn: 3, response_id: "r1", stages: [], models: [], outside_ms: 1, total_ms: 900 });
  script.apply({ type: "conversation.item.truncated", item_id: "a1" });
  script.apply({ type: "conversation.item.retrieved", item: { id: "a1", content: [{ type: "output_audio", transcript: "카페에" }] } });
  const line = script.lines.get("a1");
  assert.deepEqual([line?.text, line?.cut, line?.heard, line?.latency?.total_ms], ["카페에 다녀왔어요.", true, "카페에", 900]);
});

test("a reply that was cut keeps what was shown, and knows what was heard", () => {
  const script = new Conversation();
  script.apply({ type: "response.output_item.added", response_id: "r", item: { id: "a", type: "message", role: "assistant" }, duologue: { turn: 1 } });
  script.apply({ type: "response.output_audio_transcript.delta", item_id: "a", delta: "Once there was a river. It was long." });
  script.apply({ type: "response.output_audio_transcript.done", item_id: "a", transcript: "Once there" });
  script.apply({ type: "response.done", response: { id: "r", status: "cancelled" } });
  const line = script.lines.get("a");
  assert.deepEqual([line?.text, line?.heard, line?.cut], ["Once there was a river. It was long.", "Once there", true]);
});

test("noise that held no words leaves no line", () => {
  const script = new Conversation();
  script.apply({ type: "input_audio_buffer.speech_started", item_id: "u1" });
  const [line] = script.apply({ type: "conversation.item.input_audio_transcription.completed", item_id: "u1", transcript: "" });
  assert.equal(line?.text, "");
  assert.equal(script.lines.size, 0);
});

/** @param {Conversation} script */
const pick = (script, id) => [script.lines.get(id)?.text, script.lines.get(id)?.final];

test("push to talk sends the lead, the speech and the tail, then asks once it was accepted", () => {
  const sent = [];
  let frames = 0;
  const talk = new TalkButton({ send: (event) => sent.push(event.type), audio: () => frames++, interrupt() {}, change() {}, tooShort: () => sent.push("short") });
  const pcm = new ArrayBuffer(960);
  talk.frame(pcm);
  assert.equal(frames, 1, "without the mode everything goes out");
  talk.setMode(true, null);
  for (let i = 0; i < 50; i++) talk.frame(pcm);
  assert.equal(frames, 1, "nothing goes out before the press");
  talk.press();
  for (let i = 0; i < 40; i++) talk.frame(pcm);
  talk.release();
  for (let i = 0; i < 40; i++) talk.frame(pcm);
  assert.equal(frames, 1 + 15 + 40 + 10);
  assert.equal(sent.at(-1), "input_audio_buffer.commit");
  talk.committed();
  talk.committed();
  assert.equal(sent.filter((type) => type === "response.create").length, 1);
  talk.press();
  talk.release();
  for (let i = 0; i < 40; i++) talk.frame(pcm);
  assert.deepEqual(sent.slice(-2), ["input_audio_buffer.clear", "short"]);
});

test("the waterfall's bars join without gaps, also for a written turn", () => {
  const stages = [["speech_end", 0], ["turn_decided", 280], ["transcript", 900], ["first_token", 1300], ["first_clause", 1500], ["first_audio", 1800]];
  const spoken = barsOf({ turn: 1, stages: stages.map(([name, at_ms]) => ({ name, at_ms })), models: [], outside_ms: 0, total_ms: 1800 });
  assert.deepEqual(spoken.map(({ key, ms }) => [key, ms]), [["waiting", 280], ["hearing", 620], ["thinking", 400], ["clause", 200], ["speaking", 300]]);
  const written = barsOf({ turn: 2, stages: [{ name: "transcript", at_ms: 0 }, { name: "first_token", at_ms: 500 }], models: [], outside_ms: 0, total_ms: 500 });
  assert.deepEqual(written.map(({ key }) => key), ["thinking"]);
});

test("what the persona does besides talking is a small line, from its beginning to its end", () => {
  const script = new Conversation();
  const [begun] = script.apply({ type: "duologue.tool.started", name: "remember", call_id: "c1", response_id: "r1" });
  assert.deepEqual([begun.who, begun.text, begun.final, begun.tool?.state], ["note", "remember", false, "running"]);
  const [done] = script.apply({ type: "duologue.tool.done", name: "remember", call_id: "c1", ms: 3, error: null });
  assert.deepEqual([done === begun, done.final, done.tool], [true, true, { state: "done", ms: 3 }]);
  const [failed] = script.apply({ type: "duologue.tool.done", name: "clock_now", call_id: "c2", ms: 9, error: "tool_timeout" });
  assert.equal(failed.tool?.state, "failed");
  script.apply({ type: "duologue.tool.started", name: "look_up", call_id: "c3" });
  script.breakOff();
  assert.equal(script.lines.get("tool_c3")?.tool?.state, "failed");
  assert.deepEqual(script.apply({ type: "duologue.show", what: "score", name: "tone" }), [], "the mirror shows it");
  assert.equal(script.apply({ type: "duologue.show", what: "duet" })[0].text, "duet");
});

test("a word put in stands beside the reply, what is kept is known, and nothing stays unfinished after a loss", () => {
  const script = new Conversation();
  assert.deepEqual(script.apply({ type: "duologue.backchannel", text: "응" }), [], "there is nothing to stand beside");
  script.apply({ type: "conversation.item.added", item: { id: "u1", type: "message", role: "user", content: [{ type: "input_text", text: "안녕?" }] } });
  script.apply({ type: "response.output_item.added", response_id: "r1", item: { id: "a1", type: "message", role: "assistant" }, duologue: { turn: 1 } });
  script.apply({ type: "response.output_audio_transcript.delta", item_id: "a1", delta: "오늘은" });
  script.apply({ type: "duologue.backchannel", text: " 응 " });
  script.apply({ type: "duologue.backchannel", text: "" });
  assert.deepEqual(script.lines.get("a1")?.asides, ["응"]);
  script.apply({ type: "duologue.durable", item_id: "u1" });
  script.apply({ type: "duologue.kept", item_id: "a1" });
  assert.deepEqual([script.lines.get("u1")?.saved, script.lines.get("a1")?.saved], ["yes", "here"]);
  const reloaded = new Conversation();
  reloaded.restore(JSON.parse(JSON.stringify(script.snapshot())));
  reloaded.apply({ type: "response.output_audio_transcript.delta", item_id: "a1", delta: " 좋아요." });
  assert.equal(reloaded.lines.get("a1")?.text, "오늘은 좋아요.");
  assert.equal(reloaded.itemOf.get("r1"), "a1");
  script.apply({ type: "input_audio_buffer.speech_started", item_id: "u2" });
  script.breakOff();
  assert.deepEqual([...script.lines.keys()], ["u1", "a1"]);
  assert.deepEqual([script.lines.get("a1")?.final, script.lines.get("a1")?.cut], [true, true]);
  const missed = script.recall([{ id: "s/u1", role: "user", content: "안녕?" }, { id: "s/a9", role: "assistant", content: "잘 지냈어요?" }]);
  assert.deepEqual(missed.map(({ id, text, saved }) => [id, text, saved]), [["a9", "잘 지냈어요?", "yes"]]);
  script.apply({ type: "response.output_item.added", response_id: "r1", item: { id: "a1", type: "message", role: "assistant" }, duologue: { turn: 1 } });
  script.apply({ type: "response.output_audio_transcript.delta", item_id: "a1", delta: "오늘은 좋아요." });
  assert.deepEqual([script.lines.get("a1")?.text, script.lines.get("a1")?.cut], ["오늘은 좋아요.", false], "said again after a gap, it is whole");
});

test("the target stands in the picture unless it is far away", () => {
  const latency = { turn: 1, stages: [{ name: "first_token", at_ms: 400 }], models: [], outside_ms: 0, total_ms: 500 };
  assert.deepEqual(scaleOf(latency), { scale: 500, target: 0 });
  assert.deepEqual(scaleOf({ ...latency, budget: { target_ms: 900 } }), { scale: 900, target: 900 });
  assert.deepEqual(scaleOf({ ...latency, budget: { target_ms: 1_500 } }), { scale: 500, target: 1_500 });
});

test("both languages say everything, with the same blanks", () => {
  assert.deepEqual(Object.keys(ko).sort(), Object.keys(en).sort());
  const blanks = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  for (const key of Object.keys(en)) {
    assert.equal(blanks(ko[key]), blanks(en[key]), key);
    assert.ok(ko[key].trim() && en[key].trim(), key);
  }
});
