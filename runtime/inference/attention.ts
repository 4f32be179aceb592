// Attention maps: where a transformer looked in a picture, by attention rollout (Abnar and Zuidema, arXiv 2005.00928).

import type { Executor } from "../executors/executor.js";
import { createWeightStore } from "../executors/parameter-store.js";
import { GraphBuilder } from "../graph/graph.js";
import { planProgram } from "../graph/planner.js";
import { familyOf, isDistilled, type ModelConfig } from "../models/families.js";
import { WEIGHTS } from "../models/family.js";
import type { TensorMap } from "../weights/tensor-map.js";
import { checkPixels } from "./step.js";

/** A map [grid, grid] of a picture's patches, row-major. */
export interface AttentionMap {
  grid: number;
  /** What each patch contributed to the tokens that the heads read; the sum over all tokens is 1. */
  values: Float32Array;
}

/** A model's attention over single pictures. One call at a time. */
export interface AttentionProgram {
  /** pixels uint8 [size, size, 3] → attention rollout from the tokens that the heads read. Throws `image/size`. */
  rollout(pixels: Uint8Array): Promise<AttentionMap>;
  /** Frees the program and its weights; the executor stays usable. */
  dispose(): void;
}

/**
 * Attention rollout: start · ½(A_L + I) · … · ½(A_1 + I), where A is a block's attention averaged over its heads, and
 * the identity stands for the residual connection. `blocks`: attention [heads, tokens, tokens] of each block, first to
 * last, rows sum to 1; `start`: weights of the tokens that the answer reads, [tokens]. Returns weights of the input
 * tokens, [tokens], with start's sum.
 */
export function attentionRollout(blocks: readonly Float32Array[], start: Float64Array): Float64Array {
  const tokens = start.length;
  let row = start;
  for (const block of [...blocks].reverse()) {
    const heads = block.length / (tokens * tokens);
    const before = row.map((value) => value / 2);
    for (let head = 0; head < heads; head++)
      for (let from = 0; from < tokens; from++) {
        const weight = row[from] / (2 * heads);
        const offset = (head * tokens + from) * tokens;
        for (let to = 0; to < tokens; to++) before[to] += weight * block[offset + to];
      }
    row = before;
  }
  return row;
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
