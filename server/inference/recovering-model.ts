// Recovering model: a model whose device may be lost. It is opened again on a new one, and every batch that met the loss
// runs once more.

import { isDeviceLost } from "../../runtime/errors.js";
import { type Started, underway } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";

/** A model on a device of its own. */
export interface ModelOnDevice {
  /** Device string, such as `webgpu`. */
  device: string;
  /** One line for people. */
  description: string;
  /** uint8 [count, size, size, 3] → logits [count, classes]. One call at a time; the next when this has resolved. */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  dispose(): Promise<void>;
}

export class RecoveringModel {
  readonly #open: () => Promise<ModelOnDevice>;
  readonly #notice: (text: string) => void;
  #current: ModelOnDevice | undefined;
  /** The last one's: what the model is said to run on while it is on none. */
  #device: string;
  /** The model that was lost last, and what it said. */
  #lost: { model: ModelOnDevice; error: unknown } | undefined;
  /** Ends when the next call may come to the model. */
  #turn: Promise<unknown> = Promise.resolve();

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
   * As `ModelOnDevice.submit`, with pixels that stay as they are until the logits are there. Throws `device/lost` where the
   * new device is lost as well, and what `open` throws; the next call tries again.
   */
  async submit(pixels: Uint8Array, count: number): Promise<Started<Logits>> {
    let first: Started<Logits>;
    try {
      first = await this.#attempt(pixels, count);
    } catch (error) {
      if (!isDeviceLost(error)) throw error;
      return this.#attempt(pixels, count);
    }
    if (!first.underway) return first;
    const outcome = first.outcome.catch(async (error) => {
      if (!isDeviceLost(error)) throw error;
      return (await this.#attempt(pixels, count)).outcome;
    });
    return underway(outcome);
  }

  /** One try, when those before it have been begun. */
  #attempt(pixels: Uint8Array, count: number): Promise<Started<Logits>> {
    const started = this.#turn.then(() => this.#start(pixels, count));
    this.#turn = started.catch(() => {});
    return started;
  }

  async #start(pixels: Uint8Array, count: number): Promise<Started<Logits>> {
    const model = this.#current ?? (await this.#reopen());
    try {
      const { underway: isUnderway, outcome } = await model.submit(pixels, count);
      return isUnderway
        ? underway(outcome.catch((error) => this.#left(model, error)))
        : { underway: false, outcome };
    } catch (error) {
      return this.#left(model, error);
    }
  }

  /** Gives a model back whose device was lost, once. Throws the loss, or the error where there is none. */
  async #left(model: ModelOnDevice, error: unknown): Promise<never> {
    // What else was underway there finds a device that was disposed of.
    if (this.#lost?.model === model) throw this.#lost.error;
    if (!isDeviceLost(error)) throw error;
    this.#lost = { model, error };
    this.#notice((error as Error).message);
    await this.dispose();
    throw error;
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
