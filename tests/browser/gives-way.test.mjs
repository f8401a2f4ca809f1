/** The page against a scripted server: the voice gives way, stands still, goes on, stops; the connection is lost and resumed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { beginScene, openPage, SHOTS } from "./helpers/browser.mjs";
import { openStage } from "./helpers/stage.mjs";

/** Samples in a second of the wire. */
const SECOND = 24_000;

let stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

/** Opens the page and begins a scene with the persona of `language`. */
async function begin(t, options = {}, language = "en") {
  const browser = await openPage(t, stage.url, options);
  const [call] = await Promise.all([stage.next().then((made) => (made.greet(), made)), beginScene(browser.page, language)]);
  return { ...browser, call };
}

/** Waits until `look` gives something; what it gave. */
async function until(what, look, within = 5_000) {
  for (const end = performance.now() + within; performance.now() < end; await sleep(10)) {
    const seen = await look();
    if (seen) return seen;
  }
  assert.fail(`within ${within} ms: ${what}`);
}

const state = (page, name) => page.locator(`#scene[data-state="${name}"]`).waitFor({ state: "attached", timeout: 5_000 });
const manner = (page, name) => page.locator(`#scene[data-voice="${name}"]`).waitFor({ state: "attached", timeout: 5_000 });
const loudness = async (page) => Number(await page.locator("#lamps-persona").getAttribute("aria-valuenow"));
const played = (call) => call.of("duologue.playout").at(-1)?.played_ms ?? 0;

test("it ducks, stands still, goes on where it stood, and tells the server how far it is", async (t) => {
  const { page, call, troubles } = await begin(t);
  const reply = call.reply(1, "Once upon a time there was a river that never hurried.");
  call.sound(1, 0, 8 * SECOND);
  await state(page, "speaking");
  await until("reports of the playout", () => call.of("duologue.playout").length >= 6);
  const reports = call.of("duologue.playout").slice(1);
  assert.ok(reports.every(({ item_id }) => item_id === reply.item));
  const [first, last] = [reports[0], reports.at(-1)];
  const pace = (last.played_ms - first.played_ms) / (last.at - first.at);
  assert.ok(pace > 0.7 && pace < 1.3, `the clock of the voice goes at ${pace}`);

  const loud = await loudness(page);
  call.say("duologue.duck", { turn: 1, response_id: reply.response, gain: 0.25 });
  await manner(page, "ducked");
  await until("a softer voice", async () => (await loudness(page)) <= loud - 15);
  assert.equal(await page.locator(".line.persona").getAttribute("data-voice"), "ducked", "its line dims");
  assert.equal(await page.locator("#state").textContent(), "Speaking");
  await page.screenshot({ path: join(SHOTS, "ducked.png") });

  call.say("duologue.hold", { turn: 1 });
  await state(page, "held");
  assert.equal(await page.locator("#state").textContent(), "Listening to you");
  await until("silence", async () => (await loudness(page)) === 0);
  // The card's latency is told, then nothing moves any more.
  const stood = await until("a clock that stands", async () => {
    const before = played(call);
    await sleep(300);
    return played(call) === before && before;
  });
  call.say("duologue.backchannel", { text: "mhm" });
  await page.locator(".line.persona .aside", { hasText: "mhm" }).waitFor();
  assert.equal(await page.locator(".line.you").count(), 0, "it is not a turn");
  await page.screenshot({ path: join(SHOTS, "held.png") });

  call.say("duologue.restore", { turn: 1 });
  await state(page, "speaking");
  await manner(page, "full");
  const on = await until("the next report", () => call.of("duologue.playout").find(({ played_ms }) => played_ms > stood));
  assert.ok(on.played_ms - stood < 400, `from ${stood} to ${on.played_ms}`);
  await until("full volume", async () => (await loudness(page)) >= loud - 8);
  assert.deepEqual(troubles, []);
});

