// Kernels: chooses the build of the module, compiles it and gives its memory.

import { VitrineError } from "../../errors.js";
import type { Host } from "../../host/host.js";
import { LinearMemory, MAXIMUM_BYTES } from "./linear-memory.js";

/** Whether products and sums are fused where the machine can (relaxed SIMD); `auto`: where the engine has it. */
export type Relaxed = boolean | "auto";

export interface Kernels {
  memory: LinearMemory;
  relaxed: boolean;
  /** Runs a tape; 0, or the place of an instruction that the module does not know. */
  run(tape: number): number;
}

/** asconfig.json's initialMemory, in pages: what the module asks for at least. */
const INITIAL_PAGES = 16;
const MAXIMUM_PAGES = MAXIMUM_BYTES / 65_536;

function chooseRelaxed(host: Host, wanted: Relaxed): boolean {
  if (wanted === false) return false;
  if (host.enableRelaxedSimd()) return true;
  if (wanted === "auto") return false;
  throw new VitrineError(
    "device/relaxed-simd",
    "this engine has no relaxed SIMD: leave relaxed at auto or false",
  );
}

async function readModule(
  host: Host,
  wanted: Relaxed,
): Promise<{ module: WebAssembly.Module; relaxed: boolean }> {
  const relaxed = chooseRelaxed(host, wanted);
  const path = relaxed ? "wasm/nn.relaxed.wasm" : "wasm/nn.wasm";
  return { module: await WebAssembly.compile(await host.readAsset(path)), relaxed };
}

export async function loadKernels(host: Host, wanted: Relaxed): Promise<Kernels> {
  const { module, relaxed } = await readModule(host, wanted);
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const { run, heapBase } = instance.exports;
  if (typeof run !== "function" || typeof heapBase !== "function")
    throw new VitrineError(
      "internal/kernels",
      "the kernel module exports no run and heapBase: build it again (npm run build)",
    );
  return {
    memory: new LinearMemory(memory, heapBase() >>> 0),
    relaxed,
    run: (tape) => run(tape),
  };
}
