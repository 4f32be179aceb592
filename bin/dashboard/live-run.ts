// Live run: the run that this process trains, as the dashboard observes and commands it.

import { basename, join, resolve } from "node:path";
import type {
  BatchView,
  MistakesView,
  RunCommand,
  RunEntry,
  RunEvent,
  RunPhase,
  RunProgress,
  RunSnapshot,
} from "../../proto/dashboard.js";
import { RunCurves } from "../../proto/run-curve.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { CONFIG_FILE } from "../../runtime/host/host.js";
import { LARGEST_TEXT, readFileIfAnySync } from "../../runtime/host/node-files.js";
import { familyOf, readConfigJson } from "../../runtime/models/families.js";
import type { ObservedRun } from "../../server/dashboard/observed-run.js";
import { LAST } from "../../trainer/checkpoint/run-folders.js";
import type { Progress, ProgressReport } from "../../trainer/core/progress-report.js";
import type { RunObserver, TrainingRun } from "../../trainer/core/run.js";
import { RunControl } from "../../trainer/core/run-control.js";
import { trainedSteps } from "../../trainer/core/schedule.js";
import type { StepMetrics } from "../../trainer/core/step-metrics.js";
import { LARGEST_METRICS, metricValues } from "../../trainer/metrics.js";
import { Metrics } from "../report/metrics-table.js";
import { shownPath } from "../report/names.js";
import { LiveBatches } from "./live-batches.js";
import { LiveMistakes } from "./mistakes.js";
import { bestOf, checkpointsOf, runFacts, runSettings, scoresOf } from "./run-facts.js";
import { CHARTED, chartedCurves } from "./saved-curves.js";

/** Lines of what the run said that a page gets. */
const MOST_LINES = 100;
/** Steps are sent at most this often, as the means of those since the last time. */
const STEP_MS = 250;

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

function progressOf(report: ProgressReport): RunProgress {
  const { loss, remainingSeconds, dataStage = null, step, steps, ...rest } = report;
  return { ...rest, loss: finite(loss), remainingSeconds: finite(remainingSeconds), dataStage };
}

/** How a run ended, and what a reader can do then. */
export interface RunEnd {
  phase: Extract<RunPhase, "finished" | "stopped" | "failed">;
  advice: string;
}

export class LiveRun implements ObservedRun {
  readonly id: string;
  readonly control = new RunControl(() => this.#sendState());
  readonly observer: RunObserver;
  readonly folder: string;
  readonly #stop: () => void;
  readonly #listeners = new Set<(event: RunEvent) => void>();
  readonly #batches = new LiveBatches();
  readonly #mistakes = new LiveMistakes();
  readonly #lines: string[] = [];
  #run: TrainingRun | null = null;
  #labels: readonly string[] = [];
  #curves = new RunCurves();
  #progress: RunProgress | null = null;
  #metrics: StepMetrics | null = null;
  #activity = "";
  #saved = 0;
  #validatedStep = 0;
  #isStopping = false;
  #end: RunEnd | null = null;
  /** Sums of the steps since the last event. */
  #unsent = new Map<string, { sum: number; count: number }>();
  #timer: NodeJS.Timeout | undefined;

  /** `stop` asks the run to end as Ctrl-C does. */
  constructor(folder: string, stop: () => void) {
    this.id = basename(resolve(folder));
    this.folder = folder;
    this.#stop = stop;
    this.observer = {
      begins: (run) => this.#begin(run),
      stepped: (metrics) => this.#step(metrics),
      validated: (step, validation) => this.#validated(step, validation),
      answered: (batch, answers) =>
        this.#mistakes.add(batch, answers, this.#run?.validation?.classMap ?? new Int32Array()),
      validationEnds: () => this.#mistakes.end(this.#imageSize, this.#labels),
      saved: (kind, step) => {
        if (kind === "last") this.#saved = step;
        this.#sendState();
      },
      wantsBatch: () => this.#batches.isWanted(),
      shows: (batch) => this.#batches.show(batch, this.#labels),
    };
  }

  get #imageSize(): number {
    return this.#run?.objective.config.imageSize ?? 0;
  }

  /** The same progress, which pages get as well. */
  follow<P extends Progress>(progress: P): P {
    return {
      ...progress,
      report: (report: ProgressReport) => {
        progress.report(report);
        this.#progress = progressOf(report);
      },
      status: (text: string) => {
        progress.status(text);
        const hasChanged = (text === "") !== (this.#activity === "");
        this.#activity = text;
        if (hasChanged) this.#sendState();
        else this.#schedule();
      },
      say: (line: string) => {
        progress.say(line);
        this.#lines.push(line);
        if (this.#lines.length > MOST_LINES) this.#lines.shift();
        this.#send({ type: "line", line });
      },
    };
  }

  /** The run is over; no more happens in it. */
  end(end: RunEnd): void {
    this.#end = end;
    this.control.end();
    this.#flush();
    this.#sendState();
  }

  #begin(run: TrainingRun): void {
    this.#run = run;
    this.#saved = run.state.step;
    // The record has written both before the run begins.
    const read = (path: string, limit: number): string =>
      new TextDecoder().decode(readFileIfAnySync(join(this.folder, path), limit) ?? undefined);
    this.#labels = readConfigJson(read(join(LAST, CONFIG_FILE), LARGEST_TEXT), CONFIG_FILE).labels ?? [];
    const metrics = new Metrics(read("metrics.csv", LARGEST_METRICS));
    this.#curves = new RunCurves(chartedCurves(metrics));
    this.#validatedStep = metrics.lastRow("validation_top1", "step") ?? 0;
    this.#send({ type: "reload" });
  }

  #step(metrics: StepMetrics): void {
    this.#metrics = metrics;
    this.#add(metrics.step, metricValues(metrics));
  }

