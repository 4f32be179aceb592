// Paper losses: the forms of arXiv 2012.12877 that main.py does not use, composed of the same operations.

import type { Executor } from "../../runtime/executors/executor.js";
import { createWeightStore } from "../../runtime/executors/parameter-store.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import {
  hardDistillation,
  softDistillation,
  softTargetCrossEntropy,
} from "../../runtime/graph/operations/losses.js";
import { dot, scaledSum } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { deit } from "../../runtime/models/deit/graph.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { WEIGHTS } from "../../runtime/models/family.js";
import type { ParityContext } from "./case.js";
import { lossInputs } from "./loss-inputs.js";
import { microConfig, microWeights } from "./micro-model.js";

const TAU = 3;
const LAMBDA = 0.1;

/**
 * Key of losses.json → value: equation 2 (soft distillation divided by the batch alone: `classes` times ours),
 * equation 3 on one head, and the loss of the mean of both heads' logits.
 */
export async function paperLosses(
  context: ParityContext,
  executor: Executor,
): Promise<Record<string, number>> {
  if (!context.has("model_distilled.safetensors")) return {};
  const config = microConfig(context, "distilled");
  const smoothed = lossInputs(context, "smoothed");
  const batch = smoothed.sampleWeights.length;
  const graph = new GraphBuilder("losses of the paper");
  const heads = deit(graph, config, { batch, input: "image", stochasticDepth: false });
  const ofClass = heads.classLogits;
  const ofDistillation = heads.distillationLogits as number;
  const shape = [batch, config.classes];
  const [targets, oneHot] = [graph.input("smoothed", shape), graph.input("oneHot", shape)];
  const teacher = graph.input("teacher", shape);
  const weights = graph.input("weights", [batch]);
  const mean = scaledSum(graph, ofClass, ofDistillation, { alpha: 0.5, beta: 0.5 }, "mean");
  const perSample = {
    base: softTargetCrossEntropy(graph, ofClass, targets),
    soft: softDistillation(graph, ofDistillation, teacher, TAU),
    hard: hardDistillation(graph, ofClass, teacher),
    evaluation: softTargetCrossEntropy(graph, mean, oneHot),
  };
  for (const [name, loss] of Object.entries(perSample)) graph.output(name, dot(graph, loss, weights, name));

  const store = await createWeightStore(executor, deitParameters(config), microWeights(context, "distilled"));
  const executable = await executor.compile(
    planProgram(graph, executor.capabilities),
    new Map([[WEIGHTS, store]]),
  );
  const outputs = await executable.run({
    image: smoothed.image,
    smoothed: smoothed.targets,
    oneHot: lossInputs(context, "one-hot").targets,
    teacher: smoothed.teacherLogits as Float32Array,
    weights: smoothed.sampleWeights,
  });
  executable.dispose();
  store.dispose();
  const value = (name: keyof typeof perSample) => outputs[name]?.[0] as number;
  const divergence = config.classes * value("soft");
  return {
    "paper_eq2.kl_batchmean_tau3(dist head)": divergence,
    "paper_eq2.lambda0.1.tau3.base_ls(cls head CE, dist head KL)":
      (1 - LAMBDA) * value("base") + LAMBDA * divergence,
    "paper_eq3.hard.single_head_cls": (value("base") + value("hard")) / 2,
    "eval.ce_on_averaged_logits": value("evaluation"),
  };
}
