// Attention program: where a transformer looked in a picture, from the attention of every block, on weights that are
// there already.

import type { ProgramStores } from "../executors/device-store.js";
import type { Executor } from "../executors/executor.js";
import { GraphBuilder } from "../graph/graph.js";
import type { Graph, Program } from "../graph/program.js";
import type { ImageInput, ModelFamily } from "../models/family.js";
import type { ModelConfig } from "../models/model-config.js";
import type { ImageTensor } from "./answer.js";
import {
  type AttentionMap,
  attentionRollout,
  type TokenAttention,
  tokenAttention,
} from "./attention-rollout.js";
import { checkImages } from "./step.js";

/** A model's attention over single pictures. One call at a time. */
export interface AttentionProgram {
  /** One image → attention rollout from the tokens that the heads read. Throws `image/size`. */
  rollout(image: ImageTensor): Promise<AttentionMap>;
  /** As `rollout`, with the attention of every head that it was made from. */
  maps(image: ImageTensor): Promise<{ map: AttentionMap; rows: TokenAttention }>;
  /** Frees the program and the weights that it was created with; the executor stays usable. */
  dispose(): void;
}

const PROBABILITIES = /^block(\d+)\.attn\.probs$/;

/** What is asked of a model's family. */
type Family = Pick<ModelFamily<ModelConfig>, "addClassifier" | "headNames">;

interface AttentionGraph {
  graph: Graph;
  /** Outputs, block by block, each [1, heads, tokens, tokens]. */
  names: string[];
  tokens: number;
}

/** The attention of every block for one image; null for a model without attention, such as a convnet. */
function attentionGraph(family: Family, config: ModelConfig, input: ImageInput): AttentionGraph | null {
  const graph = new GraphBuilder("attention of 1");
  /** Number of the block → name of its output. */
  const blocks = new Map<number, { name: string; tokens: number }>();
  family.addClassifier(graph, config, {
    batch: 1,
    input,
    onTensor(name, tensor) {
      const block = PROBABILITIES.exec(name)?.[1];
      if (block === undefined) return;
      graph.output(name, tensor);
      blocks.set(Number(block), { name, tokens: graph.shapeOf(tensor)[2] });
    },
  });
  const [first] = blocks.values();
  if (first === undefined) return null;
  const names = [...blocks].sort(([a], [b]) => a - b).map(([, { name }]) => name);
  return { graph, names, tokens: first.tokens };
}

/** Whether a model has attention maps. */
export function hasAttention(family: Family, config: ModelConfig): boolean {
  return attentionGraph(family, config, "pixels") !== null;
}

/** The tokens that the heads read: the class token, with a distillation token both, and without either all. */
function startOf(heads: number, tokens: number, grid: number): Float64Array {
  const prefix = tokens - grid * grid;
  const read = prefix === 0 ? tokens : Math.min(heads, prefix);
  return new Float64Array(tokens).fill(1 / read, 0, read);
}

export interface AttentionOptions {
  family: Family;
  config: ModelConfig;
  /** What an image is. */
  input: ImageInput;
  /** A graph of float32 weights → a program that reads the stores as they are. */
  plan: (graph: Graph) => Program;
}

/**
 * Compiles a program that gives the attention of every block, for one picture, on weights that are there already. Null
 * for a model without attention. Throws what `plan` throws: `graph/memory` where the attention of all blocks does not
 * fit.
 */
export async function compileAttention(
  executor: Executor,
  stores: ProgramStores,
  { family, config, input, plan }: AttentionOptions,
): Promise<AttentionProgram | null> {
  const attention = attentionGraph(family, config, input);
  if (attention === null) return null;
  const { names, tokens } = attention;
  const grid = Math.floor(Math.sqrt(tokens));
  const executable = await executor.compile(plan(attention.graph), stores, { frozenStores: true });
  const patches = grid * grid;
  const probabilitiesOf = async (image: ImageTensor): Promise<Float32Array[]> => {
    checkImages(config, image, 1);
    const outputs = await executable.run({ [input]: image });
    return names.map((name) => outputs[name] as Float32Array);
  };
  const rolloutOf = (blocks: readonly Float32Array[]): AttentionMap => {
    const row = attentionRollout(blocks, startOf(family.headNames(config).length, tokens, grid));
    return { grid, values: Float32Array.from(row.subarray(tokens - patches)) };
  };
  return {
    rollout: async (image) => rolloutOf(await probabilitiesOf(image)),
    async maps(image) {
      const blocks = await probabilitiesOf(image);
      return { map: rolloutOf(blocks), rows: tokenAttention(blocks, tokens, patches) };
    },
    dispose: () => executable.dispose(),
  };
}
