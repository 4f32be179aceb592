// Follow-up: a run about the picture on display that comes after its verdict, such as another model's. Another picture, or
// nothing that is wanted, ends it.

import { effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import type { Failure } from "../design/notice.js";
import { pictureFailure } from "./failure-text.js";
import type { Picture } from "./pictures.js";

export type FollowUpState<Result> =
  | { kind: "none" }
  | { kind: "running" }
  | { kind: "done"; result: Result }
  | { kind: "failed"; failure: Failure };

export interface Errand<Result> {
  picture: Picture;
  run(signal: AbortSignal): Promise<Result>;
}

export class FollowUp<Result> {
  readonly #state: Signal<FollowUpState<Result>> = signal({ kind: "none" });
  #running = new AbortController();

  /** `want` reads signals: whenever one of them changes, what runs is dropped, and what it returns then is run. */
  constructor(want: () => Errand<Result> | undefined) {
    effect(() => {
      const errand = want();
      untracked(() => void this.#start(errand));
    });
  }

  get state(): ReadonlySignal<FollowUpState<Result>> {
    return this.#state;
  }

  async #start(errand: Errand<Result> | undefined): Promise<void> {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#state.value = { kind: errand ? "running" : "none" };
    if (!errand) return;
    let next: FollowUpState<Result>;
    try {
      next = { kind: "done", result: await errand.run(signal) };
    } catch (error) {
      if (!signal.aborted) console.warn(`${errand.picture.name}:`, error);
      next = { kind: "failed", failure: pictureFailure(error, errand.picture.file) };
    }
    if (!signal.aborted) this.#state.value = next;
  }
}
