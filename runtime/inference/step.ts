// Inference step: the graph of a classifier's answer, one compiled program of it for batches up to a size, and any
// number of images through several of those.

import { VitrineError } from "../errors.js";
import type { DeviceArray } from "../executors/device-store.js";
import type { Executable } from "../executors/executor.js";
import { finished, joined, type Started, underway } from "../executors/pipelined.js";
import { GraphBuilder } from "../graph/graph.js";
import { scaledSum } from "../graph/operations/sums.js";
import type { Graph, ProgramOutputs } from "../graph/program.js";
import type { ClassifierConfig } from "../models/config.js";
import type { ImageInput, ModelFamily } from "../models/family.js";
import { joinLogits, type Logits } from "./logits.js";

/**
 * A model in evaluation mode. Outputs [batch, classes]: `logits.cls`, and for a distilled model `logits.dist` and
 * `logits`, the mean of both heads' logits, as deit's models.py has it.
 */
export function classifierGraph<C extends ClassifierConfig>(
  { addClassifier }: Pick<ModelFamily<C>, "addClassifier">,
  config: C,
  batch: number,
  input: ImageInput = "pixels",
): Graph {
  const graph = new GraphBuilder(`inference of ${batch}`);
  const { classLogits, distillationLogits } = addClassifier(graph, config, { batch, input });
  graph.output("logits.cls", classLogits);
  if (distillationLogits === undefined) return graph;
  graph.output("logits.dist", distillationLogits);
  const mean = scaledSum(graph, classLogits, distillationLogits, { alpha: 0.5, beta: 0.5 }, "mean");
  graph.output("logits", mean);
  return graph;
}

/**
 * Logits of `count` images, from programs in ascending order of their batch sizes. Resolves when the pixels may be
 * overwritten; of several runs no more than two are in flight.
 */
export async function submitSteps(
  steps: readonly InferenceStep[],
  pixels: Uint8Array,
  count: number,
): Promise<Started<Logits>> {
  const sample = pixels.length / count;
  const largest = steps.at(-1) as InferenceStep;
  const parts: Started<Logits>[] = [];
  for (let start = 0; start < count; start += largest.batch) {
    const size = Math.min(largest.batch, count - start);
    const step = steps.find(({ batch }) => batch >= size) as InferenceStep;
    await parts.at(-2)?.outcome;
    parts.push(await step.submit(pixels.subarray(start * sample, (start + size) * sample), size));
  }
  return joined(parts, joinLogits);
}

/** Throws `image/size` unless `pixels` are `count` ≥ 1 images of the model's size. */
export function checkPixels({ imageSize }: ClassifierConfig, pixels: Uint8Array, count: number): void {
  const wanted = count * imageSize * imageSize * 3;
  if (Number.isSafeInteger(count) && count >= 1 && pixels.length === wanted) return;
  const size = `${count} of ${imageSize}×${imageSize}×3`;
  const text = `pixels: ${pixels.length} bytes for ${count} images, wanted ${wanted}: ${size}`;
  throw new VitrineError("image/size", text, { details: { count, got: pixels.length, wanted } });
}

/** A compiled inference program for batches of up to `batch` images. */
export class InferenceStep {
  readonly batch: number;
  readonly #executable: Executable;
  readonly #config: ClassifierConfig;
  #padded: Uint8Array | undefined;

  constructor(executable: Executable, config: ClassifierConfig, batch: number) {
    this.batch = batch;
    this.#executable = executable;
    this.#config = config;
  }

  /**
   * pixels uint8 [count, size, size, 3], count ≤ batch. Resolves when they may be overwritten and the next call may
   * come.
   */
  async submit(pixels: Uint8Array, count: number): Promise<Started<Logits>> {
    checkPixels(this.#config, pixels, count);
    if (count > this.batch)
      throw new VitrineError("image/size", `pixels: ${count} images for a program of at most ${this.batch}`);
    const inputs = { pixels: this.#fill(pixels, count) };
    const logits = (outputs: ProgramOutputs) => toLogits(outputs, count * this.#config.classes);
    if (!this.#executable.submit) return finished(logits(await this.#executable.run(inputs)));
    const { outputs } = await this.#executable.submit(inputs);
    return underway(outputs.then(logits));
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
    checkPixels(this.#config, pixels, this.batch);
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
  #fill(pixels: Uint8Array, count: number): Uint8Array {
    if (count === this.batch) return pixels;
    this.#padded ??= new Uint8Array((pixels.length / count) * this.batch);
    this.#padded.set(pixels);
    this.#padded.fill(0, pixels.length);
    return this.#padded;
  }

  dispose(): void {
    this.#executable.dispose();
  }
}

function toLogits(outputs: ProgramOutputs, values: number): Logits {
  const take = (name: string) => (outputs[name] as Float32Array).subarray(0, values);
  const classLogits = take("logits.cls");
  if (!("logits.dist" in outputs)) return { classLogits, logits: classLogits };
  return { classLogits, distillationLogits: take("logits.dist"), logits: take("logits") };
}
