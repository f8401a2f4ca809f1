import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

// The tests of stock clients are not run with these, since they need packages of their own; what they share must not rot.
test("what the tests of stock clients take from the helpers is there", async () => {
  const folder = join(import.meta.dirname, "../sdk");
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".mjs") && !file.includes("node_modules"));
  let taken = 0;
  for (const file of files) {
    const text = await readFile(join(folder, file), "utf8");
    for (const [, names, helper] of text.matchAll(/^import \{ ([^}]+) \} from ".*\/browser\/helpers\/(\w+\.mjs)";$/gm)) {
      const there = Object.keys(await import(`./helpers/${helper}`));
      for (const name of names.split(", ").map((name) => name.split(" as ")[0])) {
        assert.ok(there.includes(name), `${file} takes ${name} from ${helper}`);
        taken += 1;
      }
    }
  }
  assert.ok(taken >= 20, `only ${taken} found`);
});
