// Forward cases: every tensor of both models between image and logits, and the logits with dropped branches.

import type { Store } from "../../runtime/executors/device-store.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWeightStore } from "../../runtime/executors/parameter-store.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { scaledSum } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { ProgramInputs, ProgramOutputs } from "../../runtime/graph/program.js";
import { softmax } from "../../runtime/inference/logits.js";
import { branchScaleName, deit } from "../../runtime/models/deit/graph.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { type ClassifierHeads, WEIGHTS } from "../../runtime/models/family.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { compare } from "./compare.js";
import { fixtureValues, type ModelKind, microConfig, microWeights, parityExecutor } from "./micro-model.js";

/** Multiple of PyTorch's own float32 error. */
const MULTIPLE = 8;

interface ForwardOptions {
  /** Keep every intermediate tensor; otherwise the planner fuses and drops what inference does not need. */
  taps: boolean;
  stochasticDepth: boolean;
}

const HALVES = { alpha: 0.5, beta: 0.5 };

/** The fixtures' names for the evaluation results of a distilled model. */
function addEvaluation(graph: GraphBuilder, { classLogits, distillationLogits }: ClassifierHeads): void {
  if (distillationLogits === undefined) return;
  const mean = scaledSum(graph, classLogits, distillationLogits, HALVES, "mean of logits");
  graph.output("logits.eval", mean);
}

/** Mean of both heads' probabilities [batch, classes], as the host computes them. */
function meanOfSoftmax(heads: readonly Float32Array[], classes: number): Float32Array {
  const sum = new Float32Array(heads[0]?.length ?? 0);
  for (const logits of heads) {
    for (let start = 0; start < logits.length; start += classes)
      softmax(logits.subarray(start, start + classes)).forEach((probability, i) => {
        sum[start + i] += probability / heads.length;
      });
  }
  return sum;
}

/** Runs a model on float images [batch, 3, size, size] and returns its outputs by the fixtures' names. */
async function runForward(
  context: ParityContext,
  executor: Executor,
  kind: ModelKind,
  inputs: ProgramInputs & { image: Float32Array },
  options: ForwardOptions,
): Promise<ProgramOutputs> {
  const config = microConfig(context, kind);
  const batch = inputs.image.length / (3 * config.imageSize ** 2);
  const graph = new GraphBuilder(`forward ${kind}`);
  const onTensor = (name: string, tensor: number) => {
    if (options.taps || name.startsWith("logits")) graph.output(name, tensor);
  };
  const heads = deit(graph, config, {
    batch,
    input: "image",
    stochasticDepth: options.stochasticDepth,
    onTensor,
  });
  addEvaluation(graph, heads);
  const program = planProgram(graph, executor.capabilities);
  const store: Store = await createWeightStore(executor, deitParameters(config), microWeights(context, kind));
  const executable = await executor.compile(program, new Map([[WEIGHTS, store]]));
  const outputs = await executable.run(inputs);
  executable.dispose();
  store.dispose();
  const { "logits.cls": ofClass, "logits.dist": ofDistillation } = outputs;
  if (ofClass instanceof Float32Array && ofDistillation instanceof Float32Array)
    outputs["probs.softmax_sum_half"] = meanOfSoftmax([ofClass, ofDistillation], config.classes);
  return outputs;
}

/** Every tensor of forward_KIND but its input, kept by the program and, for the logits, fused as inference does. */
async function* forwardOf(
  context: ParityContext,
  executor: Executor,
  kind: ModelKind,
): AsyncIterable<ParityOutcome> {
  const file = `forward_${kind}.safetensors`;
  if (!context.has(file) || !context.has(`model_${kind}.safetensors`)) return;
  const image = fixtureValues(context, file, "input");
  for (const taps of [true, false]) {
    const outputs = await runForward(context, executor, kind, { image }, { taps, stochasticDepth: false });
    for (const [name, { data }] of context.floats(file)) {
      if (name === "input" || (!taps && !(name in outputs))) continue;
      const tolerance = context.deviceTolerance(file, name, MULTIPLE);
      yield compare(`forward_${kind}/${name}${taps ? "" : " (fused)"}`, outputs[name], data, tolerance);
    }
  }
}

/** Branch scales by stochastic depth: kept 1/(1−rate), dropped 0. */
function branchScales(context: ParityContext, file: string, depth: number): Record<string, Float32Array> {
  const masks = context.tensors(file).get("keep_masks")?.data as Uint8Array;
  const rates = fixtureValues(context, file, "rates");
  const batch = masks.length / (2 * depth);
  const scales: Record<string, Float32Array> = {};
  for (let block = 0; block < depth; block++) {
    for (const [index, branch] of (["attn", "mlp"] as const).entries()) {
      const start = (2 * block + index) * batch;
      const keep = 1 - (rates[block] as number);
      scales[branchScaleName(block, branch)] = Float32Array.from(
        masks.subarray(start, start + batch),
        (kept) => kept / keep,
      );
    }
  }
  return scales;
}

async function* dropPath(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  const file = "drop_path.safetensors";
  if (!context.has(file) || !context.has("model_distilled.safetensors")) return;
  const { depth } = microConfig(context, "distilled");
  const inputs = { image: fixtureValues(context, file, "input"), ...branchScales(context, file, depth) };
  const options = { taps: false, stochasticDepth: true };
  const outputs = await runForward(context, executor, "distilled", inputs, options);
  for (const name of ["logits.cls", "logits.dist"]) {
    const tolerance = context.deviceTolerance(file, name, MULTIPLE);
    yield compare(`drop_path/${name}`, outputs[name], fixtureValues(context, file, name), tolerance);
  }
}

export const forwardCases: CaseGroup = async function* (context) {
  const executor = await parityExecutor(context);
  yield* forwardOf(context, executor, "plain");
  yield* forwardOf(context, executor, "distilled");
  yield* dropPath(context, executor);
  await executor.dispose();
};
