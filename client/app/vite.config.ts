// How the page is built: `node scripts/build.mjs app` → dist/app. WebAssembly is not bundled: the page fetches it
// from ./wasm/, where the server puts dist/wasm.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** The page and its worker are two builds: a busy machine would print the timings of either. */
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
    rolldownOptions: { checks },
  },
});
