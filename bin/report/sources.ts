// Sources: the device, validation data and data server of a report, as the commands open them.

import { connectData } from "../../client/node/index.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { kernelProgress } from "../../trainer/progress.js";
import type { ReportSources } from "./gather.js";

export interface ReportSourceOptions {
  device: string;
  gpuTier?: string | undefined;
  threads: number | "auto";
  /** Decode threads. */
  workers: number;
  /** Address of a data server that serves the run's training data. */
  dataServer?: string | undefined;
}

/** A report must not wait for a server that is gone. */
const DATA_TIMEOUT_SECONDS = 5;

export function reportSources(options: ReportSourceOptions): ReportSources {
  const { device, gpuTier, threads, workers, dataServer: address } = options;
  const onKernels = kernelProgress();
  return {
    openRuntime: () => createRuntime({ host: nodeHost(), device, gpuTier, threads, onKernels }),
    openValidation: (images) => openEvaluation({ ...images, workers, badSamples: "skip" }),
    ...(address !== undefined && {
      connect: (data) => connectData({ ...data, address, timeoutSeconds: DATA_TIMEOUT_SECONDS }),
    }),
  };
}
