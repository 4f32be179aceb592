// Messages: what the page and its worker exchange, as plain values that can be cloned or transferred.

import type { ErrorRecord } from "../../runtime/errors.js";
import type { DownloadProgress } from "../../runtime/host/browser.js";
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

export interface Classification {
  /** Best first. */
  classes: ClassScore[];
  /** Logits [classes]; the mean of both heads where the model has two. */
  logits: Float32Array<ArrayBuffer>;
  /** Which decoder read the file: ours for 8-bit Huffman JPEG, the browser's for all else. */
  decodedBy: "vitrine" | "browser";
  /** Milliseconds for decoding and resizing, and for the model. */
  milliseconds: { decode: number; model: number };
}

export type ToWorker =
  | { kind: "load"; model: string; assets: string; device: string }
  | { kind: "classify"; id: number; file: Uint8Array<ArrayBuffer>; topK: number };

export type FromWorker =
  | { kind: "progress"; progress: DownloadProgress }
  | { kind: "kernels"; progress: KernelProgress }
  | { kind: "loaded"; card: ModelCard }
  | { kind: "moved"; card: ModelCard }
  | { kind: "load-failed"; error: ErrorRecord }
  | { kind: "classified"; id: number; classification: Classification }
  | { kind: "classify-failed"; id: number; error: ErrorRecord };