  #validated(step: number, validation: StepMetrics["validation"]): void {
    this.#validatedStep = step;
    // The step itself is in the curves already.
    if (!this.#metrics) return;
    const values = Object.entries(metricValues({ ...this.#metrics, validation }));
    this.#add(step, Object.fromEntries(values.filter(([column]) => column.includes("validation_"))));
    this.#flush();
    this.#sendState();
  }

  #add(step: number, values: Readonly<Record<string, number>>): void {
    const isSent = this.#listeners.size > 0;
    for (const [column, value] of Object.entries(values)) {
      if (!CHARTED.has(column) || !Number.isFinite(value)) continue;
      this.#curves.add(step, { [column]: value });
      if (!isSent) continue;
      const { sum, count } = this.#unsent.get(column) ?? { sum: 0, count: 0 };
      this.#unsent.set(column, { sum: sum + value, count: count + 1 });
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#listeners.size === 0) return;
    this.#timer ??= setTimeout(() => this.#flush(), STEP_MS).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unsent.size > 0) {
      const values = Object.fromEntries(
        [...this.#unsent].map(([name, { sum, count }]) => [name, sum / count]),
      );
      this.#unsent.clear();
      this.#send({ type: "step", step: this.#metrics?.step ?? 0, values, progress: this.#progress });
    } else if (this.#activity !== "") this.#sendState();
  }

  #send(event: RunEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #sendState(): void {
    if (this.#listeners.size === 0) return;
    const { phase, best } = this.#entry();
    const scores = this.#run && scoresOf(this.#run.state, this.#validatedStep);
    const checkpoints = this.#checkpoints();
    const state = { phase, best, scores, checkpoints, activity: this.#activity, advice: this.#advice() };
    this.#send({ type: "state", state });
  }

  #phase(): RunPhase {
    if (this.#end) return this.#end.phase;
    if (this.#isStopping || this.#run?.interruption.aborted) return "stopping";
    const { phase } = this.control;
    if (phase === "pausing" || phase === "paused") return phase;
    if (this.#activity !== "") return "validating";
    return this.#run ? "training" : "preparing";
  }

  #advice(): string {
    const last = shownPath(join(this.folder, LAST));
    if (this.#end) return this.#end.advice;
    if (this.#phase() === "paused") return `${last} holds step ${this.#saved}; the run waits.`;
    return "";
  }

  #checkpoints() {
    const run = this.#run;
    return run ? checkpointsOf(this.folder, run.state, this.#saved) : [];
  }

  #model({ objective: { config } }: TrainingRun): string {
    return `${familyOf(config).describe(config)}, ${config.imageSize}×${config.imageSize} pixels`;
  }

  #entry(): RunEntry {
    const run = this.#run;
    return {
      id: this.id,
      name: this.id,
      isLive: true,
      phase: this.#phase(),
      step: run?.state.step ?? 0,
      steps: run && trainedSteps(run.state.settings, run.source.batchesPerEpoch),
      best: run && bestOf(run.state),
    };
  }

  async entry(): Promise<RunEntry> {
    return this.#entry();
  }

  async snapshot(): Promise<RunSnapshot> {
    const run = this.#run;
    return {
      ...this.#entry(),
      activity: this.#activity,
      advice: this.#advice(),
      progress: this.#progress,
      facts: run ? runFacts(this.folder, run.state, this.#model(run), this.#labels) : [],
      settings: run ? runSettings(run.state) : [],
      curves: this.#curves.points(),
      scores: run && scoresOf(run.state, this.#validatedStep),
      checkpoints: this.#checkpoints(),
      lines: [...this.#lines],
      hasBatches: true,
      hasMistakes: run === null || run.validation !== null,
    };
  }

  subscribe(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#unsent.clear();
    };
  }

  async command(command: RunCommand): Promise<string> {
    if (this.#end || this.#isStopping)
      throw new VitrineError("protocol/failed-precondition", "the run is over, or about to end");
    switch (command) {
      case "pause":
        this.control.pause();
        return "the run pauses after this step";
      case "resume":
        this.control.resume();
        return "the run goes on";
      case "save": {
        const step = await this.control.save();
        return `${quote(shownPath(join(this.folder, LAST)))} holds ${counted(step, "step", "steps")}`;
      }
      case "stop":
        this.#isStopping = true;
        this.#stop();
        this.#sendState();
        return "the run stops after this step";
    }
  }

  batch(after: number, signal: AbortSignal): Promise<BatchView | null> {
    return this.#batches.next(after, signal);
  }

  async mistakes(): Promise<MistakesView> {
    return this.#mistakes.view;
  }

  picture(kind: "batch" | "mistakes", number: number, place: number): Promise<Uint8Array | null> {
    return (kind === "batch" ? this.#batches : this.#mistakes).file(number, place);
  }
}
