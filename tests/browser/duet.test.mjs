/** The duet's page with a partner that plays what the test says: what is sent, what is seen, and what is heard. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPage, SHOTS } from "./helpers/browser.mjs";
import { onsets, partnerOf, sitDown, spread, strength, tapOutput, tapped } from "./helpers/duet.mjs";
import { openStage } from "./helpers/stage.mjs";

let stage;
before(async () => (stage = await openStage()));
after(() => stage?.close());

/** Waits for something that a test looks at again and again. */
async function until(what, found) {
  for (let tries = 0; tries < 400; tries++) {
    const value = await found();
    if (value) return value;
    await sleep(25);
  }
  return assert.fail(`nothing came: ${what}`);
}

/** Bytes of MIDI that the server was told, without their times. */
const played = (partner) => partner.told("duet.midi").flatMap(({ events }) => events.map(([, ...bytes]) => bytes));

/** What a person who cannot see is told of each part of the page that one can use: nothing may be without a name. */
function nameless() {
  const controls = document.querySelectorAll("button, a, input, select, summary, [role=button], [role=meter], canvas");
  const named = (control) => control.getAttribute("aria-label") || control.labels?.[0]?.textContent?.trim() || control.textContent?.trim();
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  return {
    nameless: [...controls].filter((control) => !named(control)).map((control) => control.outerHTML.slice(0, 90)),
    twice: ids.filter((id, index) => ids.indexOf(id) !== index),
    pointing: [...document.querySelectorAll("[aria-describedby], [aria-labelledby], [aria-controls]")].flatMap((one) => ["aria-describedby", "aria-labelledby", "aria-controls"].flatMap((name) => one.getAttribute(name) ?? [])).filter((id) => !document.getElementById(id)),
    empty: [...document.querySelectorAll("[data-t]")].filter((one) => !one.textContent?.trim()).map((one) => one.getAttribute("data-t")),
  };
}

test("the page opens in both languages, everything on it has a name, and nobody else is called", async (t) => {
  const { page, troubles, elsewhere, partner } = await sitDown(t, stage, { locale: "ko-KR" });
  assert.equal(await page.title(), "Duologue, 합주");
  assert.equal(await page.locator("#start").textContent(), "시작");
  const korean = await page.evaluate(nameless);
  assert.deepEqual(korean, { nameless: [], twice: [], pointing: [], empty: [] });
  const words = await page.locator("#duet").innerText();
  await page.locator("#language-en").click();
  assert.equal(await page.locator("#start").textContent(), "Start");
  assert.deepEqual(await page.evaluate(nameless), { nameless: [], twice: [], pointing: [], empty: [] });
  assert.equal(await page.title(), "Duologue, a duet");
  const left = [...(await page.locator("#duet").innerText()).matchAll(/[가-힣]+/g)].map(String).filter((word) => word !== "소라");
  assert.deepEqual(left, [], "but for a name, no Korean is left in the English page");
  assert.ok(/[가-힣]/.test(words));
  assert.deepEqual(partner.call.protocols.split(", "), ["realtime", "duologue-secret.told-once"]);
  assert.match(page.url(), /\/duet\?session=[\w-]+$/, "the address leads back here, and holds no secret");
  await page.locator("#brand").click();
  await page.locator(".duet-offer a").waitFor();
  assert.match((await page.locator(".duet-offer a").getAttribute("href")) ?? "", /duet$/);
  assert.deepEqual([troubles, elsewhere], [[], []]);
});

