// Kernels: chooses the build of the module, compiles it and gives its memory.

import { VitrineError } from "../../errors.js";
import type { Host } from "../../host/host.js";
import { calibrate } from "./calibrate.js";
import { LinearMemory, MAXIMUM_BYTES } from "./linear-memory.js";

/** Whether products and sums are fused where the machine can (relaxed SIMD); `auto`: where the engine has it. */
export type Relaxed = boolean | "auto";

export interface Kernels {
  memory: LinearMemory;
  relaxed: boolean;
  /** Runs a tape; 0, or the place of an instruction that the module does not know. */
  run(tape: number): number;
  /** Rows of the matrix product's register block, 1 to 6: changes the speed, and no bit. */
  setStrip(rows: number): void;
}

/** asconfig.json's initialMemory, in pages: what the module asks for at least. */
const INITIAL_PAGES = 16;
const MAXIMUM_PAGES = MAXIMUM_BYTES / 65_536;

const PLAIN_MODULE = "wasm/nn.wasm";
const RELAXED_MODULE = "wasm/nn.relaxed.wasm";

/** `auto` takes relaxed SIMD wherever the host can give it: products run 1.05 to 1.2 times as fast (bench/kernels.ts). */
async function readModule(
  host: Host,
  wanted: Relaxed,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; relaxed: boolean }> {
  if (wanted !== false) {
    const bytes = await host.readAsset(RELAXED_MODULE);
    if (WebAssembly.validate(bytes) || host.enableRelaxedSimd()) return { bytes, relaxed: true };
  }
  if (wanted === true) {
    throw new VitrineError(
      "device/relaxed-simd",
      "this engine has no relaxed SIMD, which the run was started with: use a newer Node or browser, or start anew",
    );
  }
  return { bytes: await host.readAsset(PLAIN_MODULE), relaxed: false };
}

/** Throws `file/not-found` where the module was not built, `device/relaxed-simd` where `true` cannot be had. */
export async function loadKernels(host: Host, wanted: Relaxed): Promise<Kernels> {
  host.enableWideSimd?.();
  const { bytes, relaxed } = await readModule(host, wanted);
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const { run, heapBase, setStrip } = instance.exports;
  if (typeof run !== "function" || typeof heapBase !== "function" || typeof setStrip !== "function")
    throw new VitrineError(
      "internal/kernels",
      "the kernel module does not export run, heapBase and setStrip: build it again (npm run build)",
    );
  const kernels = {
    memory: new LinearMemory(memory, heapBase() >>> 0),
    relaxed,
    run: (tape: number): number => run(tape),
    setStrip: (rows: number): void => setStrip(rows),
  };
  if (relaxed) calibrate(kernels);
  return kernels;
}
