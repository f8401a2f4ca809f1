/** Starts the real server for a test, with data of its own and the models that all checkouts share. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HERE = resolve(import.meta.dirname, "..");
export const ROOT = resolve(HERE, "../..");
export const BINARY = resolve(HERE, process.env.DUOLOGUE_BIN ?? "../../target/debug/duologue");
// The program refuses variables that it does not know, and this one is ours.
delete process.env.DUOLOGUE_BIN;

/**
 * The smallest language model that keeps to the subject in both languages, on one thread: the browser draws without
 * a graphics card beside it, and threads that wait for each other on a busy machine are slower than one.
 */
const TEST_LLM = { DUOLOGUE_LLM__MODEL: "qwen2.5-0.5b", DUOLOGUE_LLM__THREADS: "1" };

/** For tests in which it does not matter what is answered: four times as fast, and seldom to the point. */
export const ANY_WORDS = { DUOLOGUE_LLM__MODEL: "smollm2-135m" };

/**
 * @param {{env?: Record<string, string>, port?: number, data?: string}} [options] `data` is a folder to keep; else a
 * new one is made and removed.
 */
export async function startServer({ env = {}, port = 0, data } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), "duologue-data-")));
  const child = spawn(BINARY, ["serve", "--host", "127.0.0.1", "--port", String(port)], {
    cwd: ROOT,
    env: { ...TEST_LLM, ...process.env, DUOLOGUE_STORE__PATH: join(folder, "test.db"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const gone = new Promise((resolved) => child.once("exit", resolved));
  const log = [];
  const url = await new Promise((ready, failed) => {
    const limit = setTimeout(() => failed(new Error(`the server did not start:\n${log.join("")}`)), 60_000);
    const read = (chunk) => {
      log.push(String(chunk));
      const found = /(?:listening on|Duologue is at) (http:\/\/[\w.:]+)/.exec(log.join(""));
      if (!found) return;
      clearTimeout(limit);
      ready(found[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", (error) => (clearTimeout(limit), failed(error)));
    child.once("exit", (code) => (clearTimeout(limit), failed(new Error(`the server ended with ${code}:\n${log.join("")}`))));
  });
  return {
    url,
    port: Number(new URL(url).port),
    folder,
    log: () => log.join(""),
    /** As a crash would. */
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await Promise.race([gone, sleep(20_000).then(() => child.kill("SIGKILL"))]);
      if (!data) await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Waits until the named parts are loaded.
 * @param {string} url
 * @param {string[]} parts
 */
export async function untilReady(url, parts) {
  const deadline = Date.now() + 180_000;
  let seen = [];
  while (Date.now() < deadline) {
    seen = (await (await fetch(`${url}/health`)).json()).parts;
    if (parts.every((name) => seen.some(({ part, state }) => part === name && (state === "ready" || state === "degraded")))) return;
    await sleep(250);
  }
  throw new Error(`not ready within 3 minutes (run \`cargo xtask setup --for-tests\`?): ${JSON.stringify(seen)}`);
}
