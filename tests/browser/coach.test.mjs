/**
 * A person in front of a camera talks with the real server: the clip of a face and the clip of a voice go in, scores,
 * evidence and the report come out.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { microphoneFile } from "./helpers/audio.mjs";
import { beginScene, converse, openPage, SHOTS } from "./helpers/browser.mjs";
import { cameraFile } from "./helpers/camera.mjs";
import { ANY_WORDS, startServer, untilReady } from "./helpers/server.mjs";

/** What only a camera can tell. */
const OF_FACE = ["concentration", "gaze_stability", "posture", "expression", "blinking"];

let server;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "duologue-coach-"));
  server = await startServer({ env: { ...ANY_WORDS, TTS_ENABLED: "false" } });
  await untilReady(server.url, ["stt", "llm"]);
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const spoken = (page, name) => page.locator(`.dial[data-score="${name}"] [role="meter"]`).getAttribute("aria-valuetext");

/** Waits until each of these scores has a value. */
async function untilScored(page, names, within) {
  await page.waitForFunction((wanted) => wanted.every((name) => document.querySelector(`.dial[data-score="${name}"]`)?.getAttribute("data-tone") !== "none"), names, { timeout: within });
}

test("face, voice and words become scores that say why, and a report", { timeout: 400_000 }, async (t) => {
  const mic = join(folder, "mic.wav");
  await microphoneFile(mic, { clip: "0880", before: 12, after: 200 });
  const camera = await cameraFile(join(folder, "face.y4m"));
  const browser = await openPage(t, server.url, { mic, camera });
  const { page } = browser;
  await beginScene(page, "en");
  await page.locator("#camera").click();
  await page.locator("#consent-yes").click();
  await page.locator('#own[data-face="true"]').waitFor({ timeout: 60_000 });

  // Nothing is guessed: before there is a minute of a face, that is what the page says.
  await page.locator('.dial[data-score="blinking"] .dial-why', { hasText: /needs 60 s of face/ }).waitFor({ timeout: 30_000 });
  await page.locator('.line.you[data-final="true"]').first().waitFor({ timeout: 120_000 });
  await page.locator('.line.persona[data-final="true"]').first().waitFor({ timeout: 120_000 });
  assert.ok((await converse(page, "What do you like most about the sea?")).trim());
  await page.screenshot({ path: join(SHOTS, "coach-early.png") });

  await untilScored(page, [...OF_FACE, "likability", "total_score"], 150_000);
  for (const name of [...OF_FACE, "likability", "total_score"]) assert.match((await spoken(page, name)) ?? "", /: \d+ of 100/, name);
  await page.screenshot({ path: join(SHOTS, "coach.png") });

  await page.locator('.dial[data-score="gaze_stability"] .dial-open').click();
  await page.locator("#evidence .band").waitFor();
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(SHOTS, "coach-evidence.png") });
  await page.keyboard.press("Escape");

  const [report] = await Promise.all([page.context().waitForEvent("page"), page.locator("#menu summary").click().then(() => page.locator("#report").click())]);
  await report.locator("svg").first().waitFor({ timeout: 20_000 });
  const words = await report.locator("body").innerText();
  assert.ok(words.includes("What do you like most about the sea?"), "the transcript is in it");
  assert.ok((await report.locator("svg").count()) >= 3, "it has plots");
  await report.screenshot({ path: join(SHOTS, "report.png"), fullPage: true });
  assert.deepEqual(browser.troubles, []);
  assert.deepEqual(browser.elsewhere, [], "nothing came from elsewhere");
});
