// Inference program: pixels in, logits out. One program for each batch size, all with the same weights.

import { VitrineError } from "./errors.js";
import type { Executable, Executor, Int8Store, Store } from "./executors/executor.js";
import { type Graph, GraphBuilder } from "./graph/graph.js";
import { INT8_WEIGHTS, withInt8Linears } from "./graph/int8-linears.js";
import { scaledSum } from "./graph/operations/sums.js";
import { planForBatch } from "./graph/planner.js";
import type { ProgramOutputs } from "./graph/program.js";
import { createInt8Matrices, type Matrices } from "./int8-weights.js";
import type { ClassifierConfig, DeitConfig } from "./models/config.js";
import { deit, type ImageInput, WEIGHTS } from "./models/deit.js";
import { deitParameters } from "./models/deit-parameters.js";
import type { ModelConfig } from "./models/model-config.js";
import { regnety } from "./models/regnety.js";
import { isRegnety, type RegnetyConfig } from "./models/regnety-config.js";
import { foldedParameters, foldRegnety } from "./models/regnety-folding.js";
import { regnetyParameters } from "./models/regnety-parameters.js";
import { createWeightStore, layoutBytes, type ParameterShapes, storeLayout } from "./parameter-store.js";
import type { Logits, TensorMap } from "./training.js";
import { checkShapes } from "./weights/check-shapes.js";

export interface InferenceOptions {
  /** Batch sizes to build a program for; a batch runs in the smallest that holds it. Default 1, 2, 4, 8. */
  batchSizes?: readonly number[];
  /** Linear layers that are int8, by the name of the weight; `weights` has none of them. The executor must have kernels. */
  matrices?: Matrices;
}

export interface Inference {
  readonly config: ModelConfig;
  /** In ascending order. */
  readonly batchSizes: readonly number[];
  /** Bytes of weights and of the largest program's tensors, which all programs share. */
  readonly bytes: number;
  /**
   * pixels uint8 [count, size, size, 3] → logits [count, classes] of each head and, for a distilled model, the mean of
   * both. Any count ≥ 1: more than the largest batch size goes through in several runs.
   */
  logits(pixels: Uint8Array, count: number): Promise<Logits>;
  dispose(): void;
}

/** Outputs `logits`, `logits.cls` and, for a distilled model, `logits.dist`: deit's eval mode, mean of the logits. */
export function inferenceGraph(config: DeitConfig, batch: number, input: ImageInput = "pixels"): Graph {
  const graph = new GraphBuilder(`inference of ${batch}`);
  const heads = deit(graph, config, { batch, input, stochasticDepth: false });
  graph.output("logits.cls", heads.classLogits);
  if (heads.distillationLogits === undefined) return graph;
  graph.output("logits.dist", heads.distillationLogits);
  const mean = scaledSum(
    graph,
    heads.classLogits,
    heads.distillationLogits,
    { alpha: 0.5, beta: 0.5 },
    "mean",
  );
  graph.output("logits", mean);
  return graph;
}

/** Output `logits.cls`: a RegNetY with its batch norms folded has one head. */
export function regnetyInferenceGraph(
  config: RegnetyConfig,
  batch: number,
  input: ImageInput = "pixels",
): Graph {
  const graph = new GraphBuilder(`inference of ${batch}`);
  graph.output("logits.cls", regnety(graph, config, { batch, input, mode: "inference" }));
  return graph;
}

/** What a family computes with: tensors, their shapes, and the graph for a batch. */
export interface Network {
  shapes: ParameterShapes;
  weights: TensorMap;
  graph: (batch: number) => Graph;
}

/** Throws `weights/…` where the weights are not the model's. */
export function networkOf(config: ModelConfig, weights: TensorMap, input: ImageInput = "pixels"): Network {
  if (!isRegnety(config)) {
    const graph = (batch: number) => inferenceGraph(config, batch, input);
    return { shapes: deitParameters(config), weights, graph };
  }
  checkShapes(weights, regnetyParameters(config), "weights");
  return {
    shapes: foldedParameters(config),
    weights: foldRegnety(config, weights),
    graph: (batch) => regnetyInferenceGraph(config, batch, input),
  };
}

/** Linear layers whose weight is an int8 matrix read it from its own store. */
function withMatrices(network: Network, matrices: Matrices): Network {
  const names = new Set(matrices.keys());
  const shapes = new Map([...network.shapes].filter(([name]) => !names.has(name)));
  return { ...network, shapes, graph: (batch) => withInt8Linears(network.graph(batch), names) };
}

