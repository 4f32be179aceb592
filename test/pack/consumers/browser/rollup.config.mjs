import resolve from "@rollup/plugin-node-resolve";
import { vitrine } from "@vitrine/browser/rollup";

export default {
  input: "main.js",
  output: { dir: "dist" },
  plugins: [resolve({ browser: true }), vitrine()],
};
