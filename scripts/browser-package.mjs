// Browser package: @vitrine/browser from the same tree as vitrine, for pages that need neither servers nor trainers.
// `npm run browser-package` (after a build) writes dist/browser-package and says what it takes when installed;
// `npm pack ./dist/browser-package` makes its tarball.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const target = join(dist, "browser-package");

const vitrine = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { exports } = vitrine;

/** Entrances of vitrine → those of this package. */
const ENTRANCES = { "./browser": ".", "./esbuild": "./esbuild", "./rollup": "./rollup" };

/** A declaration and all that it imports, as paths from dist/. */
function declarations(entries) {
  const reached = new Set();
  const pending = [...entries];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const text = readFileSync(join(dist, path), "utf8");
    for (const [, specifier] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g))
      pending.push(`${posix.join(posix.dirname(path), specifier)}.d.ts`);
  }
  return [...reached];
}

const fromDist = (path) => path.replace("./dist/", "");
const inPackage = (path) => path.replace("./dist/", "./");
const conditions = ({ types, default: script }) => ({ types: inPackage(types), default: inPackage(script) });

const manifest = {
  name: "@vitrine/browser",
  version: vitrine.version,
  description:
    "Data-efficient image transformers (DeiT) classify photographs in a page, on WebGPU or WebAssembly",
  license: vitrine.license,
  type: "module",
  exports: {
    ...Object.fromEntries(Object.entries(ENTRANCES).map(([from, to]) => [to, conditions(exports[from])])),
    "./wasm/*": "./wasm/*",
    "./package.json": "./package.json",
  },
};

const folderFiles = (folder) => readdirSync(join(dist, folder)).map((name) => `${folder}/${name}`);
/** Training is a part of vitrine: its worker would make the package a third larger for those who only classify. */
const isOfTrainer = (path) => /\/trainer[^/]*$/.test(path);
const scripts = [...folderFiles("client/bundle"), ...folderFiles("client/bundlers")].filter(
  (path) => !isOfTrainer(path),
);
const files = [
  ...scripts.filter((path) => path.endsWith(".js")),
  ...folderFiles("wasm"),
  ...declarations(Object.keys(ENTRANCES).map((name) => fromDist(exports[name].types))),
];

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const path of files) cpSync(join(dist, path), join(target, path));
for (const name of ["LICENSE", "THIRD-PARTY.md"]) cpSync(join(root, name), join(target, name));
cpSync(join(root, "docs/browser.md"), join(target, "README.md"));
writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);

/** A page's author sees this as the size of the dependency. */
const bytes = readdirSync(target, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
console.log(
  `dist/browser-package: ${manifest.name}@${manifest.version}, ${bytes} bytes in ${files.length + 4} files`,
);
