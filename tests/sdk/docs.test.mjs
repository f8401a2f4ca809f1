/** What the documentation shows is what the tests run. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

test("every program of docs/openai.md is one that is tested, letter by letter", async () => {
  const docs = await readFile(join(import.meta.dirname, "../../docs/openai.md"), "utf8");
  const folder = join(import.meta.dirname, "snippets");
  for (const name of await readdir(folder)) {
    const program = (await readFile(join(folder, name), "utf8")).trimEnd();
    assert.ok(docs.includes(`\n${program}\n\`\`\``), `docs/openai.md does not show ${name} as it is`);
  }
});
