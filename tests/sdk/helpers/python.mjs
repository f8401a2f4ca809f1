/** Runs Python programs with the packages that set-up has installed. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { HOME } from "../../browser/helpers/stage.mjs";

const PYTHON = process.env.SDK_PYTHON ?? join(HOME, "venv/bin/python");

/**
 * Runs a program of this folder to its end; what it printed, by lines.
 * @param {string} program
 * @param {string[]} words
 * @param {number} [seconds] After which it is ended.
 * @param {string} [folder] To run in.
 */
export async function python(program, words = [], seconds = 300, folder) {
  const child = spawn(PYTHON, [join(import.meta.dirname, "..", program), ...words], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const [out, errors] = [[], []];
  child.stdout.on("data", (chunk) => out.push(chunk));
  child.stderr.on("data", (chunk) => errors.push(chunk));
  const limit = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  clearTimeout(limit);
  const printed = Buffer.concat(out).toString();
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${printed}${Buffer.concat(errors)}`);
  return printed.trim().split("\n");
}
