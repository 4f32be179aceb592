// Sources: the device, validation data and data server of a report, as the commands open them.

import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import type { RemoteSettings } from "../../server/data/remote/contract.js";
import { kernelProgress } from "../../trainer/progress.js";
import type { ConnectionFlags } from "../security-options.js";
import { isRemoteData, openRemoteValidation } from "../validation-data.js";
import type { ReportSources } from "./gather.js";

export interface ReportSourceOptions {
  device: string;
  gpuTier?: string | undefined;
  threads: number | "auto";
  /** Decode threads. */
  workers: number;
  /** The run's training data; absent where no source of them is known. */
  connect?: ReportSources["connect"] | undefined;
  /** How validation data at URLs are read. */
  remote?: RemoteSettings | undefined;
  pixelLimit?: number | undefined;
  /** Of validation data that a data server has. */
  security?: ConnectionFlags | undefined;
}

/** A report must not wait for a server that is gone. */
export const REPORT_TIMEOUT_SECONDS = 5;

type Images = Parameters<ReportSources["openValidation"]>[0];

function openValidation(
  { path: place, ...asked }: Images,
  { workers, security, remote, pixelLimit }: ReportSourceOptions,
): Promise<EvaluationSource> {
  if (!isRemoteData(place)) {
    const reading = { workers, badSamples: "skip", remote, pixelLimit } as const;
    return openEvaluation({ path: place, ...asked, ...reading });
  }
  const served = { place, ...asked, timeoutSeconds: REPORT_TIMEOUT_SECONDS, say: () => {}, ...security };
  return openRemoteValidation(served, "--val");
}

export function reportSources(options: ReportSourceOptions): ReportSources {
  const { device, gpuTier, threads, connect } = options;
  const onKernels = kernelProgress();
  return {
    openRuntime: () => createRuntime({ host: nodeHost(), device, gpuTier, threads, onKernels }),
    openValidation: (images) => openValidation(images, options),
    ...(connect && { connect }),
  };
}
