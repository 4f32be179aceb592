// Node GPU list: the adapters, found out by a process of its own: drivers write to standard error as they load, take tens
// of MiB that are never given back, and a broken one ends the process that loads it.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromErrorRecord, VitrineError } from "../errors.js";
import type { GpuAdapter } from "./gpu-adapter.js";
import type { AdapterAnswer } from "./node-gpu.js";

const SCRIPT = fileURLToPath(new URL("./node-gpu-list-process.js", import.meta.url));
/** A machine with many drivers takes a second. */
const PATIENCE_MS = 20_000;

/** Throws `device/unavailable` where the package is missing or a driver ends the process. */
export async function askForAdapters(): Promise<GpuAdapter[]> {
  const printed = await new Promise<string>((resolve, reject) => {
    const options = { timeout: PATIENCE_MS, windowsHide: true };
    execFile(process.execPath, [SCRIPT], options, (error, stdout) => {
      // A driver may crash when the process ends; its answer stands.
      if (stdout.endsWith("\n")) resolve(stdout);
      else reject(listingFailed(error));
    });
  });
  const answer = JSON.parse(printed.trimEnd().split("\n").at(-1) as string) as AdapterAnswer;
  if ("error" in answer) throw fromErrorRecord(answer.error);
  return answer.adapters;
}

function listingFailed(cause: unknown): VitrineError {
  const { signal, code } = (cause ?? {}) as { signal?: string | null; code?: unknown };
  return new VitrineError(
    "device/unavailable",
    `device webgpu: looking for GPUs ended with ${signal ?? `status ${String(code)}`}: a driver is broken; use --device wasm`,
    { cause },
  );
}

/** Names in /dev and /dev/dri of what every driver of a GPU needs on Linux. */
const NODES = /^(renderD\d+|nvidia\d+|dxg|kfd|mali\d*|kgsl.*|pvr.*)$/;

/** Whether Linux shows a GPU at all, which costs nothing to see; true elsewhere. */
export function mayHaveGpu(list: (folder: string) => string[] = listFolder): boolean {
  if (process.platform !== "linux") return true;
  return ["/dev", "/dev/dri"].flatMap(list).some((name) => NODES.test(name));
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
