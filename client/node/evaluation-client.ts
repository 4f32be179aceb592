// Evaluation client: the images of data servers as a source of validation images, each once, in order.

import { namesBytes } from "../../proto/batch-codec.js";
import { batchCost } from "../../proto/credits.js";
import { type AskedEvaluation, toEvaluationMessage } from "../../proto/evaluation-codec.js";
import type { EvaluationBatch, EvaluationSource } from "../../runtime/batches/batch-source.js";
import { readableImages } from "../../runtime/batches/evaluation-batch.js";
import { type EvaluationPart, evaluationOrder } from "../../runtime/batches/evaluation-order.js";
import { VitrineError } from "../../runtime/errors.js";
import { BatchReader, type DataServerOptions } from "./batch-reader.js";

/** Which data servers to read from, and which of their images, how transformed. */
export interface EvaluationClientOptions extends DataServerOptions, AskedEvaluation, EvaluationPart {
  /** Called with the file of each image that the server could not read and left out. */
  onSkipped?: (file: string) => void;
  /** The flag that named the servers, for messages. Default --data-server. */
  flag?: string;
}

/**
 * Connects to data servers as `connectData` does, and reads their data set for an evaluation: through the model's input
 * transform, in the data set's own order, byte for byte as from the files. With a rank, every world-th image: all ranks
 * together have each image once. What the server does with a file that it cannot read is its own setting.
 *
 * Throws as `connectData`, and `data/empty` where the rank has no image.
 */
export async function connectEvaluation(options: EvaluationClientOptions): Promise<EvaluationSource> {
  const { address, batchSize, size, rank = 0, world = 1, onSkipped, flag = "--data-server" } = options;
  const batchBytes = batchCost(batchSize, size);
  const costs = { batchBytes, messageBytes: batchBytes + namesBytes(batchSize), flag };
  const open = { batchSize, rank, world, evaluation: toEvaluationMessage(options) };
  const reader = await BatchReader.connect({ ...options, ...costs }, ({ samples }) => {
    const { batches, sizeOf } = evaluationOrder(samples, options);
    if (batches > 0) return { open, size, batchesPerEpoch: batches, epochs: 1, countOf: sizeOf };
    throw new VitrineError(
      "data/empty",
      `${address}: ${samples} images leave none for rank ${rank} of ${world}`,
    );
  });

  async function* batches(): AsyncGenerator<EvaluationBatch> {
    for await (const batch of reader.batches({ epoch: 0, batch: 0 })) {
      const { weights } = batch;
      const names = batch.names ?? Array.from(weights, () => "");
      names.forEach((name, place) => {
        if (weights[place] === 0) onSkipped?.(name);
      });
      const readable = readableImages({ ...batch, names });
      if (readable.count > 0) yield readable;
    }
  }

  return { description: reader.description, batches, close: () => reader.close() };
}
