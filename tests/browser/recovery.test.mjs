/**
 * Scenes in writing, with every speech model switched off: two turns as they should be; then the server or the network
 * dies in the middle of a scene and comes back, the page says so, and the scene goes on.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { beginScene, converse, openPage, SHOTS } from "./helpers/browser.mjs";
import { startProxy } from "./helpers/proxy.mjs";
import { ANY_WORDS, startServer, untilReady } from "./helpers/server.mjs";

const ENV = { ...ANY_WORDS, STT_ENABLED: "false", TTS_ENABLED: "false" };
const servers = [];
const start = async (options) => {
  const server = await startServer({ env: ENV, ...options });
  servers.push(server);
  await untilReady(server.url, ["llm"]);
  return server;
};

/** The server that most tests share; one of them kills it and starts it again. */
let server;
before(async () => (server = await start()));
after(async () => {
  for (const one of servers) await one.stop();
});

const words = (page) => page.locator(".line-words").allTextContents();
const sceneIds = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("duologue.scenes") ?? "[]").map(({ id }) => id));

/** Writes a line and waits for the first words of the reply, no more. */
async function beginReply(page, text) {
  const before = await page.locator(".line.persona").count();
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
  const reply = page.locator(".line.persona").nth(before);
  await reply.locator(".line-words", { hasText: /\S/ }).waitFor({ timeout: 60_000 });
  return reply;
}

test("two turns in Korean, written, with timing and without sound", { timeout: 300_000 }, async (t) => {
  const browser = await openPage(t, server.url, { locale: "ko-KR", dark: true });
  const { page } = browser;
  await beginScene(page, "ko");
  const lines = ["안녕하세요! 오늘 점심에 뭐 먹었어요?", "저는 비빔밥을 먹었어요."];
  for (const line of lines) assert.ok((await converse(page, line)).trim());
  assert.deepEqual(await page.locator(".line.you .line-words").allTextContents(), lines);
  assert.equal(await page.locator(".line-words").first().getAttribute("lang"), "ko");
  await page.locator("#timing summary").click();
  await page.locator('.waterfall .bar[data-bar="thinking"]').waitFor();
  assert.equal(await page.locator("#mic").isDisabled(), true, "what cannot hear has no microphone");
  assert.equal(await page.locator("#scene").getAttribute("data-state"), "ready");
  await page.screenshot({ path: join(SHOTS, "text-ko.png") });
  assert.deepEqual(browser.troubles, []);
});

test("the network is cut in the middle of a reply: the scene resumes by itself, with every word once", { timeout: 200_000 }, async (t) => {
  const proxy = await startProxy(server.port);
  t.after(() => proxy.close());
  const { page } = await openPage(t, proxy.url);
  await beginScene(page, "en");
  const reply = await beginReply(page, "Tell me a long story about a lighthouse.");
  proxy.cut();
  await page.locator('#link[data-state="waiting"]').waitFor({ timeout: 10_000 });
  assert.equal(await page.locator("#link-words").textContent(), "Reconnecting…");
  assert.equal(await page.locator("#state").textContent(), "Reconnecting…");
  proxy.mend();
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 15_000 });
  await page.locator(`.line.persona[data-final="true"]`).waitFor({ timeout: 60_000 });
  assert.equal(await page.locator(".line.persona").count(), 1);
  assert.equal(await page.locator(".line.persona .cut").count(), 0, "nobody interrupted anybody");
  assert.equal(await page.locator('.notice[data-cause="link"]').count(), 0, "a short loss is no alarm");
  await reply.locator(".kept svg").waitFor({ timeout: 10_000 });
  const [id] = await sceneIds(page);
  const { secret } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("duologue.live") ?? "{}").scene);
  const { messages } = await (await fetch(`${server.url}/chat/sessions/${id}/messages`, { headers: { "x-duologue-secret": secret } })).json();
  const shown = (await words(page)).map((line) => line.trim());
  assert.deepEqual(messages.map(({ content }) => content.trim()), shown, "the page shows what the server keeps");
});

