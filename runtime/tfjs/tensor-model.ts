// Tensor model: a model whose images and logits are tensors of tfjs, or arrays on the device.

import { VitrineError } from "../errors.js";
import type { DeviceArray, Store } from "../executors/device-store.js";
import type { Executable } from "../executors/executor.js";
import { createWeightStore, layoutBytes, storeLayout } from "../executors/parameter-store.js";
import { planForBatch } from "../graph/planner.js";
import { formatShape, sameShape } from "../graph/tensor.js";
import type { ModelSource } from "../host/host.js";
import { networkOf } from "../inference/program.js";
import { readModel } from "../model-files/stored-model.js";
import type { ModelConfig } from "../models/families.js";
import { WEIGHTS } from "../models/family.js";
import type { Runtime } from "../runtime.js";
import type { ParameterShapes } from "../weights/tensor-map.js";
import { type AnyTensor, fromTensor, intoTensor, type SharedTfjs } from "./tensors.js";

/** Batch size of a model on tensors. */
export interface TensorModelOptions {
  /** Images of a run, exactly; default 1. */
  batchSize?: number;
}

/** A model whose images, logits and weights are tensors of tfjs or arrays on the device. One call at a time. */
export interface TensorModel {
  readonly config: ModelConfig;
  /** Class names in index order. */
  readonly labels: readonly string[];
  /**
   * images float32 [batch, 3, size, size], normalized → logits [batch, classes], a tensor that the caller owns. Throws
   * `image/size` for another shape and `graph/input` for another type.
   */
  logits<T>(images: AnyTensor): Promise<T>;
  /**
   * As `logits`, with arrays on the device for code that keeps its values there: `fromTensor` makes one of a tensor,
   * `toTensor` a tensor of one, and `deviceBuffer()` gives the GPUBuffer to custom kernels. The caller owns
   * both arrays.
   */
  logitsOnDevice(images: DeviceArray): Promise<DeviceArray>;
  /** A weight by its name, in PyTorch's shape, as a tensor that the caller owns. Throws `graph/unknown-tensor`. */
  weight<T>(name: string): T;
  /** Frees the program and the weights on the device; tensors that were returned stay. */
  dispose(): void;
}

/**
 * Reads a model and puts it on the runtime's device, for code that computes with tfjs there (`shareDevice`). Throws
 * what `readModel` throws, `graph/memory` where the model is too large for the device, and `device/unsupported` on
 * the device `wasm`, which has no tensors.
 *
 * ```ts
 * const shared = await shareDevice(runtime);
 * const model = await loadTensorModel(runtime, shared, nodeModelSource("deit-tiny"));
 * const logits = await model.logits<tf.Tensor>(images);
 * ```
 */
export async function loadTensorModel(
  runtime: Runtime,
  shared: SharedTfjs,
  source: ModelSource,
  { batchSize = 1 }: TensorModelOptions = {},
): Promise<TensorModel> {
  const { executor } = runtime;
  const { config, labels, weights, notices } = await readModel(source);
  for (const notice of notices) runtime.host.notice(notice);
  const network = networkOf(config, weights, "image");
  const { capabilities } = executor;
  const storeBytes = layoutBytes(storeLayout(network.shapes), capabilities.alignmentBytes);
  const limitBytes = capabilities.limitBytes - storeBytes;
  const program = planForBatch(network.graph, batchSize, { ...capabilities, limitBytes });
  const store = await createWeightStore(executor, network.shapes, network.weights);
  const executable = await executor.compile(program, new Map([[WEIGHTS, store]]));
  return new ProgramTensorModel(config, labels, shared, executable, store, network.shapes, batchSize);
}

class ProgramTensorModel implements TensorModel {
  readonly config: ModelConfig;
  readonly labels: readonly string[];
  readonly #shared: SharedTfjs;
  readonly #executable: Executable;
  readonly #store: Store;
  readonly #shapes: ParameterShapes;
  readonly #batchSize: number;

  constructor(
    config: ModelConfig,
    labels: readonly string[],
    shared: SharedTfjs,
    executable: Executable,
    store: Store,
    shapes: ParameterShapes,
    batchSize: number,
  ) {
    this.config = config;
    this.labels = labels;
    this.#shared = shared;
    this.#executable = executable;
    this.#store = store;
    this.#shapes = shapes;
    this.#batchSize = batchSize;
  }

  async logits<T>(images: AnyTensor): Promise<T> {
    const { imageSize, classes } = this.config;
    const wanted = [this.#batchSize, 3, imageSize, imageSize];
    if (!sameShape(images.shape, wanted))
      throw new VitrineError(
        "image/size",
        `images: shape ${formatShape(images.shape)}, wanted ${formatShape(wanted)} (batchSize)`,
      );
    const image = fromTensor(this.#shared, images);
    try {
      return intoTensor<T>(this.#shared, await this.logitsOnDevice(image), [this.#batchSize, classes]);
    } finally {
      image.dispose();
    }
  }

  async logitsOnDevice(images: DeviceArray): Promise<DeviceArray> {
    if (!this.#executable.runOnDevice) throw noTensors();
    const outputs = await this.#executable.runOnDevice({ image: images });
    // A distilled model outputs the mean of both heads, another one its only head.
    const { logits = outputs["logits.cls"], ...others } = outputs;
    for (const other of Object.values(others)) if (other !== logits) other.dispose();
    return logits;
  }

  weight<T>(name: string): T {
    if (!this.#store.readOnDevice) throw noTensors();
    return intoTensor<T>(this.#shared, this.#store.readOnDevice(name), this.#shapes.get(name) ?? []);
  }

  dispose(): void {
    this.#executable.dispose();
    this.#store.dispose();
  }
}

function noTensors(): VitrineError {
  return new VitrineError(
    "device/unsupported",
    "device wasm has no tensors; create the runtime with device webgpu, tfjs:cpu, tfjs:webgpu or tfjs:tensorflow",
  );
}
