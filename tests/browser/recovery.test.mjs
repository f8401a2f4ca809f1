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
