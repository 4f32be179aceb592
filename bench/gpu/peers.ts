// Contestants of the GPU bench as processes, how far each may be from the first of ours, and by which tier.

import { fileURLToPath } from "node:url";
import { tierTolerances } from "../../test/executors/tier-tolerances.js";
import { benchConfig, benchPixels, benchWeights } from "../model-weights.js";
import { type ContestantOptions, nodeContestant } from "../peers/comparison.js";
import { writeMaterial } from "../peers/inputs.js";
import { STEP } from "../peers/training-step.js";
import { type Entrant, entrantName, type Place, type PlannedRow } from "./plan.js";

/** bfloat16 keeps 8 bits of a number. */
const BFLOAT16 = 0.1;

/** Largest difference of logits, or of the losses of three steps, over the larger of 1 and the largest. */
export function allowedDifference(entrant: Entrant): number {
  if (entrant.kind === "vitrine") return tierTolerances(entrant.tier).bench;
  return entrant.kind === "pytorch" && entrant.dtype === "bf16" ? BFLOAT16 : tierTolerances("float32").bench;
}

export interface Setting {
  /** Folder of material.ts. */
  folder: string;
  /** `webgpu:INDEX`. */
  device: string;
  python: string;
  torchDevice: string;
  stepsPerCall: number;
}

export function contestantOf({ place, entrant }: PlannedRow, setting: Setting): ContestantOptions {
  const { folder, device, python, torchDevice, stepsPerCall } = setting;
  const name = entrantName(entrant);
  const { mode, batch } = place;
  if (entrant.kind === "pytorch") {
    const script = fileURLToPath(new URL("../../../bench/gpu/deit_torch_gpu.py", import.meta.url));
    const { form, dtype } = entrant;
    const words = [script, mode, folder, batch, form, dtype, torchDevice, stepsPerCall];
    return { name, command: python, args: words.map(String) };
  }
  const where = entrant.kind === "tfjs" ? [`tfjs:${device}`] : [device, entrant.tier];
  const [on, ...tier] = where as [string, ...string[]];
  return nodeContestant(name, "gpu/vitrine.js", mode, folder, batch, on, stepsPerCall, ...tier);
}

// Material shelf: the folder of the model and the batch that were asked for last, since rows of a place follow each other.

export class MaterialShelf {
  #key = "";
  #remove: () => void = () => {};
  #folder = "";

  /** The folder that all of `place` read. Throws where the model is none. */
  folder({ model, batch }: Place): string {
    const key = `${model} ${batch}`;
    if (key === this.#key) return this.#folder;
    this.clear();
    const config = benchConfig(`deit_${model}_patch16_224`);
    const material = { config, weights: benchWeights(config), settings: STEP };
    const { folder, remove } = writeMaterial(material, benchPixels(config, batch));
    [this.#key, this.#folder, this.#remove] = [key, folder, remove];
    return folder;
  }

  clear(): void {
    this.#remove();
    [this.#key, this.#folder, this.#remove] = ["", "", () => {}];
  }
}
