// Saved run: a run's folder, as the dashboard shows it: of a run that is over, or that another process trains.

import { statSync } from "node:fs";
import { join } from "node:path";
import type { MistakesView, RunEntry, RunEvent, RunPhase, RunSnapshot } from "../../proto/dashboard.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { ObservedRun } from "../../server/dashboard/observed-run.js";
import { LAST } from "../../trainer/checkpoint/run-folders.js";
import { STATE_FILE } from "../../trainer/core/state.js";
import { isRunLocked } from "../../trainer/run-lock.js";
import { plannedSteps } from "../report/headline.js";
import { shownPath } from "../report/names.js";
import { readRunHistory } from "../report/read-run.js";
import type { RunHistory } from "../report/reported-run.js";
import { KeptPictures } from "./kept-pictures.js";
import { type FindMistakes, mistakesView, noMistakes } from "./mistakes.js";
import { bestOf, checkpointsOf, runFacts, runSettings, scoresOf } from "./run-facts.js";
import { chartedCurves } from "./saved-curves.js";

/** A run of another process is looked at this often, while someone watches. */
const LOOK_MS = 2000;

const ADVICE: Partial<Record<RunPhase, string>> = {
  elsewhere: "Another process trains this run.",
  stopped: "The run is not finished, and no process trains it: its command with --resume continues it.",
};

export class SavedRun implements ObservedRun {
  readonly id: string;
  readonly folder: string;
  readonly mistakes?: () => Promise<MistakesView>;
  readonly #pictures = new KeptPictures(1);
  /** Read again only after the folder has changed. */
  #read: Promise<RunHistory> | null = null;
  #stamp = "";

  /** `findMistakes`: computes the mistakes of a run's model. Absent where that would disturb a training. */
  constructor(id: string, folder: string, findMistakes?: FindMistakes) {
    this.id = id;
    this.folder = folder;
    if (!findMistakes) return;
    let view: MistakesView | null = null;
    this.mistakes = async () => {
      if (view) return view;
      const history = await this.#history();
      if (history.state.validationPath === null) return noMistakes("The run has no validation data.");
      view = { ...noMistakes(""), total: 1 };
      const onProgress = (done: number, total: number) => {
        view = { ...noMistakes(""), done, total };
      };
      findMistakes(history, onProgress).then(
        ({ mistakes, scores, size, labels }) => {
          const images = scores.total.images;
          view = mistakesView(1, { mistakes, images, size, labels }, this.#pictures);
        },
        (error: unknown) => {
          view = noMistakes(error instanceof Error ? error.message : String(error));
        },
      );
      return view;
    };
  }

  /** Changes when the run's files do. */
  #currentStamp(): string {
    const files = ["metrics.csv", join(LAST, STATE_FILE), "lock"].map((file) => join(this.folder, file));
    const times = files.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    // A lock is touched while its owner lives, which is no change.
    return [times[0], times[1], isRunLocked(this.folder)].join(" ");
  }

  #history(): Promise<RunHistory> {
    const stamp = this.#currentStamp();
    if (this.#read !== null && stamp === this.#stamp) return this.#read;
    this.#stamp = stamp;
    const read = readRunHistory(this.folder);
    this.#read = read;
    read.catch(() => {
      this.#read = null;
    });
    return read;
  }

  #entryOf({ state, metrics }: RunHistory): RunEntry {
    const phase = state.finished ? "finished" : isRunLocked(this.folder) ? "elsewhere" : "stopped";
    const step = Math.max(state.step, metrics.last("step") ?? 0);
    const steps = plannedSteps(metrics, state.settings);
    return { id: this.id, name: this.id, isLive: false, phase, step, steps, best: bestOf(state) };
  }

  async entry(): Promise<RunEntry> {
    try {
      return this.#entryOf(await this.#history());
    } catch (error) {
      if (!isVitrineError(error)) throw error;
      return { id: this.id, name: this.id, isLive: false, phase: "failed", step: 0, steps: null, best: null };
    }
  }

  async snapshot(): Promise<RunSnapshot> {
    const history = await this.#history();
    const { state, metrics, labels } = history;
    const model = state.settings.model ?? state.settings.init;
    const entry = this.#entryOf(history);
    return {
      ...entry,
      activity: "",
      advice: ADVICE[entry.phase] ?? "",
      progress: null,
      facts: runFacts(this.folder, state, model === null ? null : shownPath(model), labels),
      settings: runSettings(state),
      curves: chartedCurves(metrics),
      scores: scoresOf(state, metrics.lastRow("validation_top1", "step") ?? state.step),
      checkpoints: checkpointsOf(this.folder, state, state.step),
      lines: [],
      hasBatches: false,
      hasMistakes: this.mistakes !== undefined,
    };
  }

  subscribe(listener: (event: RunEvent) => void): () => void {
    let stamp = this.#currentStamp();
    const timer = setInterval(() => {
      const current = this.#currentStamp();
      if (current === stamp) return;
      stamp = current;
      listener({ type: "reload" });
    }, LOOK_MS).unref();
    return () => clearInterval(timer);
  }

  async picture(_kind: "batch" | "mistakes", number: number, place: number): Promise<Uint8Array | null> {
    return this.#pictures.file(number, place);
  }
}
