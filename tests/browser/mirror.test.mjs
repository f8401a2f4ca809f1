/** How a person comes across, on the page against a scripted server: dials, evidence, tips, the camera's consent, the switch. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { beginScene, openPage, SHOTS } from "./helpers/browser.mjs";
import { cameraFile } from "./helpers/camera.mjs";
import { missing, scores } from "./helpers/scores.mjs";
import { openStage } from "./helpers/stage.mjs";

let stage;
let folder;
let face;
before(async () => {
  stage = await openStage();
  folder = await mkdtemp(join(tmpdir(), "duologue-faces-"));
  face = await cameraFile(join(folder, "face.y4m"));
});
after(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens the page and begins a scene with the persona of `language`. */
async function begin(t, options = {}, language = "en") {
  const browser = await openPage(t, stage.url, options);
  const [call] = await Promise.all([stage.next().then((made) => (made.greet(), made)), beginScene(browser.page, language)]);
  return { ...browser, call };
}

/** Waits until `look` gives something; what it gave. */
async function until(what, look, within = 5_000) {
  for (const end = performance.now() + within; performance.now() < end; await sleep(20)) {
    const seen = await look();
    if (seen) return seen;
  }
  assert.fail(`within ${within} ms: ${what}`);
}

const dial = (page, name) => page.locator(`.dial[data-score="${name}"]`);
const meter = (page, name, attribute) => dial(page, name).locator('[role="meter"]').getAttribute(attribute);
const said = (page, name, words) => until(`${name} says ${words}`, async () => (await meter(page, name, "aria-valuetext"))?.includes(words));
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** A minute and a half of scores, a few seconds apart; the page has drawn the last of them when this returns. */
async function tell(page, call, { to = 90_000, changes = {}, more = {} } = {}) {
  for (let at = 3_000; at <= to; at += 3_000) call.say("duologue.scores", scores(at, changes, more));
  const last = Object.entries(scores(to, changes, more).details).map(([name, { value }]) => `${name} ${value ?? "–"}`).sort();
  const shown = () => page.locator(".dial").evaluateAll((all) => all.map((one) => `${one.dataset.score} ${one.querySelector(".dial-value")?.textContent}`).sort());
  await until("every dial shows its last value", async () => String(await shown()) === String(last));
}

test("what is missing is said, then the dials tell value, tone, band and how they moved", async (t) => {
  const { page, call, troubles } = await begin(t);
  await page.locator("#mirror-empty").waitFor();
  const needs = missing("needs_face", 60_000, 21_000, "needs 60 s of face, has 21 s");
  call.say("duologue.scores", scores(21_000, { blinking: needs, total_score: missing("needs_time", 60_000, 21_000, "needs 60 s, has 21 s") }));
  await said(page, "blinking", "not yet, needs 60 s of face, has 21 s");
  assert.equal(await dial(page, "blinking").getAttribute("data-tone"), "none", "it is grey");
  assert.equal(await dial(page, "blinking").locator(".dial-why").textContent(), "needs 60 s of face, has 21 s");
  assert.equal(await dial(page, "blinking").locator(".dial-progress").count(), 1, "a third of what it needs is there");
  assert.equal(await dial(page, "total_score").locator(".dial-value").textContent(), "–");
  assert.equal(await page.locator("#mirror-empty").isVisible(), false);
  await page.screenshot({ path: join(SHOTS, "mirror-missing.png") });

  await tell(page, call);
  await said(page, "total_score", "of 100");
  assert.equal(await page.locator(".dial").count(), 9);
  for (const [name, tone] of [["posture", "high"], ["likability", "middle"], ["blinking", "low"]]) assert.equal(await dial(page, name).getAttribute("data-tone"), tone, name);
  assert.match((await meter(page, "expression", "aria-valuetext")) ?? "", /^Expression: \d+ of 100, positive$/);
  assert.equal(await dial(page, "blinking").locator(".band-at").count(), 1);
  assert.ok((await dial(page, "tone").locator("polyline").getAttribute("points"))?.split(" ").length >= 20, "its history is a line");
  assert.equal(await meter(page, "posture", "aria-valuenow"), await dial(page, "posture").locator(".dial-value").textContent());
  assert.match((await page.locator("#summary").textContent()) ?? "", /stood out most/);
  await page.screenshot({ path: join(SHOTS, "mirror.png") });
  assert.deepEqual(troubles, []);
});

