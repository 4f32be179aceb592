// Device training: the fake training on a device that computes asynchronously.

import type { OptimizerStep, TrainingInputs } from "../../runtime/training/contract.js";
import { FakeTraining } from "./fake-run.js";

/** Resolves a step's outcome when the next step has been submitted, or after 30 ms. */
export class DeviceTraining extends FakeTraining {
  /** Number of steps submitted before the previous one had resolved. */
  overlapped = 0;
  #unresolved = new Set<() => void>();

  async submit(inputs: TrainingInputs, step: OptimizerStep) {
    if (this.#unresolved.size > 0) this.overlapped++;
    for (const resolve of this.#unresolved) resolve();
    const { loss } = await this.accumulate({ ...inputs, pixels: inputs.pixels.slice() });
    const applied = await this.apply(step);
    const resolved = new Promise<void>((resolve) => {
      const finish = () => {
        this.#unresolved.delete(finish);
        resolve();
      };
      this.#unresolved.add(finish);
      setTimeout(finish, 30);
    });
    return { outcome: resolved.then(() => ({ loss, ...applied })) };
  }
}