test("typed, clicked and touched notes reach the server on the duet's clock, and nothing hangs", async (t) => {
  const { page, partner, troubles } = await sitDown(t, stage, { touch: true });
  await until("the clocks", () => partner.told("duet.sync").length > 8);
  const before = partner.now();
  await page.keyboard.down("KeyA");
  await page.locator('.key.own[data-pitch="60"]').waitFor();
  await page.keyboard.press("KeyX");
  await page.keyboard.up("KeyA");
  assert.deepEqual(await until("both", () => played(partner).length === 2 && played(partner)), [[0x90, 60, 78], [0x80, 60, 0]], "an octave away, the same key is let go");
  const [[at]] = partner.told("duet.midi")[0].events;
  const error = at - before;
  assert.ok(error > -20_000 && error < 1_000_000, `stamped ${error} µs after the test's own clock`);
  await page.keyboard.press("KeyZ");

  const key = await page.locator('.key[data-pitch="64"]').boundingBox();
  await page.mouse.move(key.x + key.width / 2, key.y + key.height * 0.95);
  await page.mouse.down();
  await page.mouse.move(key.x + key.width * 1.5, key.y + key.height * 0.95);
  await page.mouse.up();
  const slid = await until("a slide", () => played(partner).length === 6 && played(partner).slice(2));
  assert.deepEqual(slid.map(([status, pitch]) => [status, pitch]), [[0x90, 64], [0x80, 64], [0x90, 65], [0x80, 65]]);
  assert.ok(slid[0][2] > 100, "at the front edge it is loud");
  await page.touchscreen.tap(key.x + key.width / 2, key.y + key.height * 0.8);
  await until("a touch", () => played(partner).length === 8);

  await page.keyboard.down("Space");
  await page.keyboard.down("KeyD");
  await page.evaluate(() => dispatchEvent(new Event("blur")));
  const last = await until("all let go", () => played(partner).length === 12 && played(partner).slice(8));
  assert.deepEqual(last.map(([status, one, two]) => [status, one, two > 0]), [[0xb0, 64, true], [0x90, 64, true], [0x80, 64, false], [0xb0, 64, false]]);
  await until("no key is down", async () => (await page.locator(".key.own").count()) === 0);
  await page.locator("#piano .key[tabindex='0']").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  const focused = await page.evaluate(() => Number(document.activeElement?.getAttribute("data-pitch")));
  await until("Enter", () => played(partner).length === 14 && played(partner)[12][1] === focused);
  await until("who just plays is joined", () => partner.told("duet.start").length === 1);
  assert.deepEqual(troubles, []);
});

test("settings are sent and shown as the server says; keys do what the list says", async (t) => {
  const { page, partner } = await sitDown(t, stage);
  const sent = (type) => partner.told(type).map(({ type: _, ...rest }) => rest);
  await page.locator("#modes label", { hasText: "Trades" }).click();
  await page.locator("#trade-field").waitFor();
  await page.locator("#style").selectOption("korean_ballad");
  await page.locator("#key").selectOption("f# minor");
  await page.locator("#metre").selectOption("6/8");
  await page.locator("#bpm").fill("72");
  await page.locator("#bpm").press("Tab");
  await page.locator("label:has(#follow)").click();
  await page.locator("#changes").fill("Dm7 G7 | Cmaj7");
  await page.locator("#changes").press("Enter");
  await page.locator("#ask").fill("a slow ii–V–I in G");
  await page.locator("#ask").press("Enter");
  await until("all of it", () => sent("duet.ask").length === 1);
  assert.deepEqual(sent("duet.set"), [{ mode: "trade" }, { style: "korean_ballad" }, { key: "f# minor" }, { metre: [6, 8] }, { bpm: 72 }, { follow: true }, { changes: "Dm7 G7 | Cmaj7" }]);
  assert.deepEqual(sent("duet.ask"), [{ text: "a slow ii–V–I in G" }]);
  assert.equal(await page.locator("#fact-key").textContent(), "F♯ minor");
  await page.locator("#ask").press("Escape");
  await page.locator("#roll").click();
  await page.keyboard.press("Digit4");
  await page.locator('#modes input[value="lead"]:checked').waitFor({ state: "attached" });
  for (let tap = 0; tap < 3; tap++) await page.keyboard.press("KeyB");
  await until("a tapped tempo", () => sent("duet.set").some(({ bpm }) => bpm > 72));
  await page.keyboard.press("Enter");
  await until("a start", () => sent("duet.start").length === 1);
  partner.start(partner.now());
  await page.locator("#end").waitFor();
  await page.keyboard.press("KeyI");
  await until("where we are", async () => /beats a minute/.test((await page.locator("#announcer").textContent()) ?? ""));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Escape");
  await until("end, stop, panic", () => sent("duet.end").length + sent("duet.stop").length + sent("duet.panic").length === 3);
  await page.keyboard.press("KeyQ");
  await page.locator("#help").waitFor();
  partner.call.say("duet.error", { code: "duet_not_understood", message: "No." });
  await page.locator('.notice[data-cause="duet:duet_not_understood"]', { hasText: "Ask for chords" }).waitFor();
});

