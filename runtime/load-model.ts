// Load model: a model's files on a runtime, ready to classify images and pixels.

import { quote } from "./errors.js";
import type { Started } from "./executors/pipelined.js";
import type { ModelSource } from "./host/host.js";
import { type ReadingOptions, readPicture } from "./image/picture-reader.js";
import type { Answer, ExtraResults, ImageTensor } from "./inference/answer.js";
import { hasAttention } from "./inference/attention-program.js";
import { type ClassScore, classScores, type Logits } from "./inference/logits.js";
import {
  createFolded,
  type FoldedWeights,
  foldWeights,
  type InferenceProgram,
  int8Unavailable,
} from "./inference/program.js";
import { readModel, type StoredModel } from "./model-files/stored-model.js";
import { inputTransform } from "./models/config.js";
import { checkDtype, familyOf, type ModelConfig } from "./models/families.js";
import type { Runtime } from "./runtime.js";
import { parameterCount } from "./weights/tensor-map.js";
import { toDtype, type WeightDtype } from "./weights/weight-dtype.js";

/** Batch sizes and precision of a loaded model. */
export interface ModelOptions {
  /** Batch sizes to build programs for; a batch runs in the smallest that holds it. Default 1, 2, 4, 8. */
  batchSizes?: readonly number[];
  /**
   * Precision of the weights: `float32`; `float16`, rounded to it and widened; `int8`, the blocks' linear layers
   * computed in eight bits (DeiT on wasm). Default: as the file keeps them, int8 widened where the device has no
   * kernels.
   */
  dtype?: WeightDtype;
}

/** What `Model.classify` returns about each image. */
export interface ClassifyOptions {
  /** Number of classes per image, best first. Default 5. */
  topK?: number;
}

/** A model on a runtime's executor. One call at a time. */
export interface Model {
  /** That of its folder or file. */
  readonly name: string;
  readonly config: ModelConfig;
  /** Class names in index order. */
  readonly labels: readonly string[];
  /** Number of float32 values in the weights. */
  readonly parameters: number;
  /** What it computes with. */
  readonly dtype: WeightDtype;
  /** What `submit` can compute besides the logits. */
  readonly extra: Readonly<Required<ExtraResults>>;
  /** Bytes on the device: of the weights, and of the largest program's tensors, whose memory all programs share. */
  readonly bytes: number;
  /** pixels uint8 [count, size, size, 3] → logits [count, classes]. Throws `image/size`. */
  logits(pixels: Uint8Array, count: number): Promise<Logits>;
  /**
   * As `logits`, resolving as soon as the images may be overwritten and the next call may come: while a GPU still
   * computes the logits, or on the CPU with the logits. `images` may also be normalized values, float32
   * [count, 3, size, size]; `extra`: what is computed besides. As `InferenceProgram.submit`.
   */
  submit(images: ImageTensor, count: number, extra?: ExtraResults): Promise<Started<Answer>>;
  /** As `InferenceProgram.onDevice`: logits that stay on the device. Absent on the CPU. */
  onDevice?: InferenceProgram["onDevice"];
  /**
   * A picture file (JPEG, PNG and the other formats of docs/image.md) → the model's input, uint8 [size, size, 3]:
   * turned upright by its EXIF orientation, resized, center crop. Throws `jpeg/…` and `image/…`.
   */
  readPicture(picture: Uint8Array, options?: ReadingOptions): Promise<Uint8Array>;
  /** Picture files → the most probable classes of each, best first. Throws what `readPicture` throws. */
  classify(images: readonly Uint8Array[], options?: ClassifyOptions): Promise<ClassScore[][]>;
  /** Frees the programs and the weights on the device; the runtime stays usable. */
  dispose(): void;
}

/** A model that takes pixels only. */
export type LoadedInference = Omit<Model, "readPicture" | "classify">;

/** What a model that takes pixels needs of a runtime. */
type Device = Pick<Runtime, "host" | "executor">;

/**
 * A model as its programs read it, in the dtype that its device computes with. Making it from a stored model is all that
 * takes long on the CPU before there is a device, so that a server does it in a thread.
 */
export interface PreparedModel
  extends Pick<StoredModel, "name" | "config" | "labels" | "notices">,
    FoldedWeights {
  /** What it computes with. */
  dtype: WeightDtype;
  /** Number of float32 values in the weights. */
  parameters: number;
}

/** The device for which a model is prepared. */
export interface Target {
  device: string;
  hasInt8Kernels: boolean;
  /** Default: as the file keeps the weights, int8 widened where the device has no kernels. */
  dtype?: WeightDtype | undefined;
}

