// Error codes: the code, the table in runtime/errors.ts and docs/errors.md name the same ones.

import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ERROR_CODES } from "../../runtime/errors.js";

/** Compiled to dist/test/errors/; the sources are three folders up. */
const root = fileURLToPath(new URL("../../../", import.meta.url));
const FOLDERS = ["proto", "runtime", "server", "client", "trainer", "bin"];
const TABLE_FILE = "runtime/errors.ts";

const known = Object.keys(ERROR_CODES);
const namespaces = [...new Set(known.map((code) => code.split("/")[0]))];

/** Literals of the same form that are something else. */
const OTHERS = /^image\/(jpeg|png|webp|svg)$|-$/;

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : sources(path);
    return /\.tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : [];
  });
}

/** Code → files that use it as a string; comments write codes in backticks. */
function codesInSources(): Map<string, string[]> {
  const literal = new RegExp(`"((?:${namespaces.join("|")})/[a-z0-9-]+)"`, "g");
  const found = new Map<string, string[]>();
  for (const path of FOLDERS.flatMap(sources)) {
    let text = readFileSync(join(root, path), "utf8");
    if (path === TABLE_FILE) text = text.slice(text.indexOf("} as const"));
    for (const [, code] of text.matchAll(literal))
      if (!OTHERS.test(code)) found.set(code, [...(found.get(code) ?? []), path]);
  }
  return found;
}

/** `code` → cause and remedy, of the rows of docs/errors.md. */
function documented(): Map<string, [cause: string, remedy: string]> {
  const text = readFileSync(join(root, "docs/errors.md"), "utf8");
  const rows = text.matchAll(/^\| `([a-z]+\/[a-z0-9-]+)` \| (.*?) \| (.*?) \|$/gm);
  return new Map([...rows].map(([, code, cause, remedy]) => [code, [cause, remedy]]));
}

test("every code in the sources is in the table", () => {
  const unknown = [...codesInSources()].filter(([code]) => !known.includes(code));
  assert.equal(unknown, []);
});

test("every code of the table is used in the sources", () => {
  const used = codesInSources();
  const unused = known.filter((code) => !used.has(code));
  assert.equal(unused, []);
});

test("docs/errors.md lists every code with the table's cause, and a remedy", () => {
  const documentation = documented();
  assert.equal([...documentation.keys()].sort(), [...known].sort());
  for (const [code, cause] of Object.entries(ERROR_CODES)) {
    const [text, remedy] = documentation.get(code) as [string, string];
    assert.is(text, cause, code);
    assert.ok(remedy.length > 0, `${code} has no remedy`);
  }
});

test("codes are in alphabetical order within their namespace, in the table and in the docs", () => {
  for (const codes of [known, [...documented().keys()]])
    for (const namespace of namespaces) {
      const own = codes.filter((code) => code.startsWith(`${namespace}/`));
      assert.equal(own, [...own].sort());
    }
});

test.run();
