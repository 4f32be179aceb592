// Page state: what the components of this page draw, and what the visitor can do. Components read its signals.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Failure } from "../design/notice.js";
import type { Arrival } from "../exchange/arrivals.js";
import { Camera } from "./camera.js";
import { Comparison } from "./comparison.js";
import { Explanations } from "./explanations.js";
import { AddressError, fetchPicture } from "./picture-address.js";
import { Pictures } from "./pictures.js";
import { fetchSample, type Sample } from "./samples.js";
import { type CreateClassifier, Session, type Settings } from "./session.js";
import { drawVector, isVector } from "./vector-picture.js";

/** What the page uses of vitrine/browser. It is passed in, so that the components stay independent of the runtime. */
interface Library {
  createClassifier: CreateClassifier;
  clearCache(): Promise<void>;
}

export class PageState {
  readonly session: Session;
  readonly pictures: Pictures;
  readonly camera: Camera;
  readonly comparison: Comparison;
  readonly explanations: Explanations;
  /** Classes that a verdict names. */
  readonly topK: Signal<number> = signal(5);
  readonly settingsOpen: Signal<boolean> = signal(false);
  /** A file or link is held above the page. */
  readonly hovering: Signal<boolean> = signal(false);
  readonly #refusal = signal<Failure | undefined>(undefined);
  readonly #fetching = signal<string | undefined>(undefined);
  #ending = new AbortController();

  /** Removes the models that the browser keeps. */
  readonly clearCache: () => Promise<void>;

  constructor({ createClassifier: create, clearCache }: Library, settings: Settings) {
    this.clearCache = clearCache;
    this.session = new Session(create, settings);
    this.pictures = new Pictures(this.session);
    this.camera = new Camera(this.session);
    this.explanations = new Explanations(this.session, this.pictures);
    this.comparison = new Comparison(create, this.pictures);
  }

  /** Why what was brought last is no picture; until something else is brought. */
  get refusal(): ReadonlySignal<Failure | undefined> {
    return this.#refusal;
  }

  /** What is being fetched from another site. */
  get fetching(): ReadonlySignal<string | undefined> {
    return this.#fetching;
  }

  /** Nothing has been brought: the page invites. */
  readonly empty: ReadonlySignal<boolean> = computed(
    () => this.pictures.all.value.length === 0 && this.camera.state.value.kind === "off",
  );

  async receive(arrivals: readonly Arrival[]): Promise<void> {
    this.#begin();
    if (arrivals.length === 0) return;
    // What cannot be drawn is passed on as it is: its verdict says what is wrong with it.
    const prepared = arrivals.map(async (arrival) =>
      isVector(arrival.file)
        ? { ...arrival, file: await drawVector(arrival.file).catch(() => arrival.file) }
        : arrival,
    );
    const ready = arrivals.some(({ file }) => isVector(file)) ? await Promise.all(prepared) : arrivals;
    this.camera.stop();
    this.pictures.add(ready);
  }

  async receiveSample(sample: Sample): Promise<void> {
    this.#begin();
    try {
      await this.receive([{ file: await fetchSample(sample) }]);
    } catch (error) {
      console.warn(error);
      this.refuse("The sample could not be fetched.", "Check the connection, then try again.");
    }
  }

  async receiveAddress(address: string): Promise<void> {
    this.#begin();
    const { signal } = this.#ending;
    this.#fetching.value = address;
    try {
      const file = await fetchPicture(address, signal);
      if (!signal.aborted) await this.receive([{ file }]);
    } catch (error) {
      if (signal.aborted) return;
      console.warn(error);
      if (error instanceof AddressError) this.#refusal.value = error.failure;
      else this.refuse("The picture could not be fetched.", String(error));
    } finally {
      if (!signal.aborted) this.#fetching.value = undefined;
    }
  }

  refuse(line: string, advice: string): void {
    batch(() => {
      this.#begin();
      this.#refusal.value = { line, advice };
    });
  }

  openCamera(): void {
    this.#begin();
    this.pictures.show(undefined);
    void this.camera.start();
  }

  /** The camera's picture of this moment becomes one to keep. */
  async keepFrame(): Promise<void> {
    const file = await this.camera.takePicture();
    if (file) await this.receive([{ file }]);
  }

  /** What is brought now replaces what is still being fetched, and the words about what came before. */
  #begin(): void {
    this.#ending.abort();
    this.#ending = new AbortController();
    this.#fetching.value = undefined;
    this.#refusal.value = undefined;
  }
}
