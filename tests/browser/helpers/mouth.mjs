/**
 * A microphone in the page that says what the test says, when it says it: what plays a file from the start cannot wait for
 * an answer.
 */
/** The rate of what {@link say} takes. */
export const RATE = 48_000;

/** Puts the microphone in place of the browser's; before the page is loaded. @param {import("playwright-core").Page} page */
export const giveMouth = (page) => page.addInitScript(mouth);

/**
 * Says it, and resolves when it was said.
 * @param {import("playwright-core").Page} page
 * @param {Int16Array} samples At {@link RATE}.
 */
export const say = (page, samples) => page.evaluate((base64) => window.say(base64), Buffer.from(samples.buffer).toString("base64"));

/** Runs in the page. */
function mouth() {
  const context = new AudioContext({ sampleRate: 48_000 });
  const out = context.createMediaStreamDestination();
  // Silence that is sent: a graph without a source makes none.
  new ConstantSourceNode(context, { offset: 0 }).connect(out);
  navigator.mediaDevices.getUserMedia = async () => out.stream.clone();
  window.say = (base64) => new Promise((resolve) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const samples = Float32Array.from(new Int16Array(bytes.buffer), (value) => value / 32_768);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: 48_000 });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(out);
    source.onended = resolve;
    source.start();
  });
}