test("where speech does not interrupt, the voice goes on", async (t) => {
  const browser = await openPage(t, stage.url, {});
  const { page } = browser;
  const turn_detection = { type: "semantic_vad", eagerness: "auto", interrupt_response: false };
  const greeted = stage.next().then((made) => (made.greet({ audio: { input: { turn_detection } } }), made));
  const [call] = await Promise.all([greeted, beginScene(page, "en")]);
  const reply = call.reply(1, "All of this is heard.");
  call.sound(1, 0, 3 * SECOND);
  await state(page, "speaking");
  call.say("input_audio_buffer.speech_started", { item_id: "u1", audio_start_ms: 0 });
  call.say("input_audio_buffer.speech_stopped", { item_id: "u1", audio_end_ms: 500 });
  call.done(reply, "All of this is heard.");
  await until("all of it", () => played(call) >= 2_990);
  assert.deepEqual(call.of("conversation.item.truncate"), []);
  assert.deepEqual(browser.troubles, []);
});

test("a stop is for good: nothing of the old turn is heard, and the server learns what was", async (t) => {
  const { page, call } = await begin(t);
  const reply = call.reply(1, "This will not be heard to its end.");
  call.sound(1, 0, 8 * SECOND);
  await state(page, "speaking");
  await until("a second of speech", () => played(call) > 600);
  call.say("duologue.hold", { turn: 1 });
  await state(page, "held");
  call.done(reply, "This will", "cancelled");
  call.say("input_audio_buffer.speech_started", { item_id: "u1", audio_start_ms: 0 });
  await state(page, "hearing");
  call.sound(1, 8 * SECOND, 2 * SECOND);
  const cut = await until("a truncation", () => call.of("conversation.item.truncate")[0]);
  assert.equal(cut.item_id, reply.item);
  assert.ok(Math.abs(cut.audio_end_ms - played(call)) <= 60, `${cut.audio_end_ms} and ${played(call)}`);
  assert.equal(await page.locator(".line.persona s").textContent(), " not be heard to its end.");
  await until("silence", async () => (await loudness(page)) === 0, 500);
  for (let looks = 0; looks < 10; looks++) {
    assert.equal(await loudness(page), 0);
    await sleep(40);
  }
  const told = call.of("duologue.playout").length;
  call.say("input_audio_buffer.speech_stopped", { item_id: "u1" });
  const next = call.reply(2, "Go on.");
  call.sound(2, 0, SECOND);
  call.done(next, "Go on.");
  await state(page, "speaking");
  await until("the whole of the next reply", () => call.of("duologue.playout").find(({ item_id, played_ms }) => item_id === next.item && played_ms === 1_000));
  assert.ok(call.of("duologue.playout").slice(told).every(({ item_id }) => item_id === next.item));
});

test("a lost connection is resumed while the voice speaks on, and what comes twice is heard once", async (t) => {
  const { page, call } = await begin(t);
  const reply = call.reply(1, "The sea does not care about networks.");
  call.sound(1, 0, 3 * SECOND);
  await state(page, "speaking");
  await until("reports", () => played(call) > 300);
  const { number } = call;
  call.cut();
  const again = await stage.next();
  assert.equal(Number(again.url.searchParams.get("resume")), number);
  assert.equal(await page.locator('.notice[data-cause="link"]').count(), 0, "nobody is alarmed");
  again.sound(1, 2 * SECOND, 2 * SECOND);
  again.say("duologue.resumed", { after: number });
  again.done(reply, "The sea does not care about networks.");
  await page.locator('#link[data-state="open"]').waitFor();
  const end = await until("the end of the reply", () => again.of("duologue.playout").find(({ played_ms }) => played_ms === 4_000), 8_000);
  const longest = end.at - again.of("duologue.playout")[0].at;
  assert.ok(longest < 4_600, `four seconds took ${longest} ms: something was said twice`);
  assert.equal(await page.locator(".line.persona").count(), 1);
});

test("a reload goes on with the scene: the script is there, and the voice from where it was", async (t) => {
  const { page, call } = await begin(t);
  const first = call.reply(1, "I have told you this.");
  call.sound(1, 0, SECOND / 2);
  call.done(first, "I have told you this.");
  call.say("duologue.durable", { item_id: first.item });
  await page.locator(".line.persona .kept svg").waitFor();
  const second = call.reply(2, "And I am still telling you that.");
  call.sound(2, 0, 6 * SECOND);
  await until("the second reply", () => call.of("duologue.playout").find(({ item_id, played_ms }) => item_id === second.item && played_ms > 600));
  const { number } = call;
  await page.reload();
  const again = await stage.next();
  const from = Number(again.url.searchParams.get("resume"));
  assert.ok(from < number && from > number - 300, `it asks from ${from} of ${number} on`);
  const heard = played(call);
  again.sound(2, 0, 6 * SECOND);
  assert.deepEqual(await page.locator(".line-words").allTextContents(), ["I have told you this.", "And I am still telling you that."]);
  assert.equal(await page.locator(".line .kept svg").count(), 1);
  const on = await until("the voice", () => again.of("duologue.playout").find(({ played_ms }) => played_ms > 0));
  assert.equal(on.item_id, second.item);
  assert.ok(on.played_ms >= heard - 100, `it was at ${heard} and goes on at ${on.played_ms}`);
  await page.locator("#leave").click();
  await page.reload();
  await page.locator("#home").waitFor();
  assert.equal(await page.locator("#scene").isHidden(), true, "a scene that was left stays left");
});

