/** The `openai` packages of npm and PyPI, unmodified, against every endpoint that they have a method for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import OpenAI, { NotFoundError } from "openai";
import { clipAt, readWav, shareHeard, spokenWords, transcribe, wav } from "../browser/helpers/audio.mjs";
import { RATE } from "./helpers/mouth.mjs";
import { python } from "./helpers/python.mjs";
import { start } from "./helpers/server.mjs";

const WEATHER = { name: "get_weather", description: "Says what the weather is like in a city now.", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false } };

let server;
let folder;
let client;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "duologue-sdk-"));
  server = await start({ parts: ["stt", "llm", "tts"] });
  client = new OpenAI();
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A person's sentence as a file. */
async function recording(clip) {
  const path = join(folder, `${clip}.wav`);
  await writeFile(path, wav(await clipAt(clip, RATE), RATE));
  return path;
}

/** What the documented programs print, by its first word. */
function judge(lines) {
  const told = (what) => lines.find((line) => line.startsWith(`${what}: `))?.slice(what.length + 2) ?? "";
  const log = lines.join("\n");
  const heard = told("heard");
  assert.ok(shareHeard("the river is wide here", heard) >= 0.8, log);
  assert.ok(Number(heard.split(" ").at(-1)) >= 4, `words with times:\n${log}`);
  for (const what of ["said", "response"]) assert.ok(told(what).trim().length > 1, log);
  const [texts, size] = told("embedding").split(" ").map(Number);
  assert.ok(texts === 2 && size > 100, log);
}

test("the documented program in JavaScript", { timeout: 300_000 }, () => {
  const program = join(import.meta.dirname, "snippets/openai.mjs");
  const run = spawnSync(process.execPath, [program], { cwd: folder, encoding: "utf8", timeout: 290_000 });
  assert.equal(run.status, 0, run.stderr);
  judge(run.stdout.trim().split("\n"));
});

test("the documented program in Python", { timeout: 300_000 }, async () => judge(await python("snippets/openai_client.py", [], 290, folder)));

test("models: personas by their ids, and a refusal that the package understands", async () => {
  const ids = [];
  for await (const { id, object } of client.models.list()) {
    assert.equal(object, "model");
    ids.push(id);
  }
  for (const id of ["maya", "seoa"]) assert.ok(ids.includes(id), ids.join());
  assert.equal((await client.models.retrieve("maya")).id, "maya");
  await assert.rejects(client.chat.completions.create({ model: "no-such-model", messages: [{ role: "user", content: "Hi" }] }), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.equal(error.param, "model");
    return true;
  });
});

test("transcription: text, times, subtitles, and as it is made", { timeout: 200_000 }, async () => {
  const path = await recording("0870");
  const words = await spokenWords("0870");
  const create = (more) => client.audio.transcriptions.create({ model: "whisper-1", file: createReadStream(path), language: "en", ...more });
  const { text } = await create({});
  assert.ok(shareHeard(words, text) >= 0.8, text);
  const verbose = await create({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
  assert.ok(Math.abs(verbose.duration - 7.1) < 0.3);
  assert.ok(verbose.words.length >= 15 && verbose.words.every(({ start, end }, at, all) => end >= start && (at === 0 || start >= all[at - 1].start)));
  assert.match(await create({ response_format: "srt" }), /^1\r?\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\r?\n/);
  assert.match(await create({ response_format: "vtt" }), /^WEBVTT/);
  const events = [];
  for await (const event of await create({ stream: true, model: "gpt-4o-mini-transcribe" })) events.push(event);
  const done = events.find(({ type }) => type === "transcript.text.done");
  assert.equal(events.filter(({ type }) => type === "transcript.text.delta").map(({ delta }) => delta).join("").trim(), done.text.trim());
  assert.ok(shareHeard(words, done.text) >= 0.8, done.text);
});

test("speech, in Korean and English, can be understood again", { timeout: 200_000 }, async () => {
  for (const [language, input] of [["en", "Good morning, how are you today?"], ["ko", "오늘 날씨가 참 좋네요. 같이 산책하러 갈까요?"]]) {
    const spoken = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input, response_format: "wav" });
    const bytes = Buffer.from(await spoken.arrayBuffer());
    assert.ok(readWav(bytes).samples.length > RATE / 2);
    const path = join(folder, `${language}.wav`);
    await writeFile(path, bytes);
    const heard = await transcribe(path, language);
    assert.ok(shareHeard(input, heard) >= 0.7, heard);
  }
  const mp3 = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello." }).then((answer) => answer.arrayBuffer(), (error) => error);
  if (mp3 instanceof Error) assert.match(mp3.message, /mp3/i, "a refusal says what is not there");
  else assert.ok(mp3.byteLength > 500);
});

test("chat: a persona answers in its language, and a tool of the client's own is called", { timeout: 300_000 }, async () => {
  const korean = await client.chat.completions.create({ model: "seoa", messages: [{ role: "user", content: "안녕하세요! 이름이 뭐예요?" }] });
  assert.match(korean.choices[0].message.content, /[가-힣]/);
  assert.ok(["stop", "length"].includes(korean.choices[0].finish_reason));
  assert.ok(korean.usage.total_tokens > korean.usage.completion_tokens);

  const messages = [{ role: "user", content: "What is the weather in Seoul now?" }];
  const tools = [{ type: "function", function: WEATHER }];
  const asked = await client.chat.completions.create({ model: "maya", messages, tools, tool_choice: { type: "function", function: { name: "get_weather" } } });
  const [call] = asked.choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.match(JSON.parse(call.function.arguments).city, /seoul/i);
  const answer = { role: "tool", tool_call_id: call.id, content: "Sunny, 21 degrees." };
  const told = await client.chat.completions.create({ model: "maya", messages: [...messages, asked.choices[0].message, answer], tools, tool_choice: "none" });
  assert.match(told.choices[0].message.content, /sunny|21/i);
});

test("responses: in pieces, and a tool", { timeout: 300_000 }, async () => {
  let text = "";
  for await (const event of await client.responses.create({ model: "maya", input: "Say hello.", stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    if (event.type === "response.completed") assert.equal(event.response.output_text ?? text, text);
  }
  assert.ok(text.trim().length > 1);
  const tools = [{ type: "function", ...WEATHER, strict: true }];
  const asked = await client.responses.create({ model: "maya", input: "What is the weather in Seoul now?", tools, tool_choice: "required" });
  const call = asked.output.find(({ type }) => type === "function_call");
  assert.match(JSON.parse(call.arguments).city, /seoul/i);
});

test("embeddings: what means the same lies close, across languages, as numbers and in base64", { timeout: 200_000 }, async () => {
  const input = ["The dog is sleeping on the sofa.", "강아지가 소파에서 자고 있어요.", "Interest rates rose again last quarter."];
  const near = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0) / (Math.hypot(...a) * Math.hypot(...b));
  // The package asks for base64 by itself, and unpacks it.
  for (const more of [{}, { encoding_format: "float" }]) {
    const { data } = await client.embeddings.create({ model: "text-embedding-3-small", input, ...more });
    const [dog, korean, money] = data.map(({ embedding }) => embedding);
    assert.ok(near(dog, korean) > near(dog, money) + 0.1, `${near(dog, korean)} and ${near(dog, money)}`);
  }
});
