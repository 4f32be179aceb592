// Portrait: how finely the product's TypeScript is cut, and how its files depend on one another.
// `node scripts/portrait.mjs [FOLDER]` measures this checkout or another one. Tests, benches, declarations and
// generated code do not count; type imports do.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { listSources, readImports } from "./source-imports.mjs";

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
const FOLDERS = ["assembly", "proto", "runtime", "server", "trainer", "client", "bin"];
/** A generated file that lies beside its generator says so in its first lines. */
const GENERATED = /^\/\/.*\b(generated|made|written) by .*\.mjs/im;

const files = FOLDERS.filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => listSources(root, folder))
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
  .filter(({ text }) => !GENERATED.test(text.split("\n", 5).join("\n")))
  .map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }));
const known = new Set(files.map(({ path }) => path));
const imports = new Map(
  files.map(({ path }) => [
    path,
    readImports(root, path).filter((target) => known.has(target) && target !== path),
  ]),
);

/** Tarjan's algorithm: groups of files that reach each other; a group of one file is no cycle. */
function findCycles() {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const cycles = [];
  const visit = (path) => {
    order.set(path, order.size);
    low.set(path, order.get(path));
    stack.push(path);
    for (const target of imports.get(path)) {
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) low.set(path, Math.min(low.get(path), low.get(target)));
    }
    if (low.get(path) !== order.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1) cycles.push(group);
  };
  for (const path of imports.keys()) if (!order.has(path)) visit(path);
  return cycles;
}

/** The longest chain of imports that starts at each file; only without cycles is it defined. */
function longestChain() {
  const chains = new Map();
  const chainFrom = (path) => {
    if (!chains.has(path)) {
      const below = imports.get(path).map(chainFrom);
      chains.set(path, [
        path,
        ...below.reduce((longest, chain) => (chain.length > longest.length ? chain : longest), []),
      ]);
    }
    return chains.get(path);
  };
  return [...imports.keys()]
    .map(chainFrom)
    .reduce((longest, chain) => (chain.length > longest.length ? chain : longest));
}

const sorted = files.toSorted((a, b) => a.lines - b.lines);
const quantile = (fraction) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))].lines;
const edges = [...imports.values()].reduce((sum, targets) => sum + targets.length, 0);
const cycles = findCycles();
const chain = cycles.length === 0 ? longestChain() : [];

const rows = [
  ["files", files.length],
  ["lines", files.reduce((sum, { lines }) => sum + lines, 0)],
  ["median", quantile(0.5)],
  ["p90", quantile(0.9)],
  [
    "longest",
    `${sorted.at(-1).lines}  ${sorted
      .slice(-5)
      .reverse()
      .map(({ path, lines }) => `${path} ${lines}`)
      .join(", ")}`,
  ],
  ["under 30 lines", files.filter(({ lines }) => lines < 30).length],
  ["imports a file", (edges / files.length).toFixed(2)],
  ["cycles", cycles.length],
  ["depth of imports", cycles.length === 0 ? chain.length : "undefined: there are cycles"],
];
for (const [name, value] of rows) console.log(`${name.padEnd(18)}${value}`);
for (const group of cycles) console.log(`cycle: ${group.join(", ")}`);
if (chain.length > 0) console.log(`longest chain: ${chain.join(" > ")}`);