test("a scene that cannot be resumed is said, and a new one is offered", async (t) => {
  const { page, call } = await begin(t, { locale: "ko-KR" }, "ko");
  call.reply(1, "끝까지 말하지 못할 거예요.");
  await page.locator(".line.persona").waitFor();
  stage.refuse(404);
  t.after(() => stage.refuse(0));
  call.cut();
  const notice = page.locator('.notice[data-cause="link"]', { hasText: "이어 갈 수 없어요" });
  await notice.waitFor({ timeout: 10_000 });
  assert.equal(await page.locator("#state").textContent(), "연결이 끊겼어요");
  assert.equal(await page.locator('.line.persona[data-final="true"]').count(), 1, "nothing stays unfinished");
  await page.screenshot({ path: join(SHOTS, "gone-ko.png") });
  stage.refuse(0);
  await notice.locator(".notice-action").click();
  const fresh = await stage.next();
  assert.equal(fresh.url.searchParams.get("resume"), null);
  fresh.greet();
  await page.locator('#link[data-state="open"]').waitFor();
  await page.locator(".line.note", { hasText: "새 장면" }).waitFor();
  assert.equal(await page.locator('.notice[data-cause="link"]').count(), 0);
});

test("what is kept has a tick, what is not says so after two seconds; repairs are said quietly, in Korean too", async (t) => {
  const { page, call } = await begin(t, { locale: "ko-KR" }, "ko");
  await page.locator("#text").fill("안녕하세요?");
  await page.locator("#text").press("Enter");
  const typed = await until("what was typed", () => call.of("conversation.item.create")[0]);
  assert.equal(await page.locator(".line.you .kept").count(), 0, "nothing is said at once");
  await page.locator(".line.you .kept.pending", { hasText: "아직 저장되지 않음" }).waitFor();
  call.say("duologue.durable", { item_id: typed.item.id });
  await page.locator('.line.you .kept[aria-label="저장됨"]').waitFor();

  call.say("duologue.notice", { level: "warning", code: "recovering", message: "One moment.", part: "speaker" });
  const quiet = page.locator('.notice[data-cause="recovering"]');
  assert.match(await quiet.textContent(), /고치고 있어요/);
  assert.equal(await quiet.getAttribute("data-level"), "info");
  call.say("duologue.notice", { level: "info", code: "recovered", message: "It works again.", part: "speaker" });
  await quiet.waitFor({ state: "detached" });
  for (const [code, part, message, words] of [
    ["engine_timeout", "llm", "no token within 20 s", /너무 오래 걸렸어요/],
    ["audio_dropped", "ingest", "80 ms of audio were dropped.", /일부를 듣지 못했어요/],
    ["unknown_voice", "tts", "There is no such voice.", /그런 목소리가 없어서/],
    ["part_failed", "speaker", "The voice keeps failing.", /여러 번 멈췄어요/],
    ["brand_new", "tts", "Something unheard of.", /Something unheard of/],
  ]) {
    call.say("duologue.notice", { level: "warning", code, message, part });
    await until(code, async () => words.test(await page.locator("#notices").textContent()));
  }
  assert.doesNotMatch(await page.locator("#notices").textContent(), /no token|were dropped|keeps failing/);
  await page.screenshot({ path: join(SHOTS, "notices-ko.png") });
});

