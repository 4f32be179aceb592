// Batch share: the part of every batch that this process computes, in the order in which its pieces are summed. Piece p
// of P is the same samples whichever process has it, so that any number of processes adds up the same numbers.

import type { Batch, BatchSource, Cursor } from "../../runtime/batches/batch-source.js";
import { placesOfRank } from "../../runtime/draw/ranks.js";

/** This process among those that compute a batch together. */
export interface BatchShare {
  readonly rank: number;
  readonly world: number;
  /** Whether its part is a step of its own: `sum` then adds up its own pieces. Default false. */
  readonly isAlone?: boolean;
  /**
   * Sums over all pieces of the batch, in their order. `terms`: [pieces of this process][count], the same count on every
   * process; the result is [count].
   */
  sum(terms: readonly Float64Array[]): Promise<Float64Array>;
}

/** The sums of a process by itself. */
export async function sumOfOwn([first, ...others]: readonly Float64Array[]): Promise<Float64Array> {
  const sums = first.slice();
  for (const terms of others) for (const [at, value] of terms.entries()) sums[at] += value;
  return sums;
}

/** A process that computes every batch alone. */
export const WHOLE_BATCH: BatchShare = { rank: 0, world: 1, sum: sumOfOwn };

/** Pieces of a batch of `pieces` that the process has. */
export const ownPieces = (pieces: number, { world }: Pick<BatchShare, "world">): number => pieces / world;

/**
 * Places in a batch of `batchSize` samples of those of the process, piece by piece, [batchSize / world]. `pieces` must
 * divide the batch, and `world` the pieces.
 */
export function placesOfShare(
  batchSize: number,
  pieces: number,
  { rank, world }: Pick<BatchShare, "rank" | "world">,
): Int32Array {
  const own = ownPieces(pieces, { world });
  const size = batchSize / pieces;
  const places = new Int32Array(own * size);
  for (let piece = 0; piece < own; piece++)
    places.set(placesOfRank(batchSize, { rank: rank * own + piece, world: pieces }), piece * size);
  return places;
}

/** The rows of a `values` [count, …] at these places, in their order. */
function rows<Values extends Uint8Array | Int32Array | Float32Array | Float64Array>(
  values: Values,
  places: Int32Array,
): Values {
  const row = values.length / places.length;
  const ordered = new (values.constructor as new (length: number) => Values)(values.length);
  for (const [at, place] of places.entries())
    ordered.set(values.subarray(place * row, (place + 1) * row) as Values & ArrayLike<number>, at * row);
  return ordered;
}

function inOrder(batch: Batch, places: Int32Array): Batch {
  const { pixels, labels, partnerLabels, lambdas, weights } = batch;
  return {
    ...batch,
    pixels: rows(pixels, places),
    labels: rows(labels, places),
    partnerLabels: rows(partnerLabels, places),
    lambdas: rows(lambdas, places),
    weights: rows(weights, places),
  };
}

/**
 * The source with the samples of each batch in the order of its `pieces`, which are those of this process alone. A batch
 * of another size than `count` passes as it is, for its consumer to refuse.
 */
export function inPieceOrder(source: BatchSource, count: number, pieces: number): BatchSource {
  if (pieces === 1) return source;
  const places = placesOfShare(count, pieces, { rank: 0, world: 1 });
  async function* batches(from: Cursor): AsyncGenerator<Batch> {
    for await (const batch of source.batches(from))
      yield batch.count === count ? inOrder(batch, places) : batch;
  }
  const { description, batchesPerEpoch } = source;
  return { description, batchesPerEpoch, batches, close: () => source.close() };
}
