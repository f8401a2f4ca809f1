/** The server for stock clients: started as anybody would, and known to them by the two variables that they all read. */
import { startServer, untilReady } from "../../browser/helpers/server.mjs";

/** @param {{env?: Record<string, string>, parts?: string[]}} [options] */
export async function start({ env = {}, parts = ["stt", "llm", "tts"] } = {}) {
  const server = await startServer({ env });
  process.env.OPENAI_BASE_URL = `${server.url}/v1`;
  process.env.OPENAI_API_KEY = "unused";
  await untilReady(server.url, parts);
  return server;
}
