/**
 * Copies what the page loads at run time from `node_modules` to `vendor/`, where the server hands it out, and lays a
 * compressed twin beside what is large: nobody should compress ten megabytes for every visitor.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FROM = join(import.meta.dirname, "node_modules/@mediapipe/tasks-vision");
const TO = join(import.meta.dirname, "vendor/tasks-vision");

/** The same library for browsers with SIMD and without; its loader chooses. */
const FILES = [
  "vision_bundle.mjs",
  "wasm/vision_wasm_internal.js",
  "wasm/vision_wasm_internal.wasm",
  "wasm/vision_wasm_nosimd_internal.js",
  "wasm/vision_wasm_nosimd_internal.wasm",
];

await rm(TO, { recursive: true, force: true });
await mkdir(join(TO, "wasm"), { recursive: true });
for (const file of FILES) {
  await copyFile(join(FROM, file), join(TO, file));
  await writeFile(join(TO, `${file}.gz`), gzipSync(await readFile(join(FROM, file))));
}
