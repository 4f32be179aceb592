// Variants: programs with other inputs or outputs than a model's own, on the same weights, compiled when they are first
// asked for. There are few: each input with and without features, for each batch size, and the attention of each input.

import { VitrineError } from "../errors.js";
import type { ProgramStores } from "../executors/device-store.js";
import type { Executor } from "../executors/executor.js";
import { finished, type Started } from "../executors/pipelined.js";
import { planForBatch, planProgram } from "../graph/planner.js";
import type { Graph } from "../graph/program.js";
import type { ImageInput, ModelFamily } from "../models/family.js";
import type { ModelConfig } from "../models/model-config.js";
import { type Answer, type ExtraResults, type ImageTensor, joinMaps } from "./answer.js";
import { type AttentionProgram, compileAttention } from "./attention-program.js";
import { type GraphOptions, InferenceStep, submitSteps } from "./step.js";

export interface VariantsOptions {
  executor: Executor;
  family: ModelFamily<ModelConfig>;
  config: ModelConfig;
  stores: ProgramStores;
  graph: (batch: number, options: GraphOptions) => Graph;
  /** Changes a graph of float32 weights to read the stores. */
  adapt: (graph: Graph) => Graph;
  /** In ascending order. */
  batchSizes: readonly number[];
}

export class Variants {
  readonly #options: VariantsOptions;
  readonly #steps = new Map<string, InferenceStep>();
  readonly #attention = new Map<ImageInput, AttentionProgram>();

  constructor(options: VariantsOptions) {
    this.#options = options;
  }

  /**
   * As `InferenceProgram.submit`. Throws `graph/memory` where the device has too little memory left for the program, and
   * `device/unsupported` for the attention of a model without.
   */
  async submit(images: ImageTensor, count: number, extra: ExtraResults): Promise<Started<Answer>> {
    const input = images instanceof Uint8Array ? "pixels" : "image";
    const steps = await this.#stepsFor(count, { input, features: extra.embeddings === true });
    const started = await submitSteps(steps, images, count);
    if (!extra.attention) return started;
    const attention = await this.#attentionOf(input);
    const withMaps = async (): Promise<Answer> => {
      const answer = await started.outcome;
      const length = images.length / count;
      const maps = [];
      for (let image = 0; image < count; image++)
        maps.push(await attention.maps(images.subarray(image * length, (image + 1) * length)));
      return { ...answer, attention: joinMaps(maps) };
    };
    // The images are read until the last map is there.
    return finished(await withMaps());
  }

  /** The programs that `count` images take, in ascending order. */
  async #stepsFor(count: number, options: GraphOptions): Promise<InferenceStep[]> {
    const { batchSizes } = this.#options;
    const largest = batchSizes.at(-1) as number;
    const rest = count % largest;
    const sizes = [
      ...(rest > 0 ? [batchSizes.find((size) => size >= rest) as number] : []),
      ...(count >= largest ? [largest] : []),
    ];
    const steps: InferenceStep[] = [];
    for (const size of new Set(sizes)) steps.push(await this.#stepOf(size, options));
    return steps;
  }

  async #stepOf(size: number, options: GraphOptions): Promise<InferenceStep> {
    const key = `${options.input} ${options.features} ${size}`;
    const known = this.#steps.get(key);
    if (known) return known;
    const { executor, config, stores, graph } = this.#options;
    const program = planForBatch((batch) => graph(batch, options), size, executor.capabilities);
    const executable = await executor.compile(program, stores, { frozenStores: true });
    const step = new InferenceStep(executable, config, size, options.input);
    this.#steps.set(key, step);
    return step;
  }

  async #attentionOf(input: ImageInput): Promise<AttentionProgram> {
    const known = this.#attention.get(input);
    if (known) return known;
    const { executor, family, config, stores, adapt } = this.#options;
    const plan = (graph: Graph) => planProgram(adapt(graph), executor.capabilities);
    const program = await compileAttention(executor, stores, { family, config, input, plan });
    if (program === null)
      throw new VitrineError("device/unsupported", "attention: a model without attention has no maps of it");
    this.#attention.set(input, program);
    return program;
  }

  dispose(): void {
    for (const program of [...this.#steps.values(), ...this.#attention.values()]) program.dispose();
  }
}
