// Statistics: what Triton's clients ask of a model with ModelStatistics, added up from what engines report.

import type {
  BatchRecord,
  CallObserver,
  InferenceObserver,
  ModelRepository,
  RequestRecord,
} from "../contract.js";
import { findView } from "../protocol/model-views.js";

export interface StatisticDuration {
  count: number;
  /** Nanoseconds. */
  ns: number;
}

/** Triton's ModelStatistics, in the field names of its messages as JavaScript has them. */
export interface ModelStatistics {
  name: string;
  version: string;
  /** Milliseconds since 1970; 0: never. */
  lastInference: number;
  /** Images. */
  inferenceCount: number;
  /** Batches. */
  executionCount: number;
  inferenceStats: Record<
    | "success"
    | "fail"
    | "queue"
    | "computeInput"
    | "computeInfer"
    | "computeOutput"
    | "cacheHit"
    | "cacheMiss",
    StatisticDuration
  >;
  batchStats: { batchSize: number; computeInput: StatisticDuration; computeInfer: StatisticDuration }[];
  memoryUsage: { type: string; id: number; byteSize: number }[];
}

export interface Statistics {
  /** Given to every engine. */
  readonly observer: InferenceObserver;
  /** The same observer of calls, whose outputs are counted too. */
  countOutputs(calls: CallObserver): CallObserver;
  /**
   * Of one version of a model, of all its versions where `version` is empty, or of every model where `name` is empty too.
   * Throws `protocol/unknown-model`.
   */
  read(repository: ModelRepository, name: string, version: string): ModelStatistics[];
}

type Totals = Omit<ModelStatistics, "name" | "version" | "batchStats" | "memoryUsage"> & {
  /** Size of a batch → how many there were, and how long they took. */
  batches: Map<number, StatisticDuration>;
};

const none = (): StatisticDuration => ({ count: 0, ns: 0 });

function noTotals(): Totals {
  return {
    lastInference: 0,
    inferenceCount: 0,
    executionCount: 0,
    inferenceStats: {
      success: none(),
      fail: none(),
      queue: none(),
      computeInput: none(),
      computeInfer: none(),
      computeOutput: none(),
      cacheHit: none(),
      cacheMiss: none(),
    },
    batches: new Map(),
  };
}

function add(duration: StatisticDuration, seconds: number): void {
  duration.count++;
  duration.ns += Math.round(seconds * 1e9);
}

/** A version of a model that was replaced is forgotten here at the next reading. */
const keyOf = (model: string, version: string): string => `${version}\n${model}`;

export function createStatistics(): Statistics {
  const byModel = new Map<string, Totals>();
  const totalsOf = (model: string, version: string): Totals => {
    const key = keyOf(model, version);
    let totals = byModel.get(key);
    if (!totals) byModel.set(key, (totals = noTotals()));
    return totals;
  };
  return {
    observer: {
      requestEnded: ({ model, version, images, code, seconds }: RequestRecord) => {
        const totals = totalsOf(model, version);
        const { success, fail, queue, computeInput, computeInfer } = totals.inferenceStats;
        totals.lastInference = Date.now();
        if (code !== null) return add(fail, seconds.total);
        totals.inferenceCount += images;
        add(success, seconds.total);
        add(queue, seconds.queue);
        add(computeInput, seconds.decode);
        add(computeInfer, seconds.compute);
      },
      batchEnded: ({ model, version, images, seconds }: BatchRecord) => {
        const { batches } = totalsOf(model, version);
        totalsOf(model, version).executionCount++;
        let batch = batches.get(images);
        if (!batch) batches.set(images, (batch = none()));
        add(batch, seconds);
      },
    },
    countOutputs: (calls) => ({
      arrived: (arriving) => {
        const call = calls.arrived(arriving);
        return {
          requestId: call.requestId,
          answered: (subject, outputSeconds) => {
            const { computeOutput } = totalsOf(subject.model, subject.version).inferenceStats;
            add(computeOutput, outputSeconds);
            call.answered(subject, outputSeconds);
          },
          failed: (error, subject) => call.failed(error, subject),
        };
      },
    }),
    read: (repository, name, version) => {
      const ready = repository.index().filter(({ state }) => state === "ready");
      const known = new Set(ready.map((model) => keyOf(model.name, model.version)));
      for (const key of byModel.keys()) if (!known.has(key)) byModel.delete(key);
      const model = name === "" ? "" : findView(repository, name, version).engine.facts.name;
      return ready
        .filter((entry) => model === "" || entry.name === model)
        .filter((entry) => version === "" || entry.version === version)
        .map((entry) =>
          statisticsOf(repository, entry.name, entry.version, totalsOf(entry.name, entry.version)),
        );
    },
  };
}

function statisticsOf(
  repository: ModelRepository,
  name: string,
  version: string,
  { batches, ...totals }: Totals,
): ModelStatistics {
  const engine = repository.find(name, version);
  const type = engine.facts.device.startsWith("webgpu") ? "GPU" : "CPU";
  const batchStats = [...batches]
    .sort(([a], [b]) => a - b)
    .map(([batchSize, computeInfer]) => ({ batchSize, computeInput: none(), computeInfer }));
  const memoryUsage = [{ type, id: 0, byteSize: engine.load().modelBytes }];
  return { name, version, ...totals, batchStats, memoryUsage };
}
