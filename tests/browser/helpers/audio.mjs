/** Sound for the tests: clips of people for the fake microphone, recordings of what the page played, and word errors. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Resampler } from "../../../static/js/worklets/resampler.js";
import { BINARY, ROOT } from "./server.mjs";

/** What Debian's pocketsphinx-testdata ships: people reading from public-domain books. */
const CLIPS = "/usr/share/pocketsphinx/test/data/librivox";

/** The rate of the fake microphone. */
export const MIC_RATE = 48_000;

/**
 * A WAV file for the fake microphone: silence, a person's sentence, silence.
 * @param {string} path Where to write it.
 * @param {{clip: string, before: number, after: number}} options Seconds of silence.
 */
export async function microphoneFile(path, { clip, before, after }) {
  const speech = await clipAt(clip, MIC_RATE);
  const all = new Int16Array((before + after) * MIC_RATE + speech.length);
  all.set(speech, before * MIC_RATE);
  await writeFile(path, wav(all, MIC_RATE));
  return speech.length / MIC_RATE;
}

/**
 * A person's sentence.
 * @param {string} clip
 * @param {number} rate
 */
export async function clipAt(clip, rate) {
  return resample(readWav(await readFile(`${CLIPS}/sense_and_sensibility_01_austen_64kb-${clip}.wav`)), rate);
}

/**
 * @param {{rate: number, samples: Int16Array}} sound
 * @param {number} rate
 */
export function resample(sound, rate) {
  const floats = Float32Array.from(sound.samples, (sample) => sample / 32_768);
  const converted = sound.rate === rate ? floats : new Resampler(sound.rate, rate).process(floats);
  return Int16Array.from(converted, (value) => Math.max(-1, Math.min(1, value)) * 32_767);
}

/**
 * A text spoken by the program under test.
 * @param {string} text
 * @param {string} path Of the WAV file that is written.
 * @param {string} language
 * @param {number} rate
 */
export async function spoken(text, path, language, rate) {
  await promisify(execFile)(BINARY, ["say", text, "--language", language, "--out", path], { cwd: ROOT });
  return resample(readWav(await readFile(path)), rate);
}

/**
 * What was really said in a clip.
 * @param {string} clip
 */
export async function spokenWords(clip) {
  const lines = (await readFile(`${CLIPS}/transcription`, "utf8")).split("\n");
  const line = lines.find((one) => one.includes(`-${clip})`)) ?? "";
  return line.replace(/<\/?s>|\(.*\)/g, "").trim();
}

/**
 * @param {Int16Array} samples
 * @param {number} rate
 */
export function wav(samples, rate) {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]);
}

/** @param {Buffer} file PCM16, mono. */
export function readWav(file) {
  const rate = file.readUInt32LE(24);
  let at = 12;
  while (file.toString("latin1", at, at + 4) !== "data") at += 8 + file.readUInt32LE(at + 4);
  const bytes = file.subarray(at + 8, at + 8 + file.readUInt32LE(at + 4));
  return { rate, samples: new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1))) };
}

/** Below this, of 32768, it is silent. */
const SILENT = 30;

/**
 * The same sound with pauses of a third of a second at most. A reply on a busy machine has longer ones, and what is heard in
 * it shall not depend on how a recogniser takes them.
 * @param {Int16Array} samples
 * @param {number} rate
 */
export function withoutPauses(samples, rate) {
  const longest = rate / 3;
  let quiet = 0;
  return samples.filter((sample) => {
    quiet = Math.abs(sample) < SILENT ? quiet + 1 : 0;
    return quiet <= longest;
  });
}

/**
 * Hears a recording again, with the program under test.
 * @param {string} path
 * @param {string} language
 */
export async function transcribe(path, language) {
  const { stdout } = await promisify(execFile)(BINARY, ["transcribe", path, "--language", language], { cwd: ROOT });
  return JSON.parse(stdout.slice(stdout.indexOf("{"))).text;
}

/**
 * The words of a text, spelt so that two transcripts can be compared.
 * @param {string} text
 */
export function words(text) {
  const plain = text.toLowerCase().replace(/\bmr\b\.?/g, "mister").replace(/[’']/g, "").replace(/[^\p{L}\p{N}]+/gu, " ");
  return plain.trim().split(" ").filter(Boolean);
}

/**
 * The share of the letters of `text` that were heard, in their order and in one piece; what was heard before and after
 * does not count. By letters, because a recogniser that writes "Gentleway" for "gentle way" has heard every sound of it.
 * @param {string} text
 * @param {string} heard
 */
export function shareHeard(text, heard) {
  const [wanted, given] = [text, heard].map((one) => [...words(one).join("")]);
  let row = Array(given.length + 1).fill(0);
  wanted.forEach((letter, i) => {
    const next = [i + 1];
    given.forEach((other, j) => next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (letter === other ? 0 : 1))));
    row = next;
  });
  return 1 - Math.min(...row) / Math.max(1, wanted.length);
}