/** Microseconds between the test's notes, and how many there are. */
const [GAP, COUNT] = [300_000, 14];

/** Their pitches, on a marimba, whose tones begin clearly and end soon. */
const PITCHES = [60, 67, 64, 71, 62, 69, 65];

test("what the partner promises is scheduled in time, seen, and heard at its place and pitch", async (t) => {
  const { page, partner, call, troubles } = await sitDown(t, stage, { before: tapOutput, lenient: true });
  await until("the soundfont", () => page.evaluate(() => performance.getEntriesByName(new URL("/soundfonts/gm.sf2", location.href).href).length > 0));
  await until("clocks", () => partner.told("duet.sync").length >= 16);
  await sleep(600);
  const from = partner.now() + 900_000;
  const notes = Array.from({ length: COUNT }, (_, index) => [index + 1, from + index * GAP, 160_000, "lead", 1, 12, PITCHES[index % PITCHES.length], 100]);
  partner.start(from, 60e6 / GAP);
  const chords = [{ at_us: from, duration_us: 4 * GAP, symbol: "Dm7", roman: "ii7", root: 2, quality: "min7" }, { at_us: from + 4 * GAP, duration_us: 40 * GAP, symbol: "G7", roman: "V7", root: 7, quality: "7" }];
  call.say("duet.plan", { revision: 1, chords, notes });
  for (let index = 0; index < COUNT; index++) {
    // Each half a second before it sounds, over a network that wavers.
    await sleep(Math.max(0, (notes[index][1] - partner.now()) / 1000 - 480 + (index % 5) * 20));
    call.say("duet.notes", { notes: [notes[index]] });
    if (index === 2) {
      await page.locator(".key.partner").first().waitFor();
      await page.locator("#chord", { hasText: "Dm7" }).waitFor();
      assert.equal(await page.locator("#roman").textContent(), "ii7");
      assert.match((await page.locator("#chords-next").textContent()) ?? "", /G7/);
      await page.screenshot({ path: join(SHOTS, "duet.png") });
    }
  }
  await sleep(900);
  const sound = await tapped(page);
  const heard = onsets(sound);
  assert.equal(heard.length, COUNT, `heard at ${heard.map((at) => at.toFixed(3))}`);
  const off = heard.map((at, index) => at * 1000 - (notes[index][1] - from) / 1000);
  t.diagnostic(`SD of ${COUNT} onsets against the grid, as heard: ${spread(off).toFixed(2)} ms`);
  assert.ok(spread(off) < 20, `an SD of ${spread(off)} ms`);
  heard.forEach((at, index) => {
    const own = PITCHES[index % PITCHES.length];
    const others = PITCHES.filter((pitch) => pitch !== own).map((pitch) => strength(sound, at, pitch));
    assert.ok(strength(sound, at, own) > 1.5 * Math.max(...others), `note ${index + 1} is ${own}`);
  });
  const report = await until("a report", () => partner.told("duet.report").find(({ played }) => played === COUNT));
  assert.equal(report.late, 0, "nothing came late");
  assert.ok(report.rtt_us >= 0 && report.jitter_us >= 0);
  assert.deepEqual(troubles, []);
});

