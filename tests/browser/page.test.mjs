/** The page without a conversation: it loads, in both languages, for every way of using it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { beginScene, converse, openPage, SHOTS } from "./helpers/browser.mjs";
import { ANY_WORDS, startServer, untilReady } from "./helpers/server.mjs";

/** Voices are of no use here; the recogniser is, because without it the page does not ask for a microphone. */
const ENV = { ...ANY_WORDS, TTS_ENABLED: "false" };

let server;
before(async () => {
  server = await startServer({ env: ENV });
  await untilReady(server.url, ["llm", "stt"]);
});
after(() => server?.stop());

test("it loads without an error, lists the cast, speaks both languages and calls nobody else", async (t) => {
  const { personas } = await (await fetch(`${server.url}/personas`)).json();
  assert.ok(personas.length >= 3);
  const browser = await openPage(t, server.url, { locale: "ko-KR" });
  const { page } = browser;
  assert.equal(await page.locator(".card").count(), personas.length);
  assert.equal(await page.locator(".card svg.portrait").count(), personas.length);
  assert.equal(await page.locator("html").getAttribute("lang"), "ko");
  assert.equal(await page.locator("h1#home-title").textContent(), "누구와 무대에 설까요?");
  await page.screenshot({ path: join(SHOTS, "home-ko.png"), fullPage: true });
  await page.locator("#language-en").click();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  assert.equal(await page.locator("h1#home-title").textContent(), "Who is on stage with you?");
  assert.equal(await page.locator("#language-en").getAttribute("aria-pressed"), "true");
  assert.equal(await page.locator("#begin").textContent(), "Begin the scene");
  await page.reload();
  await page.locator(".card").first().waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "en", "the choice is kept");
  await page.screenshot({ path: join(SHOTS, "home-en.png"), fullPage: true });
  assert.deepEqual(browser.troubles, []);
  assert.deepEqual(browser.elsewhere, []);
});

test("what is switched off is said in words", async (t) => {
  const browser = await openPage(t, server.url);
  await browser.page.locator('.notice[data-cause="parts"] li', { hasText: "no voice" }).waitFor();
});

test("a microphone that was refused, or is not there, is said in words, and writing still works", async (t) => {
  for (const [mic, words] of [["denied", "not allowed to use the microphone"], ["none", "No microphone was found"]]) {
    const browser = await openPage(t, server.url, { mic });
    await beginScene(browser.page, "en");
    const notice = browser.page.locator('.notice[data-cause="mic"]');
    await notice.waitFor();
    assert.match((await notice.textContent()) ?? "", new RegExp(words), mic);
    assert.equal(await browser.page.locator("#mic").getAttribute("aria-pressed"), "false");
    if (mic === "denied") assert.ok((await converse(browser.page, "Hello, who are you?")).trim());
    await browser.page.screenshot({ path: join(SHOTS, `mic-${mic}.png`) });
  }
});

test("a whole scene with the keyboard alone", async (t) => {
  const browser = await openPage(t, server.url);
  const { page } = browser;
  const focus = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute("name") || document.activeElement?.className);
  /** Presses Tab until `wanted` has the focus. */
  const tabTo = async (wanted) => {
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      if ((await focus()) === wanted) return;
    }
    assert.fail(`Tab does not reach ${wanted}`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await focus(), "skip", "the first stop skips to the content");
  await page.keyboard.press("Enter");
  await tabTo("persona");
  const chosen = () => page.locator('input[name="persona"]:checked').getAttribute("value");
  const first = await chosen();
  await page.keyboard.press("ArrowDown");
  assert.notEqual(await chosen(), first, "arrows choose");
  await tabTo("begin");
  const ring = await page.locator("#begin").evaluate((button) => getComputedStyle(button).outlineStyle);
  assert.notEqual(ring, "none", "the focus is visible");
  await page.keyboard.press("Enter");
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached" });
  await tabTo("text");
  await page.keyboard.type("Hello! Tell me one thing you like.");
  await page.keyboard.press("Enter");
  await page.locator('.line.persona[data-final="true"]').waitFor({ timeout: 120_000 });
  const told = await page.locator("#announcer").textContent();
  assert.ok(told && told.length > 5, "the reply is told to screen readers");
  await tabTo("brand");
  await page.keyboard.press("Enter");
  await page.locator("#home").waitFor();
  assert.equal(await page.locator("#earlier li").count(), 1, "the scene is listed");
  assert.deepEqual(browser.troubles, []);
});

