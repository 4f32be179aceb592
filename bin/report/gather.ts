// Gather: opens a run's model, validation data and data server for what its folder alone does not say. What cannot be
// had is a note on the page, never a failure: a report is worth having without it.

import type { BatchSource, EvaluationSource } from "../../runtime/batches/batch-source.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import { loadModel } from "../../runtime/load-model.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { inputTransform } from "../../runtime/models/config.js";
import type { Runtime } from "../../runtime/runtime.js";
import { validationProgress } from "../../trainer/progress.js";
import { className } from "./names.js";
import { predict } from "./predictions.js";
import { readRunHistory } from "./read-run.js";
import type { FirstBatch, Predictions, ReportedRun, RunHistory } from "./reported-run.js";

export interface ValidationImages extends InputTransform {
  path: string;
  batchSize: number;
  /** At most this many, evenly spaced. */
  most: number;
  /** A file that could not be read was left out. */
  onSkipped: () => void;
}

export interface TrainingData {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  fingerprint: string;
}

/** What a report uses without knowing how: the commands connect it. */
export interface ReportSources {
  openRuntime(): Promise<Runtime>;
  openValidation(images: ValidationImages): Promise<EvaluationSource>;
  /** The run's training data; absent where no server of them is known. */
  connect?: (data: TrainingData) => Promise<BatchSource>;
}

export interface GatherOptions {
  runtime: Runtime;
  sources: ReportSources;
  /** Validation data in place of the run's own. */
  val?: string;
  /** Most validation images to evaluate, evenly spaced. */
  mostImages: number;
  mostMistakes: number;
  /** Images done, of how many. Default: a line on the terminal. */
  onProgress?: (done: number, total: number) => void;
}

const BATCH_SIZE = 8;
/** Of the first batch; more would push the configuration out of sight. */
const MOST_SAMPLES = 24;

/** Evaluates the run's model on `val`. */
export async function predictionsOf(
  { model: path }: RunHistory,
  val: string,
  { runtime, sources, mostImages: most, mostMistakes, onProgress }: GatherOptions,
): Promise<{ predictions: Predictions; parameters: number }> {
  const stored = await readModel(nodeModelSource(path));
  const model = await loadModel(runtime, stored, { batchSizes: [BATCH_SIZE], dtype: "float32" });
  try {
    let skipped = 0;
    const onSkipped = () => {
      skipped++;
    };
    const transform = inputTransform(model.config);
    const images = { path: val, ...transform, batchSize: BATCH_SIZE, most, onSkipped };
    const source = await sources.openValidation(images);
    const total = Math.min(most, source.description.samples);
    const progress = validationProgress(total);
    try {
      const predictions = await predict({
        executor: runtime.executor,
        stored,
        model,
        source,
        skipped: () => skipped,
        mostMistakes,
        onProgress: (images, correct) =>
          onProgress ? onProgress(images, total) : progress.report(images, correct),
      });
      return { predictions, parameters: model.parameters };
    } finally {
      progress.clear();
      await source.close();
    }
  } finally {
    model.dispose();
  }
}

async function firstBatch(
  { state, labels }: RunHistory,
  connect: (data: TrainingData) => Promise<BatchSource>,
): Promise<FirstBatch> {
  const { recipe, batchSize, seed } = state.settings;
  const { fingerprint } = state.data;
  const source = await connect({ recipe, batchSize, seed, fingerprint });
  try {
    const name = (label: number): string => className(labels, state.classMap[label] ?? label);
    for await (const batch of source.batches({ epoch: 0, batch: 0 })) {
      const { size, count, pixels, labels: own, partnerLabels, lambdas } = batch;
      const imageBytes = size * size * 3;
      const samples = Array.from({ length: Math.min(count, MOST_SAMPLES) }, (_, place) => ({
        pixels: pixels.slice(place * imageBytes, (place + 1) * imageBytes),
        label: name(own[place]),
        partner: name(partnerLabels[place]),
        lambda: lambdas[place],
      }));
      return { size, count, samples };
    }
    throw new Error("the source ended without a batch");
  } finally {
    await source.close();
  }
}

/** Throws what `readRunHistory` throws. */
export async function gatherRun(path: string, options: GatherOptions): Promise<ReportedRun> {
  const history = await readRunHistory(path);
  const notes: string[] = [];
  const attempt = async <T>(what: string, make: () => Promise<T>): Promise<T | null> => {
    try {
      return await make();
    } catch (error) {
      if (!isVitrineError(error)) throw error;
      notes.push(`${what}: ${error.message}`);
      return null;
    }
  };
  const val = options.val ?? history.state.validationPath;
  const found =
    val === null
      ? null
      : await attempt("No classes and mistakes", () => predictionsOf(history, val, options));
  if (val === null)
    notes.push("The run has no validation data: classes and mistakes are shown with --val PATH.");
  const { connect } = options.sources;
  const batch = connect ? await attempt("No training batch", () => firstBatch(history, connect)) : null;
  const { predictions = null, parameters = null } = found ?? {};
  return { history, parameters, predictions, batch, notes };
}