test("a lost connection silences everything at once, and a new one goes on", async (t) => {
  const { page, partner, call } = await sitDown(t, stage, { before: tapOutput, lenient: true });
  await until("the soundfont", () => page.evaluate(() => performance.getEntriesByName(new URL("/soundfonts/gm.sf2", location.href).href).length > 0));
  await until("clocks", () => partner.told("duet.sync").length >= 16);
  partner.start(partner.now());
  // A note without an end, as an organ plays it.
  call.say("duet.notes", { notes: [[1, partner.now() + 500_000, 60_000_000, "chords", 2, 16, 55, 110]] });
  await page.locator('.key.partner[data-pitch="55"]').waitFor();
  await page.keyboard.down("KeyA");
  await page.locator(".key.own").waitFor();
  await sleep(600);
  const next = stage.next();
  call.cut();
  await page.locator('.notice[data-cause="link"]', { hasText: "everything is silent" }).waitFor();
  await until("no key is down", async () => (await page.locator(".key.partner, .key.own").count()) === 0);
  await sleep(1_500);
  const sound = await tapped(page);
  const loud = (from, to) => sound.samples.subarray(Math.round(from), Math.round(to)).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const end = sound.samples.length;
  assert.ok(loud(0, end) > 0.02, "it had sounded");
  assert.ok(loud(end - sound.rate * 0.3, end) < 0.002, "and it is silent");
  await page.keyboard.up("KeyA");
  const again = partnerOf(await next);
  again.greet({ player: 1, channel: 4, players: [{ player: 0, name: "Mina" }, { player: 1, name: "" }] });
  await page.locator('#link[data-state="open"]').waitFor();
  await until("clocks", () => again.told("duet.sync").length > 3);
  await page.keyboard.press("KeyA");
  assert.deepEqual(await until("a note", () => played(again).length === 2 && played(again)), [[0x94, 60, 78], [0x84, 60, 0]], "on the channel of its new place");
  again.call.say("duet.played", { player: 0, events: [[again.now(), 0x90, 72, 90]] });
  await page.locator('.key.other[data-pitch="72"]').waitFor();
  again.call.say("duet.off");
  await until("off", async () => (await page.locator(".key.other").count()) === 0);
  assert.match((await page.locator("#players").textContent()) ?? "", /Mina/);
});

test("a friend's link joins, its key leaves the address; without a soundfont there are tones, and words about it", async (t) => {
  stage.lose("gm.sf2");
  t.after(() => stage.lose());
  const { page, troubles } = await openPage(t, stage.url, { path: "/duet?session=abc#their-key", ready: "#begin:not([disabled])", width: 390, height: 844, locale: "ko-KR" });
  assert.equal(await page.locator("#opening-title").textContent(), "합주가 열려 있어요");
  assert.equal(new URL(page.url()).hash, "");
  await page.locator("#name").fill("민아");
  const [call] = await Promise.all([stage.next(), page.locator("#begin").click()]);
  assert.deepEqual([call.url.pathname, call.protocols], ["/ws/duet/abc", "realtime, duologue-secret.their-key"]);
  const partner = partnerOf(call);
  partner.greet();
  await until("the name", () => partner.told("duet.name").some(({ name }) => name === "민아"));
  await page.locator('.notice[data-cause="sound"]', { hasText: "단순한 음" }).waitFor();
  await page.locator('.notice[data-cause="sound"] .notice-close').click();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, "nothing sticks out of a phone");
  await page.locator("#settings-open").click();
  await page.locator("#share").click();
  await until("a link", async () => ((await page.locator("#share-words").textContent()) ?? "").length > 3);
  await page.locator("#settings-close").click();
  await page.reload();
  await page.locator("#begin:not([disabled])").waitFor();
  assert.equal(await page.locator("#opening-title").textContent(), "합주가 열려 있어요", "a page that is loaded anew still has the key");
  assert.deepEqual(troubles.filter((words) => !words.includes("404")), []);
});

/** Runs in the page: a browser with one MIDI keyboard and one synthesiser, and a second keyboard to be plugged in. */
function fakeMidi() {
  const port = (id, name) => ({ id, name, state: "connected", onmidimessage: null, sent: [], send(bytes, at) { this.sent.push([...bytes, at ?? 0]); }, clear() { this.cleared = true; } });
  const access = { inputs: new Map([["k1", port("k1", "Keys 1")]]), outputs: new Map([["s1", port("s1", "Synth 1")]]), onstatechange: null };
  window.midi = {
    access,
    play: (id, ...bytes) => access.inputs.get(id).onmidimessage?.({ data: Uint8Array.from(bytes), timeStamp: performance.now() }),
    plug: (id, name) => (access.inputs.set(id, port(id, name)), access.onstatechange?.()),
    unplug: (id) => ((access.outputs.get(id) ?? access.inputs.get(id)).state = "disconnected", access.onstatechange?.()),
  };
  navigator.requestMIDIAccess = async () => access;
}