test("an earlier scene comes back with its words, and can be deleted", async (t) => {
  const browser = await openPage(t, server.url, { locale: "ko-KR" });
  const { page } = browser;
  await beginScene(page, "ko");
  await converse(page, "제 이름은 지훈이에요.");
  await page.locator("#leave").click();
  await page.locator("#earlier button").first().click();
  await page.locator(".line.you", { hasText: "지훈" }).waitFor({ timeout: 30_000 });
  await page.locator("#leave").click();
  await page.locator("#earlier button.faint").first().click();
  await page.locator("#earlier-none").waitFor();
  assert.deepEqual(browser.troubles, []);
});

test("the bar with the button covers no card's text on a laptop, in either language, and with wide letters", async (t) => {
  for (const [locale, spacing] of [["ko-KR", "0"], ["en-US", "0"], ["ko-KR", "0.05em"], ["en-US", "0.05em"]]) {
    const { page } = await openPage(t, server.url, { locale, width: 1280, height: 800, lenient: true });
    // Fonts are a matter of the machine: wider ones break the text into more lines.
    await page.addStyleTag({ content: `body { letter-spacing: ${spacing}; }` });
    for (const close of await page.locator(".notice-close").all()) await close.click();
    const { gap, portrait } = await page.evaluate(() => {
      const lowest = Math.max(...[...document.querySelectorAll(".card-text")].map((text) => text.lastElementChild.getBoundingClientRect().bottom));
      return {
        gap: document.querySelector(".begin").getBoundingClientRect().top - lowest,
        portrait: document.querySelector(".card-window").getBoundingClientRect().height,
      };
    });
    assert.ok(gap >= 0, `${locale}, ${spacing}: ${-gap} pixels of a card are covered`);
    assert.ok(portrait >= 80, `${locale}, ${spacing}: a portrait of ${portrait} pixels shows nobody`);
    await page.screenshot({ path: join(SHOTS, `home-800-${locale}-${spacing}.png`) });
  }
});

test("every control has a name, every meter a value, and there is one main and one heading of the first level", async (t) => {
  const browser = await openPage(t, server.url);
  const { page } = browser;
  await beginScene(page, "en");
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, [role=meter], [role=group], section")].filter((one) => one.checkVisibility()).flatMap((one) => {
      const labelled = one.getAttribute("aria-labelledby");
      const name = one.getAttribute("aria-label") ?? (labelled ? document.getElementById(labelled)?.textContent : null) ?? one.closest("label")?.textContent ?? one.textContent;
      return name?.trim() ? [] : [one.outerHTML.slice(0, 80)];
    }));
  assert.deepEqual(nameless, []);
  const counts = await page.evaluate(() => [document.querySelectorAll("main").length, [...document.querySelectorAll("h1")].filter((one) => one.checkVisibility()).length]);
  assert.deepEqual(counts, [1, 1]);
  assert.ok(await page.locator('[role="meter"][aria-valuenow]').count());
  assert.match((await page.locator("#actor svg").getAttribute("aria-label")) ?? "", /Portrait of/);
});

test("words stand out from what is behind them, in the light and in the dark", async (t) => {
  const pairs = [["ink", "house", 7], ["ink", "panel", 7], ["muted", "house", 4.5], ["muted", "panel", 4.5], ["muted", "sunk", 4.5], ["you", "house", 4.5], ["you", "you-soft", 4.5],
    ["persona", "house", 4.5], ["persona", "panel", 4.5], ["persona", "persona-soft", 4.5], ["on-strong", "strong", 7], ["warning", "warning-soft", 4.5], ["panel", "you", 4.5], ["line", "house", 1.1]];
  for (const dark of [false, true]) {
    const browser = await openPage(t, server.url, { dark });
    const colours = await browser.page.evaluate((names) => {
      const style = getComputedStyle(document.documentElement);
      return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    }, [...new Set(pairs.flatMap(([front, back]) => [front, back]))]);
    for (const [front, back, least] of pairs) {
      const ratio = contrast(colours[front], colours[back]);
      assert.ok(ratio >= least, `${front} on ${back} (${dark ? "dark" : "light"}): ${ratio.toFixed(2)}`);
    }
  }
});

/** The contrast of two `#rrggbb` colours by WCAG 2. */
function contrast(one, other) {
  const luminance = (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((value) => (value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}
