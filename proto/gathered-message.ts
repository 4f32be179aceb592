// Gathered message: parts of a message in memory of their own, copied once, straight into grpc-js's frame.

/** What grpc-js puts before a message: a byte for compression and four of length. */
export const FRAME_HEADER_BYTES = 5;

/** Adds up the time of copying. */
export interface CopyingTime {
  seconds: number;
}

/**
 * A serialized message as a server of grpc-js 1.14 uses it: it reads `byteLength`, allocates the frame, and calls
 * `copy(frame, 5)`. A Buffer of the message would be filled only to be copied again; a batch of 64 images is 9.6 MB.
 */
class GatheredMessage {
  readonly byteLength: number;
  readonly #parts: readonly Uint8Array[];
  readonly #copying: CopyingTime | undefined;

  constructor(parts: readonly Uint8Array[], copying: CopyingTime | undefined) {
    this.#parts = parts;
    this.#copying = copying;
    this.byteLength = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  copy(target: Uint8Array, targetStart: number): number {
    const start = performance.now();
    let at = targetStart;
    for (const part of this.#parts) {
      target.set(part, at);
      at += part.byteLength;
    }
    if (this.#copying) this.#copying.seconds += (performance.now() - start) / 1000;
    return this.byteLength;
  }
}

/** The concatenation of `parts` for a server's `responseSerialize`. They must not change until it is written. */
export function gather(parts: readonly Uint8Array[], copying?: CopyingTime): Buffer {
  return new GatheredMessage(parts, copying) as unknown as Buffer;
}
