// Named types: whatever a public declaration takes or returns can be imported by name.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** dist/, in which the declarations are: this file is dist/test/api/named-types.test.js. */
const dist = join(dirname(fileURLToPath(import.meta.url)), "../..");

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*/g, "");
const declarations = (path: string) => withoutComments(readFileSync(path, "utf8"));

/** `{ a, type B }` → a, B. */
const namesIn = (list: string) =>
  list
    .split(",")
    .map((name) => name.trim().replace(/^type /, ""))
    .filter((name) => name !== "");

/** Name → file of its declaration, of everything that an index file exports. */
function exportsOf(index: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, list, from] of declarations(index).matchAll(/export (?:type )?\{([^}]*)\} from "(.*?)\.js"/g))
    for (const name of namesIn(list)) found.set(name, `${join(dirname(index), from)}.d.ts`);
  return found;
}

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(function|class|interface|type|const) (\w+)/;

/** The text of each declaration of a file, by name. */
function declared(text: string): Map<string, string> {
  const parts = text.split(/^(?=export |import |declare |interface |type )/m);
  const named = parts.map((part) => [DECLARATION.exec(part)?.[2], part] as const);
  return new Map(named.filter((entry): entry is [string, string] => entry[0] !== undefined));
}

/** Types that a file names and another could import: those that it imports or exports itself. */
function typesOf(text: string): Set<string> {
  const imported = [...text.matchAll(/^import (?:type )?\{([^}]*)\} from "\./gm)].flatMap(([, list]) =>
    namesIn(list),
  );
  const own = [...text.matchAll(/^export (?:declare )?(?:interface|type|class) (\w+)/gm)];
  return new Set([...imported, ...own.map(([, name]) => name)]);
}

/** Passed from one public function to another; callers need none of their members. */
const OPAQUE = ["Catalog", "DrawMath", "ImageModule", "Operation"];

/** Entry point → its declarations, and a number of names that it has at least. */
const ENTRIES: [entry: string, index: string, atLeast: number][] = [
  ["vitrine/runtime", "runtime/index.d.ts", 80],
  ["vitrine/client", "client/node/index.d.ts", 15],
  ["vitrine/browser", "client/browser/index.d.ts", 8],
  ["vitrine/browser/train", "client/browser/trainer.d.ts", 10],
];

function expectNamedTypes(index: string, atLeast: number): void {
  const published = exportsOf(join(dist, index));
  assert.ok(published.size >= atLeast, `${published.size} names`);
  const missing = new Set<string>();
  for (const [name, file] of published) {
    if (OPAQUE.includes(name)) continue;
    const text = declarations(file);
    const body = declared(text).get(name);
    assert.ok(body, `${file} declares ${name}`);
    const known = typesOf(text);
    for (const [word] of (body as string).matchAll(/\b[A-Z]\w*\b/g))
      if (known.has(word) && !published.has(word) && !new RegExp(`typeof ${word}\\b`).test(body as string))
        missing.add(`${name} names ${word}`);
  }
  assert.equal([...missing].sort(), []);
}

for (const [entry, index, atLeast] of ENTRIES) {
  test(`every type that ${entry}'s declarations name is exported by it`, () =>
    expectNamedTypes(index, atLeast));
}

test.run();
