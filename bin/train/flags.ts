// Train flags: what the command line of `vitrine train` gives beside the trainer's settings.

import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import type { RemoteFlags } from "../remote-options.js";
import type { ConnectionFlags } from "../security-options.js";
import type { RankFlags } from "./rank-settings.js";

export interface TrainFlags extends ConnectionFlags, RemoteFlags, RankFlags {
  config?: string;
  data?: string;
  dataServer?: string;
  workers: number;
  val?: string;
  out: string;
  badSamples?: BadSamples;
  maxPixels: number;
  acceptData?: boolean;
  checkpointEvery: number;
  keepBest: number;
  resume?: boolean;
  resumeIfAny?: boolean;
  device?: string;
  gpuTier?: string;
  threads: number | "auto";
  dataTimeout: number;
  dataCredit?: number;
  teacherTimeout: number;
  report: boolean;
  /** Where it listens; true: the usual place. */
  dashboard?: string | true;
  dryRun?: boolean;
  json?: boolean;
}

/** One worker decodes validation images ahead while this thread computes. */
export const VALIDATION_WORKERS = 1;
