/** Python's `openai`: its realtime client in a spoken conversation with an interruption and a tool call, unmodified. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { clipAt, readWav, shareHeard, spoken, spokenWords, transcribe } from "../browser/helpers/audio.mjs";
import { RATE } from "./helpers/mouth.mjs";
import { python } from "./helpers/python.mjs";
import { start } from "./helpers/server.mjs";

const [SHORT, LONG] = ["0880", "0920"];

let server;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "duologue-sdk-"));
  server = await start();
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Writes raw samples, as a microphone would give them. */
async function raw(name, samples) {
  const path = join(folder, name);
  await writeFile(path, Buffer.from(samples.buffer));
  return path;
}

test("the documented program: a question in, a reply out", { timeout: 300_000 }, async () => {
  const reply = join(folder, "reply.wav");
  const lines = await python("snippets/realtime.py", [await raw("question.pcm", await clipAt(SHORT, RATE)), reply]);
  const told = (what) => lines.find((line) => line.startsWith(`${what}: `))?.slice(what.length + 2) ?? "";
  assert.ok(shareHeard(await spokenWords(SHORT), told("heard")) >= 0.8, lines.join("\n"));
  assert.equal(readWav(await readFile(reply)).rate, RATE);
  const heard = await transcribe(reply, "en");
  assert.ok(shareHeard(told("said"), heard) >= 0.6, `${lines.join("\n")}\nreally heard: ${heard}`);
});

test("a spoken conversation with an interruption and a tool call", { timeout: 600_000 }, async () => {
  const question = await spoken("What is the weather in Seoul? Use the get weather tool.", join(folder, "ask.wav"), "en", RATE);
  const recordings = [await clipAt(SHORT, RATE), await clipAt(LONG, RATE), question];
  const paths = await Promise.all(recordings.map((samples, at) => raw(`${at}.pcm`, samples)));
  const told = (await python("python/conversation.py", paths, 550)).map((line) => JSON.parse(line));
  const of = (kind) => told.filter((one) => one.kind === kind);
  const log = told.map((one) => JSON.stringify(one)).join("\n");
  assert.ok(shareHeard(await spokenWords(SHORT), of("heard")[0].text) >= 0.8, log);
  const cut = told.findIndex(({ kind, status }) => kind === "truncated" || (kind === "done" && status === "cancelled"));
  assert.ok(cut >= 0, log);
  const started = told.findLastIndex(({ kind }, at) => kind === "speech_started" && at < cut);
  assert.ok(started >= 0, log);
  if (told[cut].kind === "done") {
    assert.equal(told[cut].reason, "turn_detected", log);
    assert.equal(told[started].sounding, true, `it is told before the reply ends, so that the voice stops:\n${log}`);
  }
  assert.match(of("call").at(-1)?.arguments ?? "", /seoul/i, log);
  const called = told.findLastIndex(({ kind }) => kind === "call");
  assert.ok(told.findLastIndex(({ kind, text }) => kind === "said" && text.trim()) > called, `its answer is put into words:\n${log}`);
  assert.deepEqual(of("error"), []);
});
