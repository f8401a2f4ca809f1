/** `@openai/agents` over a WebSocket: a spoken conversation with an interruption and a tool call, in Node, unmodified. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { clipAt, shareHeard, spoken, spokenWords, transcribe, wav } from "../browser/helpers/audio.mjs";
import { askForStory, insist } from "./helpers/agents.mjs";
import { briefly, Mouth, RATE, until, witnessedBy } from "./helpers/mouth.mjs";
import { start } from "./helpers/server.mjs";

/** "he was not an ill disposed young man", and something longer to interrupt with. */
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

test("a spoken conversation with an interruption and a tool call", { timeout: 600_000 }, async (t) => {
  const { session } = await import("./snippets/agents-websocket.mjs");
  const seen = watch(session);
  witnessedBy(() => briefly(seen.events));
  const mouth = new Mouth((pcm) => session.sendAudio(pcm.buffer));
  t.after(() => (mouth.close(), session.close()));

  // Understood, and answered by a voice that says what the transcript says.
  await mouth.say(await clipAt(SHORT, RATE));
  await until("a whole reply", () => seen.spoken()[0]);
  const [asked] = seen.said("user");
  assert.ok(shareHeard(await spokenWords(SHORT), asked) >= 0.8, `understood: ${asked}`);
  const reply = seen.said("assistant").at(-1);
  const file = join(folder, "reply.wav");
  await writeFile(file, wav(seen.sound(), RATE));
  const heard = await transcribe(file, "en");
  assert.ok(shareHeard(reply, heard) >= 0.6, `said: ${reply}\nheard: ${heard}`);

  // Interrupted by voice: the SDK is told, and what it keeps is what was heard.
  const before = seen.replies();
  askForStory(session);
  await until("a reply that sounds", () => seen.replies() > before && seen.soundOf(seen.newest()) > RATE);
  const [cut, answered] = [seen.newest(), seen.spoken().length];
  await mouth.say(await clipAt(LONG, RATE));
  await until("an interruption", () => seen.interrupted > 0);
  // A reply that is still being made is cancelled; of one that only sounds, what was not heard is cut off.
  const cancelled = () => seen.done("cancelled").find(({ id }) => id === cut);
  await until("a reply that is cut", () => cancelled() ?? seen.of("conversation.item.truncated")[0]);
  if (cancelled()) assert.equal(cancelled().status_details.reason, "turn_detected");
  await until("an answer to the interruption", () => seen.spoken().length > answered);
  assert.ok(shareHeard(await spokenWords(LONG), seen.said("user").at(-1)) >= 0.6, `understood: ${seen.said("user").at(-1)}`);

  // A tool of the client's own is called, and its answer is spoken.
  const question = await spoken("What is the weather in Seoul? Use the get weather tool.", join(folder, "ask.wav"), "en", RATE);
  const called = seen.tools.length;
  insist(session);
  await mouth.say(question);
  await until("a tool call", () => seen.tools.slice(called).find(({ city }) => /seoul/i.test(city)));
  const results = () => seen.of("conversation.item.done").filter(({ item }) => item.type === "function_call_output");
  const result = await until("its answer", () => results().find(({ item }) => /sunny in seoul/i.test(item.output)));
  await until("words about it", () => seen.spokenAfter(result).length > 0);
  assert.deepEqual(seen.errors, []);
});

/** Notes what the session tells, through its public events alone. */
function watch(session) {
  const seen = { errors: [], tools: [], interrupted: 0, events: [], pieces: [] };
  session.on("error", ({ error }) => seen.errors.push(error?.error ?? error));
  session.on("audio_interrupted", () => (seen.interrupted += 1));
  session.on("audio", ({ data, responseId }) => seen.pieces.push({ data: new Int16Array(data), responseId }));
  session.on("agent_tool_start", (_context, _agent, _tool, { toolCall }) => seen.tools.push(JSON.parse(toolCall.arguments)));
  session.on("transport_event", (event) => seen.events.push(event));
  const of = (type) => seen.events.filter((event) => event.type === type);
  return Object.assign(seen, {
    of,
    replies: () => of("response.created").length,
    newest: () => of("response.created").at(-1)?.response.id,
    done: (status) => of("response.done").map(({ response }) => response).filter((response) => response.status === status),
    /** Whole replies in words; a call of a function is a reply of its own. */
    spoken: () => seen.spokenAfter(),
    spokenAfter: (event) => seen.events.slice(seen.events.indexOf(event) + 1)
      .filter(({ type, response }) => type === "response.done" && response.status === "completed" && response.output.some((item) => item.type === "message")),
    soundOf: (id) => seen.pieces.filter(({ responseId }) => responseId === id).reduce((sum, { data }) => sum + data.length, 0),
    sound: () => Int16Array.from(seen.pieces.flatMap(({ data }) => [...data])),
    /** What the SDK's own history holds. */
    said: (role) => session.history.filter((item) => item.type === "message" && item.role === role)
      .map(({ content }) => content.map((part) => part.transcript ?? part.text ?? "").join("")).filter(Boolean),
  });
}
