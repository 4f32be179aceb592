// Recovering model: a model whose device may be lost. It is reopened on a new device, and every batch that failed with
// the loss runs once more.

import { isDeviceLost } from "../../../runtime/errors.js";
import { type Started, underway } from "../../../runtime/executors/pipelined.js";
import type { Answer, ExtraResults, ImageTensor } from "../../../runtime/inference/answer.js";

/** A model with its own device. */
export interface ModelOnDevice {
  /** Device string, such as `webgpu`. */
  device: string;
  /** One readable line. */
  description: string;
  /** As `ServedModel.submit`. One call at a time: the next after this has resolved. */
  submit(images: ImageTensor, count: number, extra?: ExtraResults): Promise<Started<Answer>>;
  dispose(): Promise<void>;
}

type Submit = (model: ModelOnDevice) => Promise<Started<Answer>>;

export class RecoveringModel {
  readonly #open: () => Promise<ModelOnDevice>;
  readonly #notice: (text: string) => void;
  #current: ModelOnDevice | undefined;
  /** The current device, or the last one while the model is on none. */
  #device: string;
  /** The model that was lost last, and its error. */
  #lost: { model: ModelOnDevice; error: unknown } | undefined;
  /** Resolves when the model can take the next call. */
  #ready: Promise<unknown> = Promise.resolve();

  /** `current` was returned by `open`. */
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
   * As `ModelOnDevice.submit`; the images must not change until the outcome has resolved. Throws `device/lost` where
   * the new device is lost too, and what `open` throws; the next call tries again.
   */
  async submit(images: ImageTensor, count: number, extra?: ExtraResults): Promise<Started<Answer>> {
    const attempt = () => this.#attempt((model) => model.submit(images, count, extra));
    let first: Started<Answer>;
    try {
      first = await attempt();
    } catch (error) {
      if (!isDeviceLost(error)) throw error;
      return attempt();
    }
    if (!first.underway) return first;
    const outcome = first.outcome.catch(async (error) => {
      if (!isDeviceLost(error)) throw error;
      return (await attempt()).outcome;
    });
    return underway(outcome);
  }

  /** One try, started after those before it. */
  #attempt(submit: Submit): Promise<Started<Answer>> {
    const started = this.#ready.then(() => this.#start(submit));
    this.#ready = started.catch(() => {});
    return started;
  }

  async #start(submit: Submit): Promise<Started<Answer>> {
    const model = this.#current ?? (await this.#reopen());
    try {
      const { underway: isUnderway, outcome } = await submit(model);
      return isUnderway
        ? underway(outcome.catch((error) => this.#failed(model, error)))
        : { underway: false, outcome };
    } catch (error) {
      return this.#failed(model, error);
    }
  }

  /** Disposes of a model whose device was lost, once. Throws the loss, or `error` where it is another failure. */
  async #failed(model: ModelOnDevice, error: unknown): Promise<never> {
    // Other batches in flight fail because the device has been disposed of: they report the loss as well.
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
