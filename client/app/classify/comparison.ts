// Comparison: a second model that looks at the picture on display, beside the first.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Classification } from "../../browser/contract.js";
import { FollowUp, type FollowUpState } from "./follow-up.js";
import { MOST_CLASSES, type Pictures } from "./pictures.js";
import { type CreateClassifier, Session, type Settings } from "./session.js";

export class Comparison {
  readonly #session: Signal<Session | undefined> = signal(undefined);
  readonly #run: FollowUp<Classification>;
  readonly #create: CreateClassifier;

  constructor(create: CreateClassifier, pictures: Pictures) {
    this.#create = create;
    this.#run = new FollowUp(() => {
      const session = this.#session.value;
      session?.generation.value;
      // The first model goes first: both at once would make both slow.
      const picture = pictures.classified.value?.picture;
      if (!session || !picture) return undefined;
      const run = async (signal: AbortSignal) =>
        (await session.classifier()).classify(picture.file, { topK: MOST_CLASSES, signal });
      return { picture, run };
    });
  }

  /** The second model; undefined while none is compared. */
  get session(): ReadonlySignal<Session | undefined> {
    return this.#session;
  }

  /** What the second model says about the picture on display. */
  get verdict(): ReadonlySignal<FollowUpState<Classification>> {
    return this.#run.state;
  }

  /** Compares with the model of these settings. */
  start(settings: Settings): void {
    const session = this.#session.peek();
    if (session) session.load(settings);
    else this.#session.value = new Session(this.#create, settings);
  }

  /** Ends the second model and frees its memory. */
  stop(): void {
    this.#session.peek()?.end();
    this.#session.value = undefined;
  }
}