test("a press on a score opens what made it; a moment of a turn leads to its line", async (t) => {
  const { page, call, troubles } = await begin(t);
  call.say("conversation.item.added", { item: { id: "said_1", type: "message", role: "user", content: [{ type: "input_text", text: "My sister plays the cello too." }] } });
  const reply = call.reply(1, "You told me about her cello!");
  call.done(reply, "You told me about her cello!");
  await tell(page, call);
  await said(page, "likability", "of 100");
  await dial(page, "blinking").locator(".dial-open").click();
  const drawer = page.locator("#evidence");
  await drawer.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "evidence-title", "the drawer has the focus");
  assert.equal(await page.locator("#evidence-title").textContent(), "Blinking");
  assert.match((await drawer.textContent()) ?? "", /38\.1 a minute\. Full marks from 10\.5 to 32\.5\./);
  assert.ok((await drawer.locator(".moment-mark").count()) >= 3);
  assert.match((await drawer.locator(".moment").first().textContent()) ?? "", /1:26.*Blink, 190 ms/);
  await drawer.locator(".moment").first().focus();
  assert.equal(await drawer.locator(".moment-mark.lit").count(), 1, "it lights up on the time line");
  await sleep(300);
  await page.screenshot({ path: join(SHOTS, "evidence.png") });

  call.say("duologue.scores", scores(99_000));
  await drawer.locator(".moment-time").first().filter({ hasText: "1:35" }).waitFor();
  assert.match((await page.evaluate(() => document.activeElement?.className)) ?? "", /moment/, "the focus stays while the drawer is drawn anew");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "hidden" });
  assert.equal(call.of("response.cancel").length, 0, "Escape closes the drawer and interrupts nobody");
  assert.equal(await page.evaluate(() => document.activeElement?.closest(".dial")?.getAttribute("data-score")), "blinking", "the focus is back");

  await dial(page, "likability").locator(".dial-open").click();
  await drawer.locator("button.moment").first().click();
  await drawer.waitFor({ state: "hidden" });
  const line = page.locator('.line[data-item="said_1"]');
  assert.equal(await line.evaluate((entry) => entry === document.activeElement), true, "the line has the focus");
  assert.deepEqual(troubles, []);
});

test("one quiet tip at a time, and the expression's shares", async (t) => {
  const { page, call } = await begin(t, { dark: true });
  await tell(page, call);
  call.say("duologue.tip", { code: "look_at_camera", score: "gaze_stability", text: "Look at the camera now and then." });
  await page.locator('#tip[data-on="true"]', { hasText: "Look at the camera" }).waitFor();
  call.say("duologue.tip", { code: "ask_something", score: "initiative", text: "Ask something back." });
  await page.locator('#tip[data-on="true"]', { hasText: "Ask something back." }).waitFor();
  await sleep(500);
  await page.screenshot({ path: join(SHOTS, "mirror-dark.png") });
  await dial(page, "expression").locator(".dial-open").click();
  assert.deepEqual(await page.locator(".shares li").evaluateAll((all) => all.map((one) => one.dataset.share)), ["neutral", "joy", "surprise", "sadness"]);
  await sleep(300);
  await page.screenshot({ path: join(SHOTS, "evidence-dark.png") });
});

