// The host as Node gives it. The only file of the runtime that may import node:*.

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { VitrineError } from "../errors.js";
import type { Host } from "./host.js";

/** Compiled files live in dist/runtime/host/, assets in dist/. */
const DIST = new URL("../../", import.meta.url);

/** A module with one function that uses `f32x4.relaxed_madd`: valid only where relaxed SIMD is on. */
export const RELAXED_PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b,
  0x03, 0x02, 0x01, 0x00, 0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02,
  0x0b,
]);

async function readAsset(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(path, DIST);
  try {
    const file = await readFile(url);
    return new Uint8Array(file);
  } catch (cause) {
    throw new VitrineError("file/not-found", `built file dist/${path} is missing: run "npm run build"`, {
      details: { path },
      cause,
    });
  }
}

/** Node 20 knows relaxed SIMD behind a flag only; newer versions have it and complain of the flag. */
function enableRelaxedSimd(): boolean {
  if (WebAssembly.validate(RELAXED_PROBE)) return true;
  setFlagsFromString("--experimental-wasm-relaxed-simd");
  return WebAssembly.validate(RELAXED_PROBE);
}

export function nodeHost(): Host {
  return {
    name: "node",
    readAsset,
    cores: availableParallelism,
    enableRelaxedSimd,
    notice: (text) => process.stderr.write(`${text}\n`),
  };
}
