// Source imports: which files of the project each source file imports, read from its text.
// Type imports, dynamic imports, re-exports and `new URL("./worker.js", import.meta.url)` all count.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|new URL\(\s*["'](\.[^"']+\.m?[jt]s)["']/g;

/** Source files below `folder` (TypeScript, without declarations and generated folders), as paths from `root`. */
export function listSources(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory())
      return ["node_modules", "generated"].includes(entry.name) ? [] : listSources(root, path);
    return /\.tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : [];
  });
}

/**
 * A relative specifier as the path of its source file from the root: `./x.js` is x.ts or x.tsx where that exists, and
 * AssemblyScript's `./x` is x.ts. Packages and `node:` modules stay as they are.
 */
function resolveSpecifier(root, importer, specifier) {
  if (!specifier.startsWith(".")) return specifier;
  const target = posix.join(posix.dirname(importer), specifier);
  const candidates = [
    target.replace(/\.js$/, ".ts"),
    target.replace(/\.js$/, ".tsx"),
    target,
    `${target}.ts`,
    `${target}/index.ts`,
  ];
  return candidates.find((path) => /\.\w+$/.test(path) && existsSync(join(root, path))) ?? candidates[0];
}

/** What a file imports, in order and without repetition: paths from the root, or package names. */
export function readImports(root, path) {
  const text = readFileSync(join(root, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const specifiers = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? match[4]);
  return [...new Set(specifiers.map((specifier) => resolveSpecifier(root, path, specifier)))];
}

/** All files that `entries` reach by relative imports, themselves included. */
export function followImports(root, entries) {
  const reached = new Set();
  const pending = [...entries];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (reached.has(path) || !existsSync(join(root, path))) continue;
    reached.add(path);
    if (/\.(m?[jt]s|tsx)$/.test(path))
      pending.push(...readImports(root, path).filter((target) => target.includes("/")));
  }
  return [...reached];
}
