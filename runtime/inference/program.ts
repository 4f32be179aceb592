// Inference program: pixels in, logits out. One program for each batch size, all with the same weights.

import { VitrineError } from "../errors.js";
import type { DeviceArray, Executor, Int8Store, Store } from "../executors/executor.js";
import {
  createWeightStore,
  layoutBytes,
  type ParameterShapes,
  storeLayout,
} from "../executors/parameter-store.js";
import type { Started } from "../executors/pipelined.js";
import { type Graph, GraphBuilder } from "../graph/graph.js";
import { INT8_WEIGHTS, withInt8Linears } from "../graph/int8-linears.js";
import { scaledSum } from "../graph/operations/sums.js";
import { planForBatch } from "../graph/planner.js";
import type { DeitConfig } from "../models/config.js";
import { deit, type ImageInput, WEIGHTS } from "../models/deit/graph.js";
import { deitParameters } from "../models/deit/parameters.js";
import type { ModelConfig } from "../models/families.js";
import { isRegnety, type RegnetyConfig } from "../models/regnety/config.js";
import { foldedParameters, foldRegnety } from "../models/regnety/folding.js";
import { regnety } from "../models/regnety/graph.js";
import { regnetyParameters } from "../models/regnety/parameters.js";
import { checkShapes } from "../weights/check-shapes.js";
import type { TensorMap } from "../weights/tensor-map.js";
import { createInt8Matrices, type Matrices } from "./int8-weights.js";
import type { Logits } from "./logits.js";
import { checkPixels, InferenceStep, submitSteps } from "./step.js";

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
  /**
   * As `logits`, resolving as soon as the pixels may be overwritten and the next call may come: on a GPU the logits are on
   * their way then, on the processor they are there.
   */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  /**
   * Logits that stay on the device, for programs that compute there: an array [largest batch size, classes] for each run,
   * the caller's to dispose of. `count` is a multiple of the largest batch size. Absent where the device is the processor.
   */
  onDevice?(pixels: Uint8Array, count: number): Promise<DeviceArray[]>;
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
  readonly onDevice?: Inference["onDevice"];
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
    if (steps.at(-1)?.staysOnDevice) this.onDevice = (pixels, count) => this.#onDevice(pixels, count);
  }

  async logits(pixels: Uint8Array, count: number): Promise<Logits> {
    return (await this.submit(pixels, count)).outcome;
  }

  async submit(pixels: Uint8Array, count: number): Promise<Started<Logits>> {
    checkPixels(this.config, pixels, count);
    return submitSteps(this.#steps, pixels, count);
  }

  async #onDevice(pixels: Uint8Array, count: number): Promise<DeviceArray[]> {
    checkPixels(this.config, pixels, count);
    const step = this.#steps.at(-1) as InferenceStep;
    if (count % step.batch !== 0)
      throw new VitrineError("image/size", `pixels: ${count} images for runs of ${step.batch} on the device`);
    const runBytes = (pixels.length / count) * step.batch;
    const arrays: DeviceArray[] = [];
    for (let start = 0; start < pixels.length; start += runBytes)
      arrays.push(await step.onDevice(pixels.subarray(start, start + runBytes)));
    return arrays;
  }

  dispose(): void {
    for (const step of this.#steps) step.dispose();
    for (const store of this.#stores) store.dispose();
  }
}
