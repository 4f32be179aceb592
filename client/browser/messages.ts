// Messages: what the page and its worker say to each other. Plain values, so that they can be cloned or moved.

import type { ErrorRecord } from "../../runtime/errors.js";
import type { DownloadProgress } from "../../runtime/host/browser.js";
import type { ClassScore } from "../../runtime/inference/logits.js";

/** What a loaded model is, as far as people want to know. */
export interface ModelCard {
  name: string;
  /** Side of the square that the model sees, in pixels. */
  imageSize: number;
  /** Class names in index order. */
  labels: string[];
  /** Numbers in the weights. */
  parameters: number;
  /** What computes: `wasm` or `webgpu`. */
  device: string;
  /** One line for people: what computes, and why. */
  deviceDescription: string;
  /** Why wasm computes in place of the GPU that was asked for or lost. */
  fallback?: string;
}

/** Pipelines that the GPU's driver has made, of those that are wanted. */
export interface KernelProgress {
  made: number;
  wanted: number;
}

export interface Classification {
  /** Best first. */
  classes: ClassScore[];
  /** What the model answered, [classes]: both heads' mean where it has two. */
  logits: Float32Array<ArrayBuffer>;
  /** Who decoded the file: our JPEG decoder, or the browser for everything that it does not take. */
  decodedBy: "vitrine" | "browser";
  /** Time for decoding and resizing, and for the model. */
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
