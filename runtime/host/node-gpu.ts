// Node GPU: WebGPU in Node through Dawn, in the optional package `webgpu`, which is loaded only when it is needed.
// The list of adapters is made by a separate process: drivers write to standard error as they load, take tens of
// MiB that they never release, and a broken driver ends the process that loads it.

import { execFile } from "node:child_process";
import { readdirSync, writeSync } from "node:fs";
import { type ErrorRecord, fromErrorRecord, toErrorRecord, VitrineError } from "../errors.js";
import { type GpuAdapter, gpuAdapter } from "./gpu-adapter.js";

/** The part of the package that is used. Its name is a variable, so that building does not need the package. */
interface WebgpuPackage {
  create(options: string[]): GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

const PACKAGE = "webgpu";
/** Earlier versions need a newer C library than the oldest supported Node. */
const VERSION = "0.6.2";

async function loadPackage(): Promise<WebgpuPackage> {
  try {
    return (await import(PACKAGE)) as WebgpuPackage;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    const reason = missing ? "is not installed" : `does not load here (${String(cause)})`;
    throw new VitrineError(
      "device/unavailable",
      `device webgpu: the optional package ${PACKAGE} ${reason}: npm install ${PACKAGE}@${VERSION}, or use --device wasm`,
      { cause },
    );
  }
}

/** Lets adapters offer subgroup matrices, which are in no WebGPU specification yet. Disables no validation. */
const EXPERIMENTAL = ["enable-dawn-features=allow_unsafe_apis"];

/** Dawn's objects die with their instance, and Node collects an instance that nothing references. */
const instances: GPU[] = [];

/**
 * Dawn's GPU object, restricted to the adapter `only` of `listNodeAdapters` where one is given; of two adapters with
 * the same name Dawn opens the first. Throws `device/unavailable`.
 */
export async function openNodeGpu(only?: Pick<GpuAdapter, "name" | "backend">): Promise<GPU> {
  const { create } = await loadPackage();
  const gpu = create([...EXPERIMENTAL, ...(only ? [`backend=${only.backend}`, `adapter=${only.name}`] : [])]);
  instances.push(gpu);
  return gpu;
}

/** WebGPU's classes and flags, which are not globals in Node. Throws `device/unavailable`. */
export async function nodeGpuGlobals(): Promise<Readonly<Record<string, unknown>>> {
  return (await loadPackage()).globals;
}

/** No adapter has this name: asked for it, Dawn throws an error that lists the existing ones. */
const UNKNOWN_NAME = "no adapter has this name";
const LISTED = /backend: '([^']*)', name: '(.*)'$/gm;

/** All adapters, in Dawn's order. Loads every driver. Throws `device/unavailable`. */
async function findAdapters(): Promise<GpuAdapter[]> {
  const { create } = await loadPackage();
  const gpu = create([`adapter=${UNKNOWN_NAME}`]);
  instances.push(gpu);
  const text = await gpu.requestAdapter().then(
    () => "",
    (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
  );
  const found: GpuAdapter[] = [];
  for (const [, backend = "", name = ""] of text.matchAll(LISTED)) {
    const adapter = await (await openNodeGpu({ backend, name })).requestAdapter();
    if (adapter) found.push(gpuAdapter({ index: found.length, name, backend }, adapter));
  }
  return found;
}

/** What the listing process prints, as one line of JSON. */
type Listing = { adapters: GpuAdapter[] } | { error: ErrorRecord };

/**
 * The whole program of the listing process: prints the adapters, or the error, and exits.
 * @public the program below imports it by name
 */
export async function printAdapters(): Promise<never> {
  const listing: Listing = await findAdapters().then(
    (adapters) => ({ adapters }),
    (error: unknown) => ({ error: toErrorRecord(error) }),
  );
  writeSync(1, `${JSON.stringify(listing)}\n`);
  // Drivers keep threads running, so the process would not exit by itself.
  process.exit(0);
}

const PROGRAM = `import { printAdapters } from ${JSON.stringify(import.meta.url)}; await printAdapters();`;
/** A machine with many drivers takes a second. */
const LISTING_TIMEOUT_MS = 20_000;

/**
 * All adapters, found by a separate process. Throws `device/unavailable` where the package is missing or a driver
 * crashes.
 */
export async function listNodeAdapters(): Promise<GpuAdapter[]> {
  const printed = await new Promise<string>((resolve, reject) => {
    const options = { timeout: LISTING_TIMEOUT_MS, windowsHide: true };
    execFile(process.execPath, ["--input-type=module", "--eval", PROGRAM], options, (error, stdout) => {
      // A driver may crash as the process exits; the list it printed before is still valid.
      if (stdout.endsWith("\n")) resolve(stdout);
      else reject(listingFailed(error));
    });
  });
  const listing = JSON.parse(printed.trimEnd().split("\n").at(-1) as string) as Listing;
  if ("error" in listing) throw fromErrorRecord(listing.error);
  return listing.adapters;
}

function listingFailed(cause: unknown): VitrineError {
  const { signal, code } = (cause ?? {}) as { signal?: string | null; code?: unknown };
  return new VitrineError(
    "device/unavailable",
    `device webgpu: the search for GPUs ended with ${signal ?? `status ${String(code)}`}: a driver is broken; use --device wasm`,
    { cause },
  );
}

/** Entries of /dev and /dev/dri, one of which every GPU driver needs on Linux. */
const DEVICE_NODES = /^(renderD\d+|nvidia\d+|dxg|kfd|mali\d*|kgsl.*|pvr.*)$/;

/** Whether Linux shows a GPU at all, which is free to check; true on other systems. */
export function mayHaveGpu(list: (folder: string) => string[] = listFolder): boolean {
  if (process.platform !== "linux") return true;
  return ["/dev", "/dev/dri"].flatMap(list).some((name) => DEVICE_NODES.test(name));
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
