// Observed run: what the dashboard needs of a training run, live or finished. The command fills it: the server knows
// neither trainer nor files.

import type {
  BatchView,
  MistakesView,
  RunCommand,
  RunEntry,
  RunEvent,
  RunSnapshot,
} from "../../proto/dashboard.js";

export interface ObservedRun {
  entry(): Promise<RunEntry>;
  snapshot(): Promise<RunSnapshot>;
  /** `listener` is called with each event until the returned function is. Nothing is computed while nobody listens. */
  subscribe(listener: (event: RunEvent) => void): () => void;
  /** Does what was asked and says what was done. Absent for a run that this process does not train. */
  command?(command: RunCommand): Promise<string>;
  /**
   * The first batch made after this call, at most one a second, unless there is one after number `after` already; null
   * where none is made before `signal` fires. Absent where no batches can be had.
   */
  batch?(after: number, signal: AbortSignal): Promise<BatchView | null>;
  /** The most confident mistakes of the last validation; begins to compute them where nobody has. */
  mistakes?(): Promise<MistakesView>;
  /** A JPEG file; null where the batch or list of this number is no longer kept. */
  picture(kind: "batch" | "mistakes", number: number, place: number): Promise<Uint8Array | null>;
}

export interface ObservedRuns {
  /** The run that was asked for first. */
  list(): Promise<RunEntry[]>;
  find(id: string): Promise<ObservedRun | undefined>;
}
