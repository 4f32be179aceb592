// Comparison: a second model that looks at the picture on display, beside the first.

import { effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import { pictureFailure } from "./failure-text.js";
import { MOST_CLASSES, type Picture, type Pictures, type Verdict } from "./pictures.js";
import { type CreateClassifier, Session, type Settings } from "./session.js";

export class Comparison {
  readonly #session: Signal<Session | undefined> = signal(undefined);
  readonly #verdict: Signal<Verdict> = signal({ kind: "waiting" });
  readonly #create: CreateClassifier;
  #running = new AbortController();

  constructor(create: CreateClassifier, pictures: Pictures) {
    this.#create = create;
    effect(() => {
      const session = this.#session.value;
      session?.generation.value;
      const picture = pictures.shown.value;
      // The first model goes first: both at once would make both slow.
      const ready = picture?.verdict.value.kind === "classified";
      untracked(() => {
        this.#running.abort();
        this.#running = new AbortController();
        this.#verdict.value = { kind: "waiting" };
        if (session && picture && ready) void this.#classify(session, picture, this.#running.signal);
      });
    });
  }

  /** The second model; undefined while none is compared. */
  get session(): ReadonlySignal<Session | undefined> {
    return this.#session;
  }

  /** What the second model says about the picture on display. */
  get verdict(): ReadonlySignal<Verdict> {
    return this.#verdict;
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

  async #classify(session: Session, picture: Picture, signal: AbortSignal): Promise<void> {
    const classifier = await session.classifier().catch(() => undefined);
    // Its own state says why there is none.
    if (!classifier || signal.aborted) return;
    this.#verdict.value = { kind: "reading" };
    let verdict: Verdict;
    try {
      const options = { topK: MOST_CLASSES, signal };
      verdict = { kind: "classified", classification: await classifier.classify(picture.file, options) };
    } catch (error) {
      if (!signal.aborted) console.warn(error);
      verdict = { kind: "failed", failure: pictureFailure(error, picture.file) };
    }
    if (!signal.aborted) this.#verdict.value = verdict;
  }
}
