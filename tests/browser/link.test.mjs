/** The link without a network: numbers, resuming, duplicates, giving up. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

/** @type {FakeSocket[]} */
let sockets = [];
class FakeSocket {
  static OPEN = 1;
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  constructor(url) {
    this.url = new URL(url);
    sockets.push(this);
  }
  send(data) {
    this.sent.push(data);
  }
  close() {
    this.readyState = 3;
  }
  /** From here on: what the server does. */
  accept() {
    this.readyState = 1;
    this.onopen?.();
  }
  say(number, type, more = {}) {
    this.onmessage({ data: JSON.stringify({ type, event_id: `event_${number}`, ...more }) });
  }
  sound(length = 20) {
    this.onmessage({ data: new ArrayBuffer(length) });
  }
  cut(reason = "") {
    this.readyState = 3;
    this.onclose({ reason });
  }
}
globalThis.WebSocket = FakeSocket;
globalThis.location = { href: "http://127.0.0.1:1/" };
const { Link, RESUME_MS } = await import("../../static/js/link.js");

const SCENE = { id: "s", secret: "x" };
let log = [];
let alive = true;
let refusal = 200;
let link;
beforeEach(() => {
  sockets = [];
  log = [];
  alive = true;
  refusal = 200;
  globalThis.fetch = async (path) => ({ ok: refusal === 200, status: refusal, statusText: "", json: async () => (path === "/health" ? { sessions: { open: 0, limit: 9 } } : {}) });
  link = new Link({
    event: (event) => log.push(event.type),
    audio: (_frame, number) => log.push(`sound ${number}`),
    state: ({ name, resumed }) => log.push(resumed === undefined ? name : `${name} ${resumed ? "resumed" : "anew"}`),
    alive: async () => alive,
    stopped: (reason) => log.push(`stopped ${reason}`),
    lost: (reason) => log.push(`lost ${reason}`),
  });
});

/** Lets promises run, and the clock. */
async function pass(ms) {
  for (let step = 0; step < ms; step += 250) {
    mock.timers.tick(Math.min(250, ms - step));
    for (let i = 0; i < 8; i++) await Promise.resolve();
  }
}

test("it resumes after the last number, binary frames counted, and drops what it has", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  const opened = link.open(SCENE);
  sockets[0].accept();
  sockets[0].say(1, "session.created");
  assert.equal(await opened, true);
  sockets[0].say(2, "conversation.created");
  sockets[0].sound();
  sockets[0].sound();
  sockets[0].say(5, "response.done");
  assert.equal(link.last, 5);
  sockets[0].sound();
  sockets[0].cut();
  await pass(300);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[1].url.searchParams.get("resume"), "6");
  log = [];
  sockets[1].accept();
  assert.deepEqual(log, [], "what is only let in may yet be turned away");
  sockets[1].say(6, "duologue.viseme");
  sockets[1].sound();
  sockets[1].say(8, "duologue.resumed");
  assert.deepEqual(log, ["open resumed", "sound 7", "duologue.resumed"]);
  assert.equal(link.last, 8);
});

test("a page that was loaded anew gets sound that it has not played, and no event twice", async () => {
  void link.open(SCENE, { last: 40, from: 36 });
  assert.equal(sockets[0].url.searchParams.get("resume"), "36");
  sockets[0].accept();
  log = [];
  sockets[0].sound();
  sockets[0].say(38, "response.output_audio_transcript.delta");
  sockets[0].sound();
  sockets[0].sound();
  sockets[0].say(41, "response.done");
  assert.deepEqual(log, ["open resumed", "sound 37", "sound 39", "sound 40", "response.done"]);
});

test("a server that begins to count anew is believed; one that only lost track is told apart", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  void link.open(SCENE);
  sockets[0].accept();
  sockets[0].say(1, "session.created");
  sockets[0].say(50, "response.done");
  sockets[0].cut();
  await pass(300);
  sockets[1].accept();
  sockets[1].say(51, "session.created");
  assert.equal(link.renumbered, false);
  sockets[1].cut();
  await pass(300);
  assert.equal(sockets[2].url.searchParams.get("resume"), "51");
  sockets[2].accept();
  sockets[2].say(1, "session.created");
  sockets[2].say(2, "conversation.created");
  assert.equal(link.renumbered, true);
  assert.equal(link.last, 2);
  assert.equal(log.at(-1), "conversation.created");
});

test("no answer for a minute, and a session that is gone, are said; a refusal to resume is not the end", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  void link.open(SCENE);
  sockets[0].accept();
  sockets[0].say(1, "session.created");
  alive = false;
  sockets[0].cut();
  await pass(RESUME_MS + 10_000);
  assert.deepEqual(log.slice(-2), ["closed", "lost unreachable"]);
  assert.equal(sockets.length, 1, "a server that does not answer is not dialled");

  alive = true;
  void link.open(SCENE);
  sockets[1].accept();
  sockets[1].say(1, "session.created");
  sockets[1].cut();
  for (const dialled of [2, 3]) {
    await pass(1_000);
    assert.equal(sockets.length, dialled + 1);
    assert.equal(sockets[dialled].url.searchParams.get("resume"), "1");
    sockets[dialled].cut();
  }
  await pass(2_000);
  assert.equal(sockets[4].url.searchParams.get("resume"), null, "it asks to be let in anew");
  refusal = 404;
  sockets[4].cut();
  await pass(10);
  assert.deepEqual(log.slice(-2), ["closed", "lost gone"]);
});

test("who is turned away waits as long as the server asks, and says that it is full", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  const reasons = [];
  link.hooks.state = ({ name, reason, seconds }) => log.push(name) && name === "waiting" && reasons.push([reason, seconds]);
  void link.open(SCENE);
  sockets[0].accept();
  sockets[0].cut("session_limit retry_after=3");
  await pass(3_500);
  assert.deepEqual(reasons, [["full", 3]]);
  sockets[1].accept();
  sockets[1].cut("session_limit retry_after=30");
  await pass(1_000);
  assert.deepEqual(reasons.at(-1), ["full", 10]);
  await pass(10_000);
  sockets[2].accept();
  sockets[2].say(1, "session.created");
  assert.equal(log.at(-1), "session.created");
});

test("when the scene goes on in another window this one stays away", async () => {
  void link.open(SCENE);
  sockets[0].accept();
  sockets[0].say(1, "session.created");
  sockets[0].cut("attached_elsewhere");
  assert.deepEqual(log.slice(-2), ["closed", "stopped attached_elsewhere"]);
});

test("a backlog that does not move for five seconds is a lost connection, before the system says so", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  void link.open(SCENE);
  sockets[0].accept();
  sockets[0].say(1, "session.created");
  sockets[0].bufferedAmount = 1 << 20;
  for (let frames = 0; frames < 300; frames++) {
    link.sendAudio(new ArrayBuffer(960));
    mock.timers.tick(20);
  }
  await pass(300);
  assert.equal(sockets.length, 2, "it dials again");
  assert.equal(sockets[0].sent.length, 0);
});
