// vitrine/rollup: emits the workers and the WebAssembly of vitrine/browser as assets, since Rollup and Rolldown leave
// `new URL("…", import.meta.url)` as it is. Vite needs no plugin.

import { readFileSync } from "node:fs";
import { isLibrary, libraryFiles, librarySource } from "./library-files.js";

/** The part of Rollup's plugin context in use. */
interface EmittingContext {
  emitFile(file: { type: "asset"; fileName: string; source: Uint8Array }): string;
}

/** The part of Rollup's plugin interface in use. */
export interface VitrineRollupPlugin {
  /** For Rollup's messages. */
  name: string;
  /** The library's script, with the addresses of what it emits; null for every other module. */
  load(this: EmittingContext, id: string): string | null;
}

/**
 * A plugin for Rollup 4 and Rolldown; output format `es`. Files are emitted below `vitrine/` under their own names.
 *
 * ```js
 * import { vitrine } from "vitrine/rollup"; // or "@vitrine/browser/rollup"
 * export default { input: "main.js", output: { dir: "dist" }, plugins: [nodeResolve(), vitrine()] };
 * ```
 */
export function vitrine(): VitrineRollupPlugin {
  return {
    name: "vitrine",
    load(id) {
      if (!isLibrary(id)) return null;
      const [beside] = libraryFiles().map(({ path, file }) =>
        this.emitFile({ type: "asset", fileName: path, source: readFileSync(file) }),
      );
      // The first is in the folder where the library's script would be: addresses in it count from there.
      return librarySource(id, `import.meta.ROLLUP_FILE_URL_${beside}`);
    },
  };
}
