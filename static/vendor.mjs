/**
 * Copies what the page loads at run time from `node_modules` to `vendor/`, where the server hands it out, and lays a
 * compressed twin beside what is large: nobody should compress ten megabytes for every visitor.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const FROM = join(import.meta.dirname, "node_modules");
const TO = join(import.meta.dirname, "vendor");

/** Faces: the same library for browsers with SIMD and without; its loader chooses. */
const VISION = [
  "vision_bundle.mjs",
  "wasm/vision_wasm_internal.js",
  "wasm/vision_wasm_internal.wasm",
  "wasm/vision_wasm_nosimd_internal.js",
  "wasm/vision_wasm_nosimd_internal.wasm",
].map((file) => [`@mediapipe/tasks-vision/${file}`, `tasks-vision/${file}`]);

/** The synthesiser of duets: its worklet is whole, its other half is three modules that name each other. */
const SYNTH = [
  ["spessasynth_lib/dist/spessasynth_processor.min.js", "spessasynth/processor.js"],
  ["spessasynth_lib/dist/index.js", "spessasynth/spessasynth_lib.js"],
  ["spessasynth_core/dist/index.js", "spessasynth/spessasynth_core.js"],
  ["stb-vorbis/dist/index.js", "spessasynth/stb-vorbis.js"],
];

/** A browser finds a module by its address only, so the names of the packages become addresses. */
const NAMES = /(from\s*)"(spessasynth_core|stb-vorbis)"/g;

/** What a debugger would look for is not served. */
const MAPS = /\n?\/\/# sourceMappingURL=\S+\s*$/;

for (const folder of ["tasks-vision", "spessasynth"]) await rm(join(TO, folder), { recursive: true, force: true });
for (const [from, to] of [...VISION, ...SYNTH]) {
  const bytes = await readFile(join(FROM, from));
  const isModule = to.startsWith("spessasynth/");
  const whole = isModule ? Buffer.from(bytes.toString("utf8").replace(NAMES, '$1"./$2.js"').replace(MAPS, "\n")) : bytes;
  await mkdir(dirname(join(TO, to)), { recursive: true });
  await writeFile(join(TO, to), whole);
  await writeFile(join(TO, `${to}.gz`), gzipSync(whole));
}
