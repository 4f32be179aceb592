// Import directions: layers depend one way, nothing imports in a cycle, and node:* stays out of what runs in a browser.
// Imports are followed transitively, type imports counted, so that no file in between hides a dependency.

import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** Compiled to dist/test/layout/. */
const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const FOLDERS = ["assembly", "proto", "runtime", "server", "client", "trainer", "bin", "test", "bench"];

interface ImportReader {
  listSources(root: string, folder: string): string[];
  readImports(root: string, path: string): string[];
}

const reader: ImportReader = await import(pathToFileURL(join(root, "scripts/source-imports.mjs")).href);
const paths = FOLDERS.flatMap((folder) => reader.listSources(root, folder));
/** File → the files, packages and node: modules that it imports. */
const imports = new Map(paths.map((path) => [path, reader.readImports(root, path)]));

/** Everything that a file reaches, each with the shortest chain of imports that leads there. */
function reachable(from: string): Map<string, string[]> {
  const chains = new Map<string, string[]>([[from, [from]]]);
  for (const [path, chain] of chains) {
    for (const target of imports.get(path) ?? []) {
      if (!chains.has(target)) chains.set(target, [...chain, target]);
    }
  }
  chains.delete(from);
  return chains;
}

/** Files below the first path reach none below the others, neither directly nor through other files, but for `except`. */
const FORBIDDEN: [from: string, to: string[], except?: string][] = [
  ["assembly/", ["runtime/", "server/", "client/", "trainer/", "bin/", "proto/", "node:"]],
  ["proto/", ["runtime/executors", "server/", "client/", "trainer/", "bin/"]],
  ["runtime/", ["server/", "trainer/", "client/", "bin/", "proto/"]],
  ["runtime/graph/", ["runtime/executors/", "runtime/weights/", "runtime/image/"]],
  ["runtime/weights/", ["runtime/models/", "runtime/executors/", "runtime/inference/", "runtime/training/"]],
  ["runtime/models/", ["runtime/executors/", "runtime/inference/", "runtime/training/"]],
  ["runtime/executors/wasm/", ["runtime/executors/webgpu/", "runtime/executors/tfjs/"]],
  ["runtime/executors/webgpu/", ["runtime/executors/wasm/", "runtime/executors/tfjs/"]],
  ["runtime/executors/tfjs/", ["runtime/executors/wasm/", "runtime/executors/webgpu/"]],
  [
    "runtime/executors/executor.ts",
    ["runtime/executors/wasm/", "runtime/executors/webgpu/", "runtime/executors/tfjs/"],
  ],
  ["runtime/errors.ts", [""]],
  ["runtime/index.ts", ["node:", "runtime/host/node"]],
  ["runtime/image/", ["runtime/executors/", "runtime/models/", "node:"]],
  ["runtime/executors/", ["runtime/models/", "runtime/inference/", "runtime/training/"]],
  ["runtime/draw/", ["runtime/executors/", "runtime/graph/", "node:"]],
  ["server/", ["trainer/", "client/", "bin/"]],
  ["trainer/", ["server/", "bin/", "client/browser/", "client/app/"]],
  ["trainer/core/", ["trainer/", "client/", "proto/", "node:"], "trainer/core/"],
  ["client/", ["server/", "trainer/", "bin/"], "trainer/core/"],
  ["client/browser/", ["client/node/", "client/app/", "proto/", "node:"]],
  ["client/node/", ["client/browser/", "client/app/", "trainer/"]],
];

test("no file reaches, through any chain of imports, a layer above its own", () => {
  const wrong: string[] = [];
  for (const path of paths) {
    const rules = FORBIDDEN.filter(([from]) => path.startsWith(from));
    if (rules.length === 0) continue;
    for (const [target, chain] of reachable(path)) {
      const isWrong = rules.some(
        ([, targets, except]) =>
          targets.some((prefix) => target.startsWith(prefix)) &&
          !(except !== undefined && target.startsWith(except)),
      );
      if (isWrong) wrong.push(chain.join(" → "));
    }
  }
  assert.equal(wrong, []);
});

test("the product imports neither tests nor benches", () => {
  const wrong = paths
    .filter((path) => !/^(test|bench)\//.test(path))
    .flatMap((path) => (imports.get(path) ?? []).map((target) => ({ path, target })))
    .filter(({ target }) => /^(test|bench)\//.test(target))
    .map(({ path, target }) => `${path} → ${target}`);
  assert.equal(wrong, []);
});

test("only the files runtime/host/node*.ts of the runtime import node:*", () => {
  const wrong = paths
    .filter((path) => path.startsWith("runtime/") && !path.startsWith("runtime/host/node"))
    .filter((path) => imports.get(path)?.some((target) => target.startsWith("node:")));
  assert.equal(wrong, []);
});

/** The first cycle that a depth-first search finds, as a list of paths; empty where there is none. */
function findCycle(): string[] {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    trail.push(path);
    for (const target of imports.get(path) ?? []) {
      const cycle = visit(target);
      if (cycle.length > 0) return cycle;
    }
    trail.pop();
    done.add(path);
    return [];
  };
  for (const path of paths) {
    const cycle = visit(path);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

test("no files import each other in a cycle, type imports counted", () => {
  assert.equal(findCycle(), []);
});

/** Files in the longest chain; a reader follows one from a command down to the errors. */
const LONGEST_CHAIN = 16;

test("no chain of imports in the product is longer than 16 files", () => {
  const portrait = execFileSync(process.execPath, [join(root, "scripts/portrait.mjs")], { encoding: "utf8" });
  const depth = Number(/^depth of imports +(\d+)$/m.exec(portrait)?.[1]);
  assert.ok(
    depth <= LONGEST_CHAIN,
    portrait.split("\n").find((line) => line.startsWith("longest chain")),
  );
});

test("the reader sees imports of every kind, as paths of sources", () => {
  const own = imports.get("test/layout/import-directions.test.ts");
  assert.ok(own?.includes("node:path"));
  assert.ok(paths.length > 100);
  const unresolved = [...imports].flatMap(([path, targets]) =>
    targets
      .filter((target) => FOLDERS.some((folder) => target.startsWith(`${folder}/`)))
      .filter((target) => !imports.has(target) && !/\/generated\/|\.(mjs|css|svg)/.test(target))
      .map((target) => `${path} → ${target}`),
  );
  assert.equal(unresolved, []);
});

test.run();
