// Batch assembler: batches out of the messages that they came in, in memory that is used again.

import { type BatchHead, type BatchPart, pixelBytes, type WireBatch } from "../../proto/batch-codec.js";
import { VitrineError } from "../../runtime/errors.js";

/**
 * Pixels in one message. Small messages bound what a stream holds, and let others have their turn; each costs a call. By
 * CPU time of server and client together an image of 224 pixels took, with messages of 128 KiB 0.58 ms, 512 KiB 0.48, and
 * 1 MiB to whole batches (9.6 MB) 0.43 to 0.49, which is the noise of that measurement (bench/data.ts).
 */
export const CHUNK_BYTES = 2 ** 20;

function badBatch(text: string, details: Record<string, number>): VitrineError {
  return new VitrineError("protocol/bad-batch", text, { details });
}

export class BatchAssembler {
  readonly #maxPixelBytes: number;
  /** Memory of batches that the consumer is done with. */
  readonly #free: Uint8Array[] = [];
  /** The batch that is being received. */
  #head: BatchHead | null = null;
  #pixels: Uint8Array = new Uint8Array(0);
  #received = 0;

  /** `maxPixelBytes`: pixels of the batches that were asked for; no message makes it allocate more. */
  constructor(maxPixelBytes: number) {
    this.#maxPixelBytes = maxPixelBytes;
  }

  /** The batch that this message completes, or null. Throws `protocol/bad-batch` for one that does not follow. */
  add({ head, offset, pixels }: BatchPart): WireBatch | null {
    if (offset !== this.#received || (head === null) !== (this.#head !== null))
      throw badBatch(`pixels at ${offset} where those at ${this.#received} were expected`, {
        offset,
        expected: this.#received,
      });
    if (head !== null) {
      const total = pixelBytes(head);
      if (total > this.#maxPixelBytes)
        throw badBatch(
          `a batch of ${total} bytes of pixels, ${head.count} images of ${head.size}×${head.size}×3; ` +
            `${this.#maxPixelBytes} bytes were asked for`,
          { bytes: total, asked: this.#maxPixelBytes },
        );
      // Whole batches stay where they are.
      if (pixels.length === total) return { ...head, pixels };
      this.#head = head;
      this.#pixels = this.#take(total);
    }
    if (pixels.length === 0 || pixels.length > this.#pixels.length - offset)
      throw badBatch(`${pixels.length} bytes of pixels at ${offset} of ${this.#pixels.length}`, {
        bytes: pixels.length,
        offset,
      });
    this.#pixels.set(pixels, offset);
    this.#received += pixels.length;
    if (this.#received < this.#pixels.length || this.#head === null) return null;
    const batch = { ...this.#head, pixels: this.#pixels };
    this.#head = null;
    this.#received = 0;
    return batch;
  }

  #take(bytes: number): Uint8Array {
    const free = this.#free.pop();
    return free?.length === bytes ? free : new Uint8Array(bytes);
  }

  /** The consumer is done with the batch's memory. */
  recycle({ pixels }: { pixels: Uint8Array }): void {
    // Not that of a received message, which is part of a larger buffer.
    if (pixels.byteLength === pixels.buffer.byteLength) this.#free.push(pixels);
  }
}
