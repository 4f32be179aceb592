// How the pages are built: `node scripts/build.mjs app` → dist/app. One project, one HTML file per page; design/ is
// shared. WebAssembly is not bundled: a page fetches it from ./wasm/, where the server puts dist/wasm.

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const pages = readdirSync(here("./")).filter((name) => name.endsWith(".html"));
/** A page and its worker are two builds: a busy machine would print the timings of either. */
const checks = { bundlerTimings: false };

export default defineConfig({
  root: here("./"),
  base: "./",
  worker: { format: "es", rolldownOptions: { checks } },
  build: {
    outDir: here("../../dist/app"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    sourcemap: true,
    rolldownOptions: { input: pages.map(here), checks },
  },
});
