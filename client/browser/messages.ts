// Messages: what the page and its workers exchange, as plain values that can be cloned or transferred.

import type { ErrorRecord } from "../../runtime/errors.js";
import type { DownloadProgress } from "../../runtime/host/browser-download.js";
import type { DownloadFacts } from "../../runtime/host/browser-source.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import type { Answer, ExtraResults } from "../../runtime/inference/answer.js";
import type { KernelProgress, ModelCard, PictureFacts } from "./contract.js";
import type { ModelRequest } from "./model-request.js";

/** A picture on its way to the decode worker. */
export type PictureSource =
  | { kind: "file"; bytes: Uint8Array<ArrayBuffer>; name?: string }
  | { kind: "bitmap"; bitmap: ImageBitmap }
  /** uint8 [height, width, 4], RGBA. */
  | { kind: "rgba"; width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> };

export interface DecodeTask {
  source: PictureSource;
  transform: InputTransform;
  pixelLimit?: number;
}

/** A model's input, uint8 [size, size, 3], and what it was made from. */
export interface DecodedInput {
  pixels: Uint8Array<ArrayBuffer>;
  picture: PictureFacts;
}

/**
 * `module`: the image module of an earlier worker. `stop`: shared memory, 0 until the worker's work is no longer wanted;
 * undefined where the page may not share memory.
 */
export type ToDecoder =
  | {
      kind: "open";
      assets: string | undefined;
      module: WebAssembly.Module | undefined;
      stop: Int32Array | undefined;
    }
  | { kind: "run"; id: number; task: DecodeTask };

export type FromDecoder =
  | { kind: "opened"; module: WebAssembly.Module }
  | { kind: "open-failed"; error: ErrorRecord }
  | Finished<DecodedInput>;

/** What a model is loaded from, and where. */
export interface LoadRequest {
  model: ModelRequest;
  /** Undefined: beside the library's script. */
  assets: string | undefined;
  device: string;
  threads: number | "auto";
}

export interface ComputeTask {
  /** uint8 [size, size, 3]. */
  pixels: Uint8Array<ArrayBuffer>;
  extra: ExtraResults;
}

export interface LoadedModel {
  card: ModelCard;
  transform: InputTransform;
  /** What parts of a picture are hidden with: the mean of the model's normalization, three bytes. */
  fill: [number, number, number];
}

export type ToModel = { kind: "load"; request: LoadRequest } | { kind: "run"; id: number; task: ComputeTask };

export type FromModel =
  | { kind: "progress"; progress: DownloadProgress }
  | { kind: "kernels"; progress: KernelProgress }
  | { kind: "loaded"; loaded: LoadedModel }
  | { kind: "load-failed"; error: ErrorRecord }
  | { kind: "moved"; card: ModelCard }
  /** Known only after the model is loaded. */
  | { kind: "not-kept"; download: DownloadFacts }
  | Finished<Answer>;

/** How a task ended. */
export type Finished<Result> =
  | { kind: "done"; id: number; result: Result }
  | { kind: "failed"; id: number; error: ErrorRecord };
