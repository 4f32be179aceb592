// Build: contracts, generated sources, WebAssembly, TypeScript and the page, each only where something it is made from
// has changed. Outputs whose source is gone are removed.
//
// `node scripts/build.mjs [PART…]` builds the named parts (wasm, ts, bundle, app); without a name, all.
//   --debug   builds dist/wasm-debug as well: assertions on, names kept, source maps (run with VITRINE_WASM=debug)
//   --watch   builds again whenever a source changes
//   --clean   removes dist and everything else that the build writes and git ignores

import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { writeCompressedCopies } from "./compressed-copies.mjs";
import { exclusively, fingerprints, Manifest } from "./freshness.mjs";
import { followImports } from "./source-imports.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** Says why each step runs. */
const VERBOSE = Boolean(process.env.VITRINE_BUILD_VERBOSE);

class BuildError extends Error {}

/** Files at or below a path, from the root; none where it does not exist. */
function list(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (!stat) return [];
  return stat.isDirectory() ? listFolder(path) : [path];
}

function listFolder(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return entry.name === "node_modules" ? [] : listFolder(path);
  });
}

/** Runs a script with this Node, so that no shell and no PATH is needed; its messages go to standard error. */
function runNode(title, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
    child.on("error", reject);
    child.on("close", (status) =>
      status === 0 ? resolve() : reject(new BuildError(`build: ${title} failed with status ${status}`)),
    );
  });
}

function runTool(packageName, command, args) {
  const manifest = require.resolve(`${packageName}/package.json`);
  const { bin } = require(manifest);
  const script = join(dirname(manifest), typeof bin === "string" ? bin : bin[command]);
  return runNode(`${command} ${args.join(" ")}`, [script, ...args]);
}

/** Changes with every install or update of a package. */
const INSTALLED = "node_modules/.package-lock.json";

const versionOf = (packageName) => readJson(`node_modules/${packageName}/package.json`).version;

/*
 * A step: {
 *   part, name,
 *   tools: packages whose versions decide the output; options: whatever else does
 *   sources: files and folders that it is made from; files: more of them, known to exist
 *   entries: files whose imports are followed as well
 *   outputs(inputs): files that it writes; run(staleness)
 * }
 */

const PBJS = ["-t", "static-module", "-w", "es6", "--no-service", "--force-number", "--dts"];
PBJS.push("--dependency", "../protobuf.js");

/** Contracts: proto/x.proto → proto/generated/x.js and .d.ts, and the same in dist. */
function protoSteps() {
  const names = readdirSync(join(root, "proto")).filter((name) => name.endsWith(".proto"));
  return names.map((file) => {
    const generated = [".js", ".d.ts"].map(
      (ending) => `proto/generated/${basename(file, ".proto")}${ending}`,
    );
    return {
      name: file,
      tools: ["protobufjs-cli", "protobufjs"],
      options: [...PBJS, "--root"],
      sources: [`proto/${file}`],
      outputs: () => generated.flatMap((path) => [path, `dist/${path}`]),
      run: async () => {
        for (const folder of ["proto/generated", "dist/proto/generated"])
          mkdirSync(join(root, folder), { recursive: true });
        // Of a root that files shared, each would replace the other's packages that start alike.
        const own = ["--root", basename(file, ".proto")];
        await runTool("protobufjs-cli", "pbjs", [...PBJS, ...own, "-o", generated[0], `proto/${file}`]);
        for (const path of generated) copyFileSync(join(root, path), join(root, "dist", path));
      },
    };
  });
}

/**
 * Decoders of rare picture formats, copied so that Node and a page load them alike: package → files in dist/wasm, the
 * modules with gzip, which makes a third of them.
 */
const DECODERS = {
  "@jsquash/avif": ["codec/dec/avif_dec.js", "codec/dec/avif_dec.wasm"],
  "@jsquash/webp": ["codec/dec/webp_dec.js", "codec/dec/webp_dec.wasm"],
};
const decoderOutput = (path) => `dist/wasm/${basename(path)}${path.endsWith(".wasm") ? ".gz" : ""}`;

/** What an older `npm install` lacks: then everything but these formats is built, and the build says what to run. */
const missingDecoders = () =>
  Object.keys(DECODERS).filter((name) => !existsSync(join(root, "node_modules", name)));