/** int8 in the file is used where the device has kernels; int8 from the caller must be. */
function chosenDtype(model: StoredModel, target: Target): { dtype: WeightDtype; notices: string[] } {
  const { device, hasInt8Kernels, dtype: wanted } = target;
  if (wanted === "int8" && !hasInt8Kernels) throw int8Unavailable(device);
  if (wanted !== undefined) checkDtype(model, wanted);
  const dtype = wanted ?? model.dtype;
  const hasLayers = familyOf(model.config).int8Layers(model.config).size > 0;
  if (dtype !== "int8" || (hasInt8Kernels && hasLayers)) return { dtype, notices: [] };
  const why = "this device has no int8 kernels for it";
  const notice = `${quote(model.name)}: its int8 weights are widened to float32, because ${why}`;
  return { dtype: "float32", notices: [notice] };
}

/** Throws `device/int8` or `model/dtype` where int8 is not available, `weights/float16`. */
export function prepareModel(stored: StoredModel, target: Target): PreparedModel {
  const { name, config, labels } = stored;
  const { dtype, notices } = chosenDtype(stored, target);
  const layers = familyOf(config).int8Layers(config);
  const { weights, matrices } = toDtype(stored.weights, dtype, layers, stored.matrices);
  return {
    name,
    config,
    labels,
    notices: [...stored.notices, ...notices],
    dtype,
    parameters: parameterCount(stored.weights),
    ...foldWeights(config, weights, matrices),
  };
}

/**
 * A model's files, or a model that was read from them, ready to classify. Throws what `readModel` throws, `device/int8`
 * or `model/dtype` where int8 is not available, and `graph/memory` where the model is too large for the executor.
 *
 *     const model = await loadModel(runtime, nodeModelSource("deit-tiny"));
 *     const [classes] = await model.classify([await readFile("photo.jpg")]);
 */
export async function loadModel(
  runtime: Runtime,
  source: ModelSource | StoredModel,
  options: ModelOptions = {},
): Promise<Model> {
  const stored = "weights" in source ? source : await readModel(source);
  const { dtype, ...placing } = options;
  return placeModel(runtime, prepareModel(stored, targetOf(runtime, dtype)), placing);
}

/** As `loadModel`, where pictures are decoded elsewhere. */
export async function loadInference(
  device: Device,
  source: ModelSource | StoredModel,
  { dtype, batchSizes }: ModelOptions = {},
): Promise<LoadedInference> {
  const stored = "weights" in source ? source : await readModel(source);
  const prepared = prepareModel(stored, targetOf(device, dtype));
  return placeInference(device, prepared, batchSizes);
}

/** What a model is prepared for. */
export function targetOf({ executor }: Pick<Runtime, "executor">, dtype?: WeightDtype): Target {
  return { device: executor.device, hasInt8Kernels: executor.createInt8Store !== undefined, dtype };
}

/** As `loadModel`, for a model that was prepared for the runtime's device. */
export async function placeModel(
  runtime: Runtime,
  prepared: PreparedModel,
  { batchSizes }: Pick<ModelOptions, "batchSizes"> = {},
): Promise<Model> {
  const placed = await placeInference(runtime, prepared, batchSizes);
  const { config, labels } = placed;
  const { imageSize: size, classes } = config;
  const transform = inputTransform(config);
  const read = (picture: Uint8Array, reading: ReadingOptions = {}): Promise<Uint8Array> =>
    readPicture(runtime.image, picture, { ...transform, ...reading });
  return {
    ...placed,
    readPicture: read,
    async classify(images, { topK = 5 } = {}) {
      if (images.length === 0) return [];
      const pixels = new Uint8Array(images.length * size * size * 3);
      for (const [place, picture] of images.entries())
        pixels.set(await read(picture), place * size * size * 3);
      const { logits } = await placed.logits(pixels, images.length);
      return images.map((_, row) =>
        classScores(logits.subarray(row * classes, (row + 1) * classes), labels, topK),
      );
    },
  };
}

async function placeInference(
  { executor, host }: Device,
  prepared: PreparedModel,
  batchSizes: ModelOptions["batchSizes"],
): Promise<LoadedInference> {
  const { name, config, labels, dtype, parameters } = prepared;
  for (const notice of prepared.notices) host.notice(notice);
  const inference = await createFolded(executor, config, prepared, { ...(batchSizes && { batchSizes }) });
  return {
    name,
    config,
    labels,
    parameters,
    extra: { embeddings: true, attention: hasAttention(familyOf(config), config) },
    dtype,
    bytes: inference.bytes,
    logits: (pixels, count) => inference.logits(pixels, count),
    submit: (images, count, extra) => inference.submit(images, count, extra),
    ...(inference.onDevice && { onDevice: inference.onDevice }),
    dispose: () => inference.dispose(),
  };
}
