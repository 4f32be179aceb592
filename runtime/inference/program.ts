// Inference program: pixels in, logits out. A program per batch size, all with the same weights.

import { quote, VitrineError } from "../errors.js";
import type { DeviceArray, Int8Store, Store } from "../executors/device-store.js";
import type { Executor } from "../executors/executor.js";
import { createWeightStore, layoutBytes, storeLayout } from "../executors/parameter-store.js";
import type { Started } from "../executors/pipelined.js";
import { INT8_WEIGHTS, MAX_INT8_INPUTS, withInt8Linears } from "../graph/int8-linears.js";
import { planForBatch } from "../graph/planner.js";
import type { Graph, Program } from "../graph/program.js";
import { formatShape } from "../graph/tensor.js";
import { familyOf, type ModelConfig } from "../models/families.js";
import { type ImageInput, WEIGHTS } from "../models/family.js";
import { Pauses } from "../pauses.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";
import type { ParameterShapes, TensorMap } from "../weights/tensor-map.js";
import type { Answer, ExtraResults, ImageTensor } from "./answer.js";
import type { Logits } from "./logits.js";
import { checkImages, classifierGraph, type GraphOptions, InferenceStep, submitSteps } from "./step.js";
import { Variants } from "./variants.js";

/** int8 matrices by the names of the weights that they replace. */
export type Matrices = ReadonlyMap<string, Int8Matrix>;

/** Batch sizes and precision of an inference program. */
export interface InferenceOptions {
  /** Batch sizes to build a program for; a batch runs in the smallest that holds it. Default 1, 2, 4, 8. */
  batchSizes?: readonly number[];
  /**
   * Linear layers in int8, by the name of the weight; `weights` then lacks these. The executor must have int8 kernels.
   * Default none.
   */
  matrices?: Matrices;
}

/** A model's tensors as its graph reads them: batch norm and LayerScale are folded into the layers beside them. */
export interface FoldedWeights {
  weights: TensorMap;
  matrices: Matrices;
}

/** A model on an executor. One call at a time; the next may come as soon as the promise of the last has settled. */
export interface InferenceProgram {
  readonly config: ModelConfig;
  /** In ascending order. */
  readonly batchSizes: readonly number[];
  /** Bytes of the weights and of the largest program's tensors, whose memory all programs share. */
  readonly bytes: number;
  /**
   * pixels uint8 [count, size, size, 3] → logits [count, classes] of each head and, for a distilled model, the mean of
   * both. Any count ≥ 1: more than the largest batch size is computed in several runs. Throws `image/size`.
   */
  logits(pixels: Uint8Array, count: number): Promise<Logits>;
  /**
   * As `logits`, resolving as soon as the images may be overwritten and the next call may come: while a GPU still
   * computes the logits, or on the CPU with the logits. `images` may also be normalized values, float32
   * [count, 3, size, size], which give the logits of the pixels that they were made from; `extra`: what is computed
   * besides. The programs of both are compiled when they are first asked for, on the same weights. Throws `graph/memory`
   * where there is no memory left for them, and `device/unsupported` for the attention of a model without.
   */
  submit(images: ImageTensor, count: number, extra?: ExtraResults): Promise<Started<Answer>>;
  /**
   * Logits that stay on the device, for programs that continue there: an array [largest batch size, classes] per run,
   * the caller's to dispose of. `count` must be a multiple of the largest batch size. Absent on the CPU. Throws
   * `image/size`.
   */
  onDevice?(pixels: Uint8Array, count: number): Promise<DeviceArray[]>;
  /** Frees the programs and the weights on the device; the executor stays usable. */
  dispose(): void;
}

/** `classifierGraph` of the configuration's own family. Throws `model/config` where it is of none. */
export function inferenceGraph(config: ModelConfig, batch: number, options: GraphOptions = {}): Graph {
  return classifierGraph(familyOf(config), config, batch, options);
}

/** The tensors that a model's graph reads in inference, and the graph for a batch. */
export interface Network {
  shapes: ParameterShapes;
  weights: TensorMap;
  /** Without options, of the network's input and for the logits alone. */
  graph: (batch: number, options?: GraphOptions) => Graph;
}

