/** The server dies in the middle of a scene and comes back: the page says so, and the scene goes on. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { beginScene, converse, openPage, SHOTS } from "./helpers/browser.mjs";
import { startServer, untilReady } from "./helpers/server.mjs";

const ENV = { STT_ENABLED: "false", TTS_ENABLED: "false" };
const servers = [];
const start = async (options) => {
  const server = await startServer({ env: ENV, ...options });
  servers.push(server);
  await untilReady(server.url, ["llm"]);
  return server;
};
after(async () => {
  for (const server of servers) await server.stop();
});

test("killed while talking: the state is shown; the same scene goes on, and without its data a new one begins", { timeout: 400_000 }, async (t) => {
  const first = await start();
  const browser = await openPage(t, first.url);
  const { page } = browser;
  await beginScene(page, "en");
  await converse(page, "Hello!");
  const scenes = () => page.evaluate(() => JSON.parse(localStorage.getItem("duologue.scenes") ?? "[]").map(({ id }) => id));
  const [id] = await scenes();

  await page.locator("#text").fill("Tell me about the sea.");
  await page.locator("#text").press("Enter");
  await first.kill();
  await page.locator('#link[data-state="waiting"]').waitFor({ timeout: 10_000 });
  assert.match((await page.locator("#link-words").textContent()) ?? "", /Connection lost/);
  assert.match((await page.locator('.notice[data-cause="link"]').textContent()) ?? "", /trying again/);
  assert.equal(await page.locator("#state").textContent(), "Connecting");
  await page.screenshot({ path: join(SHOTS, "lost.png") });

  const second = await start({ port: first.port, data: first.folder });
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 60_000 });
  await page.locator('.notice[data-cause="link"]', { hasText: "is back" }).waitFor();
  assert.deepEqual(await scenes(), [id], "the scene is the same");
  assert.ok((await converse(page, "Are you still there?")).trim());

  await second.kill();
  await rm(first.folder, { recursive: true, force: true });
  await start({ port: first.port });
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 60_000 });
  await page.locator(".line.note", { hasText: "A new one has begun" }).waitFor();
  assert.equal((await scenes()).length, 2, "there is a new scene");
  assert.ok((await converse(page, "Hello again!")).trim());
});

test("no server: said in words, and trying again works once it is back", { timeout: 200_000 }, async (t) => {
  const first = await start();
  const { page } = await openPage(t, first.url);
  await first.kill();
  await page.locator("#begin").click();
  const notice = page.locator('.notice[data-cause="begin"]');
  await notice.waitFor();
  assert.match((await notice.textContent()) ?? "", /server does not answer/);
  await start({ port: first.port, data: first.folder });
  await notice.locator(".notice-action").click();
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 30_000 });
  assert.equal(await notice.count(), 0);
});

test("a full house is said in words, and the scene begins when there is room", { timeout: 200_000 }, async (t) => {
  const server = await start({ env: { ...ENV, DUOLOGUE_SESSIONS__MAX: "1", DUOLOGUE_SESSIONS__IDLE_TIMEOUT_S: "10" } });
  const { page } = await openPage(t, server.url);
  await beginScene(page, "en");
  const { page: other } = await openPage(t, server.url);
  await other.locator("#begin").click();
  await other.locator('.notice[data-cause="link"]', { hasText: "Every place on this server is taken" }).waitFor({ timeout: 30_000 });
  await page.locator("#leave").click();
  await other.locator('#link[data-state="open"]').waitFor({ timeout: 60_000 });
  assert.equal(await other.locator('.notice[data-cause="link"]', { hasText: "Every place" }).count(), 0);
});
