// Training program: a model's weights, gradients, moments and average on an executor, and the steps that change them.

import type { Store, StoreLayout } from "../executors/device-store.js";
import type { DeviceInputs, Executable, Executor, OperationsDone } from "../executors/executor.js";
import type { Started } from "../executors/pipelined.js";
import { hostInputs } from "../executors/program-inputs.js";
import type { ProgramOutputs } from "../graph/program.js";
import type { Logits } from "../inference/logits.js";
import { InferenceStep, submitSteps } from "../inference/step.js";
import { BUFFERS, WEIGHTS } from "../models/family.js";
import type { TensorMap } from "../weights/tensor-map.js";
import type {
  AppliedStep,
  BatchLoss,
  LossSums,
  OptimizerStep,
  PieceTraining,
  StepOutcome,
  Training,
  TrainingInputs,
  TrainingOptions,
  TrainingState,
} from "./contract.js";
import { type GradientOrder, gradientOrder } from "./gradient-order.js";
import { distillationScale } from "./graph.js";
import { FIRST_LOSS_SCALE, LOSS_SCALE, readReport, undoLossScale, writeLossScale } from "./loss-scale.js";
import { batchLoss, type DistilledInputs, lossSums } from "./loss-terms.js";
import { adamWSettings } from "./optimizer-settings.js";
import { planTraining, type TrainingPlan } from "./plan.js";
import { noAverage, STATE_STORES, stateStores } from "./state-stores.js";
import { disposeOnDevice, type Images, type MicroBatch, microBatches, stepInputs } from "./step-inputs.js";
import { GRADIENTS } from "./store-names.js";
import type { StateStores, TrainedFamily, TrainedTensors } from "./tensors.js";
import { GradientSum, TrainedValues } from "./trained-values.js";

/** As `TrainingInputs`, with images as PyTorch takes them: float32 [batch, 3, size, size], normalized. */
export type ImageInputs = Omit<TrainingInputs, "pixels"> & { image: Float32Array };

/** A training that also takes images as PyTorch does; `createTraining` makes it. */
export interface ImageTraining extends PieceTraining {
  /** As `accumulate`, from normalized floats; its program is built on the first call. For comparisons with PyTorch. */
  accumulateImages(inputs: ImageInputs): Promise<BatchLoss>;
}

/**
 * Plans and compiles the programs of a training, and allocates its stores: weights, gradients, the optimizer's moments,
 * and the average. Throws before anything is allocated `graph/memory` with the batch size that fits, `training/pieces` where
 * the pieces do not divide the batch; `weights/…` where the weights are not the model's.
 *
 *     const training = await createTraining(runtime.executor, { config, weights, batchSize: 64, ... });
 *     const { loss } = await training.accumulate({ pixels, targets, sampleWeights });
 *     await training.apply({ learningRate: 5e-4, step: 1, ... });
 */
export async function createTraining(executor: Executor, asked: TrainingOptions): Promise<ImageTraining> {
  const options = { ...asked, lossScaling: asked.lossScaling ?? executor.halfPrecision ?? false };
  const plan = planTraining(options, executor.capabilities);
  const { tensors, piece } = plan;
  const stores = new Map(Array.from(plan.stores, ([name, layout]) => [name, executor.createStore(layout)]));
  const weights = stateStores(stores, "weights") as StateStores;
  tensors.write(weights, options.weights);
  const average = stateStores(stores, "ema");
  if (average) tensors.write(average, options.weights);
  const scaling = stores.get(LOSS_SCALE);
  if (scaling) writeLossScale(scaling, FIRST_LOSS_SCALE);

  const compileEvaluation = async ({ parameters, buffers }: StateStores) => {
    const read = new Map([[WEIGHTS, parameters]]);
    if (buffers) read.set(BUFFERS, buffers);
    return new InferenceStep(await executor.compile(plan.evaluate, read), options.config, piece);
  };
  const steps = {
    accumulate: await executor.compile(plan.accumulate, stores),
    apply: await executor.compile(plan.apply, stores),
    evaluate: await compileEvaluation(weights),
    evaluateAverage: average && (await compileEvaluation(average)),
  };
  const compileImages = async () => executor.compile(plan.accumulateFor("image"), stores);
  return new ProgramTraining(plan, options, stores, steps, compileImages);
}

interface Steps {
  accumulate: Executable;
  apply: Executable;
  evaluate: InferenceStep;
  evaluateAverage: InferenceStep | undefined;
}

interface Submits {
  accumulate: NonNullable<Executable["submit"]>;
  apply: NonNullable<Executable["submit"]>;
}

