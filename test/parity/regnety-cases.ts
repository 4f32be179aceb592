// RegNetY cases: the stage tables, the folded network's feature maps, and a step in train mode with its gradients and
// batch norm's statistics afterward.

import type { Executor } from "../../runtime/executors/executor.js";
import { createWeightStore, storeLayout } from "../../runtime/executors/parameter-store.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { BUFFERS, WEIGHTS } from "../../runtime/models/family.js";
import { REGNETY_DEFAULTS, type RegnetyConfig, regnetStages } from "../../runtime/models/regnety/config.js";
import { REGNETY } from "../../runtime/models/regnety/family.js";
import { foldedParameters, foldRegnety } from "../../runtime/models/regnety/folding.js";
import { regnety } from "../../runtime/models/regnety/graph.js";
import { createTraining } from "../../runtime/training/program.js";
import { TrainedTensors } from "../../runtime/training/tensors.js";
import { batchCount } from "../../runtime/weights/batch-counts.js";
import { isBuffer, type TensorMap } from "../../runtime/weights/tensor-map.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { compare, compareWhole } from "./compare.js";
import { fixtureLabels, fixtureValues, parityExecutor } from "./micro-model.js";

/** Multiple of PyTorch's own float32 error. */
const MULTIPLE = 8;
const SMOOTHING = 0.1;

const WEIGHTS_FILE = "regnety_micro.safetensors";
const FORWARD = "regnety_forward.safetensors";
const GRADIENTS = "regnety_grads.safetensors";
const TABLES = "regnet_tables.json";

interface TableEntry {
  cfg: { w0: number; wa: number; wm: number; group_w: number; depth: number; stem_width: number };
  stage_widths: number[];
  stage_depths: number[];
  group_widths: number[];
}

function stagesOf({ cfg: { group_w: groupWidth, ...design } }: TableEntry) {
  return regnetStages({ ...design, groupWidth });
}

/** Every published network and the micro one: integers, so nothing may differ. */
function* tables(context: ParityContext): Iterable<ParityOutcome> {
  if (!context.has(TABLES)) return;
  for (const [name, entry] of Object.entries(context.json<Record<string, TableEntry>>(TABLES))) {
    const stages = stagesOf(entry);
    const got = stages.flatMap(({ width, depth }) => [width, depth, Math.min(entry.cfg.group_w, width)]);
    const want = entry.stage_widths.flatMap((width, i) => [
      width,
      entry.stage_depths[i] as number,
      entry.group_widths[i] as number,
    ]);
    yield compare(`regnet_tables/${name}`, got, want, 0);
  }
}

function microRegnety(context: ParityContext): RegnetyConfig {
  const entry = context.json<Record<string, TableEntry>>(TABLES).micro as TableEntry;
  const { group_w: groupWidth, stem_width: stemWidth } = entry.cfg;
  const [, , imageSize = 0] = context.tensors(FORWARD).get("input")?.shape ?? [];
  const [, classes = 0] = context.tensors(FORWARD).get("logits")?.shape ?? [];
  return structuredClone({
    ...REGNETY_DEFAULTS,
    imageSize,
    classes,
    stemWidth,
    groupWidth,
    stages: stagesOf(entry),
  });
}

/** [batch, height, width, channels] → [batch, channels, height, width]; other shapes unchanged. */
function channelsFirst(values: ArrayLike<number>, shape: readonly number[]): ArrayLike<number> {
  if (shape.length !== 4) return values;
  const [, channels, height, width] = shape as [number, number, number, number];
  const pixels = height * width;
  return Float32Array.from({ length: values.length }, (_, i) => {
    const [image, channel] = [Math.floor(i / (channels * pixels)), Math.floor(i / pixels) % channels];
    return values[(image * pixels + (i % pixels)) * channels + channel] as number;
  });
}

/** The network as it is served: batch norm folded into the convolutions. */
async function* forward(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  const config = microRegnety(context);
  const image = fixtureValues(context, FORWARD, "input");
  const batch = image.length / (3 * config.imageSize ** 2);
  const graph = new GraphBuilder("forward RegNetY");
  const onTensor = (name: string, tensor: number) => graph.output(name, tensor);
  regnety(graph, config, { batch, input: "image", mode: "inference", onTensor });
  const weights = foldRegnety(config, context.floats(WEIGHTS_FILE));
  const store = await createWeightStore(executor, foldedParameters(config), weights);
  const program = planProgram(graph, executor.capabilities);
  const executable = await executor.compile(program, new Map([[WEIGHTS, store]]));
  const outputs = await executable.run({ image });
  executable.dispose();
  store.dispose();
  for (const [name, { data, shape }] of context.floats(FORWARD)) {
    if (name === "input" || name.startsWith("train.")) continue;
    const got = outputs[name] && channelsFirst(outputs[name], shape);
    yield compare(`regnety_forward/${name}`, got, data, context.deviceTolerance(FORWARD, name, MULTIPLE));
  }
}

