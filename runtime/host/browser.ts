// The host as a browser page or worker gives it.

import { VitrineError } from "../errors.js";
import type { Host, HostWorker } from "./host.js";
import { type ModelSource, WEIGHTS_FILE } from "./host.js";

function hostWorker(worker: Worker): HostWorker {
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    onMessage: (listener) => worker.addEventListener("message", ({ data }) => listener(data)),
    onFailure: (listener) => {
      const tell = ({ message }: ErrorEvent) => listener(message ?? "its script could not be loaded");
      worker.addEventListener("error", tell, { once: true });
    },
    keepProcessAlive: () => {},
    terminate: async () => worker.terminate(),
  };
}

/**
 * `assets` is the address that stands for `dist/`: `wasm/image.wasm` is fetched from below it. `newThread` starts the
 * wasm executor's thread (client/browser/pool-thread.ts): a bundler must see its address where it is written. It is used
 * only where the page is cross-origin isolated and memory can be shared.
 */
export function browserHost(assets: URL | string, newThread?: () => Worker): Host {
  const threads =
    newThread && globalThis.crossOriginIsolated ? { spawnWorker: () => hostWorker(newThread()) } : {};
  return {
    ...threads,
    name: "browser",
    readAsset: async (path) => {
      const address = new URL(path, new URL(assets, globalThis.location?.href));
      const response = await fetch(address);
      if (!response.ok)
        throw new VitrineError("file/not-found", `${address.href}: the server answered ${response.status}`, {
          details: { path, status: response.status },
        });
      return new Uint8Array(await response.arrayBuffer());
    },
    cores: () => globalThis.navigator?.hardwareConcurrency ?? 1,
    enableRelaxedSimd: () => false,
    gpu: async () => {
      const gpu: GPU | undefined = globalThis.navigator?.gpu;
      if (gpu) return gpu;
      throw new VitrineError(
        "device/unavailable",
        "device webgpu: this browser has no WebGPU, or the page was not loaded by https or from localhost",
      );
    },
    mayHaveGpu: () => globalThis.navigator?.gpu !== undefined,
    notice: (text) => console.info(text),
  };
}

export interface DownloadProgress {
  /** Bytes of the weights that have come. */
  loaded: number;
  /** Undefined where the server does not say. */
  total: number | undefined;
}

/** The body piece by piece, telling `onProgress` after each. */
async function readBody(
  response: Response,
  onProgress: (progress: DownloadProgress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  // With a content encoding the length is that of the compressed bytes.
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const pieces: Uint8Array[] = [];
  let loaded = 0;
  // Not `for await`: Safari's streams cannot be iterated.
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
 * `address` of a model folder, with or without its last slash. A file that the server answers with 404 is none;
 * throws `network/http` for other refusals and `network/unreachable` where nothing answers.
 */
export function urlModelSource(
  address: URL | string,
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
    if (response.status === 404) return null;
    if (!response.ok) {
      const text = `${url}: the server answered ${response.status}`;
      throw new VitrineError("network/http", text, { details: { url, status: response.status } });
    }
    return readBody(response, file === WEIGHTS_FILE ? onProgress : () => {});
  };
  return { name, location: folder.href, read };
}
