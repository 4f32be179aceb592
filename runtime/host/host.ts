// Host: what the environment provides, so that the runtime itself is the same in Node and in a browser.

import type { Gpu } from "./environment-types.js";
import type { GpuAdapter } from "./gpu-adapter.js";

/**
 * A thread that the host started. Messages are structured clones; buffers in `transfer` are moved instead of copied.
 */
export interface HostWorker {
  post(message: unknown, transfer?: readonly object[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once if the worker dies or throws; `reason` is a sentence. */
  onFailure(listener: (reason: string) => void): void;
  /** Whether this thread's messages keep the process alive. Initially true; has no effect in a page. */
  keepProcessAlive(stays: boolean): void;
  /** Ends the thread, whatever it is doing. */
  terminate(): Promise<void>;
}

/** A thread's connection to the host that started it: the argument of its entry's `start`. */
export interface ThreadPort {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** What the environment provides: shipped files, threads, a GPU. `nodeHost()` and `browserHost(assets)` make one. */
export interface Host {
  readonly name: "node" | "browser";
  /**
   * The bytes of a file that Vitrine ships, by its path under `dist/`: `wasm/image.wasm`, `wasm/nn.wasm`,
   * `wasm/nn.relaxed.wasm`, their `.shared.wasm` versions, and the decoders of rare picture formats, such as
   * `wasm/webp_dec.wasm.gz`. Throws `file/not-found`.
   */
  readAsset(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The exports of a script that Vitrine ships, by its path under `dist/`: the decoders of rare picture formats, such as
   * `wasm/webp_dec.js`. Throws `file/not-found`.
   */
  importAsset(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** Cores this process may use, at least 1: cgroup limits and CPU affinity are honored where the host knows them. */
  cores(): number;
  /**
   * Enables relaxed SIMD, which is opt-in in some engines (Node 20 needs a V8 flag). False where that is not
   * possible.
   */
  enableRelaxedSimd(): boolean;
  /**
   * True where the engine computes relaxed SIMD's 8-bit dot product wrong, so that kernels do without it; absent
   * elsewhere.
   */
  readonly wrongRelaxedDot?: boolean;
  /**
   * Lets the engine join neighboring 128-bit operations of modules that are compiled from now on into 256-bit ones,
   * which changes no bit. False where the engine cannot; absent where the host has no such switch.
   */
  enableWideSimd?(): boolean;
  /**
   * Starts a thread that imports `entry`, a file's path under `dist/`, and calls the `start(port: ThreadPort)` that it
   * exports. Absent where threads cannot share memory: in a page that is not cross-origin isolated.
   */
  spawnWorker?(entry: string): HostWorker;
  /**
   * WebGPU's entry point, restricted to the adapter `only` of `gpuAdapters` where one is given. Throws
   * `device/unavailable` with the reason: no package, a browser without WebGPU.
   */
  gpu(only?: GpuAdapter): Promise<Gpu>;
  /**
   * Every adapter, software ones included, found without loading a driver into this process. Throws
   * `device/unavailable`. Absent in a browser, which chooses the adapter itself.
   */
  gpuAdapters?(): Promise<readonly GpuAdapter[]>;
  /** Whether searching for GPUs is worth its time (0.2 s in Node). */
  mayHaveGpu(): boolean;
  /**
   * WebGPU's classes and flags (`GPUBuffer`, `GPUBufferUsage` …), for libraries that expect them as globals.
   * Absent where they are globals.
   */
  gpuGlobals?(): Promise<Readonly<Record<string, unknown>>>;
  /** Shows a notice to the user; never used for results. */
  notice(text: string): void;
}

/** Where a model's files come from: a folder, a single file, or an address. */
export interface ModelSource {
  /** Name of the model: that of its folder, or of its file without the extension. */
  readonly name: string;
  /** Path or address, for messages. */
  readonly location: string;
  /** The bytes of one of the files below; null where it does not exist. */
  read(file: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Why `read` found no such file, where it can say more than that: what a server answered. */
  missing?(file: string): string | undefined;
}

/** The two files of a model folder, and those that Hugging Face's folders have beside or in place of them. */
export const WEIGHTS_FILE = "model.safetensors";
/** Names the file of each tensor where the weights are in several. */
export const INDEX_FILE = "model.safetensors.index.json";
export const TORCH_WEIGHTS_FILE = "pytorch_model.bin";
export const CONFIG_FILE = "config.json";
export const PREPROCESSOR_FILE = "preprocessor_config.json";
