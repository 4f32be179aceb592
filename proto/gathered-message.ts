// Gathered message: parts of a message in memory of their own, copied once, straight into grpc-js's frame.

/** What grpc-js puts before a message: a byte for compression and four of length. */
export const FRAME_HEADER_BYTES = 5;

/** Called with grpc-js's frame, and the seconds that copying into it took. */
export type OnCopied = (frame: Uint8Array, seconds: number) => void;

/**
 * A serialized message as a server of grpc-js 1.14 uses it: it reads `byteLength`, allocates the frame, and calls
 * `copy(frame, 5)`. A Buffer of the message would be filled only to be copied again; a batch of 64 images is 9.6 MB.
 */
class GatheredMessage {
  readonly byteLength: number;
  readonly #parts: readonly Uint8Array[];
  readonly #onCopied: OnCopied | undefined;

  constructor(parts: readonly Uint8Array[], onCopied: OnCopied | undefined) {
    this.#parts = parts;
    this.#onCopied = onCopied;
    this.byteLength = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  copy(target: Uint8Array, targetStart: number): number {
    const start = performance.now();
    let at = targetStart;
    for (const part of this.#parts) {
      target.set(part, at);
      at += part.byteLength;
    }
    this.#onCopied?.(target, (performance.now() - start) / 1000);
    return this.byteLength;
  }
}

/** The concatenation of `parts` for a server's `responseSerialize`. They must not change until it is written. */
export function gather(parts: readonly Uint8Array[], onCopied?: OnCopied): Buffer {
  return new GatheredMessage(parts, onCopied) as unknown as Buffer;
}
