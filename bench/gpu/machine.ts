// Machine: what the GPU bench ran on, as its drivers describe it.

import { spawnSync } from "node:child_process";
import { cpus, release, type } from "node:os";
import type { GpuAdapter } from "../../runtime/host/gpu-adapter.js";

export interface Machine {
  adapter: string;
  driver: string;
  software: boolean;
  features: readonly string[];
  system: string;
  cpu: string;
  node: string;
  /** Output of nvidia-smi; null where there is none. */
  nvidia: string | null;
  /** Interpreter and version of PyTorch, and the GPU it sees; null where none was found. */
  torch: Torch | null;
}

export interface Torch {
  python: string;
  version: string;
  gpu: string | null;
}

const DESCRIBE_TORCH = `
import json, torch
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
print(json.dumps({"version": torch.__version__, "gpu": gpu}))
`;

function outputOf(command: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  const text = (stdout ?? "").trim();
  return status === 0 && text !== "" ? text : null;
}

/** The first interpreter with torch that sees a GPU, else the first one with torch. */
export function findTorch(pythons: readonly string[]): Torch | null {
  const found = pythons.flatMap((python) => {
    const answer = outputOf(python, ["-c", DESCRIBE_TORCH]);
    return answer === null ? [] : [{ python, ...(JSON.parse(answer) as Omit<Torch, "python">) }];
  });
  return found.find(({ gpu }) => gpu !== null) ?? found[0] ?? null;
}

export function describeMachine(adapter: GpuAdapter, torch: Torch | null): Machine {
  const { name, backend, driver, software, features } = adapter;
  return {
    adapter: `${name} (${backend})`,
    driver,
    software,
    features,
    system: `${type()} ${release()}`,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? process.arch}`,
    node: process.version,
    nvidia: outputOf("nvidia-smi", ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]),
    torch,
  };
}
