// Messages: what the page and its worker exchange, as plain values that can be cloned or transferred.

import type { ErrorRecord } from "../../runtime/errors.js";
import type { DownloadProgress } from "../../runtime/host/browser.js";
import type { Classification, KernelProgress, ModelCard } from "./contract.js";

export type ToWorker =
  | { kind: "load"; model: string; assets: string | undefined; device: string }
  | { kind: "classify"; id: number; file: Uint8Array<ArrayBuffer>; topK: number };

export type FromWorker =
  | { kind: "progress"; progress: DownloadProgress }
  | { kind: "kernels"; progress: KernelProgress }
  | { kind: "loaded"; card: ModelCard }
  | { kind: "moved"; card: ModelCard }
  | { kind: "load-failed"; error: ErrorRecord }
  | { kind: "classified"; id: number; classification: Classification }
  | { kind: "classify-failed"; id: number; error: ErrorRecord };
