// Attention maps of a model on a copy of its weights, for programs that want nothing else of it.

import type { Executor } from "../executors/executor.js";
import { createWeightStore } from "../executors/parameter-store.js";
import { planProgram } from "../graph/planner.js";
import type { Graph } from "../graph/program.js";
import { familyOf } from "../models/families.js";
import { WEIGHTS } from "../models/family.js";
import type { ModelConfig } from "../models/model-config.js";
import type { TensorMap } from "../weights/tensor-map.js";
import { type AttentionProgram, compileAttention, hasAttention } from "./attention-program.js";

/**
 * As `compileAttention`, for pixels, with weights of its own: a model's tensors under timm's names, float32. Throws
 * `weights/…` too.
 */
export async function createAttention(
  executor: Executor,
  config: ModelConfig,
  weights: TensorMap,
): Promise<AttentionProgram | null> {
  const family = familyOf(config);
  if (!hasAttention(family, config)) return null;
  const shapes = family.inferenceShapes(config);
  const store = await createWeightStore(executor, shapes, family.inferenceWeights(config, weights), {
    frozen: true,
  });
  const plan = (graph: Graph) => planProgram(graph, executor.capabilities);
  const stores = new Map([[WEIGHTS, store]]);
  const program = await compileAttention(executor, stores, { family, config, input: "pixels", plan });
  if (program === null) return null;
  return {
    rollout: (image) => program.rollout(image),
    maps: (image) => program.maps(image),
    dispose() {
      program.dispose();
      store.dispose();
    },
  };
}
