/** Opens the page in headless Chromium with a microphone that plays a file. */
import { tmpdir } from "node:os";
import { after } from "node:test";
import { chromium } from "playwright-core";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Where screenshots and recordings go. */
export const SHOTS = process.env.SHOTS ?? tmpdir();

/**
 * One browser for each kind of microphone serves all tests of a file; each test gets a context of its own, which
 * shares nothing with the others.
 * @type {Map<string, Promise<import("playwright-core").Browser>>}
 */
const browsers = new Map();
after(async () => {
  for (const browser of browsers.values()) await (await browser).close();
});

/**
 * @param {string} mic
 * @param {string} camera A y4m file, `none`, or empty for Chromium's own test picture.
 */
function browserWith(mic, camera) {
  const key = `${mic} ${camera}`;
  const microphone = {
    denied: ["--deny-permission-prompts", "--use-fake-device-for-media-stream"],
    none: ["--use-fake-ui-for-media-stream"],
  }[mic] ?? ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${mic}%noloop`];
  if (camera && camera !== "none") microphone.push("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${camera}`);
  const running = browsers.get(key) ?? chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection", ...microphone],
  });
  browsers.set(key, running);
  return running;
}

/**
 * Opens the page with a microphone that plays the file `mic`, is `denied`, or is not there (`none`); the page
 * is closed when the test ends, however it ends.
 * @param {import("node:test").TestContext} test
 * @param {string} url
 * @param {{locale?: string, width?: number, height?: number, dark?: boolean, mic?: string | "denied" | "none", record?: boolean, camera?: string, path?: string, ready?: string, before?: (page: import("playwright-core").Page) => Promise<unknown>, touch?: boolean, lenient?: boolean, call?: boolean}} [options]
 * `path` is the page, `ready` what is on it once it is there, `before` prepares it; a `lenient` page runs scripts of the test's own too;
 * with `call` the scene is connected as the page does by itself, over WebRTC, else by a socket.
 */
export async function openPage(test, url, options = {}) {
  const { locale = "en-US", width = 1280, height = 800, dark = false, mic = "none", camera = "none", record = false, path = "", ready = ".card", before = async () => {}, touch = false, lenient = false, call = false } = options;
  const browser = await browserWith(mic, camera);
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", locale, hasTouch: touch, bypassCSP: lenient });
  test.after(() => context.close());
  const page = await context.newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
  const elsewhere = [];
  page.on("request", (request) => new URL(request.url()).origin !== url && elsewhere.push(request.url()));
  if (!call) await page.addInitScript(() => localStorage.getItem("duologue.rtc") ?? localStorage.setItem("duologue.rtc", "false"));
  if (record) await page.addInitScript(recordOutput);
  await before(page);
  await page.goto(url + path);
  await page.locator(ready).first().waitFor();
  return { page, troubles, elsewhere };
}

/** Runs in the page: whatever goes to the loudspeaker goes to `recorded` too. The page itself knows nothing of it. */
function recordOutput() {
  const connect = AudioNode.prototype.connect;
  window.recorded = [];
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const tap = this.context.createScriptProcessor(16_384, 1, 1);
      window.recordedRate = this.context.sampleRate;
      tap.onaudioprocess = ({ inputBuffer }) => {
        const samples = inputBuffer.getChannelData(0);
        if (samples.some((value) => value !== 0)) window.recorded.push(samples.slice());
      };
      connect.call(this, tap);
      connect.call(tap, target);
    }
    return connect.call(this, target, ...rest);
  };
}

/**
 * What the page has played so far, without its silences.
 * @param {import("playwright-core").Page} page
 */
export async function recording(page) {
  const { rate, base64 } = await page.evaluate(() => {
    const length = window.recorded.reduce((sum, block) => sum + block.length, 0);
    const pcm = new Int16Array(length);
    let at = 0;
    for (const block of window.recorded) for (const value of block) pcm[at++] = Math.max(-1, Math.min(1, value)) * 32_767;
    let binary = "";
    const bytes = new Uint8Array(pcm.buffer);
    for (let from = 0; from < bytes.length; from += 8192) binary += String.fromCharCode(...bytes.subarray(from, from + 8192));
    return { rate: window.recordedRate, base64: btoa(binary) };
  });
  const bytes = Buffer.from(base64, "base64");
  return { rate, samples: new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) };
}

/**
 * Begins a scene with the first persona that has `language` as its own.
 * @param {import("playwright-core").Page} page
 * @param {"ko" | "en"} language
 */
export async function beginScene(page, language) {
  const { personas } = await page.evaluate(() => fetch("/personas").then((answer) => answer.json()));
  const persona = personas.find((one) => one.language === language);
  await page.locator(`.card[data-persona="${persona.id}"]`).click();
  await page.locator(`input[name="scene-language"][value="${language}"]`).check({ force: true });
  await page.locator("#begin").click();
  await page.locator('#link[data-state="open"]').waitFor({ state: "attached", timeout: 30_000 });
  return persona;
}

/**
 * Writes a line and waits for the whole reply.
 * @param {import("playwright-core").Page} page
 * @param {string} text
 */
export async function converse(page, text) {
  const before = await page.locator('.line.persona[data-final="true"]').count();
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
  const reply = page.locator('.line.persona[data-final="true"]').nth(before);
  await reply.waitFor({ timeout: 120_000 });
  return (await reply.locator(".line-words").textContent()) ?? "";
}
