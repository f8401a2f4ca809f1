/** A Korean scene in writing, with every speech model switched off. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { beginScene, converse, openPage, SHOTS } from "./helpers/browser.mjs";
import { startServer, untilReady } from "./helpers/server.mjs";

let server;
before(async () => {
  server = await startServer({ env: { STT_ENABLED: "false", TTS_ENABLED: "false" } });
  await untilReady(server.url, ["llm"]);
});
after(() => server?.stop());

test("two turns in Korean, written, with timing and without sound", { timeout: 300_000 }, async (t) => {
  const browser = await openPage(t, server.url, { locale: "ko-KR", dark: true });
  const { page } = browser;
  await beginScene(page, "ko");
  for (const line of ["안녕하세요! 오늘 점심에 뭐 먹었어요?", "저는 비빔밥을 먹었어요."]) {
    const reply = await converse(page, line);
    assert.match(reply, /[가-힣]/, `the reply to ${line}: ${reply}`);
  }
  assert.deepEqual(await page.locator('.line.you .line-words').allTextContents(), ["안녕하세요! 오늘 점심에 뭐 먹었어요?", "저는 비빔밥을 먹었어요."]);
  assert.equal(await page.locator(".line-words").first().getAttribute("lang"), "ko");
  await page.locator('.waterfall .bar[data-bar="thinking"]').waitFor();
  assert.equal(await page.locator("#mic").isDisabled(), true, "what cannot hear has no microphone");
  assert.equal(await page.locator("#scene").getAttribute("data-state"), "ready");
  await page.screenshot({ path: join(SHOTS, "text-ko.png") });
  assert.deepEqual(browser.troubles, []);
});
