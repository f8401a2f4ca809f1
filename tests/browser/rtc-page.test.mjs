/** The page's calls over WebRTC against a scripted peer: sound both ways, giving way, falling back with the reason, coming back. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { microphoneFile } from "./helpers/audio.mjs";
import { beginScene, openPage, SHOTS } from "./helpers/browser.mjs";
import { openPeer } from "./helpers/peer.mjs";
import { openStage } from "./helpers/stage.mjs";

let stage;
let folder;
let mic;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "duologue-rtc-"));
  mic = join(folder, "mic.wav");
  await microphoneFile(mic, { clip: "0870", before: 1, after: 60 });
  stage = await openStage();
});
after(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens the page and begins a scene over a call. */
async function begin(t, options = {}, language = "en") {
  const peer = await openPeer(t);
  stage.peer(peer);
  const browser = await openPage(t, stage.url, { call: true, ...options });
  await Promise.all([until("the page calls", () => peer.asked.length > 0).then(() => peer.greet()), beginScene(browser.page, language)]);
  return { ...browser, peer };
}

/** Waits until `look` gives something; what it gave. */
async function until(what, look, within = 15_000) {
  for (const end = performance.now() + within; performance.now() < end; await sleep(20)) {
    const seen = await look();
    if (seen) return seen;
  }
  assert.fail(`within ${within} ms: ${what}`);
}

const state = (page, name) => page.locator(`#scene[data-state="${name}"]`).waitFor({ state: "attached", timeout: 10_000 });
const loudness = async (page) => Number(await page.locator("#lamps-persona").getAttribute("aria-valuenow"));
const kind = (page) => page.locator("#line").getAttribute("data-kind");

test("a scene is a call: the microphone arrives, the voice is heard, gives way once, and is stopped by a word", { timeout: 120_000 }, async (t) => {
  const { page, peer, troubles, elsewhere } = await begin(t, { mic });
  assert.equal(await kind(page), "rtc");
  assert.deepEqual(Object.keys(peer.asked[0]), ["session"]);
  await until("the person is heard", async () => (await peer.hears()) > 0.01);
  await until("their own meter shows it", async () => Number(await page.locator("#lamps-you").getAttribute("aria-valuenow")) > 20);

  const { response } = await peer.reply(1, "Once upon a time there was a river.");
  await state(page, "speaking");
  let loud = 0;
  await until("a loud voice whose meter has come to rest", async () => {
    const before = await loudness(page);
    await sleep(250);
    loud = await loudness(page);
    return loud > 60 && Math.abs(loud - before) <= 2;
  });
  await page.screenshot({ path: join(SHOTS, "rtc-speaking.png") });

  // The server lowers it: the page shows that, and lowers nothing more.
  await peer.say("duologue.duck", { turn: 1, response_id: response, gain: 0.25 });
  await page.locator('#scene[data-voice="ducked"]').waitFor({ state: "attached" });
  await sleep(300);
  assert.ok(Math.abs((await loudness(page)) - loud) < 8, "it is lowered once, by the server");
  await peer.loud(0);
  await peer.say("duologue.hold", { turn: 1 });
  await state(page, "held");
  await peer.loud(0.5);
  await peer.say("duologue.restore", { turn: 1 });
  await state(page, "speaking");
  await until("full volume", async () => (await loudness(page)) >= loud - 8);

  // Somebody speaks: silence here at once, whatever is still on its way.
  await peer.say("input_audio_buffer.speech_started", { item_id: "u1", audio_start_ms: 0 });
  await state(page, "hearing");
  await until("silence", async () => (await loudness(page)) === 0, 1_000);
  assert.deepEqual(peer.of("duologue.playout"), [], "the server knows by the connection's own reports");
  assert.deepEqual(peer.of("conversation.item.truncate"), []);
  assert.deepEqual(peer.of("output_audio_buffer.clear"), [], "it has done that itself");
  await peer.say("output_audio_buffer.cleared", { response_id: response });

  // The next reply is loud again; the button stops it.
  await peer.reply(2, "Another one.");
  await until("the next voice", async () => (await loudness(page)) > 60);
  await page.locator("#interrupt").click();
  await until("the server is told", () => peer.of("output_audio_buffer.clear").length === 1 && peer.of("response.cancel").length > 0);
  await until("silence", async () => (await loudness(page)) === 0, 1_000);

  // How good the call is stands beside the reply times.
  await page.locator("#timing summary").click();
  await page.locator("#line span", { hasText: "ms there and back" }).waitFor({ timeout: 10_000 });
  await page.locator("#line span", { hasText: "% lost" }).waitFor();
  await page.screenshot({ path: join(SHOTS, "rtc-line.png") });
  await page.locator("#leave").click();
  await until("the call is hung up", () => peer.hungUp);
  assert.deepEqual(troubles, []);
  assert.deepEqual(elsewhere, []);
});

