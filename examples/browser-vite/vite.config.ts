// Both servers isolate the page, so that wasm computes on all cores; your own server has to send the same headers.

import { defineConfig } from "vite";

const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({ base: "./", server: { headers }, preview: { headers } });