test("without the coach the dials are grey and say so, until scores come again", async (t) => {
  for (const [language, options, words] of [["en", {}, "Scoring has stopped for now"], ["ko", { locale: "ko-KR" }, "점수를 잠시 매길 수 없어요"]]) {
    const { page, call, troubles } = await begin(t, options, language);
    await tell(page, call);
    await said(page, "posture", language === "en" ? "of 100" : "점");
    const value = await meter(page, "posture", "aria-valuenow");
    call.say("duologue.notice", { level: "error", code: "part_failed", message: "no scores for now", part: "coach" });
    await page.locator("#summary", { hasText: words }).waitFor();
    assert.equal(await page.locator("#summary").isVisible(), true);
    assert.equal(await page.locator("#dials").getAttribute("data-lost"), "true");
    assert.match(await dial(page, "posture").locator(".dial-meter").evaluate((all) => getComputedStyle(all).filter), /grayscale/);
    assert.equal(await meter(page, "posture", "aria-valuenow"), value, "the last value stands");
    await page.screenshot({ path: join(SHOTS, `mirror-lost-${language}.png`) });
    call.say("duologue.scores", scores(93_000));
    await page.locator('#dials[data-lost="false"]').waitFor();
    assert.doesNotMatch((await page.locator("#summary").textContent()) ?? "", new RegExp(words));
    assert.deepEqual(troubles, []);
  }
});

test("in Korean, on a phone, nothing sticks out and every word is Korean", async (t) => {
  const { page, call, troubles } = await begin(t, { locale: "ko-KR", width: 390, height: 844 }, "ko");
  await tell(page, call, { more: { expression: "긍정적", summary: "가장 돋보인 것은 자세(90점), 더 다듬을 것은 눈 깜빡임(34점)입니다." }, changes: { tone: missing("needs_turns", 2, 1, "대화가 2번 필요해요. 지금까지 1번 했어요.") } });
  call.say("duologue.tip", { code: "look_at_camera", score: "gaze_stability", text: "가끔 카메라를 바라봐 주세요." });
  await said(page, "expression", "긍정적");
  await said(page, "tone", "아직 없음, 대화가 2번 필요해요");
  assert.ok((await overflow(page)) <= 0, "nothing sticks out");
  await page.screenshot({ path: join(SHOTS, "mirror-phone-top.png") });
  await page.locator("#mirror-title").scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(SHOTS, "mirror-phone.png"), fullPage: true });
  const words = await page.locator(".mirror").innerText();
  assert.doesNotMatch(words, /[A-Za-z]{3,}/, "no English is left");
  await dial(page, "blinking").locator(".dial-open").click();
  await sleep(300);
  await page.screenshot({ path: join(SHOTS, "evidence-phone.png") });
  assert.doesNotMatch(await page.locator("#evidence").innerText(), /[A-Za-z]{3,}/, "nor in the drawer");
  assert.ok((await overflow(page)) <= 0);
  assert.deepEqual(troubles, []);
});

test("with the keyboard alone: to a dial, into its drawer, back; and the menu", async (t) => {
  const { page, call } = await begin(t);
  await tell(page, call);
  await said(page, "posture", "of 100");
  const tabTo = async (wanted) => {
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(wanted)) return;
    }
    assert.fail(`Tab does not reach ${wanted}`);
  };
  await tabTo(`document.activeElement?.closest('[data-score="posture"]') !== null`);
  assert.match((await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))) ?? "", /Posture: what made this score/);
  await page.keyboard.press("Enter");
  await page.locator("#evidence").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.closest("dialog")?.id), "evidence", "Tab stays in the drawer");
  await page.keyboard.press("Escape");
  await page.locator("#evidence").waitFor({ state: "hidden" });
  await tabTo(`document.activeElement?.closest("#menu") !== null`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "report");
  await page.screenshot({ path: join(SHOTS, "menu.png") });
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#menu").evaluate((menu) => menu.open), false);
  assert.equal(call.of("response.cancel").length, 0, "Escape was for the menu");
});

