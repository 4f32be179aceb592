// Node GPU: WebGPU in Node, by way of Dawn in the optional package `webgpu`. Loaded only when asked for.

import { type ErrorRecord, VitrineError } from "../errors.js";
import { type GpuAdapter, gpuAdapter } from "./gpu-adapter.js";

/** What of the package is used. It is named by a variable, so that building does without it. */
interface WebgpuPackage {
  create(options: string[]): GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

const PACKAGE = "webgpu";
/** Earlier versions need a newer C library than the oldest Node this runs on. */
const VERSION = "0.6.2";

/** Lets adapters offer what no WebGPU specification has yet: subgroup matrices. Takes no check away. */
const EXPERIMENTAL = ["enable-dawn-features=allow_unsafe_apis"];

/** Objects of Dawn die with their instance, and Node collects what nobody holds. */
const held: GPU[] = [];

/** The way to GPUs, or to `only` one of `listNodeAdapters`. Of two with one name Dawn opens the first. */
export async function openNodeGpu(only?: Pick<GpuAdapter, "name" | "backend">): Promise<GPU> {
  const { create } = await loadPackage();
  const gpu = create([...EXPERIMENTAL, ...(only ? [`backend=${only.backend}`, `adapter=${only.name}`] : [])]);
  held.push(gpu);
  return gpu;
}

/** No adapter has this name: asked for it, Dawn throws the list of those that there are. */
const NOBODY = "nobody is called so";
const LISTED = /backend: '([^']*)', name: '(.*)'$/gm;

/** What the process that looks for adapters prints, as JSON. */
export type AdapterAnswer = { adapters: GpuAdapter[] } | { error: ErrorRecord };

/** All adapters, in Dawn's order. Drivers write to standard error meanwhile. Throws `device/unavailable`. */
export async function listNodeAdapters(): Promise<GpuAdapter[]> {
  const { create } = await loadPackage();
  const gpu = create([`adapter=${NOBODY}`]);
  held.push(gpu);
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

/** WebGPU's classes and flags, which are no globals in Node. Throws `device/unavailable`. */
export async function nodeGpuGlobals(): Promise<Readonly<Record<string, unknown>>> {
  return (await loadPackage()).globals;
}

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
