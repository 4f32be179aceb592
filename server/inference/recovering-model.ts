// Recovering model: a model whose device may be lost. It is opened again on a new one, and the batch that met the loss
// runs once more.

import { isDeviceLost } from "../../runtime/errors.js";
import type { Logits } from "../../runtime/training.js";

/** A model on a device of its own. */
export interface ModelOnDevice {
  /** Device string, such as `webgpu`. */
  device: string;
  /** One line for people. */
  description: string;
  /** uint8 [count, size, size, 3] → logits [count, classes]. One call at a time. */
  logits(pixels: Uint8Array, count: number): Promise<Logits>;
  dispose(): Promise<void>;
}

export class RecoveringModel {
  readonly #open: () => Promise<ModelOnDevice>;
  readonly #notice: (text: string) => void;
  #current: ModelOnDevice | undefined;
  /** The last one's: what the model is said to run on while it is on none. */
  #device: string;

  /** `current` is one that `open` gave. */
  constructor(current: ModelOnDevice, open: () => Promise<ModelOnDevice>, notice: (text: string) => void) {
    this.#open = open;
    this.#notice = notice;
    this.#current = current;
    this.#device = current.device;
  }

  get device(): string {
    return this.#device;
  }

  /**
   * As `ModelOnDevice.logits`. Throws `device/lost` where the new device is lost as well, and what `open` throws; the next
   * call tries again.
   */
  async logits(pixels: Uint8Array, count: number): Promise<Logits> {
    try {
      return await this.#run(pixels, count);
    } catch (error) {
      if (!isDeviceLost(error)) throw error;
      this.#notice((error as Error).message);
    }
    return this.#run(pixels, count);
  }

  async #run(pixels: Uint8Array, count: number): Promise<Logits> {
    const model = this.#current ?? (await this.#reopen());
    try {
      return await model.logits(pixels, count);
    } catch (error) {
      if (isDeviceLost(error)) await this.dispose();
      throw error;
    }
  }

  async #reopen(): Promise<ModelOnDevice> {
    this.#current = await this.#open();
    this.#device = this.#current.device;
    this.#notice(`the model is back: ${this.#current.description}`);
    return this.#current;
  }

  async dispose(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.dispose();
  }
}