function decoderSteps() {
  const missing = missingDecoders();
  const present = Object.entries(DECODERS).filter(([name]) => !missing.includes(name));
  return present.map(([name, files]) => ({
    part: "wasm",
    name: `decoder of ${name}`,
    tools: [name],
    options: [files, files.map(decoderOutput)],
    sources: [],
    outputs: () => files.map(decoderOutput),
    run: async () => {
      mkdirSync(join(root, "dist/wasm"), { recursive: true });
      for (const path of files) {
        const bytes = readFileSync(join(root, "node_modules", name, path));
        const output = decoderOutput(path);
        writeFileSync(join(root, output), output.endsWith(".gz") ? gzipSync(bytes, { level: 9 }) : bytes);
      }
    },
  }));
}

/** Sources that a script writes. `reads`: what the script reads besides its own imports. */
const GENERATED = [
  { script: "assembly/nn/generate-micro-kernel.mjs", outputs: ["assembly/nn/generated/micro-kernel.ts"] },
  {
    script: "assembly/nn/generate-micro-kernel-int8.mjs",
    outputs: ["assembly/nn/generated/micro-kernel-int8.ts"],
  },
  {
    script: "assembly/nn/generate-instructions.mjs",
    // The kernels: their parameters are compared with the table.
    reads: [
      "runtime/graph/operations/optimizer.ts",
      ...list("assembly/nn").filter((path) => !path.includes("/generated/")),
    ],
    outputs: ["opcodes", "execute", "execute-rows", "sizes", "adamw-settings", "instructions"].map(
      (name) => `assembly/nn/generated/${name}.ts`,
    ),
  },
  {
    script: "scripts/generate-kernel-sources.mjs",
    reads: ["runtime/executors/webgpu/kernels", "runtime/graph/operations/optimizer.ts"],
    outputs: ["runtime/executors/webgpu/generated/kernel-sources.ts"],
  },
  {
    script: "scripts/generate-descriptors.mjs",
    reads: list("proto").filter((path) => path.endsWith(".proto")),
    outputs: ["proto/generated/descriptors.ts"],
  },
];

function generatedSteps() {
  return GENERATED.map(({ script, reads = [], outputs }) => ({
    name: outputs.map((path) => basename(path)).join(", "),
    sources: reads,
    entries: [script],
    outputs: () => outputs,
    run: () => runNode(script, [script]),
  }));
}

/**
 * What a debug build changes in asconfig.json's options. A failed assertion is a trap (`abort=`: no import). Level 1
 * inlines only the smallest functions; without it the tests' time limits do not hold.
 */
const DEBUG_WASM = {
  debug: true,
  noAssert: false,
  optimizeLevel: 1,
  uncheckedBehavior: "never",
  use: ["abort="],
};
const DEBUG_FOLDER = "dist/wasm-debug";

/** The targets of asconfig.json; `entry` of each is ours, the rest is asc's. */
function wasmSteps(debug) {
  const config = readJson("asconfig.json");
  const options = { ...config.options, ...(debug ? DEBUG_WASM : {}) };
  return Object.entries(config.targets).map(([target, { entry, ...targetOptions }]) => {
    const file = basename(targetOptions.outFile);
    const output = debug ? `${DEBUG_FOLDER}/${file}` : targetOptions.outFile;
    const args = [entry, "--config", "asconfig.json", "--target", target];
    const debugConfig = `${DEBUG_FOLDER}/asconfig.${target}.json`;
    if (debug) args.splice(2, 1, debugConfig);
    if (debug) args.push("--outFile", output, "--sourceMap");
    return {
      part: debug ? "debug" : "wasm",
      name: debug ? `${file} (debug)` : file,
      tools: ["assemblyscript", "binaryen"],
      options: [args, options, targetOptions],
      sources: [],
      entries: [entry],
      outputs: () => (debug ? [output, `${output}.map`] : [output]),
      run: async () => {
        mkdirSync(join(root, dirname(output)), { recursive: true });
        const written = { options, targets: { [target]: targetOptions } };
        if (debug) writeFileSync(join(root, debugConfig), JSON.stringify(written));
        await runTool("assemblyscript", "asc", args);
        if (debug) rmSync(join(root, debugConfig));
      },
    };
  });
}

const TS_BUILD_INFO = "dist/.tsbuildinfo";

function compiledOutputs(source) {
  const base = `dist/${source.replace(/\.ts$/, "")}`;
  return [`${base}.js`, `${base}.js.map`, `${base}.d.ts`];
}