test("the page is loaded anew in the middle of a reply: the scene goes on in this tab", { timeout: 200_000 }, async (t) => {
  const browser = await openPage(t, server.url, { locale: "ko-KR" });
  const { page } = browser;
  await beginScene(page, "ko");
  const first = await converse(page, "제 이름은 지훈이에요.");
  await beginReply(page, "바다에 대해 길게 이야기해 주세요.");
  await page.reload();
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached", timeout: 30_000 });
  const shown = await words(page);
  assert.deepEqual(shown.slice(0, 3), ["제 이름은 지훈이에요.", first, "바다에 대해 길게 이야기해 주세요."]);
  await page.locator('.line.persona[data-final="true"]').nth(1).waitFor({ timeout: 60_000 });
  assert.equal(await page.locator(".line").count(), 4);
  assert.equal(await page.locator(".line.persona .cut").count(), 0);
  assert.ok((await converse(page, "제 이름이 뭐예요?")).trim());
  assert.equal((await sceneIds(page)).length, 1, "it is the same scene");
  assert.deepEqual(browser.troubles, []);
});

test("killed while talking: the same scene goes on, and without its data that is said and a new one is offered", { timeout: 400_000 }, async (t) => {
  const { page } = await openPage(t, server.url);
  await beginScene(page, "en");
  await converse(page, "Hello!");
  const [id] = await sceneIds(page);
  await page.locator("#text").fill("Tell me about the sea.");
  await page.locator("#text").press("Enter");
  await server.kill();
  await page.locator('#link[data-state="waiting"]').waitFor({ timeout: 10_000 });
  const notice = page.locator('.notice[data-cause="link"]');
  await notice.filter({ hasText: "Reconnecting" }).waitFor({ timeout: 15_000 });
  await page.screenshot({ path: join(SHOTS, "lost.png") });

  const { folder, port } = server;
  const second = await start({ port, data: folder });
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 60_000 });
  await notice.filter({ hasText: "is back" }).waitFor();
  assert.deepEqual(await sceneIds(page), [id], "the scene is the same");
  assert.ok((await converse(page, "Are you still there?")).trim());

  await second.kill();
  await rm(folder, { recursive: true, force: true });
  await start({ port });
  await notice.filter({ hasText: "no longer knows it" }).waitFor({ timeout: 60_000 });
  await notice.locator(".notice-action").click();
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 30_000 });
  await page.locator(".line.note", { hasText: "A new scene has begun" }).waitFor();
  assert.equal((await sceneIds(page)).length, 2, "there is a new scene");
  assert.ok((await converse(page, "Hello again!")).trim());
});

test("no server: said in words, and trying again works once it is back", { timeout: 200_000 }, async (t) => {
  const alive = servers.at(-1);
  const { page } = await openPage(t, alive.url);
  await alive.kill();
  await page.locator("#begin").click();
  const notice = page.locator('.notice[data-cause="begin"]');
  await notice.waitFor();
  assert.match((await notice.textContent()) ?? "", /server does not answer/);
  await start({ port: alive.port, data: alive.folder, env: { ...ENV, DUOLOGUE_SESSIONS__MAX: "1", DUOLOGUE_SESSIONS__IDLE_TIMEOUT_S: "3" } });
  await notice.locator(".notice-action").click();
  await page.locator('#link[data-state="open"]').waitFor({ timeout: 30_000 });
  assert.equal(await notice.count(), 0);

  // There is one place, and it is taken.
  const { page: other } = await openPage(t, alive.url);
  await other.locator("#begin").click();
  await other.locator(".notice", { hasText: "Every place on this server is taken" }).waitFor({ timeout: 30_000 });
  await page.locator("#leave").click();
  await other.locator(".notice-action, #link[data-state=open]").first().waitFor({ timeout: 60_000 });
  if (await other.locator(".notice-action").count()) await other.locator(".notice-action").click();
  await other.locator('#link[data-state="open"]').waitFor({ timeout: 60_000 });
  assert.equal(await other.locator(".notice", { hasText: "Every place" }).count(), 0);
});
