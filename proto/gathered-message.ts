// Gathered message: parts of a message in memory of their own, copied once, straight into grpc-js's frame, and the padding
// with which its large last field is aligned there, for the sender as for the receiver, which keeps what it receives in one.

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

/** Tags of fields 14 (padding) and 15 (payload), length-delimited: 14 << 3 | 2 and 15 << 3 | 2. */
const PADDING_TAG = 0x72;
const PAYLOAD_TAG = 0x7a;

/**
 * V8 copies from shared memory a word at a time if source and target are aligned alike, and else a byte at a time:
 * 0.6 against 3.0 ms for 10 MB.
 */
const WORD_BYTES = 8;

/** Length of a varint in bytes. */
function varintLength(value: number): number {
  let length = 1;
  for (; value >= 128; value = Math.floor(value / 128)) length++;
  return length;
}

function writeVarint(into: Uint8Array, at: number, value: number): number {
  for (; value >= 128; value = Math.floor(value / 128)) into[at++] = (value % 128) | 128;
  into[at++] = value;
  return at;
}

/**
 * Padding, tag and length that precede a payload of `length` bytes after `headBytes` of other fields. The payload is
 * then at an offset of the frame that differs from `alignedAs` by whole words.
 */
export function payloadPrefix(headBytes: number, length: number, alignedAs = 0): Uint8Array {
  const lengthBytes = varintLength(length);
  const unpadded = FRAME_HEADER_BYTES + headBytes + 2 + 1 + lengthBytes;
  const padding = (((alignedAs - unpadded) % WORD_BYTES) + WORD_BYTES) % WORD_BYTES;
  const prefix = new Uint8Array(2 + padding + 1 + lengthBytes);
  prefix[0] = PADDING_TAG;
  prefix[1] = padding;
  prefix[2 + padding] = PAYLOAD_TAG;
  writeVarint(prefix, 2 + padding + 1, length);
  return prefix;
}
