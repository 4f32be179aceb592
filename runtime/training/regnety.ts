// RegNetY training: a step of the convnet in train mode gives loss and gradients, and updates batch norm's statistics.

import { VitrineError } from "../errors.js";
import type { Executable, Executor, Store } from "../executors/executor.js";
import { createWeightStore, readParameters, storeLayout } from "../executors/parameter-store.js";
import { differentiate } from "../graph/autodiff.js";
import { GraphBuilder } from "../graph/graph.js";
import { softTargetCrossEntropy } from "../graph/operations/losses.js";
import { dot } from "../graph/operations/sums.js";
import { planForBatch } from "../graph/planner.js";
import type { Graph } from "../graph/program.js";
import { type ImageInput, WEIGHTS } from "../models/family.js";
import type { RegnetyConfig } from "../models/regnety/config.js";
import { BUFFERS, regnety } from "../models/regnety/graph.js";
import {
  channelsLastShape,
  fromChannelsLast,
  regnetyParameters,
  toChannelsLast,
} from "../models/regnety/parameters.js";
import type { ParameterShapes, TensorMap } from "../weights/tensor-map.js";
import { checkShapes, isBuffer } from "../weights/tensor-map.js";
import { GRADIENTS } from "./graph.js";

export interface RegnetyTrainingOptions {
  config: RegnetyConfig;
  /** Under timm's names, running statistics included. */
  weights: TensorMap;
  batchSize: number;
  input: ImageInput;
}

export interface RegnetyInputs {
  /** uint8 [batch, size, size, 3], or normalized float32 [batch, 3, size, size], as `input` says. */
  images: Uint8Array | Float32Array;
  /** Target probabilities float32 [batch, classes]. */
  targets: Float32Array;
  /** Weight of each sample in the mean, float32 [batch]. */
  sampleWeights: Float32Array;
}

export interface RegnetyTraining {
  /** Forward in train mode, loss, backward: adds the gradients. logits float32 [batch, classes]. */
  accumulate(inputs: RegnetyInputs): Promise<{ loss: number; logits: Float32Array }>;
  /** The gradients accumulated so far, under timm's names with PyTorch's axes. */
  gradients(): Promise<TensorMap>;
  /** Running means and unbiased variances. */
  buffers(): Promise<TensorMap>;
  /** Batches that the running statistics were updated by here; timm's num_batches_tracked grows by it. */
  readonly batches: number;
  dispose(): void;
}

/** Outputs `loss` [1], Σ w·cross-entropy with the targets, and `logits` [batch, classes]. */
function regnetyTrainingGraph(config: RegnetyConfig, batch: number, input: ImageInput): Graph {
  const graph = new GraphBuilder("RegNetY training step");
  const logits = regnety(graph, config, { batch, input, mode: "training" });
  graph.output("logits", logits);
  const losses = softTargetCrossEntropy(graph, logits, graph.input("targets", [batch, config.classes]));
  const loss = dot(graph, losses, graph.input("sampleWeights", [batch]), "loss");
  graph.output("loss", loss);
  differentiate(graph, loss, { parameters: WEIGHTS, gradients: GRADIENTS });
  return graph;
}

/** Throws `weights/…` where the weights are not the model's, `graph/memory` with the batch that fits. */
export async function createRegnetyTraining(
  executor: Executor,
  { config, weights, batchSize, input }: RegnetyTrainingOptions,
): Promise<RegnetyTraining> {
  const shapes = regnetyParameters(config);
  checkShapes(weights, shapes, "weights");
  const stored = (wanted: boolean): ParameterShapes =>
    new Map(
      Array.from(shapes)
        .filter(([name]) => isBuffer(name) === wanted)
        .map(([name, shape]) => [name, channelsLastShape(shape)]),
    );
  const [parameters, buffers] = [stored(false), stored(true)];
  const values = (names: ParameterShapes): TensorMap =>
    new Map(
      Array.from(weights, ([name, tensor]) => [name, toChannelsLast(tensor)] as const).filter(([name]) =>
        names.has(name),
      ),
    );
  const build = (batch: number) => regnetyTrainingGraph(config, batch, input);
  const program = planForBatch(build, batchSize, executor.capabilities);
  const stores = new Map<string, Store>([
    [WEIGHTS, createWeightStore(executor, parameters, values(parameters))],
    [BUFFERS, createWeightStore(executor, buffers, values(buffers))],
    [GRADIENTS, executor.createStore(storeLayout(parameters))],
  ]);
  const step = await executor.compile(program, stores);
  return new StepTraining({ step, stores, shapes, parameters, buffers }, input);
}

interface Parts {
  step: Executable;
  stores: ReadonlyMap<string, Store>;
  /** With PyTorch's axes; `parameters` and `buffers` have channels last. */
  shapes: ParameterShapes;
  parameters: ParameterShapes;
  buffers: ParameterShapes;
}

class StepTraining implements RegnetyTraining {
  readonly #parts: Parts;
  readonly #input: ImageInput;
  batches = 0;

  constructor(parts: Parts, input: ImageInput) {
    this.#parts = parts;
    this.#input = input;
  }

  async accumulate({ images, targets, sampleWeights }: RegnetyInputs) {
    const outputs = await this.#parts.step.run({ [this.#input]: images, targets, sampleWeights });
    this.batches++;
    return { loss: outputs.loss[0], logits: outputs.logits as Float32Array };
  }

  async gradients(): Promise<TensorMap> {
    const { shapes, parameters } = this.#parts;
    return fromChannelsLast(await readParameters(this.#store(GRADIENTS), parameters), shapes);
  }

  buffers(): Promise<TensorMap> {
    return readParameters(this.#store(BUFFERS), this.#parts.buffers);
  }

  #store(name: string): Store {
    const store = this.#parts.stores.get(name);
    if (!store) throw new VitrineError("graph/unknown-store", `RegNetY training: no store ${name}`);
    return store;
  }

  dispose(): void {
    this.#parts.step.dispose();
    for (const store of this.#parts.stores.values()) store.dispose();
  }
}