test("the camera: explained first, read in a worker, sent as points, calibrated, and given back", { timeout: 90_000 }, async (t) => {
  const { page, call, troubles, elsewhere } = await begin(t, { camera: face });
  await page.evaluate(() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.streams = [];
    navigator.mediaDevices.getUserMedia = async (wish) => {
      const stream = await ask(wish);
      if (wish.video) window.streams.push(stream);
      return stream;
    };
  });
  await page.locator("#camera").click();
  assert.match(await page.locator("#consent").innerText(), /Your picture stays in this browser/);
  assert.equal(await page.evaluate(() => window.streams.length), 0, "nothing is asked before it is explained");
  await page.screenshot({ path: join(SHOTS, "consent.png") });
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => window.streams.length), 0, "Escape is no");
  assert.equal(await page.locator("#own").isVisible(), false);

  await page.locator("#camera").click();
  await page.locator("#consent-yes").click();
  await until("frames of landmarks", () => call.faces.length >= 20, 40_000);
  const frame = call.faces.at(-1);
  assert.deepEqual([frame.length, frame.readUInt8(3), frame.readUInt16LE(16), frame.readUInt16LE(18), frame.readUInt8(20), frame.readUInt16LE(22)], [356, 1, 640, 360, 6, 36]);
  const numbers = call.faces.map((one) => one.readUInt32LE(4));
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  const nose = [frame.readInt16LE(24 + 52 + 64 + 22 * 6) / 16_384, frame.readInt16LE(24 + 52 + 64 + 22 * 6 + 2) / 16_384];
  assert.ok(nose.every((place) => place > 0.2 && place < 0.8), `the nose is at ${nose}`);
  assert.ok(Math.abs(frame.readFloatLE(24 + 52 + 15 * 4) - 1) < 1e-3, "the matrix is whole");
  const drawn = await page.locator("#own-overlay").evaluate((canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0));
  assert.ok(drawn, "the points are drawn");
  assert.match((await page.locator("#own-pace").textContent()) ?? "", /^1[05] a second$/);
  await page.screenshot({ path: join(SHOTS, "camera.png") });

  await page.locator("#calibrate").click();
  await page.locator("#calibration-start").click();
  await until("begin", () => call.of("duologue.calibrate").some(({ action }) => action === "begin"));
  await until("half a ring", async () => Number(await page.locator("#calibration-ring").getAttribute("aria-valuenow")) >= 40, 15_000);
  await page.screenshot({ path: join(SHOTS, "calibration.png") });
  await until("end", () => call.of("duologue.calibrate").some(({ action }) => action === "end"), 20_000);
  assert.deepEqual(call.of("duologue.calibrate").map(({ action }) => action), ["begin", "end"]);
  await page.locator('#calibration[data-phase="done"]').waitFor();
  await page.screenshot({ path: join(SHOTS, "calibrated.png") });
  await page.keyboard.press("Enter");
  await page.locator("#calibration").waitFor({ state: "hidden" });

  await page.locator("#camera").click();
  assert.deepEqual(await page.evaluate(() => window.streams.flatMap((stream) => stream.getTracks().map((track) => track.readyState))), ["ended"], "its light goes out");
  await sleep(300);
  const count = call.faces.length;
  await sleep(500);
  assert.equal(call.faces.length, count, "nothing is sent any more");
  assert.equal(await page.locator("#own").isVisible(), false);
  assert.deepEqual(elsewhere, [], "nothing came from elsewhere");
  assert.deepEqual(troubles, []);
});

test("without its model the page says that face scores are off, and the camera is given back", async (t) => {
  stage.lose("face_landmarker.task");
  t.after(() => stage.lose());
  const { page, call } = await begin(t, { camera: face });
  await page.locator("#camera").click();
  await page.locator("#consent-yes").click();
  await page.locator('.notice[data-cause="camera"]', { hasText: "Face scores are off: this server lacks the face model" }).waitFor();
  assert.equal(await page.locator("#camera").getAttribute("aria-pressed"), "false");
  await tell(page, call);
  await said(page, "tone", "of 100");
});

