// Contract: what the classifier takes and gives. Types only, for the page, the library and its worker.

import type { DownloadProgress } from "../../runtime/host/browser.js";
import type { Url, WebBlob } from "../../runtime/host/environment-types.js";
import type { ClassScore } from "../../runtime/inference/logits.js";

/** The facts of a loaded model that a page may show. */
export interface ModelCard {
  name: string;
  /** Side of the model's square input in pixels. */
  imageSize: number;
  /** Class names in index order. */
  labels: string[];
  /** Number of weights. */
  parameters: number;
  /** Where the model runs: `wasm` or `webgpu`. */
  device: string;
  /** One readable line: what the model runs on, and why. */
  deviceDescription: string;
  /** Why the model runs on wasm instead of the GPU that was requested or lost; undefined otherwise. */
  fallback?: string;
}

/** Compute pipelines that the GPU's driver has compiled, of all that the model needs. */
export interface KernelProgress {
  made: number;
  wanted: number;
}

/** The classifier's result for one picture. */
export interface Classification {
  /** Best first. */
  classes: ClassScore[];
  /** Logits [classes]; the mean of both heads where the model has two. */
  logits: Float32Array<ArrayBuffer>;
  /** Which decoder read the file: ours, or the browser's for what Vitrine does not read. */
  decodedBy: "vitrine" | "browser";
  /** Milliseconds for decoding and resizing, and for the model. */
  milliseconds: { decode: number; model: number };
}

/** The model to load, and where it runs. */
export interface ClassifierOptions {
  /** URL of a model folder (model.safetensors and config.json), with or without its trailing slash. */
  model: Url | string;
  /**
   * URL of the folder that holds `wasm/` (the package's dist/wasm), with or without its last slash, for pages that host
   * it apart. Default: beside the library's script, where bundlers put its files.
   */
  assets?: Url | string;
  /** `auto` (default: a hardware GPU, else wasm), `wasm` or `webgpu`. Where the GPU fails, the model moves to wasm. */
  device?: string;
  /** Called with progress while the GPU's driver compiles kernels. */
  onKernels?: (progress: KernelProgress) => void;
  /** Called when the GPU was lost and the model has moved to wasm. */
  onMoved?: (card: ModelCard) => void;
  /** Called with progress while the weights download. */
  onProgress?: (progress: DownloadProgress) => void;
}

/** What `Classifier.classify` returns about a picture. */
export interface ClassifyOptions {
  /** How many classes to name, best first. Default 5. */
  topK?: number;
}

/** A model in a worker of the page, made by `createClassifier`. */
export interface Classifier {
  /** The model and the device it runs on; replaced when the GPU was lost. */
  readonly card: ModelCard;
  /**
   * A picture file (of a format that Vitrine reads, or that the browser decodes) → its most probable classes. Calls run sequentially.
   * Throws `jpeg/…` and `image/…` for a bad file, `file/unreadable`, `usage/number`, `usage/disposed`, and
   * `internal/worker` where the worker failed.
   */
  classify(picture: WebBlob | ArrayBuffer | Uint8Array, options?: ClassifyOptions): Promise<Classification>;
  /** Ends the worker and frees its memory; calls in progress are rejected. */
  dispose(): void;
}
