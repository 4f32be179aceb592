// Model source: the files of the model that a page asked for.

import { compareSum } from "../../runtime/host/browser-checksum.js";
import type { DownloadProgress } from "../../runtime/host/browser-download.js";
import {
  type DownloadFacts,
  type HttpModelSource,
  type HttpSourceOptions,
  urlModelSource,
} from "../../runtime/host/browser-source.js";
import { WEIGHTS_FILE } from "../../runtime/host/host.js";
import { type Connection, filesToTry, offeredFiles } from "./choose-weights.js";
import { hubModelSource } from "./hub-source.js";
import type { ModelRequest } from "./model-request.js";

/** A model whose files the page gave. `sha256`: of the weights, where the page knows it. */
function bytesSource(
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  sha256: string | undefined,
): HttpModelSource {
  const facts: DownloadFacts = { bytes: 0, fromCache: false, verified: false };
  const read = async (file: string) => {
    const bytes = files.get(file);
    if (bytes && file === WEIGHTS_FILE && sha256 !== undefined)
      facts.verified = await compareSum("model.weights", bytes, sha256);
    return bytes ?? null;
  };
  return { name: "model", location: "model", read, facts, kept: Promise.resolve() };
}

/**
 * `onProgress` is called with each piece of the weights. Throws what `hubModelSource` throws; the source's `read` throws
 * what that of `urlModelSource` throws.
 */
export async function openModelSource(
  { address, dtype, cache, sha256 }: ModelRequest,
  onProgress: (progress: DownloadProgress) => void,
): Promise<HttpModelSource> {
  if (address.kind === "bytes") return bytesSource(address.files, sha256);
  const { connection } = navigator as { connection?: Connection };
  const options: HttpSourceOptions = {
    cache,
    sha256,
    onProgress,
    chooseWeights: async (config, isKept) =>
      filesToTry(offeredFiles(config), { dtype, sha256 }, connection, isKept),
  };
  if (address.kind === "hub") return hubModelSource(address.reference, address.endpoint, options);
  return urlModelSource(address.url, onProgress, options);
}