test("a camera that is not there, or refused, is said in words", async (t) => {
  for (const [mic, words] of [["none", "No camera was found"], ["denied", "not allowed to use the camera"]]) {
    const { page } = await begin(t, { mic });
    await page.locator("#camera").click();
    await page.locator("#consent-yes").click();
    await page.locator('.notice[data-cause="camera"]', { hasText: words }).waitFor();
    assert.equal(await page.locator("#camera").getAttribute("aria-pressed"), "false");
  }
});

test("expression analysis is the person's own choice, told to the server and remembered", async (t) => {
  const { page, call } = await begin(t);
  await tell(page, call);
  await said(page, "posture", "of 100");
  await page.locator("#menu summary").click();
  await page.locator("label:has(#analysis)").click();
  const [told] = await until("session.update", () => call.of("session.update").length > 0 && call.of("session.update"));
  assert.deepEqual(told.session.duologue, { expression_analysis: false });
  assert.equal(await page.locator("#camera").isVisible(), false, "the camera part is gone");
  assert.equal(await dial(page, "blinking").isVisible(), false);
  assert.equal(await dial(page, "tone").isVisible(), true);
  await page.screenshot({ path: join(SHOTS, "analysis-off.png") });

  const [second] = await Promise.all([stage.next().then((made) => (made.greet(), made)), page.reload()]);
  await until("told again", () => second.of("session.update").some(({ session }) => session.duologue?.expression_analysis === false));
  assert.equal(await page.locator("#camera").isVisible(), false, "it is remembered");
  assert.equal(await page.locator("#analysis").isChecked(), false);
  await page.locator("#menu summary").click();
  await page.locator("label:has(#analysis)").click();
  await page.locator("#camera").waitFor();
  second.say("session.updated", { session: { duologue: { expression_analysis: false } } });
  await page.locator("#analysis-help", { hasText: "switched off on this server" }).waitFor();
  assert.equal(await page.locator("#analysis").isDisabled(), true);
  assert.equal(await page.locator("#camera").isVisible(), false);
});

test("the report is offered when a scene ends, and shown in a page of its own that runs nothing", async (t) => {
  stage.report('<!doctype html><html lang="en"><head><title>A scene with Mira</title><style>h1 { color: rgb(1, 2, 3) }</style></head><body><h1>A scene with Mira</h1><svg width="20" height="9"></svg><script>document.title = "ran"</script></body></html>');
  t.after(() => stage.report(null));
  const { page, call, troubles } = await begin(t);
  await tell(page, call);
  await said(page, "posture", "of 100");
  assert.match((await page.locator("#report").getAttribute("href")) ?? "", /^\.\/report\.html#[\w-]+$/, "no secret stands in the address");
  await page.locator("#leave").click();
  const offer = page.locator('.notice[data-cause="report"]', { hasText: "The report of your scene with Mira is ready." });
  const [report] = await Promise.all([page.context().waitForEvent("page"), offer.locator(".notice-action").click()]);
  await report.locator("h1", { hasText: "A scene with Mira" }).waitFor();
  assert.equal(await report.title(), "A scene with Mira");
  assert.equal(await report.locator("h1").evaluate((title) => getComputedStyle(title).color), "rgb(1, 2, 3)");
  assert.equal(await report.locator("#report-print").isVisible(), true);
  const link = page.locator("#earlier a", { hasText: "Report" });
  assert.match((await link.getAttribute("aria-label")) ?? "", /Report of the scene with Mira/);
  await report.goto(`${stage.url}/report.html#nobody`);
  await report.locator("#report-words", { hasText: "does not know that scene" }).waitFor();
  assert.deepEqual(troubles, []);
});
