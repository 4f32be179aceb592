// Browser assets: where a page fetches the files that Vitrine ships, and what it makes of the answers.

import { VitrineError } from "../errors.js";
import type { Url } from "./environment-types.js";

/** The address of a file that Vitrine ships, by its path under `dist/` such as `wasm/image.wasm`. */
export type AssetLocator = (path: string) => Url;

/**
 * Each address is written out in the form `new URL("…", import.meta.url)`, since that is what bundlers look for: they
 * copy the file and put its new address in the place of the old one.
 */
const SHIPPED: Readonly<Record<string, () => URL>> = {
  "wasm/image.wasm": () => new URL("../../wasm/image.wasm", import.meta.url),
  "wasm/image.relaxed.wasm": () => new URL("../../wasm/image.relaxed.wasm", import.meta.url),
  "wasm/nn.wasm": () => new URL("../../wasm/nn.wasm", import.meta.url),
  "wasm/nn.shared.wasm": () => new URL("../../wasm/nn.shared.wasm", import.meta.url),
  "wasm/nn.relaxed.wasm": () => new URL("../../wasm/nn.relaxed.wasm", import.meta.url),
  "wasm/nn.relaxed.shared.wasm": () => new URL("../../wasm/nn.relaxed.shared.wasm", import.meta.url),
  "wasm/avif_dec.js": () => new URL("../../wasm/avif_dec.js", import.meta.url),
  "wasm/avif_dec.wasm.gz": () => new URL("../../wasm/avif_dec.wasm.gz", import.meta.url),
  "wasm/webp_dec.js": () => new URL("../../wasm/webp_dec.js", import.meta.url),
  "wasm/webp_dec.wasm.gz": () => new URL("../../wasm/webp_dec.wasm.gz", import.meta.url),
};

function locateShipped(path: string): URL {
  const locate = SHIPPED[path];
  if (locate) return locate();
  throw new VitrineError("file/not-found", `Vitrine ships no file ${path}`, { details: { path } });
}

/**
 * `assets`: a function, the address of the folder that holds `wasm/` (with or without its last slash, relative to the
 * page), or undefined for the files beside this module, wherever a bundler has put them.
 */
export function assetLocator(assets: Url | string | AssetLocator | undefined): AssetLocator {
  if (assets === undefined) return locateShipped;
  if (typeof assets === "function") return assets;
  const folder = new URL(assets, globalThis.location?.href);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return (path) => new URL(path, folder);
}

const ADVICE =
  "Vitrine's files are found beside its script; where they are hosted apart, `assets` names the folder that holds wasm/";

function missing(href: string, answer: string, details: { path: string; status?: number }): VitrineError {
  return new VitrineError("file/not-found", `${href}: ${answer}. ${ADVICE}`, { details });
}

const contentType = (response: Response) => response.headers.get("content-type") ?? "no content type";

/** First bytes of WebAssembly and of gzip. */
const SIGNATURES = [
  [0x00, 0x61, 0x73, 0x6d],
  [0x1f, 0x8b],
];

/** The bytes of a WebAssembly file. Throws `file/not-found` for every other answer, `network/unreachable` for none. */
export async function fetchAsset(
  address: Url,
  path: string,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { href } = address;
  const response = await fetch(href, { signal: signal ?? null }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new VitrineError("network/unreachable", `${href}: no answer`, { details: { url: href }, cause });
  });
  const { status } = response;
  if (!response.ok)
    throw missing(href, `the server answered ${status} (${contentType(response)})`, { path, status });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (SIGNATURES.some((signature) => signature.every((byte, place) => bytes[place] === byte))) return bytes;
  const answer = `the server answered ${status} with ${contentType(response)}, which is no WebAssembly`;
  throw missing(href, answer, { path, status });
}

/** The exports of a script. Throws `file/not-found`. */
export async function importAsset(address: Url, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    // The address is known only when this runs: bundlers leave it as it is.
    return await import(
      /* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ address.href
    );
  } catch (cause) {
    const error = missing(address.href, "the script could not be loaded", { path });
    throw new VitrineError(error.code, error.message, { details: error.details, cause });
  }
}
