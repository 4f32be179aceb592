// Writes runtime/executors/webgpu/generated/kernel-sources.ts: the WGSL kernels as one module, so that Node and a page's
// bundle load them alike. WGSL has no includes: `// #include "x.wgsl"` becomes the text of x.wgsl.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { adamWPlaces } from "./adamw-settings.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const KERNELS = join(root, "runtime/executors/webgpu/kernels");
const OUTPUT = join(root, "runtime/executors/webgpu/generated/kernel-sources.ts");
const INCLUDE = /^\/\/ #include "(.+)"$/gm;

/** Included like a file of KERNELS. */
const WRITTEN = {
  "adamw-settings.wgsl": adamWPlaces()
    .map(([name, place]) => `const ${name} = ${place}u;\n`)
    .concat(`const SETTINGS = ${adamWPlaces().length}u;\n`)
    .join(""),
};

function readKernel(name) {
  if (name in WRITTEN) return WRITTEN[name];
  const text = readFileSync(join(KERNELS, name), "utf8");
  return text.replace(INCLUDE, (_, included) => readKernel(included));
}

const files = readdirSync(KERNELS).filter((name) => name.endsWith(".wgsl"));
const included = new Set(
  files.flatMap((name) =>
    [...readFileSync(join(KERNELS, name), "utf8").matchAll(INCLUDE)].map(([, file]) => file),
  ),
);
/** A kernel is what no other file includes. */
const texts = files
  .filter((name) => !included.has(name))
  .map((name) => [name.replace(/\.wgsl$/, ""), readKernel(name)]);
const lines = texts.map(([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},`);
const head =
  "// Kernel sources: the files of ../kernels, includes resolved. Made by scripts/generate-kernel-sources.mjs.";
const table = ["export const KERNEL_SOURCES = {", ...lines, "} as const;"].join("\n");
mkdirSync(dirname(OUTPUT), { recursive: true });
writeFileSync(OUTPUT, `${head}\n\n${table}\n\nexport type KernelName = keyof typeof KERNEL_SOURCES;\n`);
