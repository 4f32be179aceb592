// Tab run: the run of the page from its start to the model that it exports, as signals that components show.

import { batch, type ReadonlySignal, signal } from "@preact/signals";
import type {
  KeptRun,
  TrainedEvaluation,
  TrainedStep,
  Trainer,
  TrainerFacts,
  TrainerOptions,
} from "../../browser/train/contract.js";
import type { Failure } from "../design/notice.js";
import type { ModelChoice } from "../exchange/model-list.js";
import { saveFile } from "../exchange/saving.js";
import { trainingFailure } from "./failure-words.js";
import type { SplitPictures } from "./labeled-classes.js";

/** `gathering`: no run yet; `stopped`: it can go on. */
export type RunPhase = "gathering" | "preparing" | "training" | "paused" | "stopped" | "finished";

/** The part of vitrine/browser/train in use. */
export interface Library {
  createTrainer(options: TrainerOptions): Promise<Trainer>;
  listRuns(): Promise<KeptRun[]>;
  removeRun(run: string): Promise<void>;
}

/** What the visitor decides. */
export interface RunChoices {
  trains: "head" | "all";
  epochs: number;
}

/** The one run that the page keeps. */
const RUN = "page";

export class TabRun {
  readonly #phase = signal<RunPhase>("gathering");
  readonly #status = signal("");
  readonly #fraction = signal<number | undefined>(undefined);
  readonly #failure = signal<Failure | undefined>(undefined);
  readonly #facts = signal<TrainerFacts | undefined>(undefined);
  readonly #steps = signal<readonly TrainedStep[]>([]);
  readonly #evaluations = signal<readonly TrainedEvaluation[]>([]);
  readonly #notices = signal<readonly string[]>([]);
  readonly #kept = signal<KeptRun | undefined>(undefined);
  readonly choices = signal<RunChoices>({ trains: "head", epochs: 20 });
  readonly #library: Library;
  readonly #models: Promise<readonly ModelChoice[]>;
  readonly #device: string | undefined;
  #trainer: Trainer | undefined;

  constructor(library: Library, models: Promise<readonly ModelChoice[]>, device: string | undefined) {
    this.#library = library;
    this.#models = models;
    this.#device = device;
    models.catch(() => {});
    this.#phase.subscribe((phase) => {
      document.body.dataset.run = phase;
    });
    void this.#lookForKept();
  }

  get phase(): ReadonlySignal<RunPhase> {
    return this.#phase;
  }
  /** What goes on, in a line. */
  get status(): ReadonlySignal<string> {
    return this.#status;
  }
  /** 0 to 1; undefined where the end is not known. */
  get fraction(): ReadonlySignal<number | undefined> {
    return this.#fraction;
  }
  get failure(): ReadonlySignal<Failure | undefined> {
    return this.#failure;
  }
  get facts(): ReadonlySignal<TrainerFacts | undefined> {
    return this.#facts;
  }
  get steps(): ReadonlySignal<readonly TrainedStep[]> {
    return this.#steps;
  }
  get evaluations(): ReadonlySignal<readonly TrainedEvaluation[]> {
    return this.#evaluations;
  }
  get notices(): ReadonlySignal<readonly string[]> {
    return this.#notices;
  }
  /** A run of an earlier visit. */
  get kept(): ReadonlySignal<KeptRun | undefined> {
    return this.#kept;
  }
  get trainer(): Trainer | undefined {
    return this.#trainer;
  }

  /** A new run, in place of the one that was kept. */
  async start({ pictures, validation }: SplitPictures): Promise<void> {
    await this.#open(async (events) => {
      const [model] = await this.#models;
      if (!model) throw new Error("the page's server offers no model");
      this.#trainer?.dispose();
      await this.#library.removeRun(RUN);
      const { trains, epochs } = this.choices.value;
      const address = /^\w+:/.test(model.url) ? model.url : new URL(model.url, location.href);
      const own = { model: address, pictures, validation, trains, settings: { epochs } };
      return this.#library.createTrainer({ ...own, ...events });
    });
  }

  /** Continues the run that was kept. */
  async continueKept(): Promise<void> {
    await this.#open((events) => this.#library.createTrainer({ resume: true, ...events }));
  }

  async #open(create: (events: TrainerOptions) => Promise<Trainer>): Promise<void> {
    batch(() => {
      this.#phase.value = "preparing";
      this.#status.value = "Preparing the model";
      this.#fraction.value = undefined;
      this.#failure.value = undefined;
      this.#kept.value = undefined;
      this.#notices.value = [];
      this.#steps.value = [];
      this.#evaluations.value = [];
    });
    try {
      const trainer = await create({
        run: RUN,
        device: this.#device,
        onProgress: ({ loaded, total }) => {
          this.#fraction.value = total === undefined ? undefined : loaded / total;
        },
        onStep: (step) => this.#stepped(step),
        onEvaluation: (evaluation) => {
          this.#evaluations.value = [...this.#evaluations.value, evaluation];
        },
        onNotice: (text) => {
          this.#notices.value = [...this.#notices.value.slice(-9), text];
        },
      });
      this.#trainer = trainer;
      batch(() => {
        this.#facts.value = trainer.facts;
        this.#steps.value = trainer.facts.history.steps;
        this.#evaluations.value = trainer.facts.history.evaluations;
      });
      await this.train();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Trains on, from where the run is. */
  async train(): Promise<void> {
    const trainer = this.#trainer;
    if (!trainer) return;
    batch(() => {
      this.#phase.value = "training";
      this.#status.value = "Training";
      this.#failure.value = undefined;
    });
    try {
      const { finished } = await trainer.train();
      if (this.#trainer !== trainer) return;
      batch(() => {
        this.#phase.value = finished ? "finished" : "stopped";
        this.#status.value = finished ? "Trained" : "Stopped";
        if (finished) this.#fraction.value = 1;
      });
    } catch (error) {
      if (this.#trainer === trainer) this.#fail(error);
    }
  }

  pause(): void {
    this.#trainer?.pause();
    this.#phase.value = "paused";
    this.#status.value = "Paused";
  }

  resume(): void {
    this.#trainer?.resume();
    this.#phase.value = "training";
    this.#status.value = "Training";
  }

  stop(): void {
    this.#status.value = "Saving";
    void this.#trainer?.stop();
  }

  /** Hands the model's files to the browser's downloads. */
  async download(): Promise<void> {
    const files = await this.#trainer?.exportModel();
    for (const [name, bytes] of files ?? []) saveFile(name, new Blob([bytes]));
  }

  async forgetKept(): Promise<void> {
    this.#kept.value = undefined;
    await this.#library.removeRun(RUN).catch((error: unknown) => console.warn(error));
  }

  #stepped(step: TrainedStep): void {
    batch(() => {
      this.#steps.value = [...this.#steps.value, step];
      this.#fraction.value = step.step / step.steps;
    });
  }

  #fail(error: unknown): void {
    console.warn(error);
    batch(() => {
      this.#failure.value = trainingFailure(error);
      this.#phase.value = this.#trainer && this.#facts.value ? "stopped" : "gathering";
      this.#status.value = "";
      this.#fraction.value = undefined;
    });
  }

  async #lookForKept(): Promise<void> {
    try {
      const kept = (await this.#library.listRuns()).find(({ run }) => run === RUN);
      if (this.#phase.value === "gathering") this.#kept.value = kept;
    } catch (error) {
      // A page without private files has kept no run; starting one says why not.
      console.warn(error);
    }
  }
}
