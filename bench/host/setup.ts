// Setup that the peers of the host bench have in common: the backend and the model.

import { openNodeGpu } from "../../runtime/host/node-gpu.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { benchConfig } from "../model-weights.js";

/** Dawn's null backend, which accepts every command and computes nothing, or the machine's GPU. */
export type Where = "null" | "gpu";

export function openGpu(where: Where): Promise<GPU> {
  return where === "null" ? openNodeGpu({ backend: "null", name: "" }) : openNodeGpu();
}

/** DeiT-Tiny distilled for images of `side` pixels. */
export function hostConfig(side: number): DeitConfig {
  return { ...benchConfig("deit_tiny_distilled_patch16_224"), imageSize: side };
}