/** The outputs of the apply program. The square of the norm is finite exactly where every gradient was. */
function appliedStep({ norm, report }: ProgramOutputs): AppliedStep {
  const sumOfSquares = norm[0];
  const [gradientNorm, applied] = [Math.sqrt(sumOfSquares), Number.isFinite(sumOfSquares)];
  if (!report) return { gradientNorm, applied };
  const { gradientScale, lossScale } = readReport(report);
  return { gradientNorm: gradientNorm / gradientScale, applied, lossScale };
}

/** Only submitted programs take inputs that are already on the device. */
async function runStep(
  step: Executable,
  inputs: DeviceInputs,
  onDone?: OperationsDone,
): Promise<ProgramOutputs> {
  return step.submit ? (await step.submit(inputs)).outputs : step.run(hostInputs(inputs), onDone);
}

/** The caller may overwrite what is on the host before a submitted step is done. */
function copied(piece: MicroBatch): MicroBatch {
  const { sampleWeights, teacherLogits } = piece.inputs;
  const kept = teacherLogits instanceof Float32Array ? teacherLogits.slice() : teacherLogits;
  return { ...piece, inputs: { ...piece.inputs, sampleWeights: sampleWeights.slice(), teacherLogits: kept } };
}

class ProgramTraining implements ImageTraining {
  readonly bytes: number;
  batchesTracked: number;
  readonly submit?: Training["submit"];
  readonly writeLossScale?: Training["writeLossScale"];
  readonly #options: TrainingOptions;
  readonly #family: TrainedFamily;
  readonly #tensors: TrainedTensors;
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #steps: Steps;
  readonly #gradients: TrainedValues;
  readonly #finals: GradientOrder;
  readonly #plan: Pick<TrainingPlan, "stores" | "trained">;
  readonly #compileImages: () => Promise<Executable>;
  /** Of micro-batches, where the CPU computes them. */
  #sum: GradientSum | undefined;
  #accumulateImages: Executable | undefined;

  constructor(
    { family, tensors, stores: layouts, trained, accumulate: accumulated, bytes }: TrainingPlan,
    options: TrainingOptions,
    stores: ReadonlyMap<string, Store>,
    steps: Steps,
    compileImages: () => Promise<Executable>,
  ) {
    this.#options = options;
    this.batchesTracked = options.batchesTracked ?? 0;
    this.#family = family;
    this.#tensors = tensors;
    this.#stores = stores;
    this.#steps = steps;
    this.#compileImages = compileImages;
    this.bytes = bytes;
    this.#plan = { stores: layouts, trained };
    this.#finals = gradientOrder(accumulated, trained);
    this.#gradients = this.#valuesIn(GRADIENTS, this.#finals.names);
    const scaling = stores.get(LOSS_SCALE);
    if (scaling) this.writeLossScale = (state) => writeLossScale(scaling, state);
    const { accumulate, apply } = steps;
    if (!accumulate.submit || !apply.submit) return;
    const submits = { accumulate: accumulate.submit.bind(accumulate), apply: apply.submit.bind(apply) };
    this.submit = (inputs, step) =>
      this.#submit(inputs, step, submits).finally(() => disposeOnDevice(inputs));
  }

