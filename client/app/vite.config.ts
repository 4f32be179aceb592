// How the pages are built: `node scripts/build.mjs app` → dist/app, with the WebAssembly files among its assets. One
// project, one HTML file per page; design/ is shared.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const pages = readdirSync(here("./")).filter((name) => name.endsWith(".html"));
/** A page and its worker are two builds: a busy machine would print the timings of either. */
const checks = { bundlerTimings: false };

/** What a page says of the package; `code` is a link where package.json has a homepage. */
const { version, license, homepage } = JSON.parse(readFileSync(here("../../package.json"), "utf8"));

/** The sources name files of dist/wasm as they are found from dist/, where the compiled modules are. */
const builtWasm = (): Plugin => ({
  name: "vitrine:built-wasm",
  enforce: "pre",
  transform: {
    filter: { id: /runtime\/host\/browser-assets\.ts$/ },
    handler: (code) => ({ code: code.replaceAll('"../../wasm/', '"../../dist/wasm/'), map: null }),
  },
});

export default defineConfig({
  root: here("./"),
  base: "./",
  plugins: [builtWasm()],
  define: { VITRINE: JSON.stringify({ version, license, code: homepage, pages }) },
  worker: { format: "es", plugins: () => [builtWasm()], rolldownOptions: { checks } },
  build: {
    outDir: here("../../dist/app"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    sourcemap: true,
    // Files of their own are compressed, and kept from one version to the next.
    assetsInlineLimit: 0,
    rolldownOptions: { input: pages.map(here), checks },
  },
});
