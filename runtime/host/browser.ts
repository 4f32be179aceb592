// The host as a browser page or worker gives it.

import { VitrineError } from "../errors.js";
import type { Host } from "./host.js";

/** `assets` is the address that stands for `dist/`: `wasm/image.wasm` is fetched from below it. */
export function browserHost(assets: URL | string): Host {
  return {
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
    notice: (text) => console.info(text),
  };
}
