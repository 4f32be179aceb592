// Build: contracts, WebAssembly, WGSL, TypeScript and the page, in this order, each only where its sources are newer.
// `node scripts/build.mjs [proto] [wasm] [wgsl] [ts] [app]` builds the named parts; without a name, all of them.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);

const WASM_TARGETS = [
  { target: "image", entry: "assembly/image/index.ts", output: "dist/wasm/image.wasm" },
  { target: "image-relaxed", entry: "assembly/image/index.ts", output: "dist/wasm/image.relaxed.wasm" },
  { target: "nn", entry: "assembly/nn/index.ts", output: "dist/wasm/nn.wasm" },
  { target: "nn-relaxed", entry: "assembly/nn/index.ts", output: "dist/wasm/nn.relaxed.wasm" },
  { target: "nn-shared", entry: "assembly/nn/shared-index.ts", output: "dist/wasm/nn.shared.wasm" },
  {
    target: "nn-relaxed-shared",
    entry: "assembly/nn/shared-index.ts",
    output: "dist/wasm/nn.relaxed.shared.wasm",
  },
];

/** Newest modification time below a file or folder, 0 where there is none. */
function newest(path) {
  const full = join(root, path);
  if (!existsSync(full)) return 0;
  const stat = statSync(full);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(full).map((name) => newest(join(path, name))));
}

function fresh(output, sources) {
  const made = newest(output);
  return made > 0 && sources.every((source) => newest(source) <= made);
}

/** Runs a package's command with this Node, so that no shell and no PATH is needed. */
function run(packageName, command, args) {
  const manifest = require.resolve(`${packageName}/package.json`);
  const { bin } = require(manifest);
  const script = join(dirname(manifest), typeof bin === "string" ? bin : bin[command]);
  const result = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
  if (result.status !== 0) {
    console.error(`build: ${command} ${args.join(" ")} failed`);
    process.exit(1);
  }
}

function buildProto() {
  const files = readdirSync(join(root, "proto")).filter((name) => name.endsWith(".proto"));
  for (const file of files) {
    const name = file.replace(/\.proto$/, "");
    const output = `proto/generated/${name}.js`;
    const types = `proto/generated/${name}.d.ts`;
    if (!fresh(types, [`proto/${file}`, "scripts/build.mjs"])) {
      mkdirSync(join(root, "proto/generated"), { recursive: true });
      const options = ["-t", "static-module", "-w", "es6", "--no-service", "--force-number", "--dts"];
      options.push("--dependency", "../protobuf.js");
      run("protobufjs-cli", "pbjs", [...options, "-o", output, `proto/${file}`]);
    }
  }
  if (files.length === 0) return;
  cpSync(join(root, "proto/generated"), join(root, "dist/proto/generated"), { recursive: true });
}

/** Sources that a script beside them writes. */
const GENERATED = [
  { script: "assembly/nn/generate-micro-kernel.mjs", output: "assembly/nn/micro-kernel.ts" },
  { script: "assembly/nn/generate-micro-kernel-int8.mjs", output: "assembly/nn/micro-kernel-int8.ts" },
];

function generateSources() {
  for (const { script, output } of GENERATED) {
    if (fresh(output, [script])) continue;
    const result = spawnSync(process.execPath, [join(root, script)], { cwd: root, stdio: "inherit" });
    if (result.status !== 0) {
      console.error(`build: ${script} failed`);
      process.exit(1);
    }
  }
}

function buildWasm() {
  generateSources();
  for (const { target, entry, output } of WASM_TARGETS) {
    if (!existsSync(join(root, entry))) continue;
    if (fresh(output, [dirname(entry), "asconfig.json"])) continue;
    run("assemblyscript", "asc", [entry, "--config", "asconfig.json", "--target", target]);
  }
}

const KERNELS = "runtime/executors/webgpu/kernels";
const KERNEL_SOURCES = "runtime/executors/webgpu/generated/kernel-sources.ts";
const INCLUDE = /^\/\/ #include "(.+)"$/gm;

/** WGSL has no includes: `// #include "x.wgsl"` becomes the text of x.wgsl. */
function readKernel(name) {
  const text = readFileSync(join(root, KERNELS, name), "utf8");
  return text.replace(INCLUDE, (_, included) => readKernel(included));
}

/** The kernels as one module, so that Node and a page's bundle take the same way to them. */
function buildWgsl() {
  if (fresh(KERNEL_SOURCES, [KERNELS, "scripts/build.mjs"])) return;
  const texts = readdirSync(join(root, KERNELS))
    .filter((name) => name.endsWith(".wgsl"))
    .map((name) => [name.replace(/\.wgsl$/, ""), readKernel(name)])
    .filter(([, text]) => text.includes("@compute"));
  const lines = texts.map(([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},`);
  const head = "// Kernel sources: the files of ../kernels, includes resolved. Made by scripts/build.mjs.";
  const type = "export type KernelName = keyof typeof KERNEL_SOURCES;";
  const table = ["export const KERNEL_SOURCES = {", ...lines, "} as const;"].join("\n");
  mkdirSync(join(root, dirname(KERNEL_SOURCES)), { recursive: true });
  writeFileSync(join(root, KERNEL_SOURCES), `${head}\n\n${table}\n\n${type}\n`);
}

function buildTypescript() {
  buildWgsl();
  run("typescript", "tsc", ["-p", "tsconfig.json"]);
}

function buildApp() {
  if (!existsSync(join(root, "client/app/vite.config.ts"))) return;
  const sources = ["client/app", "client/browser", "runtime", "assembly"];
  if (fresh("dist/app/index.html", sources)) return;
  run("typescript", "tsc", ["-p", "client/app/tsconfig.json"]);
  run("vite", "vite", ["build", "--config", "client/app/vite.config.ts", "--logLevel", "warn"]);
}

const PARTS = { proto: buildProto, wasm: buildWasm, wgsl: buildWgsl, ts: buildTypescript, app: buildApp };

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in PARTS)) {
    console.error(`build: no part "${name}"; parts are ${Object.keys(PARTS).join(", ")}`);
    process.exit(1);
  }
}
mkdirSync(join(root, "dist"), { recursive: true });
for (const [name, build] of Object.entries(PARTS)) {
  if (wanted.length === 0 || wanted.includes(name)) build();
}
if (process.env.VITRINE_BUILD_VERBOSE) console.error(`built ${relative(process.cwd(), join(root, "dist"))}`);
