// The house: imports point one way, there are no circles, and node:* stays out of what runs in a browser.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** Compiled to dist/test/house/; the sources lie three floors up. */
const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const ROOMS = ["assembly", "proto", "runtime", "server", "client", "trainer", "bin", "test", "bench"];

interface SourceFile {
  path: string;
  imports: string[];
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules") return [];
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "generated" ? [] : sources(path);
    return /\.ts$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : [];
  });
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|new URL\(\s*["'](\.[^"']+\.[jt]s)["']/g;

/** Relative specifiers become paths from the root, with the ending of the source file. */
function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const imports = [...text.matchAll(IMPORT)].map((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3] ?? match[4]) as string;
    if (!specifier.startsWith(".")) return specifier;
    const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts");
    return target.endsWith(".ts") ? target : `${target}.ts`;
  });
  return { path, imports };
}

const files = ROOMS.flatMap(sources).map(readSource);
const known = new Set(files.map((file) => file.path));

/** Path prefix → prefixes that must not appear among its imports. */
const FORBIDDEN: [from: string, to: string[]][] = [
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
  ["server/", ["trainer/", "client/", "bin/"]],
  ["trainer/", ["server/", "bin/", "client/browser/", "client/app/"]],
  ["client/", ["server/", "trainer/", "bin/"]],
  ["client/browser/", ["client/node/", "client/app/", "proto/", "node:"]],
  ["client/node/", ["client/browser/", "client/app/"]],
];

test("no import points against the house's direction", () => {
  const wrong: string[] = [];
  for (const { path, imports } of files) {
    for (const [from, targets] of FORBIDDEN) {
      if (!path.startsWith(from)) continue;
      for (const target of imports) {
        if (targets.some((prefix) => target.startsWith(prefix))) wrong.push(`${path} → ${target}`);
      }
    }
  }
  assert.equal(wrong, []);
});

test("the product imports neither tests nor benches", () => {
  const product = files.filter(({ path }) => !/^(test|bench)\//.test(path));
  const wrong = product.flatMap(({ path, imports }) =>
    imports.filter((target) => /^(test|bench)\//.test(target)).map((target) => `${path} → ${target}`),
  );
  assert.equal(wrong, []);
});

test("only the files runtime/host/node*.ts of the runtime import node:*", () => {
  const wrong = files
    .filter(({ path }) => path.startsWith("runtime/") && !path.startsWith("runtime/host/node"))
    .filter(({ imports }) => imports.some((target) => target.startsWith("node:")))
    .map(({ path }) => path);
  assert.equal(wrong, []);
});

/** Depth-first search; gives the first circle found as a list of paths. */
function findCircle(): string[] {
  const byPath = new Map(
    files.map((file) => [file.path, file.imports.filter((target) => known.has(target))]),
  );
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    trail.push(path);
    for (const target of byPath.get(path) ?? []) {
      const circle = visit(target);
      if (circle.length > 0) return circle;
    }
    trail.pop();
    done.add(path);
    return [];
  };
  for (const path of byPath.keys()) {
    const circle = visit(path);
    if (circle.length > 0) return circle;
  }
  return [];
}

test("no files import each other in a circle, type imports counted", () => {
  assert.equal(findCircle(), []);
});

test("the reader of imports sees this file's own", () => {
  const self = files.find(
    ({ path }) =>
      path === relative(root, join(root, "test/layout/import-directions.test.ts")).split(sep).join("/"),
  );
  assert.ok(self?.imports.includes("node:path"));
  assert.ok(files.length > 20);
});

test.run();
