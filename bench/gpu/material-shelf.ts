// Material shelf: the folder of the model and the batch that were asked for last, since rows of a place follow each other.

import { benchConfig, benchPixels, benchWeights } from "../model-weights.js";
import { writeMaterial } from "../peers/material.js";
import { STEP } from "../train/step.js";
import type { Place } from "./plan.js";

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