/** Builds the programs. Throws `weights/…` where the weights are not the model's, `graph/memory` where it is too large. */
export async function createInference(
  executor: Executor,
  config: ModelConfig,
  weights: TensorMap,
  options: InferenceOptions = {},
): Promise<Inference> {
  const { matrices = new Map() } = options;
  const network = withMatrices(networkOf(config, weights), matrices);
  const { shapes } = network;
  const batchSizes = [...new Set(options.batchSizes ?? [1, 2, 4, 8])].sort((a, b) => a - b);
  if (batchSizes.length === 0 || batchSizes.some((size) => !Number.isSafeInteger(size) || size < 1))
    throw new VitrineError(
      "model/batch-size",
      `inference: batch sizes are [${batchSizes.join(", ")}], whole numbers of at least 1 are allowed`,
    );
  const int8Store = createInt8Matrices(executor, config, matrices);
  const { capabilities } = executor;
  const limitBytes = capabilities.limitBytes - layoutBytes(storeLayout(shapes), capabilities.alignmentBytes);
  const programs = batchSizes.map((size) =>
    planForBatch(network.graph, size, { ...capabilities, limitBytes }),
  );
  const store = createWeightStore(executor, shapes, network.weights);
  const stores = new Map<string, Store | Int8Store>([[WEIGHTS, store]]);
  if (int8Store) stores.set(INT8_WEIGHTS, int8Store);
  const steps: InferenceStep[] = [];
  // The largest first, so that the executor finds room for all of them at once.
  for (const [index, program] of [...programs.entries()].reverse()) {
    const executable = await executor.compile(program, stores, { storesRest: true });
    steps.unshift(new InferenceStep(executable, config, batchSizes[index] as number));
  }
  const weightBytes = [...stores.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const bytes = weightBytes + Math.max(...programs.map(({ arenaBytes }) => arenaBytes));
  return new ProgramInference(config, batchSizes, steps, [...stores.values()], bytes);
}

class ProgramInference implements Inference {
  readonly config: ModelConfig;
  readonly batchSizes: readonly number[];
  readonly bytes: number;
  readonly #steps: readonly InferenceStep[];
  readonly #stores: readonly (Store | Int8Store)[];

  constructor(
    config: ModelConfig,
    batchSizes: readonly number[],
    steps: readonly InferenceStep[],
    stores: readonly (Store | Int8Store)[],
    bytes: number,
  ) {
    this.config = config;
    this.batchSizes = batchSizes;
    this.bytes = bytes;
    this.#steps = steps;
    this.#stores = stores;
  }

  async logits(pixels: Uint8Array, count: number): Promise<Logits> {
    checkPixels(this.config, pixels, count);
    return runSteps(this.#steps, pixels, count);
  }

  dispose(): void {
    for (const step of this.#steps) step.dispose();
    for (const store of this.#stores) store.dispose();
  }
}

/** Logits of any number of images, from programs in ascending order of their batch sizes. */
export async function runSteps(
  steps: readonly InferenceStep[],
  pixels: Uint8Array,
  count: number,
): Promise<Logits> {
  const sample = pixels.length / count;
  const largest = steps.at(-1) as InferenceStep;
  const parts: Logits[] = [];
  for (let start = 0; start < count; start += largest.batch) {
    const size = Math.min(largest.batch, count - start);
    const step = steps.find(({ batch }) => batch >= size) as InferenceStep;
    parts.push(await step.run(pixels.subarray(start * sample, (start + size) * sample), size));
  }
  return parts.length === 1 ? (parts[0] as Logits) : joinLogits(parts);
}

/** Throws `image/size` unless there are `count` images of the model's size. */
function checkPixels({ imageSize }: ClassifierConfig, pixels: Uint8Array, count: number): void {
  const wanted = count * imageSize * imageSize * 3;
  if (Number.isSafeInteger(count) && count >= 1 && pixels.length === wanted) return;
  throw new VitrineError(
    "image/size",
    `pixels: ${pixels.length} bytes for ${count} images, wanted ${wanted}: ${count} of ${imageSize}×${imageSize}×3`,
    { details: { count, got: pixels.length, wanted } },
  );
}

/** A compiled inference program for batches of up to `batch` images. */
export class InferenceStep {
  readonly batch: number;
  readonly #executable: Executable;
  readonly #config: ClassifierConfig;
  #padded: Uint8Array | undefined;

  constructor(executable: Executable, config: ClassifierConfig, batch: number) {
    this.batch = batch;
    this.#executable = executable;
    this.#config = config;
  }

  /** pixels uint8 [count, size, size, 3], count ≤ batch. */
  async run(pixels: Uint8Array, count: number): Promise<Logits> {
    checkPixels(this.#config, pixels, count);
    if (count > this.batch)
      throw new VitrineError("image/size", `pixels: ${count} images for a program of ${this.batch}`);
    const outputs = await this.#executable.run({ pixels: this.#fill(pixels, count) });
    return toLogits(outputs, count * this.#config.classes);
  }

  /** A short batch is filled up with black images, whose logits nobody sees. */
  #fill(pixels: Uint8Array, count: number): Uint8Array {
    if (count === this.batch) return pixels;
    this.#padded ??= new Uint8Array((pixels.length / count) * this.batch);
    this.#padded.set(pixels);
    this.#padded.fill(0, pixels.length);
    return this.#padded;
  }

  dispose(): void {
    this.#executable.dispose();
  }
}

function toLogits(outputs: ProgramOutputs, values: number): Logits {
  const take = (name: string) => (outputs[name] as Float32Array).subarray(0, values);
  const classLogits = take("logits.cls");
  if (!("logits.dist" in outputs)) return { classLogits, logits: classLogits };
  return { classLogits, distillationLogits: take("logits.dist"), logits: take("logits") };
}

function joinLogits(parts: readonly Logits[]): Logits {
  const join = (pick: (part: Logits) => Float32Array) => {
    const pieces = parts.map(pick);
    const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let offset = 0;
    for (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    return whole;
  };
  const classLogits = join((part) => part.classLogits);
  if (!parts[0]?.distillationLogits) return { classLogits, logits: classLogits };
  return {
    classLogits,
    distillationLogits: join((part) => part.distillationLogits as Float32Array),
    logits: join((part) => part.logits),
  };
}