/** Label-smoothing targets [batch, classes] of `train.labels`. */
function trainTargets(context: ParityContext, classes: number): Float32Array {
  const labels = fixtureLabels(context, FORWARD, "train.labels");
  const targets = new Float32Array(labels.length * classes).fill(SMOOTHING / classes);
  for (const [row, label] of labels.entries())
    targets[row * classes + label] = 1 - SMOOTHING + SMOOTHING / classes;
  return targets;
}

/** The logits of the model in training mode, which no training program returns. */
async function trainLogits(
  config: RegnetyConfig,
  weights: TensorMap,
  executor: Executor,
  image: Float32Array,
): Promise<ArrayLike<number> | undefined> {
  const graph = new GraphBuilder("RegNetY in training mode");
  const batch = image.length / (3 * config.imageSize ** 2);
  graph.output("logits", regnety(graph, config, { batch, input: "image", mode: "training" }));
  const tensors = new TrainedTensors(REGNETY, config);
  const parameters = executor.createStore(storeLayout(tensors.parameters));
  const buffers = executor.createStore(storeLayout(tensors.buffers));
  tensors.write({ parameters, buffers }, weights);
  const stores = new Map([
    [WEIGHTS, parameters],
    [BUFFERS, buffers],
  ]);
  const executable = await executor.compile(planProgram(graph, executor.capabilities), stores);
  const { logits } = await executable.run({ image });
  executable.dispose();
  for (const store of stores.values()) store.dispose();
  return logits;
}

async function* trainingStep(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  const config = microRegnety(context);
  const image = fixtureValues(context, FORWARD, "train.input");
  const batchSize = image.length / (3 * config.imageSize ** 2);
  const weights = context.floats(WEIGHTS_FILE);
  const logits = await trainLogits(config, weights, executor, image);
  const objective = { distillation: "none", alpha: 0.5, tau: 1, dropPath: 0, ema: false } as const;
  const batchesTracked = batchCount(context.tensors(WEIGHTS_FILE));
  // The scale of the loss would be undone in float32, and round.
  const options = { config, weights, batchesTracked, batchSize, ...objective, lossScaling: false };
  const training = await createTraining(executor, options);
  const { loss } = await training.accumulateImages({
    image,
    targets: trainTargets(context, config.classes),
    sampleWeights: new Float32Array(batchSize).fill(1 / batchSize),
  });
  const buffers = [...(await training.read("weights"))].filter(([name]) => isBuffer(name));
  const results = new Map([...(await training.gradients()), ...buffers]);
  const { batchesTracked: batches } = training;
  training.dispose();
  for (const [name, got] of [
    ["train.logits", logits],
    ["train.loss", [loss]],
  ] as const) {
    const tolerance = context.deviceTolerance(FORWARD, name, MULTIPLE);
    yield compare(`regnety_forward/${name}`, got, fixtureValues(context, FORWARD, name), tolerance);
  }
  if (!context.has(GRADIENTS)) return;
  const { jumps } = context.tierTolerances;
  for (const [name, { data }] of context.tensors(GRADIENTS)) {
    const isCount = name.endsWith("num_batches_tracked");
    const got = isCount ? [batches] : results.get(name)?.data;
    const want = Array.from<number | bigint>(data).map(Number);
    const tolerance = isCount ? 0 : context.deviceTolerance(GRADIENTS, name, MULTIPLE);
    const place = `regnety_grads/${name}`;
    if (jumps > 0 && !isCount) yield compareWhole(place, got, want, jumps);
    else yield compare(place, got, want, tolerance);
  }
}

export const regnetyCases: CaseGroup = async function* (context) {
  yield* tables(context);
  if (![WEIGHTS_FILE, FORWARD, TABLES].every((file) => context.has(file))) return;
  const executor = await parityExecutor(context);
  yield* forward(context, executor);
  yield* trainingStep(context, executor);
  await executor.dispose();
};
