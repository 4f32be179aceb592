// Node host: what Node provides. Of the runtime, only the files node*.ts may import node:*.

import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { quote, VitrineError } from "../errors.js";
import { cgroupCores } from "./cgroup-cores.js";
import type { Host, HostWorker } from "./host.js";
import { CONFIG_FILE, INDEX_FILE, type ModelSource, TORCH_WEIGHTS_FILE, WEIGHTS_FILE } from "./host.js";
import { entryAt, LARGEST_TEXT, LARGEST_WEIGHTS, readFileIfAny } from "./node-files.js";
import { listNodeAdapters, mayHaveGpu, nodeGpuGlobals, openNodeGpu } from "./node-gpu.js";

/** This file is compiled to dist/runtime/host/; assets are in dist/. */
const DIST = new URL("../../", import.meta.url);

/** A module with one function that uses `f32x4.relaxed_madd`: valid only where relaxed SIMD is on. */
const RELAXED_PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b,
  0x03, 0x02, 0x01, 0x00, 0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02,
  0x0b,
]);

/** VITRINE_WASM=debug takes the modules with assertions and function names that `npm run build -- --debug` makes. */
const WASM_FOLDER = process.env.VITRINE_WASM === "debug" ? "wasm-debug/" : "wasm/";

async function readAsset(asset: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = asset.replace(/^wasm\/(?=image|nn)/, WASM_FOLDER);
  const url = new URL(path, DIST);
  try {
    const file = await readFile(url);
    return new Uint8Array(file);
  } catch (cause) {
    throw new VitrineError("file/not-found", `built file dist/${path} is missing: run "npm run build"`, {
      details: { path },
      cause,
    });
  }
}

async function importAsset(asset: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(new URL(asset, DIST).href);
  } catch (cause) {
    throw new VitrineError("file/not-found", `built file dist/${asset} is missing: run "npm run build"`, {
      details: { path: asset },
      cause,
    });
  }
}

/** Node 20 has relaxed SIMD only behind a flag; newer versions have it enabled and warn about the flag. */
function enableRelaxedSimd(): boolean {
  if (WebAssembly.validate(RELAXED_PROBE)) return true;
  setFlagsFromString("--experimental-wasm-relaxed-simd");
  return WebAssembly.validate(RELAXED_PROBE);
}

/**
 * First major version of V8 whose baseline compiler adds the products of `i32x4.relaxed_dot_i8x16_i7x16_add_s` to the
 * right sums (Node 22). Node 20's does not, its optimizing compiler does, so that a comparison after some runs finds
 * nothing.
 */
const EXACT_DOT_V8 = 12;

/** First major version of V8 where the flag was found to work (Node 24); in Node 22 it changes nothing. */
const WIDE_SIMD_V8 = 13;

const V8_MAJOR = Number.parseInt(process.versions.v8, 10);

/**
 * Products run 1.4 times as fast and DeiT-Tiny's forward pass 1.6 times (AMD EPYC, Node 24). The flag is experimental
 * in V8: tests and parity pass with it, and VITRINE_WIDE_SIMD=off in the environment disables it.
 */
function enableWideSimd(): boolean {
  if (process.arch !== "x64" || V8_MAJOR < WIDE_SIMD_V8 || process.env.VITRINE_WIDE_SIMD === "off")
    return false;
  setFlagsFromString("--experimental-wasm-revectorize");
  return true;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** CPU affinity, which Node honors, and the cgroup's quota, which Node 20 does not. */
function cores(): number {
  return Math.min(availableParallelism(), cgroupCores(textOf));
}

/**
 * The code that a thread starts with; valid both as a script and as a module, since the process's flags decide which
 * it is.
 */
const BOOT = `
import("node:worker_threads").then(async ({ parentPort, workerData }) => {
  const { start } = await import(workerData);
  start({
    post: (message) => parentPort.postMessage(message),
    onMessage: (listener) => parentPort.on("message", listener),
  });
});
`;

function spawnWorker(entry: string): HostWorker {
  const worker = new Worker(BOOT, { eval: true, workerData: new URL(entry, DIST).href });
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer as ArrayBuffer[]),
    onMessage: (listener) => void worker.on("message", listener),
    onFailure: (listener) => {
      const once = onlyOnce(listener);
      worker.on("error", (error) => once(error instanceof Error ? error.message : String(error)));
      worker.on("exit", (code) => once(`it ended with code ${code}`));
    },
    keepProcessAlive: (stays) => (stays ? worker.ref() : worker.unref()),
    terminate: async () => void (await worker.terminate()),
  };
}

