// Kernels: chooses the build of the module, compiles it, and provides its memory and a way to run bytecode in it.

import { VitrineError } from "../../errors.js";
import type { Host } from "../../host/host.js";
import type { CalibratedBlock } from "../executor.js";
import { calibrate, chosenBlock } from "./calibrate.js";
import { LinearMemory, MAXIMUM_BYTES } from "./linear-memory.js";
import { ThreadPool } from "./thread-pool.js";
import { timeBlocks } from "./time-blocks.js";

/** Whether multiplication and addition are fused (relaxed SIMD); `auto`: where the engine has it. */
export type Relaxed = boolean | "auto";

export interface Kernels {
  memory: LinearMemory;
  relaxed: boolean;
  /** Whether the int8 product may be computed in digits: not where they need an instruction that the engine has wrong. */
  digits: boolean;
  threads: number;
  calibration: readonly CalibratedBlock[];
  /** Runs bytecode; 0, or the position of an instruction that the module does not know. One run at a time. */
  run(bytecode: number): Promise<number>;
  /** Position of the instruction that is computed, 1 for the first. Absent where the calling thread computes. */
  position?(): number;
  /** The same synchronously, on the calling thread: for measurements, and not during a run. */
  runHere(bytecode: number): number;
  dispose(): Promise<void>;
}

/** asconfig.json's initialMemory, in pages: the minimum of the module. */
const INITIAL_PAGES = 32;
const MAXIMUM_PAGES = MAXIMUM_BYTES / 65_536;

function moduleName(relaxed: boolean, shared: boolean): string {
  return `wasm/nn${relaxed ? ".relaxed" : ""}${shared ? ".shared" : ""}.wasm`;
}

/** `auto` takes relaxed SIMD wherever the host has it: products run 1.05 to 1.2 times as fast (bench/kernels.ts). */
async function readModule(
  host: Host,
  wanted: Relaxed,
  shared: boolean,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; relaxed: boolean }> {
  if (wanted !== false) {
    const bytes = await host.readAsset(moduleName(true, shared));
    if (WebAssembly.validate(bytes) || host.enableRelaxedSimd()) return { bytes, relaxed: true };
  }
  if (wanted === true) {
    throw new VitrineError(
      "device/relaxed-simd",
      "this engine has no relaxed SIMD, with which the run was started: use a newer Node or browser, or start a new run",
    );
  }
  return { bytes: await host.readAsset(moduleName(false, shared)), relaxed: false };
}

type KernelFunction = (...values: number[]) => number;

/** Exported functions of the module by name. */
function exportsOf(instance: WebAssembly.Instance): (name: string) => KernelFunction {
  return (name) => {
    const exported = instance.exports[name];
    if (typeof exported === "function") return exported as KernelFunction;
    throw new VitrineError(
      "internal/kernels",
      `the kernel module does not export ${name}: build it again (npm run build)`,
    );
  };
}

/**
 * `shared`: the threads are beside the calling one, share its memory, and must be started by the host. Throws
 * `file/not-found` where the module was not built, `device/relaxed-simd` if `true` is not available, `device/thread` if
 * a thread does not start.
 */
export async function loadKernels(
  host: Host,
  wanted: Relaxed,
  threads: number,
  shared = threads > 1,
): Promise<Kernels> {
  host.enableWideSimd?.();
  const { bytes, relaxed } = await readModule(host, wanted, shared);
  const module = await WebAssembly.compile(bytes);
  const pages = { initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES };
  const webMemory = new WebAssembly.Memory(shared ? { ...pages, shared } : pages);
  let pool: ThreadPool | undefined;
  // Called here if there was nothing to run; otherwise the last thread calls its own import.
  const finished = (unknown: number) => pool?.finish(unknown);
  const instance = await WebAssembly.instantiate(module, { env: { memory: webMemory, finished } });
  const kernel = exportsOf(instance);
  const run = kernel("run");
  const memory = new LinearMemory(webMemory, kernel("heapBase")() >>> 0);
  const setBlock = kernel("setBlock");
  const build = relaxed ? "relaxed" : "plain";
  const digits = !(relaxed && host.wrongRelaxedDot);
  const common = { memory, relaxed, digits, threads, runHere: run };
  const calibrated = async (time: (bytecode: number) => Promise<readonly number[]>) => {
    const calibration = await calibrate(memory, build, time);
    const { rows, columns } = chosenBlock(calibration);
    setBlock(rows, columns);
    return { ...common, calibration };
  };
  if (!shared) {
    const own = await calibrated(async (bytecode) => timeBlocks({ run, setBlock }, bytecode));
    return { ...own, run: async (bytecode) => run(bytecode), dispose: async () => {} };
  }

  const scratchBytes = kernel("scratchBytes");
  const controlBytes = kernel("controlBytes");
  const begin = kernel("begin");
  const positionIn = kernel("positionIn");
  const started = await ThreadPool.start(
    host,
    { module, memory, scratchBytes, controlBytes, begin, positionIn },
    threads,
  );
  pool = started;
  try {
    // On a thread of the pool: the calling one may have files to read meanwhile.
    const own = await calibrated((bytecode) => started.timeBlocks(bytecode));
    await started.work(chosenBlock(own.calibration));
    const position = () => started.position();
    return { ...own, run: (bytecode) => started.run(bytecode), position, dispose: () => started.dispose() };
  } catch (error) {
    await started.dispose();
    throw error;
  }
}