function typescriptStep() {
  const { include, exclude } = readJson("tsconfig.json");
  const excluded = exclude.map((path) => `${path}/`);
  const included = include
    .flatMap(list)
    .filter((path) => path.endsWith(".ts") && !excluded.some((folder) => path.startsWith(folder)));
  return {
    part: "ts",
    name: "TypeScript",
    tools: ["typescript"],
    sources: ["tsconfig.json", "package.json", INSTALLED],
    files: included,
    entries: included,
    outputs: (inputs) => inputs.filter((path) => /(?<!\.d)\.ts$/.test(path)).flatMap(compiledOutputs),
    run: async ({ outputsIntact }) => {
      // tsc writes only what it believes to be outdated, so an output that something else changed needs a full build.
      if (!outputsIntact) rmSync(join(root, TS_BUILD_INFO), { force: true });
      await runTool("typescript", "tsc", ["-p", "tsconfig.json"]);
    },
  };
}

const SERVICE_WORKER = [
  "client/app/service-worker/worker.ts",
  "--format",
  "iife",
  "--minify",
  "--log-level",
  "warn",
];

function appStep() {
  return {
    part: "app",
    name: "page",
    tools: ["vite", "rolldown", "typescript", "preact", "@preact/signals"],
    sources: ["client/app", "dist/wasm", "tsconfig.json", INSTALLED],
    entries: [...list("client/app").filter((path) => /\.tsx?$/.test(path)), "scripts/compressed-copies.mjs"],
    outputs: () => list("dist/app"),
    run: async () => {
      await runTool("typescript", "tsc", ["-p", "client/app/tsconfig.json"]);
      await runTool("vite", "vite", ["build", "--config", "client/app/vite.config.ts", "--logLevel", "warn"]);
      // Not by the page's build, whose files have hashes in their names and share modules.
      await runTool("rolldown", "rolldown", [...SERVICE_WORKER, "--file", "dist/app/service-worker.js"]);
      await writeCompressedCopies(join(root, "dist/app"), join(root, "dist/.compressed"));
    },
  };
}

/** dist/client/bundle: the library of a page as one script, and each of its workers as one. */
function bundleStep() {
  return {
    part: "bundle",
    name: "browser library",
    tools: ["rolldown"],
    sources: list("dist/client/browser").filter((path) => path.endsWith(".js")),
    entries: [...list("client/browser").filter((path) => path.endsWith(".ts")), "scripts/bundle-browser.mjs"],
    outputs: () => list("dist/client/bundle"),
    run: () => runNode("scripts/bundle-browser.mjs", ["scripts/bundle-browser.mjs"]),
  };
}

/** What writes sources comes before what compiles them, and that before bundles; the steps of one stage are independent. */
const sourceSteps = () => [...protoSteps(), ...generatedSteps()];
const compileSteps = () => [typescriptStep(), ...wasmSteps(false), ...wasmSteps(true), ...decoderSteps()];
/** The page holds copies of the WebAssembly files, named by what they hold. */
const bundleSteps = () => [appStep(), bundleStep()];

const PARTS = ["wasm", "ts", "bundle", "app"];

const keyOf = ({ tools = [], options = [] }) =>
  JSON.stringify([tools.map((name) => `${name}@${versionOf(name)}`), options]);

const sourcesOf = ({ sources, files = [] }) => [...sources.flatMap(list), ...files].sort();

function staleSteps(manifest, steps) {
  return steps
    .map((step) => ({ step, why: manifest.staleness(step.name, keyOf(step), sourcesOf(step)) }))
    .filter(({ why }) => why !== undefined);
}

async function runStep(manifest, { step, why }) {
  if (VERBOSE) console.error(`build: ${step.name}: ${why.reason}`);
  const sources = sourcesOf(step);
  const inputs = fingerprints(root, new Set([...sources, ...followImports(root, step.entries ?? [])]));
  let failed = true;
  try {
    await step.run(why);
    failed = false;
  } finally {
    manifest.record(step.name, {
      key: keyOf(step),
      sources,
      inputs,
      outputs: step.outputs(Object.keys(inputs)),
      failed,
    });
  }
}

/** Runs the steps side by side, as many at a time as there are cores; the first failure is thrown when all have ended. */
async function runSteps(manifest, stale) {
  const queue = [...stale];
  const failures = [];
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await runStep(manifest, next).catch((error) => failures.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), stale.length) }, lane));
  if (failures.length > 0) throw failures[0];
}

/** Folders that belong to the build, and the endings of the files that it writes there. */
const OWNED = ["dist", "assembly/nn/generated", "proto/generated", "runtime/executors/webgpu/generated"];
const WRITTEN = /\.(js|d\.ts|map|wasm|wasm\.gz)$/;

