// Training program: a DeiT's weights, gradients, moments and average in an executor, and the steps that change them.

import { VitrineError } from "./errors.js";
import type { Executable, Executor, Store, StoreLayout } from "./executors/executor.js";
import { planForBatch, planProgram } from "./graph/planner.js";
import { InferenceStep, inferenceGraph } from "./inference-program.js";
import { deitParameters } from "./models/deit-parameters.js";
import { adamWSettings } from "./optimizer-settings.js";
import {
  layoutBytes,
  type ParameterShapes,
  readParameters,
  storeLayout,
  writeParameters,
} from "./parameter-store.js";
import { type Images, stepInputs } from "./step-inputs.js";
import type {
  Logits,
  OptimizerStep,
  TensorMap,
  Training,
  TrainingInputs,
  TrainingOptions,
  TrainingState,
} from "./training.js";
import {
  AVERAGE,
  accumulateGraph,
  applyGraph,
  FIRST_MOMENT,
  GRADIENTS,
  parameterGroups,
  SECOND_MOMENT,
  WEIGHTS,
} from "./training-graph.js";

/** Images as PyTorch takes them: float32 [batch, 3, size, size], normalised. */
export type ImageInputs = Omit<TrainingInputs, "pixels"> & { image: Float32Array };

export interface DeitTraining extends Training {
  /** As `accumulate`, from normalised floats; its program is built at the first call. For comparisons with PyTorch. */
  accumulateImages(inputs: ImageInputs): Promise<{ loss: number }>;
}

/**
 * Plans the programs, then makes the stores: weights, gradients, both moments and the average, each with the decayed
 * tensors first. Throws `graph/memory` before anything is allocated, with the batch size that fits; `weights/…` where
 * the weights are not the model's; `training/distillation` where the model has no head for it.
 */
export async function createTraining(executor: Executor, options: TrainingOptions): Promise<DeitTraining> {
  const shapes = deitParameters(options.config);
  const groups = parameterGroups(shapes, options);
  const layout = storeLayout(shapes, [...groups.decayed, ...groups.plain, ...groups.untouched]);
  const names = [WEIGHTS, GRADIENTS, FIRST_MOMENT, SECOND_MOMENT, ...(options.ema ? [AVERAGE] : [])];

  const { capabilities } = executor;
  const storeBytes = names.length * layoutBytes(layout, capabilities.alignmentBytes);
  const plan = { ...capabilities, limitBytes: capabilities.limitBytes - storeBytes };
  const { config, batchSize } = options;
  const programs = {
    accumulate: planForBatch((batch) => accumulateGraph(options, batch, "pixels"), batchSize, plan),
    apply: planProgram(applyGraph(shapes, groups, options.ema), plan),
    evaluate: planForBatch((batch) => inferenceGraph(config, batch), batchSize, plan),
  };

  const stores = createStores(executor, names, layout);
  const weights = stores.get(WEIGHTS) as Store;
  writeParameters(weights, shapes, options.weights);
  const average = stores.get(AVERAGE);
  if (average) writeParameters(average, shapes, options.weights);

  const compileEvaluation = async (store: Store) =>
    new InferenceStep(
      await executor.compile(programs.evaluate, new Map([[WEIGHTS, store]])),
      config,
      batchSize,
    );
  const steps = {
    accumulate: await executor.compile(programs.accumulate, stores),
    apply: await executor.compile(programs.apply, stores),
    evaluate: await compileEvaluation(weights),
    evaluateAverage: average && (await compileEvaluation(average)),
  };
  const arenaBytes = Math.max(...Object.values(programs).map((program) => program.arenaBytes));
  const compileImages = async () => {
    const program = planForBatch((batch) => accumulateGraph(options, batch, "image"), batchSize, plan);
    return executor.compile(program, stores);
  };
  return new ProgramTraining(options, shapes, stores, steps, compileImages, arenaBytes);
}

function createStores(executor: Executor, names: readonly string[], layout: StoreLayout): Map<string, Store> {
  return new Map(names.map((name) => [name, executor.createStore(layout)]));
}

interface Steps {
  accumulate: Executable;
  apply: Executable;
  evaluate: InferenceStep;
  evaluateAverage: InferenceStep | undefined;
}

const STATE_STORES: Readonly<Record<TrainingState, string>> = {
  weights: WEIGHTS,
  ema: AVERAGE,
  firstMoment: FIRST_MOMENT,
  secondMoment: SECOND_MOMENT,
};

class ProgramTraining implements DeitTraining {
  readonly bytes: number;
  readonly #options: TrainingOptions;
  readonly #shapes: ParameterShapes;
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #steps: Steps;
  readonly #compileImages: () => Promise<Executable>;
  #accumulateImages: Executable | undefined;

  constructor(
    options: TrainingOptions,
    shapes: ParameterShapes,
    stores: ReadonlyMap<string, Store>,
    steps: Steps,
    compileImages: () => Promise<Executable>,
    arenaBytes: number,
  ) {
    this.#options = options;
    this.#shapes = shapes;
    this.#stores = stores;
    this.#steps = steps;
    this.#compileImages = compileImages;
    this.bytes = arenaBytes + [...stores.values()].reduce((sum, store) => sum + store.bytes, 0);
  }

  accumulate(inputs: TrainingInputs): Promise<{ loss: number }> {
    return this.#accumulate(this.#steps.accumulate, inputs, { pixels: inputs.pixels });
  }

  async accumulateImages(inputs: ImageInputs): Promise<{ loss: number }> {
    this.#accumulateImages ??= await this.#compileImages();
    return this.#accumulate(this.#accumulateImages, inputs, { image: inputs.image });
  }

  async #accumulate(
    step: Executable,
    inputs: Omit<TrainingInputs, "pixels">,
    images: Images,
  ): Promise<{ loss: number }> {
    const outputs = await step.run(stepInputs(this.#options, inputs, images));
    return { loss: outputs.loss?.[0] as number };
  }

  async apply(step: OptimizerStep): Promise<{ gradientNorm: number; applied: boolean }> {
    const outputs = await this.#steps.apply.run({ settings: adamWSettings(step) });
    const sumOfSquares = outputs.norm?.[0] as number;
    return { gradientNorm: Math.sqrt(sumOfSquares), applied: Number.isFinite(sumOfSquares) };
  }

  async evaluate(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Logits> {
    const step = state === "ema" ? this.#steps.evaluateAverage : this.#steps.evaluate;
    if (!step) throw noAverage();
    return step.run(pixels, count);
  }

  gradients(): Promise<TensorMap> {
    return readParameters(this.#stores.get(GRADIENTS) as Store, this.#shapes);
  }

  async read(state: TrainingState): Promise<TensorMap> {
    return readParameters(this.#state(state), this.#shapes);
  }

  write(state: TrainingState, tensors: TensorMap): void {
    writeParameters(this.#state(state), this.#shapes, tensors);
  }

  #state(state: TrainingState): Store {
    const store = this.#stores.get(STATE_STORES[state]);
    if (!store) throw noAverage();
    return store;
  }

  dispose(): void {
    const { accumulate, apply, evaluate, evaluateAverage } = this.#steps;
    for (const step of [accumulate, apply, evaluate, evaluateAverage, this.#accumulateImages])
      step?.dispose();
    for (const store of this.#stores.values()) store.dispose();
  }
}

function noAverage(): VitrineError {
  return new VitrineError("training/ema", "this training keeps no moving average: start it with one (--ema)");
}
