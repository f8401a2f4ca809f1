/** A client that cannot find a face itself: a tab that knows only WebRTC sends its camera's video to the real server. */
import assert from "node:assert/strict";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPage } from "./helpers/browser.mjs";
import { cameraFile } from "./helpers/camera.mjs";
import { ANY_WORDS, startServer } from "./helpers/server.mjs";
import { HOME } from "./helpers/stage.mjs";

/** What finds faces on the server; there is none for other machines. */
const LIBRARY = join(HOME, "lib/libmediapipe.so");
const HAS_LANDMARKER = process.platform === "linux" && process.arch === "x64";

/** Neither ears nor a voice are needed to be seen. */
const SILENT = { ...ANY_WORDS, STT_ENABLED: "false", TTS_ENABLED: "false" };

let folder;
let face;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "duologue-camera-"));
  face = await cameraFile(join(folder, "face.y4m"));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Starts a server with these settings, and opens a tab whose camera shows a face. */
async function open(t, env) {
  const server = await startServer({ env: { ...SILENT, ...env } });
  t.after(() => server.stop());
  const { page } = await openPage(t, server.url, { camera: face });
  return { page, server };
}

/** Runs in the tab: calls with its camera; what the server answered. */
async function dial(query) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 } });
  const connection = new RTCPeerConnection();
  connection.addTransceiver("audio", { direction: "recvonly" });
  connection.addTrack(stream.getVideoTracks()[0], stream);
  window.events = [];
  connection.createDataChannel("oai-events").onmessage = ({ data }) => window.events.push(JSON.parse(data));
  await connection.setLocalDescription(await connection.createOffer());
  const { personas } = await (await fetch("/personas")).json();
  const answer = await fetch(`/v1/realtime/calls?model=${personas[0].id}&language=en${query}`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  const body = await answer.text();
  if (answer.ok) await connection.setRemoteDescription({ type: "answer", sdp: body });
  window.connection = connection;
  return { status: answer.status, body };
}

/** What the tab has sent of its video. */
async function sent() {
  const report = [...(await window.connection.getStats()).values()].find(({ type, kind }) => type === "outbound-rtp" && kind === "video");
  return { wishes: report?.pliCount ?? 0, keyFrames: report?.keyFramesEncoded ?? 0, codec: window.connection.getSenders()[1].getParameters().codecs[0]?.mimeType };
}

/** Scores that a face has to be seen for, in the tab's newest event of scores. */
function seen() {
  const scores = window.events.findLast(({ type }) => type === "duologue.scores");
  const part = scores?.details?.expression;
  return part?.source === "face" && (part.n > 0 || part.why_not?.has > 0) ? part : null;
}

test("a face is found in the camera's key frames, without a landmark or a picture of the client", { timeout: 240_000, skip: HAS_LANDMARKER ? false : "the landmarker is for Linux on x86-64 alone" }, async (t) => {
  await access(LIBRARY).catch(() => {
    throw new Error("no landmarker: run `cargo xtask setup --for-tests`");
  });
  const { page } = await open(t, { DUOLOGUE_LANDMARKER__ENABLED: "true" });
  const { status, body } = await page.evaluate(dial, "&video=true");
  assert.equal(status, 201, body);
  assert.match(body, /m=video 9 /);
  let part = null;
  for (const end = performance.now() + 90_000; !part && performance.now() < end; await sleep(250)) part = await page.evaluate(seen);
  const events = await page.evaluate(() => window.events.map(({ type, code, error, message }) => [type, code ?? error?.code, message ?? error?.message].join(" ")));
  assert.ok(part, `no face in 90 s: ${JSON.stringify(await page.evaluate(sent))} ${events.join("\n")}`);
  const { wishes, keyFrames, codec } = await page.evaluate(sent);
  assert.ok(wishes >= 2 && keyFrames >= 2, `${wishes} wishes, ${keyFrames} key frames`);
  assert.equal(codec, "video/VP8");
  const refused = events.filter((event) => /error|video_not_needed/.test(event));
  assert.deepEqual(refused, []);
});

test("where the landmarker is off the camera is refused with the reason, and without the wish the call goes on without it", { timeout: 120_000 }, async (t) => {
  const { page } = await open(t, { DUOLOGUE_LANDMARKER__ENABLED: "false" });
  const refused = await page.evaluate(dial, "&video=true");
  assert.equal(refused.status, 400);
  const { error } = JSON.parse(refused.body);
  assert.equal(error.code, "video_not_needed");
  assert.match(error.message, /landmarker is off/);
  const { status, body } = await page.evaluate(dial, "");
  assert.equal(status, 201, body);
  assert.match(body, /m=video 0 /);
  await page.waitForFunction(() => window.events.some(({ code }) => code === "video_not_needed"), null, { timeout: 30_000 });
});
