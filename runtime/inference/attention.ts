// Attention maps: where a transformer looked in a picture, from a program that gives the attention of every block.

import type { Executor } from "../executors/executor.js";
import { createWeightStore } from "../executors/parameter-store.js";
import { GraphBuilder } from "../graph/graph.js";
import { planProgram } from "../graph/planner.js";
import { familyOf, isDistilled, type ModelConfig } from "../models/families.js";
import { WEIGHTS } from "../models/family.js";
import type { TensorMap } from "../weights/tensor-map.js";
import { type AttentionMap, attentionRollout } from "./attention-rollout.js";
import { checkPixels } from "./step.js";

/** A model's attention over single pictures. One call at a time. */
export interface AttentionProgram {
  /** pixels uint8 [size, size, 3] → attention rollout from the tokens that the heads read. Throws `image/size`. */
  rollout(pixels: Uint8Array): Promise<AttentionMap>;
  /** Frees the program and its weights; the executor stays usable. */
  dispose(): void;
}

const PROBABILITIES = /^block(\d+)\.attn\.probs$/;

/** The tokens that the heads read: the class token, with a distillation token both, and without either all. */
function startOf(config: ModelConfig, tokens: number, grid: number): Float64Array {
  const prefix = tokens - grid * grid;
  const read = prefix === 0 ? tokens : isDistilled(config) ? Math.min(2, prefix) : 1;
  return new Float64Array(tokens).fill(1 / read, 0, read);
}

/**
 * Plans and compiles a program that gives the attention of every block, for one picture. Null for a model without
 * attention, such as a convnet. `weights`: its tensors under timm's names, float32. Throws `weights/…`, and
 * `graph/memory` where the attention of all blocks does not fit.
 */
export async function createAttention(
  executor: Executor,
  config: ModelConfig,
  weights: TensorMap,
): Promise<AttentionProgram | null> {
  const family = familyOf(config);
  const graph = new GraphBuilder("attention of 1");
  /** Number of the block → name of its output. */
  const blocks = new Map<number, { name: string; tokens: number }>();
  family.addClassifier(graph, config, {
    batch: 1,
    input: "pixels",
    onTensor(name, tensor) {
      const block = PROBABILITIES.exec(name)?.[1];
      if (block === undefined) return;
      graph.output(name, tensor);
      blocks.set(Number(block), { name, tokens: graph.shapeOf(tensor)[2] });
    },
  });
  const [first] = blocks.values();
  if (first === undefined) return null;
  const { tokens } = first;
  const grid = Math.floor(Math.sqrt(tokens));
  const program = planProgram(graph, executor.capabilities);
  const shapes = family.inferenceShapes(config);
  const store = createWeightStore(executor, shapes, family.inferenceWeights(config, weights));
  const executable = await executor.compile(program, new Map([[WEIGHTS, store]]), { frozenStores: true });
  const names = [...blocks].sort(([a], [b]) => a - b).map(([, { name }]) => name);
  return {
    async rollout(pixels) {
      checkPixels(config, pixels, 1);
      const outputs = await executable.run({ pixels });
      const probabilities = names.map((name) => outputs[name] as Float32Array);
      const row = attentionRollout(probabilities, startOf(config, tokens, grid));
      return { grid, values: Float32Array.from(row.subarray(tokens - grid * grid)) };
    },
    dispose() {
      executable.dispose();
      store.dispose();
    },
  };
}
