// Browser host: what a page or a worker of it provides.

import { VitrineError } from "../errors.js";
import { type AssetLocator, assetLocator, fetchAsset, importAsset } from "./browser-assets.js";
import type { Url, WebWorker } from "./environment-types.js";
import type { Host, HostWorker } from "./host.js";

function hostWorker(worker: Worker): HostWorker {
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer] as Transferable[]),
    onMessage: (listener) => worker.addEventListener("message", ({ data }) => listener(data)),
    onFailure: (listener) => {
      const report = ({ message }: ErrorEvent) => listener(message ?? "its script could not be loaded");
      worker.addEventListener("error", report, { once: true });
    },
    keepProcessAlive: () => {},
    terminate: async () => worker.terminate(),
  };
}

/**
 * The host of a page or a worker of it. `assets` is the address of the folder that holds `wasm/` (the package's
 * `dist/`), with or without its last slash, or a function that locates each file; by default the files are found beside
 * this module, where bundlers put them. `newThread` starts a thread of the wasm executor
 * (client/browser/pool-thread.ts); it is a function so that a bundler sees the script's address in the caller's code. It
 * is used only where the page is cross-origin isolated and memory can be shared; without it the executor has one thread.
 * `signal` ends the download of assets.
 */
export function browserHost(
  assets?: Url | string | AssetLocator,
  newThread?: () => WebWorker,
  signal?: AbortSignal,
): Host {
  const locate = assetLocator(assets);
  const threads =
    newThread && globalThis.crossOriginIsolated ? { spawnWorker: () => hostWorker(newThread()) } : {};
  return {
    ...threads,
    name: "browser",
    readAsset: (path) => fetchAsset(locate(path), path, signal),
    importAsset: (path) => importAsset(locate(path), path),
    cores: () => globalThis.navigator?.hardwareConcurrency ?? 1,
    enableRelaxedSimd: () => false,
    gpu: async () => {
      const gpu: GPU | undefined = globalThis.navigator?.gpu;
      if (gpu) return gpu;
      throw new VitrineError(
        "device/unavailable",
        "device webgpu: this browser has no WebGPU, or the page was not loaded over https or from localhost; use device wasm",
      );
    },
    mayHaveGpu: () => globalThis.navigator?.gpu !== undefined,
    notice: (text) => console.info(text),
  };
}