test("push to talk in a call: silence until the press, then exactly what was said, before the commit", { timeout: 120_000 }, async (t) => {
  const { page, peer } = await begin(t, { mic });
  await until("the person is heard", async () => (await peer.hears()) > 0.01);
  await page.locator("#hold-mode").check({ force: true });
  await until("nothing goes out", async () => (await peer.hears()) === 0);
  assert.equal(peer.of("input_audio_buffer.append").length, 0);
  await page.locator("#hold").focus();
  await page.keyboard.down("Space");
  await sleep(1_000);
  await page.keyboard.up("Space");
  await until("what was said is committed", () => peer.of("input_audio_buffer.commit").length === 1);
  const order = peer.said.map(({ type }) => type);
  assert.ok(order.lastIndexOf("input_audio_buffer.append") < order.indexOf("input_audio_buffer.commit"));
  const bytes = peer.of("input_audio_buffer.append").reduce((sum, { audio }) => sum + Buffer.from(audio, "base64").length, 0);
  assert.ok(bytes > 48_000 && bytes < 48_000 * 3, `${bytes} bytes`);
  await page.locator("#hold-mode").uncheck({ force: true });
});

for (const [manner, words, language] of [
  ["refuse", /did not take the WebRTC call/, "en"],
  ["off", /WebRTC가 꺼져 있어요/, "ko"],
  ["deaf", /firewall/, "en"],
  ["none", /WebRTC가 없어요/, "ko"],
]) {
  test(`no call (${manner}): the scene uses a socket and says why`, { timeout: 60_000 }, async (t) => {
    const peer = await openPeer(t);
    peer.manner = manner;
    stage.peer(peer);
    const prepare = (page) => (manner === "none" ? page.addInitScript(() => delete window.RTCPeerConnection) : null);
    const { page } = await openPage(t, stage.url, { call: true, locale: language === "ko" ? "ko-KR" : "en-US", before: async (one) => prepare(one) });
    const [call] = await Promise.all([stage.next().then((made) => (made.greet(), made)), beginScene(page, language)]);
    assert.equal(await kind(page), "socket");
    assert.equal(call.url.searchParams.get("resume"), null, "it begins there as it would have in the call");
    const notice = page.locator('.notice[data-cause="line"]');
    assert.match((await notice.textContent()) ?? "", words);
    await page.locator("#timing summary").click();
    assert.match((await page.locator("#line").textContent()) ?? "", words);
    if (manner === "deaf") await page.screenshot({ path: join(SHOTS, "rtc-fallback.png") });
    // And the scene is a scene.
    call.reply(1, "Hello there.");
    call.sound(1, 0, 24_000);
    await state(page, "speaking");
  });
}

test("the person chooses a socket, in the middle of a scene, and a call again", { timeout: 60_000 }, async (t) => {
  const { page, peer, troubles } = await begin(t);
  await peer.say("duologue.intimacy", { value: 10, speech_level: "polite" });
  await page.locator("#menu summary").click();
  assert.equal(await page.locator("#call").isChecked(), true);
  await page.locator("#call").uncheck({ force: true });
  const call = await stage.next();
  assert.equal(call.url.searchParams.get("resume"), "3");
  call.say("duologue.resumed", { after: 3 });
  await until("a socket", async () => (await kind(page)) === "socket");
  assert.equal(await page.locator('.notice[data-cause="line"]').count(), 0, "they know");
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached" });
  await page.locator("#call").check({ force: true });
  await until("the page calls again", () => peer.asked.length === 2);
  assert.equal(peer.asked[1].resume, "4");
  peer.from(5);
  await peer.opened();
  await peer.say("duologue.resumed", { after: 4 });
  await until("a call", async () => (await kind(page)) === "rtc");
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached" });
  assert.deepEqual(troubles, []);
});