/** Outputs of a source that is gone: of a TypeScript file, a contract, or a target of asconfig.json. */
function findOrphans() {
  const steps = [...sourceSteps(), ...wasmSteps(false), ...wasmSteps(true), ...decoderSteps()];
  const others = new Set(steps.flatMap((step) => step.outputs()));
  const hasSource = (path) => {
    if (others.has(path) || /^dist\/(app|browser-package|client\/bundle)\//.test(path)) return true;
    const source = path.replace(/^dist\//, "").replace(/\.(js|js\.map|d\.ts)$/, ".ts");
    return existsSync(`${root}/${source}`);
  };
  return OWNED.flatMap(list).filter((path) => WRITTEN.test(path) && !hasSource(path));
}

/** Removes the files and the folders that become empty. */
function removeFiles(paths) {
  for (const path of paths) {
    rmSync(join(root, path), { force: true });
    let folder = dirname(path);
    for (; folder !== "." && readdirSync(join(root, folder)).length === 0; folder = dirname(folder))
      rmdirSync(join(root, folder));
  }
}

/**
 * Brings the named parts up to date (all where none is named) and says on standard error, in one line, what was built;
 * nothing where nothing was to do. Throws BuildError where a tool fails.
 */
export async function build({ parts = PARTS, debug = false } = {}) {
  const started = performance.now();
  const wanted = debug ? [...parts, "debug"] : parts;
  const isWanted = ({ part }) => wanted.includes(part);
  const stages = [sourceSteps, () => compileSteps().filter(isWanted), () => bundleSteps().filter(isWanted)];
  const done = [];
  let manifest = new Manifest(root);
  const orphans = findOrphans();
  if (orphans.length > 0) {
    if (VERBOSE) console.error(orphans.join("\n"));
    await exclusively(root, async () => {
      removeFiles(orphans);
      manifest = new Manifest(root);
      manifest.forgetOutputs(orphans);
    });
    done.push(`removed ${orphans.length} outputs without a source`);
  }
  for (const stage of stages) {
    if (staleSteps(manifest, stage()).length === 0) continue;
    await exclusively(root, async () => {
      manifest = new Manifest(root);
      const stale = staleSteps(manifest, stage());
      await runSteps(manifest, stale);
      if (stale.length > 0) done.push(`built ${stale.map(({ step }) => step.name).join(", ")}`);
    });
  }
  const missing = missingDecoders();
  if (missing.length > 0) console.error(`build: no ${missing.join(" and ")}: run "npm install"`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (done.length > 0) console.error(`${done.join("; ")} (${seconds} s)`);
}

const DEBOUNCE_MS = 100;

/** Builds, then again after every change of a source, until the process is stopped. */
async function watchSources(options) {
  const folders = [
    ...new Set([...readJson("tsconfig.json").include, "assembly", "client", "proto", "scripts"]),
  ];
  let changed = () => {};
  const onChange = (_, name) => {
    if (!name || !/(^|[\\/])(generated|node_modules)[\\/]/.test(name)) changed();
  };
  for (const folder of folders)
    if (existsSync(join(root, folder))) watch(join(root, folder), { recursive: true }, onChange);
  for (const file of ["asconfig.json", "tsconfig.json"]) watch(join(root, file), onChange);
  console.error("building what changed, then watching; Ctrl-C stops");
  for (;;) {
    const next = new Promise((resolve) => (changed = resolve));
    try {
      await build(options);
    } catch (error) {
      console.error(error instanceof BuildError ? error.message : error);
    }
    await next;
    await new Promise((resolve) => setTimeout(resolve, DEBOUNCE_MS));
  }
}

async function main(args) {
  const flags = args.filter((word) => word.startsWith("--"));
  const parts = args.filter((word) => !word.startsWith("--"));
  const unknown = [
    ...flags.filter((flag) => !["--debug", "--watch", "--clean"].includes(flag)),
    ...parts.filter((part) => !PARTS.includes(part)),
  ];
  if (unknown.length > 0)
    throw new BuildError(`build: no part or flag ${unknown.join(", ")}; parts are ${PARTS.join(", ")}`);
  if (flags.includes("--clean")) {
    for (const folder of OWNED) rmSync(join(root, folder), { recursive: true, force: true });
    return;
  }
  const options = { debug: flags.includes("--debug"), ...(parts.length > 0 ? { parts } : {}) };
  await (flags.includes("--watch") ? watchSources(options) : build(options));
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2)).catch((error) => {
    console.error(error instanceof BuildError ? error.message : error);
    process.exitCode = 1;
  });
}
