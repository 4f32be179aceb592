// Inference step: the graph of a classifier's answer, one compiled program of it for batches up to a size, and any
// number of images through several of those.

import { VitrineError } from "../errors.js";
import type { DeviceArray } from "../executors/device-store.js";
import type { Executable } from "../executors/executor.js";
import { finished, joined, type Started, underway } from "../executors/pipelined.js";
import { GraphBuilder } from "../graph/graph.js";
import { scaledSum } from "../graph/operations/sums.js";
import type { Graph, ProgramOutputs } from "../graph/program.js";
import type { TensorId } from "../graph/tensor.js";
import type { ClassifierConfig } from "../models/config.js";
import type { ImageInput, ModelFamily } from "../models/family.js";
import { type Answer, type ImageTensor, joinAnswers } from "./answer.js";

/** What a classifier's graph reads and gives. */
export interface GraphOptions {
  /** Default `pixels`. */
  input?: ImageInput;
  /** Whether the features that the heads read are an output. Default false. */
  features?: boolean;
}

/**
 * A model in evaluation mode. Outputs [batch, classes]: `logits.cls`, and for a distilled model `logits.dist` and
 * `logits`, the mean of both heads' logits, as deit's models.py has it. With `features` also `features`, [batch, width].
 */
export function classifierGraph<C extends ClassifierConfig>(
  { addClassifier }: Pick<ModelFamily<C>, "addClassifier">,
  config: C,
  batch: number,
  { input = "pixels", features = false }: GraphOptions = {},
): Graph {
  const graph = new GraphBuilder(`inference of ${batch}`);
  const read: TensorId[] = [];
  const { classLogits, distillationLogits } = addClassifier(graph, config, {
    batch,
    input,
    onFeatures: (tensor) => void read.push(tensor),
  });
  if (features) graph.output("features", meanFeatures(graph, read));
  graph.output("logits.cls", classLogits);
  if (distillationLogits === undefined) return graph;
  graph.output("logits.dist", distillationLogits);
  const mean = scaledSum(graph, classLogits, distillationLogits, { alpha: 0.5, beta: 0.5 }, "mean");
  graph.output("logits", mean);
  return graph;
}

function meanFeatures(graph: GraphBuilder, [first, second]: readonly TensorId[]): TensorId {
  if (second === undefined) return first;
  return scaledSum(graph, first, second, { alpha: 0.5, beta: 0.5 }, "mean features");
}

/**
 * Logits of `count` images, from programs in ascending order of their batch sizes. Resolves when the images may be
 * overwritten; of several runs no more than two are in flight.
 */
export async function submitSteps(
  steps: readonly InferenceStep[],
  images: ImageTensor,
  count: number,
): Promise<Started<Answer>> {
  const sample = images.length / count;
  const largest = steps.at(-1) as InferenceStep;
  const parts: Started<Answer>[] = [];
  for (let start = 0; start < count; start += largest.batch) {
    const size = Math.min(largest.batch, count - start);
    const step = steps.find(({ batch }) => batch >= size) as InferenceStep;
    await parts.at(-2)?.outcome;
    parts.push(await step.submit(images.subarray(start * sample, (start + size) * sample), size));
  }
  return joined(parts, joinAnswers);
}

/** Throws `image/size` unless `images` are `count` ≥ 1 images of the model's size. */
export function checkImages({ imageSize }: ClassifierConfig, images: ImageTensor, count: number): void {
  const wanted = count * imageSize * imageSize * 3;
  if (Number.isSafeInteger(count) && count >= 1 && images.length === wanted) return;
  const [what, unit] = images instanceof Uint8Array ? ["pixels", "bytes"] : ["values", "numbers"];
  const size = `${count} of ${imageSize}×${imageSize}×3`;
  const text = `${what}: ${images.length} ${unit} for ${count} images, wanted ${wanted}: ${size}`;
  throw new VitrineError("image/size", text, { details: { count, got: images.length, wanted } });
}

/** A compiled inference program for batches of up to `batch` images. */
export class InferenceStep {
  readonly batch: number;
  readonly #executable: Executable;
  readonly #config: ClassifierConfig;
  readonly #input: ImageInput;
  #padded: ImageTensor | undefined;

  /** `input`: what its graph reads. */
  constructor(executable: Executable, config: ClassifierConfig, batch: number, input: ImageInput = "pixels") {
    this.#input = input;
    this.batch = batch;
    this.#executable = executable;
    this.#config = config;
  }

  /**
   * `count` images of the graph's input, count ≤ batch. Resolves when they may be overwritten and the next call may
   * come.
   */
  async submit(images: ImageTensor, count: number): Promise<Started<Answer>> {
    checkImages(this.#config, images, count);
    if (count > this.batch)
      throw new VitrineError("image/size", `pixels: ${count} images for a program of at most ${this.batch}`);
    const inputs = { [this.#input]: this.#fill(images, count) };
    const answer = (outputs: ProgramOutputs) => toAnswer(outputs, count, this.batch);
    if (!this.#executable.submit) return finished(answer(await this.#executable.run(inputs)));
    const { outputs } = await this.#executable.submit(inputs);
    return underway(outputs.then(answer));
  }

  /** Whether `onDevice` can be called: not on the CPU. */
  get staysOnDevice(): boolean {
    return this.#executable.runOnDevice !== undefined;
  }

  /**
   * pixels uint8 [batch, size, size, 3] → logits [batch, classes], which stay on the device, the caller's to dispose
   * of.
   */
  async onDevice(pixels: Uint8Array): Promise<DeviceArray> {
    checkImages(this.#config, pixels, this.batch);
    if (!this.#executable.runOnDevice)
      throw new VitrineError(
        "device/unsupported",
        "inference: this device computes on the CPU and cannot keep logits on a GPU; " +
          "call logits() or submit(), or take --device webgpu",
      );
    const outputs = await this.#executable.runOnDevice({ pixels });
    // The mean of both heads for a distilled model, else the one head.
    const { logits = outputs["logits.cls"] as DeviceArray, ...others } = outputs;
    for (const other of Object.values(others)) if (other !== logits) other.dispose();
    return logits;
  }

  /** A short batch is padded with black images, whose logits are dropped. */
  #fill(images: ImageTensor, count: number): ImageTensor {
    if (count === this.batch) return images;
    const length = (images.length / count) * this.batch;
    this.#padded ??= images instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
    this.#padded.set(images);
    this.#padded.fill(0, images.length);
    return this.#padded;
  }

  dispose(): void {
    this.#executable.dispose();
  }
}

/** The first `count` rows of outputs [batch, …]. */
function toAnswer(outputs: ProgramOutputs, count: number, batch: number): Answer {
  const take = (name: string) => {
    const values = outputs[name] as Float32Array;
    return values.subarray(0, (values.length / batch) * count);
  };
  const classLogits = take("logits.cls");
  const answer: Answer = { classLogits, logits: classLogits };
  if ("logits.dist" in outputs) {
    answer.distillationLogits = take("logits.dist");
    answer.logits = take("logits");
  }
  if ("features" in outputs) answer.embeddings = take("features");
  return answer;
}