/** `weights` are under timm's names. Throws `weights/…` where they are not the model's. */
export function networkOf(config: ModelConfig, weights: TensorMap, input: ImageInput = "pixels"): Network {
  const family = familyOf(config);
  return foldedNetwork(config, family.inferenceWeights(config, weights), input);
}

/** As `networkOf`, from weights that are folded already. */
function foldedNetwork(config: ModelConfig, weights: TensorMap, input: ImageInput): Network {
  const family = familyOf(config);
  return {
    shapes: family.inferenceShapes(config),
    weights,
    graph: (batch, options) => classifierGraph(family, config, batch, { input, ...options }),
  };
}

/** The network with int8 linear layers, which read the matrices from a store of their own. */
function withMatrices(network: Network, matrices: Matrices): Network {
  const names = new Set(matrices.keys());
  const shapes = new Map([...network.shapes].filter(([name]) => !names.has(name)));
  const graph: Network["graph"] = (batch, options) => withInt8Linears(network.graph(batch, options), names);
  return { ...network, shapes, graph };
}

/** Throws `device/int8` where the executor has no kernels, `weights/shape` where a matrix is not the model's. */
function createInt8Matrices(
  executor: Executor,
  config: ModelConfig,
  matrices: Matrices,
): Int8Store | undefined {
  if (matrices.size === 0) return undefined;
  if (!executor.createInt8Store) throw int8Unavailable(executor.device);
  const family = familyOf(config);
  const [layers, shapes] = [family.int8Layers(config), family.parameters(config)];
  for (const [name, { outputs, inputs }] of matrices) {
    const wanted = formatShape(layers.has(name) ? (shapes.get(name) ?? []) : []);
    if (wanted === formatShape([outputs, inputs]) && inputs <= MAX_INT8_INPUTS) continue;
    const text =
      `int8 matrix "${quote(name)}" is [${outputs}, ${inputs}], expected ${wanted} with at most ` +
      `${MAX_INT8_INPUTS} inputs (--dtype f32 computes without int8)`;
    throw new VitrineError("weights/shape", text, { details: { tensor: name } });
  }
  return executor.createInt8Store(matrices);
}

/** The error for a device that has no int8 kernels. */
export function int8Unavailable(device: string): VitrineError {
  const text =
    `dtype int8: device ${device} has no int8 kernels; ` +
    "allowed: --device wasm, or --dtype f32, which widens the weights";
  return new VitrineError("device/int8", text, { details: { device } });
}

/** Weights and matrices in the form in which a model's graph reads them. Throws `weights/…`. */
export function foldWeights(config: ModelConfig, weights: TensorMap, matrices: Matrices): FoldedWeights {
  const family = familyOf(config);
  return {
    weights: family.inferenceWeights(config, weights),
    matrices: family.inferenceMatrices?.(config, weights, matrices) ?? matrices,
  };
}

/**
 * Plans and compiles the programs of a model, one for each batch size, all with the same weights. `weights`: its
 * tensors under timm's names, float32; they are copied to the device. Throws `weights/…` where they are not the
 * model's, `model/batch-size`, `device/int8` where the executor has no int8 kernels, and `graph/memory` where a batch
 * is too large for the executor.
 */
export async function createInference(
  executor: Executor,
  config: ModelConfig,
  weights: TensorMap,
  options: InferenceOptions = {},
): Promise<InferenceProgram> {
  return createFolded(executor, config, foldWeights(config, weights, options.matrices ?? new Map()), options);
}

