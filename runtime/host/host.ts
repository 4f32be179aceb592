// Host: what the outside must give the runtime, so that the runtime itself runs unchanged in Node and in a browser.

import type { GpuAdapter } from "./gpu-adapter.js";

/** A thread that the host started. Messages are structured clones; `transfer` moves buffers instead of copying. */
export interface HostWorker {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once if the worker dies or throws; `reason` is a sentence. */
  onFailure(listener: (reason: string) => void): void;
  /** Whether the process stays alive for this thread's messages. True at first; a page has no say in it. */
  keepProcessAlive(stays: boolean): void;
  terminate(): Promise<void>;
}

/** What a thread sees of the host that started it: the argument of its entry's `start`. */
export interface ThreadPort {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

export interface Host {
  readonly name: "node" | "browser";
  /**
   * The bytes of a file that Vitrine ships, by its path under `dist/`: `wasm/image.wasm`, `wasm/nn.wasm`,
   * `wasm/nn.relaxed.wasm` and their `.shared.wasm` twins. Throws `file/not-found`.
   */
  readAsset(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Cores this process may use, at least 1: cgroup limits and CPU affinity are honored where the host knows them. */
  cores(): number;
  /** Turns an opt-in engine feature on (Node 20 needs a V8 flag for relaxed SIMD). False where it cannot. */
  enableRelaxedSimd(): boolean;
  /**
   * Lets the engine join neighboring 128-bit operations of modules that are compiled from now on into 256-bit ones,
   * which changes no bit. False where it cannot; absent where the host has no such switch.
   */
  enableWideSimd?(): boolean;
  /**
   * Starts a thread that imports `entry`, a file's path under `dist/`, and calls the `start(port: ThreadPort)` that it
   * exports. Absent where threads cannot share memory: in a page that is not cross-origin isolated.
   */
  spawnWorker?(entry: string): HostWorker;
  /**
   * The way to GPUs, or to `only` that one of `gpuAdapters`. Throws `device/unavailable` with the reason: no package, a
   * browser without WebGPU.
   */
  gpu(only?: GpuAdapter): Promise<GPU>;
  /**
   * Every adapter, software ones included, found out without loading a driver into this process. Throws
   * `device/unavailable`. Absent in a browser, which chooses itself.
   */
  gpuAdapters?(): Promise<readonly GpuAdapter[]>;
  /** Whether a look for GPUs is worth its time (0.2 s in Node). */
  mayHaveGpu(): boolean;
  /**
   * WebGPU's classes and flags (`GPUBuffer`, `GPUBufferUsage` …), for libraries that look for them among the globals.
   * Absent where they are globals.
   */
  gpuGlobals?(): Promise<Readonly<Record<string, unknown>>>;
  /** Writes a notice for people; never used for results. */
  notice(text: string): void;
}

// Model source: where a model's files come from, be it a folder, one file, or an address.

export interface ModelSource {
  /** Name of the model: its folder's, or its file's without the ending. */
  readonly name: string;
  /** Path or address, for messages. */
  readonly location: string;
  /** One of the files below, whole; null where there is none. */
  read(file: string): Promise<Uint8Array<ArrayBuffer> | null>;
}

/** A model folder's two files, and one more that Hugging Face's folders have. */
export const WEIGHTS_FILE = "model.safetensors";
export const CONFIG_FILE = "config.json";
export const PREPROCESSOR_FILE = "preprocessor_config.json";
