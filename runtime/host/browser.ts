// Browser host: what a page or a worker of it provides.

import { VitrineError } from "../errors.js";
import { type AssetLocator, assetLocator, fetchAsset, importAsset } from "./browser-assets.js";
import type { Url, WebWorker } from "./environment-types.js";
import type { Host, HostWorker } from "./host.js";
import { type ModelSource, WEIGHTS_FILE } from "./host.js";

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

/** How much of a model's weights has been downloaded. */
export interface DownloadProgress {
  /** Bytes of the weights received so far. */
  loaded: number;
  /** Bytes of the weights; undefined where the server does not report it. */
  total: number | undefined;
}

/** The whole body; calls `onProgress` after each piece. */
async function readBody(
  response: Response,
  onProgress: (progress: DownloadProgress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  // With a content encoding, content-length counts the compressed bytes.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const pieces: Uint8Array[] = [];
  let loaded = 0;
  // Not `for await`: Safari's streams are not iterable.
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) {
    pieces.push(piece.value);
    loaded += piece.value.length;
    onProgress({ loaded, total });
  }
  const whole = new Uint8Array(loaded);
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}

/**
 * The model folder at `address`, with or without a trailing slash; a relative address counts from the page.
 * `onProgress` is called with each piece of the weights. A file that the server answers with 404 does not exist;
 * `read` throws `network/http` for other error statuses and `network/unreachable` where nothing answers.
 */
export function urlModelSource(
  address: Url | string,
  onProgress: (progress: DownloadProgress) => void = () => {},
): ModelSource {
  const folder = new URL(address, globalThis.location?.href);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  const name = decodeURIComponent(folder.pathname.split("/").at(-2) ?? "") || folder.host;
  const read = async (file: string): Promise<Uint8Array<ArrayBuffer> | null> => {
    const url = new URL(file, folder).href;
    const response = await fetch(url).catch((cause: unknown) => {
      throw new VitrineError("network/unreachable", `${url}: no answer`, { details: { url }, cause });
    });
    // Servers of single-page applications answer with their page for whatever does not exist.
    const isPage = /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
    if (response.status === 404 || (isPage && file !== WEIGHTS_FILE)) return null;
    if (!response.ok) {
      const text = `${url}: the server answered ${response.status}`;
      throw new VitrineError("network/http", text, { details: { url, status: response.status } });
    }
    return readBody(response, file === WEIGHTS_FILE ? onProgress : () => {});
  };
  return { name, location: folder.href, read };
}