test("a call that is closed under the page: a new one resumes the scene, then a socket does", { timeout: 60_000 }, async (t) => {
  const { page, peer } = await begin(t);
  await peer.reply(1, "Once upon a time");
  await state(page, "speaking");
  await peer.close();
  await until("the page calls again", () => peer.asked.length === 2);
  assert.equal(peer.asked[1].resume, "6");
  await peer.opened();
  await peer.say("duologue.resumed", { after: 6 });
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached" });
  await peer.say("response.output_audio_transcript.delta", { response_id: "resp_1", item_id: "item_1", delta: " there was a river." });
  await page.locator(".line.persona .line-words", { hasText: "Once upon a time there was a river." }).waitFor();
  assert.equal(await page.locator('.notice[data-cause="link"], .notice[data-cause="line"]').count(), 0, "a short loss is no alarm");

  peer.manner = "refuse";
  await peer.close();
  const call = await stage.next();
  assert.equal(call.url.searchParams.get("resume"), "8");
  call.say("duologue.resumed", { after: 8 });
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached" });
  assert.equal(await kind(page), "socket");
  assert.match((await page.locator('.notice[data-cause="line"]').textContent()) ?? "", /goes on over a WebSocket/);
  assert.equal(await page.locator(".line.persona").count(), 1, "it is the same scene");
});

test("when the scene goes on in another window this one stays away", { timeout: 60_000 }, async (t) => {
  const { page, peer } = await begin(t);
  await peer.say("error", { event_id: "rtc_1", error: { type: "invalid_request_error", code: "attached_elsewhere", message: "Another connection took over." } });
  await page.locator('.notice[data-cause="link"] .notice-action').waitFor();
  await sleep(1_000);
  assert.equal(peer.asked.length, 1, "it does not call again by itself");
  assert.equal(await page.locator("#scene").getAttribute("data-state"), "offline");
});

test("calls use the STUN and TURN servers of the server, and what opens a relay is kept nowhere", { timeout: 90_000 }, async (t) => {
  const servers = [{ urls: ["stun:127.0.0.1:9"] }, { urls: ["turn:127.0.0.1:9"], username: "duologue", credential: "a word" }];
  stage.ice(servers);
  t.after(() => stage.ice(undefined));
  const { page } = await begin(t, { before: (one) => one.addInitScript(watch) });
  const used = () => page.evaluate(() => window.peers.map((pc) => pc.getConfiguration().iceServers));
  const same = (list) => assert.deepEqual(list.map(({ urls, username, credential }) => ({ urls: [urls].flat(), ...(username ? { username, credential } : {}) })), servers);
  same((await used())[0]);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.ok(!kept.includes("a word"), "what opens the relay is not written down");
});

/** Keeps the page's connections where a test finds them. */
function watch() {
  window.peers = [];
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...words) {
      super(...words);
      window.peers.push(this);
    }
  };
}

test("another way to the server is found under the same call", { timeout: 60_000 }, async (t) => {
  const { page, peer } = await begin(t, { before: (one) => one.addInitScript(watch) });
  // As a browser says that has heard nothing for a while.
  await page.evaluate(() => {
    const [pc] = window.peers;
    Object.defineProperty(pc, "connectionState", { configurable: true, get: () => "disconnected" });
    pc.dispatchEvent(new Event("connectionstatechange"));
    setTimeout(() => {
      delete pc.connectionState;
      pc.dispatchEvent(new Event("connectionstatechange"));
    }, 2_500);
  });
  await page.locator('#link[data-state="waiting"]').waitFor({ state: "attached", timeout: 10_000 });
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached", timeout: 10_000 });
  assert.equal(peer.restarts, 1);
  assert.equal(peer.asked.length, 1, "it is the same call");
  await peer.say("duologue.intimacy", { value: 30, speech_level: "polite" });
  await page.locator("#closeness").waitFor();
  assert.equal(await page.evaluate(() => window.peers.length), 1);
});
