// Audience: which files of the built pages are for visitors, and which for those who watch a training run. Chunks that pages
// of both import belong to both.

import { readFileSync } from "node:fs";
import { extname, join } from "node:path";

/** Who a server serves: visitors of the pages that classify and train, or those who watch a run. */
export type Audience = "visitors" | "dashboard";

const DASHBOARD_PAGE = "dashboard.html";
/** Kept by the pages of visitors, which it lists. */
export const SERVICE_WORKER = "service-worker.js";
const ASSETS = "assets/";
/** Files that name other files. Source maps quote the sources of all. */
const NAMING = new Set([".css", ".html", ".js"]);

/** `pages`, and the assets that they name, directly or through others. */
function reachedFrom(pages: readonly string[], folder: string, all: readonly string[]): Set<string> {
  const assets = all.filter((path) => path.startsWith(ASSETS));
  const reached = new Set(pages);
  // A set gives what is added while it is read, too.
  for (const path of reached) {
    if (!NAMING.has(extname(path))) continue;
    const text = readFileSync(join(folder, path), "utf8");
    for (const asset of assets) if (text.includes(asset.slice(ASSETS.length))) reached.add(asset);
  }
  return reached;
}

/** Those of `all`, paths below `folder`, that `audience` needs: everything but what only the other one does. */
export function filesFor(audience: Audience, folder: string, all: readonly string[]): string[] {
  const isForOthers = (path: string) => (path === DASHBOARD_PAGE) === (audience === "visitors");
  const pages = all.filter((path) => extname(path) === ".html");
  const own = reachedFrom(
    pages.filter((path) => !isForOthers(path)),
    folder,
    all,
  );
  const others = reachedFrom(pages.filter(isForOthers), folder, all);
  if (audience === "dashboard") others.add(SERVICE_WORKER);
  return all.filter((path) => own.has(path) || !others.has(path));
}
