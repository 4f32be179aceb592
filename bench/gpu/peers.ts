// Peers of the GPU bench: the command of each implementation, its inputs, and how far its values may be from ours.

import { fileURLToPath } from "node:url";
import { tierTolerances } from "../../test/executors/tier-tolerances.js";
import { benchConfig, benchPixels, benchWeights } from "../model-weights.js";
import { nodePeer, openblasEnvironment, type PeerCommand } from "../peers/comparison.js";
import { writeInputs } from "../peers/inputs.js";
import { STEP } from "../peers/training-step.js";
import { type Implementation, implementationName, type PlannedRow, type Task } from "./plan.js";

/** bfloat16 keeps 8 bits of a number. */
const BFLOAT16 = 0.1;

/** Largest difference of logits, or of the losses of three steps, over the larger of 1 and the largest value. */
export function allowedDifference(implementation: Implementation): number {
  if (implementation.kind === "vitrine") return tierTolerances(implementation.tier).bench;
  return implementation.kind === "pytorch" && implementation.dtype === "bf16"
    ? BFLOAT16
    : tierTolerances("float32").bench;
}

export interface PeerSettings {
  /** Folder that writeInputs created. */
  folder: string;
  /** `webgpu:INDEX`. */
  device: string;
  python: string;
  torchDevice: string;
  stepsPerCall: number;
}

export function peerCommand({ task, implementation }: PlannedRow, settings: PeerSettings): PeerCommand {
  const { folder, device, python, torchDevice, stepsPerCall } = settings;
  const name = implementationName(implementation);
  const { mode, batch } = task;
  switch (implementation.kind) {
    case "pytorch": {
      const script = fileURLToPath(new URL("../../../bench/gpu/deit_torch_gpu.py", import.meta.url));
      const { form, dtype } = implementation;
      const words = [script, mode, folder, batch, form, dtype, torchDevice, stepsPerCall];
      return { name, command: python, args: words.map(String), env: openblasEnvironment() };
    }
    case "tfjs":
      return nodePeer(name, "gpu/vitrine.js", mode, folder, batch, `tfjs:${device}`, stepsPerCall);
    case "vitrine":
      return nodePeer(name, "gpu/vitrine.js", mode, folder, batch, device, stepsPerCall, implementation.tier);
  }
}

/** Keeps the inputs of the last model and batch size, since rows of a task are consecutive. */
export class InputCache {
  #key = "";
  #remove: () => void = () => {};
  #folder = "";

  /** The folder that all peers of `task` read. Throws where there is no such model. */
  folder({ model, batch }: Task): string {
    const key = `${model} ${batch}`;
    if (key === this.#key) return this.#folder;
    this.clear();
    const config = benchConfig(`deit_${model}_patch16_224`);
    const inputs = { config, weights: benchWeights(config), settings: STEP };
    const { folder, remove } = writeInputs(inputs, benchPixels(config, batch));
    [this.#key, this.#folder, this.#remove] = [key, folder, remove];
    return folder;
  }

  clear(): void {
    this.#remove();
    [this.#key, this.#folder, this.#remove] = ["", "", () => {}];
  }
}