function onlyOnce(listener: (reason: string) => void): (reason: string) => void {
  let called = false;
  return (reason) => {
    if (!called) listener(reason);
    called = true;
  };
}

/**
 * The host of a Node process: files from the package's `dist/`, threads of `worker_threads`, the cores that CPU
 * affinity and the cgroup's quota allow, GPUs through the optional package `webgpu`, notices on stderr.
 */
export function nodeHost(): Host {
  return {
    name: "node",
    readAsset,
    importAsset,
    cores,
    enableRelaxedSimd,
    wrongRelaxedDot: V8_MAJOR < EXACT_DOT_V8,
    enableWideSimd,
    spawnWorker,
    gpu: openNodeGpu,
    gpuAdapters: listNodeAdapters,
    mayHaveGpu,
    gpuGlobals: nodeGpuGlobals,
    notice: (text) => process.stderr.write(`${text}\n`),
  };
}

const ENDINGS = [".safetensors", ".pth", ".pt", ".bin"];
/** A folder with any of these is a model's. */
const WEIGHT_FILES = [WEIGHTS_FILE, INDEX_FILE, TORCH_WEIGHTS_FILE];
/** Weights inside a model folder; any other weight file is a model by itself. */
const FOLDER_WEIGHTS = [WEIGHTS_FILE, "ema.safetensors", TORCH_WEIGHTS_FILE];
const TAKEN = `a model is a folder with ${WEIGHTS_FILE} and ${CONFIG_FILE}, or a file: ${ENDINGS.join(", ")}`;

const readWhole = (path: string): Promise<Uint8Array<ArrayBuffer> | null> =>
  readFileIfAny(path, path.endsWith(".json") ? LARGEST_TEXT : LARGEST_WEIGHTS);

function folderSource(folder: string, location: string, weights: string): ModelSource {
  const read = (file: string) => readWhole(join(folder, file === WEIGHTS_FILE ? weights : file));
  return { name: basename(resolve(folder)), location, read };
}

/** A training run keeps its models in subfolders. */
function hintOf(folder: string): string {
  const inner = ["best", "last"].find((name) => existsSync(join(folder, name, WEIGHTS_FILE)));
  return inner ? `did you mean ${join(folder, inner)}?` : TAKEN;
}

/**
 * The model at `path`: a model folder, the weights inside one, or a bare .safetensors, .pth, .pt or .bin file. Nothing
 * is read until `read()`, which throws `file/unreadable`. Throws `file/not-found`, `model/no-model` for a folder without weights,
 * `model/unknown-file` for another kind of file.
 */
export function nodeModelSource(path: string): ModelSource {
  const entry = entryAt(path);
  const details = { path };
  const name = quote(path);
  if (!entry)
    throw new VitrineError("file/not-found", `${name}: no such file or folder; ${TAKEN}`, { details });
  if (entry.isDirectory()) {
    if (WEIGHT_FILES.some((file) => existsSync(join(path, file))))
      return folderSource(path, path, WEIGHTS_FILE);
    throw new VitrineError("model/no-model", `${name}: no ${WEIGHTS_FILE} in this folder; ${hintOf(path)}`, {
      details,
    });
  }
  const ending = ENDINGS.find((entry) => path.endsWith(entry));
  if (ending === undefined)
    throw new VitrineError("model/unknown-file", `${path}: no weight file; ${TAKEN}`, { details });
  const file = basename(path);
  if (FOLDER_WEIGHTS.includes(file) && existsSync(join(dirname(path), CONFIG_FILE)))
    return folderSource(dirname(path), path, file);
  const read = async (wanted: string) => (wanted === WEIGHTS_FILE ? readWhole(path) : null);
  return { name: file.slice(0, -ending.length), location: path, read };
}