  accumulate(inputs: TrainingInputs): Promise<BatchLoss> {
    const { accumulate } = this.#steps;
    return this.#accumulate(accumulate, inputs, { pixels: inputs.pixels }).finally(() =>
      disposeOnDevice(inputs),
    );
  }

  async accumulateImages(inputs: ImageInputs): Promise<BatchLoss> {
    this.#accumulateImages ??= await this.#compileImages();
    return this.#accumulate(this.#accumulateImages, inputs, { image: inputs.image });
  }

  async #accumulate(
    step: Executable,
    inputs: Omit<TrainingInputs, "pixels">,
    images: Images,
  ): Promise<BatchLoss> {
    const { pieces = 1 } = this.#options;
    const losses: LossSums[] = [];
    if (pieces > 1 && !step.submit) this.#sum ??= new GradientSum(this.#gradients);
    const sum = this.#sum;
    await sum?.begin();
    for (const piece of microBatches(inputs, images, pieces)) {
      losses.push(await this.#runPiece(step, piece));
      await sum?.add();
    }
    sum?.end();
    return batchLoss(losses, this.#isDistilled);
  }

  async #runPiece(step: Executable, piece: MicroBatch, onDone?: OperationsDone): Promise<LossSums> {
    const outputs = await runStep(step, stepInputs(this.#family, this.#options, piece), onDone);
    this.batchesTracked++;
    return lossSums(outputs, distillationScale(this.#options), await this.#distilled(piece));
  }

  get #isDistilled(): boolean {
    return this.#options.distillation !== "none";
  }

  get trainedCount(): number {
    return this.#gradients.count;
  }

  #valuesIn(name: string, order = this.#plan.trained): TrainedValues {
    const layout = this.#plan.stores.get(name) as StoreLayout;
    return new TrainedValues(this.#stores.get(name) as Store, layout, order);
  }

  readTrained(state: TrainingState, into: Float32Array): Promise<void> {
    return this.#valuesIn(STATE_STORES[state].parameters).read(into);
  }

  writeTrained(state: TrainingState, values: Float32Array): void {
    this.#valuesIn(STATE_STORES[state].parameters).write(values);
  }

  async gradientOf(
    inputs: TrainingInputs,
    into: Float32Array,
    onFinal: (count: number) => void = () => {},
  ): Promise<LossSums> {
    this.#gradients.clear();
    const [piece] = microBatches(inputs, { pixels: inputs.pixels }, 1);
    let copied = 0;
    const onDone = (operations: number) => {
      const next = this.#finals.operations.findIndex((after) => after > operations);
      const final = next < 0 ? this.#finals.names.length : next;
      if (final <= copied) return;
      this.#gradients.peek(into, copied, final);
      copied = final;
      onFinal(this.#gradients.endOf(final - 1));
    };
    const { accumulate } = this.#steps;
    const sums = await this.#runPiece(accumulate, piece, onDone).finally(() => disposeOnDevice(inputs));
    await this.#gradients.read(into, copied);
    onFinal(this.#gradients.count);
    return sums;
  }

  writeGradient(gradient: Float32Array): void {
    this.#gradients.write(gradient);
  }

  /** What the terms of a distilled loss are computed from, beside the outputs; the teacher's logits may be disposed of. */
  async #distilled({ inputs }: MicroBatch): Promise<DistilledInputs | undefined> {
    const { sampleWeights, teacherLogits } = inputs;
    if (!this.#isDistilled || !teacherLogits) return undefined;
    if (!(teacherLogits instanceof Float32Array))
      return { sampleWeights, teacherLogits: await teacherLogits.read() };
    return { sampleWeights, teacherLogits };
  }

  async apply(step: OptimizerStep): Promise<AppliedStep> {
    return appliedStep(await this.#steps.apply.run({ settings: adamWSettings(step) }));
  }

  async #submit(
    inputs: TrainingInputs,
    step: OptimizerStep,
    { accumulate, apply }: Submits,
  ): Promise<{ outcome: Promise<StepOutcome> }> {
    const scale = distillationScale(this.#options);
    const losses: Promise<LossSums>[] = [];
    for (const piece of microBatches(inputs, { pixels: inputs.pixels }, this.#options.pieces ?? 1)) {
      const { outputs } = await accumulate(stepInputs(this.#family, this.#options, piece));
      const distilled = this.#distilled(copied(piece));
      const loss = Promise.all([outputs, distilled]).then(([results, more]) =>
        lossSums(results, scale, more),
      );
      // Where a later piece fails, nobody waits for this one.
      loss.catch(() => {});
      losses.push(loss);
      this.batchesTracked++;
    }
    const { outputs } = await apply({ settings: adamWSettings(step) });
    const outcome = Promise.all([outputs, ...losses]).then(([applied, ...pieces]) => ({
      ...batchLoss(pieces, this.#isDistilled),
      ...appliedStep(applied),
    }));
    // A caller that does not await the outcome must not crash on its rejection.
    outcome.catch(() => {});
    return { outcome };
  }

  async evaluate(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Logits> {
    return (await this.submitEvaluation(pixels, count, state)).outcome;
  }

  async submitEvaluation(
    pixels: Uint8Array,
    count: number,
    state: "weights" | "ema",
  ): Promise<Started<Logits>> {
    const step = state === "ema" ? this.#steps.evaluateAverage : this.#steps.evaluate;
    if (!step) throw noAverage();
    return submitSteps([step], pixels, count);
  }

  async gradients(): Promise<TensorMap> {
    const gradients = await this.#tensors.read({ parameters: this.#stores.get(GRADIENTS) as Store });
    const scaling = this.#stores.get(LOSS_SCALE);
    if (scaling) await undoLossScale(scaling, gradients);
    return gradients;
  }

  async read(state: TrainingState): Promise<TensorMap> {
    const stores = this.#state(state);
    return stores === null ? new Map() : this.#tensors.read(stores);
  }

  write(state: TrainingState, tensors: TensorMap): void {
    const stores = this.#state(state);
    if (stores !== null) this.#tensors.write(stores, tensors);
  }

  /** Null for the second moment of an optimizer that has none. */
  #state(state: TrainingState): StateStores | null {
    const stores = stateStores(this.#stores, state);
    if (!stores && state === "ema") throw noAverage();
    return stores ?? null;
  }

  dispose(): void {
    const { accumulate, apply, evaluate, evaluateAverage } = this.#steps;
    for (const step of [accumulate, apply, evaluate, evaluateAverage, this.#accumulateImages])
      step?.dispose();
    for (const store of this.#stores.values()) store.dispose();
  }
}
