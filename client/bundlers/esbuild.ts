// vitrine/esbuild: copies the workers and the WebAssembly of vitrine/browser beside the bundle, since esbuild leaves
// `new URL("…", import.meta.url)` as it is.

import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { isLibrary, libraryFiles, librarySource } from "./library-files.js";

/** The part of esbuild's options in use. */
interface BuildOptions {
  absWorkingDir?: string;
  format?: string;
  outdir?: string;
  outfile?: string;
  write?: boolean;
}

/** The part of esbuild's plugin interface in use. */
interface PluginBuild {
  initialOptions: BuildOptions;
  onStart(check: () => { errors: { text: string }[] } | undefined): void;
  onLoad(
    options: { filter: RegExp },
    load: (file: { path: string }) => { contents: string; loader: "js" } | undefined,
  ): void;
  onEnd(done: (result: { errors: readonly unknown[] }) => void): void;
}

/** What esbuild takes in `plugins`. */
export interface VitrineEsbuildPlugin {
  /** For esbuild's messages. */
  name: string;
  /** Called by esbuild. */
  setup(build: PluginBuild): void;
}

/** The folder that a bundle is written to; undefined where esbuild writes none. */
function outputFolder({ absWorkingDir = process.cwd(), outdir, outfile, write }: BuildOptions) {
  const folder = outdir ?? (outfile === undefined ? undefined : dirname(outfile));
  return folder === undefined || write === false ? undefined : join(absWorkingDir, folder);
}

/**
 * A plugin for esbuild with `format: "esm"`, for entries that are written to the top of the output folder. Files are
 * copied to `vitrine/` there under their own names.
 *
 * ```js
 * import { vitrine } from "vitrine/esbuild"; // or "@vitrine/browser/esbuild"
 * await build({ entryPoints: ["main.js"], bundle: true, format: "esm", outdir: "dist", plugins: [vitrine()] });
 * ```
 */
export function vitrine(): VitrineEsbuildPlugin {
  return {
    name: "vitrine",
    setup(build) {
      const { format } = build.initialOptions;
      const refusal = `format is ${format ?? "not set"}; vitrine/browser needs "esm", in which a script knows its address`;
      build.onStart(() => (format === "esm" ? undefined : { errors: [{ text: refusal }] }));
      build.onLoad({ filter: /[\\/]client[\\/]bundle[\\/](?:index|trainer)\.js$/ }, ({ path }) => {
        if (!isLibrary(path)) return undefined;
        const base = 'new URL("./vitrine/client/bundle/", import.meta.url).href';
        return { contents: librarySource(path, base), loader: "js" };
      });
      build.onEnd(({ errors }) => {
        const folder = outputFolder(build.initialOptions);
        if (folder === undefined || errors.length > 0) return;
        for (const { path, file } of libraryFiles()) {
          mkdirSync(dirname(join(folder, path)), { recursive: true });
          copyFileSync(file, join(folder, path));
        }
      });
    },
  };
}