/** As `createInference`, for weights that are folded already. */
export async function createFolded(
  executor: Executor,
  config: ModelConfig,
  { weights, matrices }: FoldedWeights,
  options: Pick<InferenceOptions, "batchSizes"> = {},
): Promise<InferenceProgram> {
  const network = withMatrices(foldedNetwork(config, weights, "pixels"), matrices);
  const { shapes } = network;
  const batchSizes = [...new Set(options.batchSizes ?? [1, 2, 4, 8])].sort((a, b) => a - b);
  if (batchSizes.length === 0 || batchSizes.some((size) => !Number.isSafeInteger(size) || size < 1))
    throw new VitrineError(
      "model/batch-size",
      `inference: batch sizes are [${batchSizes.join(", ")}]; allowed: at least one, whole numbers of at least 1`,
    );
  const int8Store = createInt8Matrices(executor, config, matrices);
  const { capabilities } = executor;
  const limitBytes = capabilities.limitBytes - layoutBytes(storeLayout(shapes), capabilities.alignmentBytes);
  const pauses = new Pauses();
  const programs: Program[] = [];
  for (const size of batchSizes) {
    programs.push(planForBatch(network.graph, size, { ...capabilities, limitBytes }));
    await pauses.pause();
  }
  const store = await createWeightStore(executor, shapes, network.weights, { frozen: true });
  const stores = new Map<string, Store | Int8Store>([[WEIGHTS, store]]);
  if (int8Store) stores.set(INT8_WEIGHTS, int8Store);
  const steps: InferenceStep[] = [];
  // The largest first: the executor then reserves memory once.
  for (const [index, program] of [...programs.entries()].reverse()) {
    const executable = await executor.compile(program, stores, { frozenStores: true });
    steps.unshift(new InferenceStep(executable, config, batchSizes[index]));
    await pauses.pause();
  }
  const weightBytes = [...stores.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const bytes = weightBytes + Math.max(...programs.map(({ arenaBytes }) => arenaBytes));
  const names = new Set(matrices.keys());
  const adapt = (graph: Graph) => withInt8Linears(graph, names);
  const variants = new Variants({
    executor,
    family: familyOf(config),
    config,
    stores,
    graph: network.graph,
    adapt,
    batchSizes,
  });
  return new Programs(config, batchSizes, steps, { stores: [...stores.values()], variants }, bytes);
}

class Programs implements InferenceProgram {
  readonly config: ModelConfig;
  readonly batchSizes: readonly number[];
  readonly bytes: number;
  readonly onDevice?: InferenceProgram["onDevice"];
  readonly #steps: readonly InferenceStep[];
  readonly #stores: readonly (Store | Int8Store)[];
  readonly #variants: Variants;

  constructor(
    config: ModelConfig,
    batchSizes: readonly number[],
    steps: readonly InferenceStep[],
    { stores, variants }: { stores: readonly (Store | Int8Store)[]; variants: Variants },
    bytes: number,
  ) {
    this.config = config;
    this.batchSizes = batchSizes;
    this.bytes = bytes;
    this.#steps = steps;
    this.#stores = stores;
    this.#variants = variants;
    if (steps.at(-1)?.staysOnDevice) this.onDevice = (pixels, count) => this.#onDevice(pixels, count);
  }

  async logits(pixels: Uint8Array, count: number): Promise<Logits> {
    return (await this.submit(pixels, count)).outcome;
  }

  async submit(images: ImageTensor, count: number, extra: ExtraResults = {}): Promise<Started<Answer>> {
    checkImages(this.config, images, count);
    if (images instanceof Uint8Array && !extra.embeddings && !extra.attention)
      return submitSteps(this.#steps, images, count);
    return this.#variants.submit(images, count, extra);
  }

  async #onDevice(pixels: Uint8Array, count: number): Promise<DeviceArray[]> {
    checkImages(this.config, pixels, count);
    const step = this.#steps.at(-1) as InferenceStep;
    if (count % step.batch !== 0)
      throw new VitrineError(
        "image/size",
        `pixels: ${count} images, wanted a multiple of ${step.batch}, the largest batch size`,
      );
    const runBytes = (pixels.length / count) * step.batch;
    const arrays: DeviceArray[] = [];
    for (let start = 0; start < pixels.length; start += runBytes)
      arrays.push(await step.onDevice(pixels.subarray(start, start + runBytes)));
    return arrays;
  }

  dispose(): void {
    for (const step of this.#steps) step.dispose();
    this.#variants.dispose();
    for (const store of this.#stores) store.dispose();
  }
}
