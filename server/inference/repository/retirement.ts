// Retirement: a version that nobody finds any more ends its requests within a limit, and is freed.

import { setTimeout as delay } from "node:timers/promises";
import type { ModelEngine } from "../contract.js";
import { textOf } from "./model-entry.js";

const RETIRE_MS = 60_000;

/** A caller that has just found a version asks it within this time; only then it takes no more. */
const FOUND_MS = 250;

export class Retirement {
  readonly #limitMs: number;
  readonly #say: (text: string, level?: "info" | "warn") => void;

  /** Milliseconds that the requests of a version get, a minute by default; `say` is passed a line about each version. */
  constructor(limitMs: number | undefined, say: (text: string, level?: "info" | "warn") => void) {
    this.#limitMs = limitMs ?? RETIRE_MS;
    this.#say = say;
  }

  /** Resolves when the engine is freed. Never throws: what fails is said. */
  async retire(engine: ModelEngine, subject: string): Promise<void> {
    try {
      await delay(FOUND_MS);
      const drained = engine.drain().then(() => true);
      const limit = delay(this.#limitMs, false, { ref: false });
      if (!(await Promise.race([drained, limit])))
        this.#say(`${subject}: requests that did not end in time were cut off`, "warn");
      await engine.close();
      this.#say(`${subject}: unloaded`);
    } catch (error) {
      this.#say(`${subject}: could not be unloaded: ${textOf(error)}`, "warn");
    }
  }
}
