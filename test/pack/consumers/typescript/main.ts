// A consumer with `lib: ES2023`, `types: []` and `skipLibCheck: false`, so that our declarations themselves are checked:
// the documented names of every entrance, used as documented.

import { type Classification, type Classifier, createClassifier } from "vitrine/browser";
import {
  type Batch,
  type BatchSource,
  type Cursor,
  connectData,
  connectInference,
  isVitrineError,
  VitrineError,
} from "vitrine/client";
import {
  type AugmentationRecipe,
  createImageModule,
  DEIT_RECIPE,
  type DecodedImage,
  decode,
} from "vitrine/image";
import {
  createRuntime,
  createTraining,
  type ErrorCode,
  type Executor,
  GraphBuilder,
  linear,
  loadModel,
  nodeHost,
  nodeModelSource,
  type Program,
  planProgram,
  type StepOutcome,
  type TensorMap,
  type TrainingOptions,
} from "vitrine/runtime";

export async function classifyFile(folder: string, file: Uint8Array): Promise<string> {
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
  const model = await loadModel(runtime, nodeModelSource(folder));
  const [classes] = await model.classify([file], { topK: 3 });
  return classes?.[0]?.label ?? "none";
}

export async function decodeFile(file: Uint8Array): Promise<DecodedImage> {
  return decode(await createImageModule(nodeHost()), file);
}

/** A graph of one linear layer, planned for an executor. */
export function planned(executor: Executor): Program {
  const graph = new GraphBuilder("one layer");
  const x = graph.input("x", [4, 8]);
  const weight = graph.stored("weights", "weight", [2, 8]);
  graph.output("y", linear(graph, x, weight, undefined, "y"));
  return planProgram(graph, executor.capabilities);
}

export async function trainOn(
  source: BatchSource,
  executor: Executor,
  options: TrainingOptions,
): Promise<number> {
  const training = await createTraining(executor, options);
  const from: Cursor = { epoch: 0, batch: 0 };
  for await (const batch of source.batches(from)) return sizeOf(batch) + training.bytes;
  return 0;
}

const sizeOf = (batch: Batch): number => batch.pixels.length;

export async function labelInPage(picture: ArrayBuffer): Promise<string> {
  const classifier: Classifier = await createClassifier({ model: "./model/", assets: "./" });
  const { classes }: Classification = await classifier.classify(picture, { topK: 1 });
  return classes[0]?.label ?? "none";
}

export function explain(error: unknown): ErrorCode | undefined {
  return isVitrineError(error) ? error.code : undefined;
}

export const recipe: AugmentationRecipe = DEIT_RECIPE;
export const clients = { connectData, connectInference };
export const refused = new VitrineError("usage/number", "a number");
export type { StepOutcome, TensorMap };
