/** Headers with which a page may share memory among threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default {
  base: "./",
  logLevel: "warn",
  server: { headers },
  build: { copyPublicDir: false },
  publicDir: "shared",
};
