// Evaluation: a data set's images in its own order, through the evaluation transform, nothing drawn at random.

import { randomUUID } from "node:crypto";
import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { describe } from "../../runtime/batches/batch-stream.js";
import {
  createEvaluationMaker,
  type EvaluationMakerOptions,
  evaluationBatches,
} from "../../runtime/batches/evaluation-maker.js";
import { type CheckedHeaders, checkHeaders, type HeaderCheck } from "./check-headers.js";
import { sampleLocation, sampleNames } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";
import { locatedDataset } from "./located-dataset.js";
import { openDataset } from "./open-dataset.js";
import type { RemoteSettings } from "./remote/contract.js";

/** A bad file that is left out makes its batch shorter. */
export interface EvaluationOptions extends EvaluationMakerOptions {
  /** Folder of class folders, or a CSV list. */
  path: string;
  /** Decode threads; 0 decodes in the calling thread. */
  workers: number;
  /** How a data set at a URL is read. */
  remote?: RemoteSettings | undefined;
}

/** An evaluation source that knows its files. */
export interface OpenedEvaluation extends EvaluationSource {
  /** File of each image, in order, as `EvaluationBatch.names` has them. */
  names(): string[];
  readonly otherFiles: number;
  readonly otherKinds: string;
  readonly leftOut: string;
  /** Reads the headers of all images that will be evaluated; see check-headers.ts. */
  checkHeaders(check: Omit<HeaderCheck, "badSamples" | "pixelLimit" | "onSkipped">): Promise<CheckedHeaders>;
}

/** Throws what `openDataset` throws. A batch is valid until the next one is requested. */
export async function openEvaluation(options: EvaluationOptions): Promise<OpenedEvaluation> {
  const dataset = await openDataset(options.path, {
    badSamples: options.badSamples,
    remote: options.remote,
  });
  const { pool } = await openDecodePool(options.workers, dataset.remote);
  let maker: ReturnType<typeof createEvaluationMaker>;
  try {
    maker = createEvaluationMaker(pool, locatedDataset(dataset), options);
  } catch (error) {
    await pool.close();
    throw error;
  }
  const { order } = maker;

  const { otherFiles, otherKinds, leftOut } = dataset;
  return {
    checkHeaders: (check) => {
      const samples = {
        count: order.count,
        at: (place: number) => sampleLocation(dataset, order.indexAt(place)),
      };
      const { badSamples, pixelLimit, onSkipped = () => {} } = options;
      return checkHeaders(pool, samples, { ...check, badSamples, pixelLimit, onSkipped });
    },
    description: describe(dataset, randomUUID()),
    names: () => sampleNames(dataset),
    otherFiles,
    otherKinds,
    leftOut,
    batches: () => evaluationBatches((bytes) => pool.allocate(bytes), maker),
    close: () => pool.close(),
  };
}
