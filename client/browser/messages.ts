// Messages: what the page and its worker say to each other. Plain values, so that they can be cloned or moved.

import type { ClassScore } from "../../runtime/class-scores.js";
import type { ErrorRecord } from "../../runtime/errors.js";
import type { DownloadProgress } from "../../runtime/host/browser.js";

/** What a loaded model is, as far as people want to know. */
export interface ModelCard {
  name: string;
  /** Side of the square that the model sees, in pixels. */
  imageSize: number;
  /** Class names in index order. */
  labels: string[];
  /** Numbers in the weights. */
  parameters: number;
  /** What computes, such as `wasm`. */
  device: string;
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
  | { kind: "load"; model: string; assets: string }
  | { kind: "classify"; id: number; file: Uint8Array<ArrayBuffer>; topK: number };

export type FromWorker =
  | { kind: "progress"; progress: DownloadProgress }
  | { kind: "loaded"; card: ModelCard }
  | { kind: "load-failed"; error: ErrorRecord }
  | { kind: "classified"; id: number; classification: Classification }
  | { kind: "classify-failed"; id: number; error: ErrorRecord };
