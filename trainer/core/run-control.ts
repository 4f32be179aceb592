// Run control: what someone who follows a run may ask of it: to pause, to go on, to save now. The loop answers between
// two steps, where a checkpoint is whole, so that no weight depends on whether or when it was asked.

import { VitrineError } from "../../runtime/errors.js";

export type ControlPhase = "running" | "pausing" | "paused" | "ended";

/** Who waits for a checkpoint. */
interface Waiting {
  resolve(step: number): void;
  reject(reason: VitrineError): void;
}

const ended = (): VitrineError =>
  new VitrineError("training/interrupted", "the run has ended: there is nothing more to pause or save");

/** Requests to a run, and its answers. One object may serve a run that is prepared again on a new device. */
export class RunControl {
  #phase: ControlPhase = "running";
  #saves: Waiting[] = [];
  #wake: () => void = () => {};
  readonly #onPhase: (phase: ControlPhase) => void;

  constructor(onPhase: (phase: ControlPhase) => void = () => {}) {
    this.#onPhase = onPhase;
  }

  get phase(): ControlPhase {
    return this.#phase;
  }

  #become(phase: ControlPhase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#onPhase(phase);
  }

  /** After the step in progress, and a validation in progress, the run saves and waits. Throws `training/interrupted`. */
  pause(): void {
    if (this.#phase === "ended") throw ended();
    if (this.#phase === "running") this.#become("pausing");
  }

  /** The run goes on. Throws `training/interrupted`. */
  resume(): void {
    if (this.#phase === "ended") throw ended();
    this.#become("running");
    this.#wake();
  }

  /** Resolves to the step that RUN/last holds once it was written. Throws `training/interrupted` where the run has ended. */
  save(): Promise<number> {
    if (this.#phase === "ended") return Promise.reject(ended());
    const saved = new Promise<number>((resolve, reject) => this.#saves.push({ resolve, reject }));
    this.#wake();
    return saved;
  }

  /** Whether the loop must stop for a moment after this step. */
  get isDue(): boolean {
    return this.#phase === "pausing" || this.#saves.length > 0;
  }

  /**
   * Called by the loop between two steps: `save` writes what is unsaved and returns the step that is saved then. Returns
   * when the run may go on, or `signal` has fired.
   */
  async takeBreak(save: () => Promise<number>, signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      do {
        const waiting = this.#saves.splice(0);
        try {
          const step = await save();
          for (const { resolve } of waiting) resolve(step);
        } catch (error) {
          this.#saves.push(...waiting);
          throw error;
        }
        if (this.#phase === "pausing") this.#become("paused");
        if (this.#phase === "paused" && this.#saves.length === 0 && !signal.aborted)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      } while ((this.#phase === "paused" || this.#saves.length > 0) && !signal.aborted);
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  /** The run is over: what still waits is refused. */
  end(): void {
    this.#become("ended");
    for (const { reject } of this.#saves.splice(0)) reject(ended());
    this.#wake();
  }
}
