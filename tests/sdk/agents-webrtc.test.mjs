/** `@openai/agents` over WebRTC in Chromium: a spoken conversation with an interruption and a tool call, unmodified. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { clipAt, resample, shareHeard, spoken, spokenWords, transcribe, wav } from "../browser/helpers/audio.mjs";
import { openPage, recording } from "../browser/helpers/browser.mjs";
import { giveMouth, RATE, say as sayIn } from "../browser/helpers/mouth.mjs";
import { askForStory, insist } from "./helpers/agents.mjs";
import { briefly, until, witnessedBy } from "./helpers/mouth.mjs";
import { start } from "./helpers/server.mjs";

/** What the package ships for browsers. */
const BUNDLE = join(import.meta.dirname, "node_modules/@openai/agents-realtime/dist/bundle");

/** The page of somebody else: their script, and the package under its name. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>stock</title>
<script>SERVER = location.origin</script>
<script type="importmap">{ "imports": { "@openai/agents-realtime": "/stock/openai-realtime-agents.mjs" } }</script>
<script type="module">
  import { session, connect } from "/stock/agents-webrtc.mjs";
  Object.assign(window, { session, connect });
  document.body.append(Object.assign(document.createElement("p"), { id: "ready", textContent: "ready" }));
</script>`;

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

/** Serves the page beside the server's own, from the same address. */
async function stock(page) {
  await page.route("**/stock/**", async (route) => {
    const name = basename(new URL(route.request().url()).pathname);
    if (name === "page.html") return route.fulfill({ contentType: "text/html", body: PAGE });
    const path = join(name === "agents-webrtc.mjs" ? join(import.meta.dirname, "snippets") : BUNDLE, name);
    return route.fulfill({ contentType: "text/javascript", body: await readFile(path) });
  });
  await giveMouth(page);
  await page.addInitScript(ear);
}

/** Runs in the page: an ear at whatever element plays a stream. */
function ear() {
  const context = new AudioContext({ sampleRate: 48_000 });
  window.recorded = [];
  window.recordedRate = 48_000;
  window.loudAt = 0;
  const place = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    ...place,
    set(stream) {
      place.set.call(this, stream);
      if (!stream) return;
      const tap = context.createScriptProcessor(4_096, 1, 1);
      tap.onaudioprocess = ({ inputBuffer }) => {
        const heard = inputBuffer.getChannelData(0);
        const loudness = Math.sqrt(heard.reduce((sum, value) => sum + value * value, 0) / heard.length);
        if (loudness > 0.002) window.loudAt = performance.now();
        if (performance.now() - window.loudAt < 600) window.recorded.push(heard.slice());
      };
      context.createMediaStreamSource(stream).connect(tap);
      tap.connect(context.destination);
    },
  });
}

/** Notes what the session tells, through its public events alone. */
function watch() {
  const { session } = window;
  window.seen = { errors: [], tools: [], events: [] };
  session.on("error", ({ error }) => window.seen.errors.push(JSON.parse(JSON.stringify(error?.error ?? String(error)))));
  session.on("agent_tool_start", (_context, _agent, _tool, { toolCall }) => window.seen.tools.push(JSON.parse(toolCall.arguments)));
  session.on("transport_event", ({ type, response, item }) => window.seen.events.push({ type, response, item, at: performance.now() }));
}

test("a spoken conversation over WebRTC with an interruption and a tool call", { timeout: 600_000 }, async (t) => {
  const { page, troubles } = await openPage(t, server.url, { path: "/stock/page.html", ready: "#ready", before: stock });
  await page.evaluate(watch);
  witnessedBy(async () => briefly(await page.evaluate(() => window.seen.events)));
  const { value } = await new OpenAI().realtime.clientSecrets.create({ session: { type: "realtime", model: "maya" } });
  assert.match(value, /^ek_/);
  await page.evaluate((secret) => window.connect(secret), value);
  const say = (samples) => sayIn(page, samples);
  const events = (type) => page.evaluate((wanted) => window.seen.events.filter((event) => event.type === wanted), type);
  const done = async (status) => (await events("response.done")).map(({ response }) => response).filter((one) => one.status === status);
  /** Whole replies in words; a call of a function is a reply of its own. */
  const isSpoken = ({ status, output }) => status === "completed" && output.some(({ type }) => type === "message");
  const spokenReplies = async () => (await events("response.done")).map(({ response }) => response).filter(isSpoken);
  const said = (role) => page.evaluate((who) => window.session.history.filter((item) => item.type === "message" && item.role === who)
    .map(({ content }) => content.map((part) => part.transcript ?? part.text ?? "").join("")).filter(Boolean), role);

  // Understood, and answered by a voice that says what the transcript says.
  await say(await clipAt(SHORT, RATE));
  await until("a whole reply", async () => (await spokenReplies())[0]);
  await until("it was heard out", async () => (await events("output_audio_buffer.stopped"))[0]);
  const [asked] = await said("user");
  assert.ok(shareHeard(await spokenWords(SHORT), asked) >= 0.8, `understood: ${asked}`);
  const reply = (await said("assistant")).at(-1);
  const file = join(folder, "reply.wav");
  await writeFile(file, wav(resample(await recording(page), RATE), RATE));
  const heard = await transcribe(file, "en");
  assert.ok(shareHeard(reply, heard) >= 0.6, `said: ${reply}\nheard: ${heard}`);

  // Interrupted by voice: the server falls silent.
  const begun = (await events("output_audio_buffer.started")).length;
  await page.evaluate(`(${askForStory})(window.session)`);
  await until("a reply that sounds", async () => (await events("output_audio_buffer.started")).length > begun);
  await page.waitForTimeout(1_500);
  const answered = (await spokenReplies()).length;
  await say(await clipAt(LONG, RATE));
  const cleared = await until("an interruption", async () => (await events("output_audio_buffer.cleared"))[0]);
  // A reply that is still being made is cancelled; of one that only sounds, what was not heard is cut off.
  const ends = async () => [...(await done("cancelled")), ...(await events("conversation.item.truncated"))];
  const [cut] = await until("a reply that is cut", async () => (await ends()).length > 0 && ends());
  if (cut.status) assert.equal(cut.status_details.reason, "turn_detected");
  const loudAt = await page.evaluate(() => window.loudAt);
  assert.ok(loudAt < cleared.at + 600, `silent ${loudAt - cleared.at} ms after it was said`);
  await until("an answer to the interruption", async () => (await spokenReplies()).length > answered);
  assert.ok(shareHeard(await spokenWords(LONG), (await said("user")).at(-1)) >= 0.6, `understood: ${(await said("user")).at(-1)}`);

  // A tool of the client's own is called, and its answer is spoken.
  const called = await page.evaluate(() => window.seen.tools.length);
  await page.evaluate(`(${insist})(window.session)`);
  await say(await spoken("What is the weather in Seoul? Use the get weather tool.", join(folder, "ask.wav"), "en", RATE));
  await until("a tool call", () => page.evaluate((from) => window.seen.tools.slice(from).find(({ city }) => /seoul/i.test(city)), called));
  const results = async () => (await events("conversation.item.done")).filter(({ item }) => item.type === "function_call_output");
  const result = await until("its answer", async () => (await results()).find(({ item }) => /sunny in seoul/i.test(item.output)));
  await until("words about it", async () => (await events("response.done")).find(({ at, response }) => at > result.at && isSpoken(response)));
  assert.deepEqual(await page.evaluate(() => window.seen.errors), []);
  assert.deepEqual(troubles, []);
  await page.evaluate(() => window.session.close());
});
