/** The duet's page with the real server: two people and the partner. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPage, SHOTS } from "./helpers/browser.mjs";
import { tapOutput, tapped } from "./helpers/duet.mjs";
import { ANY_WORDS, startServer } from "./helpers/server.mjs";

/** Nobody speaks here. */
const ENV = { ...ANY_WORDS, TTS_ENABLED: "false" };

let server;
before(async () => (server = await startServer({ env: ENV })));
after(() => server?.stop());

/** Waits for something that a test looks at again and again. */
async function until(what, found) {
  for (let tries = 0; tries < 800; tries++) {
    const value = await found();
    if (value) return value;
    await sleep(25);
  }
  return assert.fail(`nothing came: ${what}`);
}

/** For how many seconds something was heard, in steps of a twentieth. */
function sounding({ rate, samples }) {
  const step = Math.round(rate / 20);
  let steps = 0;
  for (let from = 0; from < samples.length; from += step) {
    if (samples.subarray(from, from + step).some((sample) => Math.abs(sample) > 0.01)) steps++;
  }
  return steps / 20;
}

test("two people play with the partner: heard, seen, asked, ended together, recorded", async (t) => {
  const { page, troubles } = await openPage(t, server.url, { path: "/duet", ready: "#begin:not([disabled])", before: tapOutput, lenient: true });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator("#name").fill("Mina");
  await page.locator("#begin").click();
  await page.locator('#link[data-state="open"]').waitFor();
  await page.locator("#style").selectOption("bossa");
  await page.locator("#key").selectOption("C major");
  await page.locator("#changes").fill("Dm7 G7 | Cmaj7");
  await page.locator("#changes").press("Enter");
  await page.locator("#changes").press("Escape");
  await until("the chords are set", async () => /Dm7/.test(await page.locator("#changes").inputValue()));

  await page.locator("#share").click();
  await page.locator("#share-words", { hasText: "copied" }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const friend = await page.context().newPage();
  await friend.goto(link);
  await friend.locator("#name").fill("Jun");
  await friend.locator("#begin:not([disabled])").click();
  await friend.locator('#link[data-state="open"]').waitFor();
  await until("they see each other", async () => /Jun/.test((await page.locator("#players").textContent()) ?? "") && /Mina/.test((await friend.locator("#players").textContent()) ?? ""));

  await page.bringToFront();
  await page.locator("#start").click();
  await page.locator("#end").waitFor();
  await until("the chords", async () => /Dm7|G7|C/.test((await page.locator("#chord").textContent()) ?? ""));
  await until("the partner's keys", async () => (await page.locator(".key.partner").count()) > 0);
  await page.locator("#roll").click();
  for (const code of ["KeyA", "KeyD", "KeyG", "KeyK", "KeyG", "KeyD"]) {
    await page.keyboard.down(code);
    await sleep(180);
    await page.keyboard.up(code);
  }
  await page.keyboard.down("KeyH");
  await friend.locator('.key.other[data-pitch="69"]').waitFor();
  await page.screenshot({ path: join(SHOTS, "duet-live.png") });
  await page.keyboard.up("KeyH");
  await until("it is let go there too", async () => (await friend.locator(".key.other").count()) === 0);
  await page.locator("#ask").fill("느린 발라드로 G장조 2-5-1 쳐 줘");
  await page.locator("#ask").press("Enter");
  await until("what was asked for", async () => /Am7|D7/.test((await page.locator(".chord-next").textContent()) + ((await page.locator("#chord").textContent()) ?? "")));
  await page.locator("#end").click();
  await page.locator("#start").waitFor({ timeout: 60_000 });
  const sound = await tapped(page);
  // Chords ring into each other, so that beginnings hardly stand out on a busy machine: what counts is how long it sounds.
  assert.ok(sounding(sound) > 2, `the duet was heard for ${sounding(sound)} s`);
  const late = (await page.locator("#meter").textContent()) ?? "";
  t.diagnostic(`meter: ${late}`);

  const [file] = await Promise.all([page.waitForEvent("download"), page.locator("#record-mid").click()]);
  const midi = await readFile(await file.path());
  assert.equal(midi.toString("latin1", 0, 4), "MThd");
  assert.ok(midi.length > 300);
  const [sounds] = await Promise.all([page.waitForEvent("download"), page.locator("#record-wav").click()]);
  const wav = await readFile(await sounds.path());
  assert.deepEqual([wav.toString("latin1", 0, 4), wav.toString("latin1", 8, 12)], ["RIFF", "WAVE"]);
  assert.ok(wav.length > 100_000);
  assert.deepEqual(troubles, []);
});

test("a duet that the server does not know is said in words, and a new one is offered", async (t) => {
  const { page } = await openPage(t, server.url, { path: "/duet?session=never-was#key", ready: "#begin:not([disabled])" });
  await page.locator("#begin").click();
  await page.locator('.notice[data-cause="address"]', { hasText: "no longer knows" }).waitFor();
  await page.locator(".partner-choice").first().waitFor();
});
