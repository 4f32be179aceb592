// Node GPU: WebGPU in Node, by way of Dawn in the optional package `webgpu`. Loaded only when asked for.

import { VitrineError } from "../errors.js";

/** What of the package is used. It is named by a variable, so that building does without it. */
interface WebgpuPackage {
  create(options: string[]): GPU;
}

const PACKAGE = "webgpu";
/** Earlier versions need a newer C library than the oldest Node this runs on. */
const VERSION = "0.6.2";

/** Objects of Dawn die with their instance, and Node collects what nobody holds. */
const held: GPU[] = [];

/** `adapter`: part of an adapter's name. Throws `device/unavailable` with the names that there are. */
export async function openNodeGpu(adapter?: string): Promise<GPU> {
  const { create } = await loadPackage();
  const options = adapter === undefined ? [] : [`adapter=${adapter}`];
  const gpu = create(options);
  try {
    // Dawn looks for the adapter when it is asked for one, and throws its list.
    if (adapter !== undefined) await gpu.requestAdapter();
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    const names = [...found.matchAll(/name: '([^']*)'/g)].map((match) => match[1]);
    throw new VitrineError(
      "device/unavailable",
      `device webgpu: no adapter "${adapter}"; there are: ${names.join("; ") || "none"} (--device webgpu:NAME)`,
      { details: { adapter }, cause },
    );
  }
  held.push(gpu);
  return gpu;
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