test("a MIDI keyboard plays, the partner plays through a synthesiser ahead of time, devices come and go, the metronome is even", async (t) => {
  const { page, partner, call, troubles } = await sitDown(t, stage, { lenient: true, before: async (page) => (await page.addInitScript(fakeMidi), await tapOutput(page)) });
  await page.locator("#midi summary").click();
  if (await page.locator("#midi-use").isVisible()) await page.locator("#midi-use").click();
  await page.locator("#midi-choices").waitFor();
  await page.evaluate(() => {
    window.midi.play("k1", 0x93, 60, 101);
    window.midi.play("k1", 0xb3, 64, 127);
    window.midi.play("k1", 0x93, 60, 0);
    window.midi.play("k1", 0xf8);
    window.midi.plug("k2", "Keys 2");
    window.midi.play("k2", 0x90, 67, 70);
  });
  assert.deepEqual(await until("what was played", () => played(partner).length === 4 && played(partner)), [[0x90, 60, 101], [0xb0, 64, 127], [0x80, 60, 0], [0x90, 67, 70]]);
  assert.deepEqual(await page.locator("#midi-in option").allTextContents(), ["All of them", "Keys 1", "Keys 2"]);
  await page.locator("#midi-in").selectOption("k1");
  await page.locator("#midi-out").selectOption("s1");
  await page.locator("label:has(#midi-both)").click();
  await until("clocks", () => partner.told("duet.sync").length >= 16);
  const at = partner.now() + 700_000;
  call.say("duet.notes", { notes: [[1, at, 200_000, "bass", 3, 32, 40, 90], [2, at + 5_000_000, 200_000, "lead", 1, 0, 72, 90]] });
  const sent = await until("the synthesiser's notes", () => page.evaluate(() => window.midi.access.outputs.get("s1").sent.filter(([status]) => status < 0xb0 || status >= 0xc0).length === 3 && [performance.now(), window.midi.access.outputs.get("s1").sent.filter(([status]) => status < 0xb0 || status >= 0xc0)]));
  assert.deepEqual(sent[1].map((bytes) => bytes.slice(0, -1)), [[0xc3, 32], [0x93, 40, 90], [0x83, 40, 0]]);
  const [program, on, off] = sent[1].map((bytes) => bytes.at(-1));
  assert.ok(program === on && Math.abs(off - on - 200) < 1, "on its own clock, as long as it should be");
  assert.ok(on > sent[0], "it is sent ahead of its time");
  await page.locator("#panic").click();
  await until("panic is told", () => partner.told("duet.panic").length === 1);
  const silence = await page.evaluate(() => [window.midi.access.outputs.get("s1").cleared, window.midi.access.outputs.get("s1").sent.filter(([status, controller]) => (status & 0xf0) === 0xb0 && controller === 123).length]);
  assert.deepEqual(silence, [true, 16], "on every channel");
  await page.evaluate(() => window.midi.unplug("s1"));
  await until("it is gone", async () => (await page.locator("#midi-out option").count()) === 1);

  await page.locator("#click").click();
  const begun = (await tapped(page)).samples.length;
  partner.start(partner.now() + 300_000, 200);
  await sleep(3_000);
  const sound = await tapped(page);
  const clicks = onsets({ rate: sound.rate, samples: sound.samples.subarray(begun) });
  assert.ok(clicks.length >= 7, `${clicks.length} clicks`);
  const gaps = clicks.slice(1).map((click, index) => (click - clicks[index]) * 1000);
  t.diagnostic(`metronome: gaps of ${(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toFixed(2)} ms, SD ${spread(gaps).toFixed(2)} ms`);
  assert.ok(spread(gaps) < 10);
  assert.deepEqual(troubles, []);
});

test("the persona of a duet can be talked with in a window of its own", async (t) => {
  const { page } = await sitDown(t, stage);
  const [window] = await Promise.all([page.context().waitForEvent("page"), page.locator("#talk").click()]);
  const call = await stage.next();
  assert.equal(call.url.pathname, `/ws/voice/${new URL(page.url()).searchParams.get("session")}`);
  call.greet();
  await window.locator("#stage-name", { hasText: "Mira" }).waitFor();
  assert.match((await window.locator("#duet-link").getAttribute("href")) ?? "", /duet\?session=/);
});
