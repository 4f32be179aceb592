// Engine: what runs the code here, and which of the processor's vectors it uses.

import { cpus } from "node:os";
import type { Host } from "../../runtime/host/host.js";

export interface EngineFacts {
  node: string;
  v8: string;
  platform: string;
  arch: string;
  processor: string;
  /** Whether the engine takes the kernels at all. */
  simd128: boolean;
  /** Fused multiply-add. */
  relaxedSimd: boolean;
  /** 256-bit operations, made by V8 of neighboring 128-bit ones. */
  wideSimd: boolean;
  /** Why not, where there are none. */
  wideSimdReason: string | null;
}

function whyNotWide(): string {
  if (process.env.VITRINE_WIDE_SIMD === "off") return "VITRINE_WIDE_SIMD=off in the environment";
  if (process.arch !== "x64") return `V8 has them on x64 only, this is ${process.arch}`;
  return `not in Node ${process.versions.node.split(".")[0]}: Node 24 has them`;
}

/** Turns relaxed and wide SIMD on, where the engine has them, as the executor would. */
export async function engineFacts(host: Host): Promise<EngineFacts> {
  const wideSimd = host.enableWideSimd?.() ?? false;
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    platform: process.platform,
    arch: process.arch,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    simd128: WebAssembly.validate(await host.readAsset("wasm/nn.wasm")),
    relaxedSimd: host.enableRelaxedSimd(),
    wideSimd,
    wideSimdReason: wideSimd ? null : whyNotWide(),
  };
}