test("reasons are in the language of the page", async (t) => {
  stage.parts([{ part: "stt", engine: "whisper", model: "", state: "unavailable", reason: "whisper-base is missing; run `duologue models pull`" },
    { part: "tts", engine: "chain", model: "", state: "off", reason: "switched off in the configuration" }]);
  t.after(() => stage.parts([]));
  const { page } = await openPage(t, stage.url, { locale: "ko-KR" });
  const parts = page.locator('.notice[data-cause="parts"]');
  await parts.locator("li", { hasText: "서버에 필요한 파일이 없어요. (`duologue models pull`)" }).waitFor();
  await parts.locator("li", { hasText: "서버 설정에서 꺼 두었어요" }).waitFor();
  await page.locator("#language-en").click();
  await parts.locator("li", { hasText: "whisper-base is missing" }).waitFor();
});

test("the waterfall says that it was thought ahead, what was aimed at and what was given up, on every screen", async (t) => {
  const stages = [["speech_end", 0], ["turn_decided", 310], ["transcript", 420], ["first_token", 310], ["first_clause", 460], ["first_audio", 880]];
  const latency = {
    turn: 1, response_id: "resp_1", stages: stages.map(([name, at_ms]) => ({ name, at_ms })), wait_ms: 290, outside_ms: 12, total_ms: 880,
    models: [["turn_detector", 20], ["stt", 110], ["llm", 150], ["tts", 298]].map(([name, ms]) => ({ name, ms })),
    speculative: true, budget: { target_ms: 1_000, step: "short_first_clause" },
  };
  for (const [name, options, language] of [["desktop", {}, "en"], ["phone", { locale: "ko-KR", width: 360, height: 740, dark: true }, "ko"]]) {
    const { page, call } = await begin(t, options, language);
    const reply = call.reply(1, language === "ko" ? "조금만 기다려 주세요. 금방 갈게요." : "Give me a moment and I will be right there.");
    call.done(reply, language === "ko" ? "조금만 기다려 주세요. 금방 갈게요." : "Give me a moment and I will be right there.");
    call.say("duologue.latency", latency);
    await page.locator("#timing-last", { hasText: "0.88" }).waitFor(); // Folded up, it says the time.
    await page.locator("#timing").evaluate((details) => (details.open = true));
    await page.locator('.fact[data-fact="speculative"]').waitFor();
    assert.equal(await page.locator('.fact[data-fact="budget"]').getAttribute("data-late"), "false");
    const edge = await page.locator(".waterfall").evaluate((picture) => {
      const line = getComputedStyle(picture.querySelector(".bars"), "::after");
      const lane = picture.querySelector(".bar-lane").getBoundingClientRect();
      const left = picture.querySelector(".bars").getBoundingClientRect().left + Number.parseFloat(line.left);
      return (left - lane.left) / lane.width;
    });
    assert.ok(Math.abs(edge - 1) < 0.02, `the target stands at ${edge} of the lane`);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, name);
    await page.locator(".waterfall").scrollIntoViewIfNeeded();
    await page.screenshot({ path: join(SHOTS, `waterfall-${name}.png`) });
    call.say("duologue.latency", { ...latency, total_ms: 1_900, budget: { target_ms: 1_000, step: "a_new_step" } });
    await page.locator('.fact[data-late="true"]', { hasText: "a_new_step" }).waitFor();
  }
});

test("nothing scrolls sideways on a phone, in either language, and what is touched is large enough", async (t) => {
  for (const [locale, language] of [["ko-KR", "ko"], ["en-US", "en"]]) {
    const { page, call } = await begin(t, { locale, width: 360, height: 740, dark: language === "en" }, language);
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    const words = language === "ko" ? "오늘은 아침부터 기분이 아주 좋아요. 창밖에 눈이 내리고 있거든요!" : "I feel wonderful today, because it has been snowing since the early morning!";
    const reply = call.reply(1, words);
    call.done(reply, words);
    call.say("duologue.backchannel", { text: language === "ko" ? "네, 그렇군요" : "mhm, I see" });
    await page.locator(".line.persona .aside").waitFor();
    assert.ok((await overflow()) <= 0, `scene ${language}`);
    await page.screenshot({ path: join(SHOTS, `phone-${language}.png`), fullPage: true });
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("button, .toggle, input[type=text]")].filter((one) => one.checkVisibility()).flatMap((one) => {
        const { width, height } = one.getBoundingClientRect();
        return width < 24 || height < 24 ? [`${one.id || one.className}: ${width} × ${height}`] : [];
      }));
    assert.deepEqual(small, []);
    await page.locator("#leave").click();
    assert.ok((await overflow()) <= 0, `home ${language}`);
  }
});
