// Pictures: all that the visitor brought, which one is on display, and what became of each. A verdict belongs to its
// picture, so that none can be shown beside another.
//
// A program that embeds or automates the page can listen on `window` for the event `vitrine:classified`; its detail is
// {file, classification} with the logits.

import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Classification } from "../../browser/contract.js";
import type { Failure } from "../design/notice.js";
import type { Arrival } from "../exchange/arrivals.js";
import { pictureFailure } from "./failure-text.js";
import type { Session } from "./session.js";

declare global {
  interface WindowEventMap {
    "vitrine:classified": CustomEvent<{ file: File; classification: Classification }>;
  }
}

export type Verdict =
  | { kind: "waiting" }
  | { kind: "reading" }
  | { kind: "classified"; classification: Classification }
  | { kind: "failed"; failure: Failure };

export interface Picture {
  readonly id: number;
  readonly name: string;
  /** Name of the folder that it came from: in data sets, its class. */
  readonly folder: string | undefined;
  /** What is shown and classified; an SVG file is drawn into pixels first. */
  readonly file: File;
  readonly verdict: Signal<Verdict>;
  /** Whether parts of it are transparent; false until it was on display. */
  readonly transparent: Signal<boolean>;
  /** Address of a small copy, once it came into view; null where the browser cannot make one. */
  readonly thumbnail: Signal<string | null | undefined>;
}

/** A picture that has a verdict. */
export interface Classified {
  picture: Picture;
  classification: Classification;
}

/** Frees the small copy of a picture that is shown no longer. */
function forget({ thumbnail }: Picture): void {
  if (thumbnail.value) URL.revokeObjectURL(thumbnail.value);
}

/** Classes that are asked for; the page shows the first few of them. */
export const MOST_CLASSES = 20;
/** While no picture waits on display: one is decoded while another is in the model. */
const SIDE_BY_SIDE = 2;

export class Pictures {
  readonly all: Signal<readonly Picture[]> = signal([]);
  readonly #shownId = signal<number | undefined>(undefined);
  /** The picture on display; undefined while all of them are, or none. */
  readonly shown: ReadonlySignal<Picture | undefined> = computed(() =>
    this.all.value.find(({ id }) => id === this.#shownId.value),
  );
  /** The same with its verdict, once it has one. */
  readonly classified: ReadonlySignal<Classified | undefined> = computed(() => {
    const picture = this.shown.value;
    const verdict = picture?.verdict.value;
    return picture && verdict?.kind === "classified"
      ? { picture, classification: verdict.classification }
      : undefined;
  });
  readonly #session: Session;
  readonly #running = new Map<Picture, AbortController>();
  #last: Picture | undefined;
  #nextId = 1;

  constructor(session: Session) {
    this.#session = session;
    // Another model: what the one before it said holds no longer.
    effect(() => {
      session.generation.value;
      this.#startOver();
    });
  }

  /** One picture is put on display; several are shown beside each other. */
  add(arrivals: readonly Arrival[]): void {
    const added = arrivals.map(({ file, folder }) => ({
      id: this.#nextId++,
      name: file.name || "Pasted picture",
      folder,
      file,
      verdict: signal<Verdict>({ kind: "waiting" }),
      transparent: signal(false),
      thumbnail: signal<string | null | undefined>(undefined),
    }));
    batch(() => {
      this.all.value = [...this.all.value, ...added];
      this.#shownId.value = added.length === 1 ? added[0]?.id : undefined;
    });
    this.#proceed();
  }

  /** The picture that was on display last. */
  get last(): Picture | undefined {
    return this.#last;
  }

  /** Puts a picture on display, or with none all of them. What is on display is classified first. */
  show(picture: Picture | undefined): void {
    this.#last = this.shown.peek();
    this.#shownId.value = picture?.id;
    this.#proceed();
  }

  /** The picture `step` places after the one on display, in the order of arrival; undefined at the ends. */
  neighbor(step: number): Picture | undefined {
    const place = this.all.value.findIndex(({ id }) => id === this.#shownId.value);
    return place < 0 ? undefined : this.all.value[place + step];
  }

  retry(picture: Picture): void {
    picture.verdict.value = { kind: "waiting" };
    this.#proceed();
  }

  remove(picture: Picture): void {
    this.#running.get(picture)?.abort();
    this.#running.delete(picture);
    forget(picture);
    this.all.value = this.all.value.filter((other) => other !== picture);
    this.#proceed();
  }

  clear(): void {
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
    this.all.value.forEach(forget);
    batch(() => {
      this.all.value = [];
      this.#shownId.value = undefined;
    });
  }

  #startOver(): void {
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
    batch(() => {
      for (const { verdict } of this.all.peek()) verdict.value = { kind: "waiting" };
    });
    this.#proceed();
  }

  /** Starts what comes next. Others are dropped for a picture on display, and come back to the queue. */
  #proceed(): void {
    const isWaiting = ({ verdict }: Picture) => verdict.peek().kind === "waiting";
    const shown = this.shown.peek();
    if (shown && isWaiting(shown)) {
      for (const [picture, controller] of this.#running) {
        controller.abort();
        picture.verdict.value = { kind: "waiting" };
      }
      this.#running.clear();
      void this.#classify(shown);
      return;
    }
    if (shown && this.#running.has(shown)) return;
    for (const picture of this.all.peek()) {
      if (this.#running.size >= SIDE_BY_SIDE) return;
      if (isWaiting(picture)) void this.#classify(picture);
    }
  }

  async #classify(picture: Picture): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#running.set(picture, controller);
    picture.verdict.value = { kind: "reading" };
    const outcome = await this.#outcomeOf(picture, signal);
    // Dropped: what runs for the picture now, if anything does, is another call.
    if (signal.aborted) return;
    this.#running.delete(picture);
    picture.verdict.value = outcome;
    if (outcome.kind === "classified") {
      const detail = { file: picture.file, classification: outcome.classification };
      window.dispatchEvent(new CustomEvent("vitrine:classified", { detail }));
    }
    // Without a model nothing proceeds until there is one: the session starts all over then.
    if (outcome.kind !== "waiting") this.#proceed();
  }

  async #outcomeOf(picture: Picture, signal: AbortSignal): Promise<Verdict> {
    const classifier = await this.#session.classifier().catch(() => undefined);
    if (!classifier) return { kind: "waiting" };
    try {
      const options = { topK: MOST_CLASSES, signal };
      return { kind: "classified", classification: await classifier.classify(picture.file, options) };
    } catch (error) {
      if (!signal.aborted) console.warn(`${picture.name}:`, error);
      return { kind: "failed", failure: pictureFailure(error, picture.file) };
    }
  }
}
