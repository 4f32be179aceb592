// Batch codec: one batch ↔ one or more messages. The pixels are copied once when sent, into grpc-js's frame, and not at
// all when a message is decoded.

import { VitrineError } from "../runtime/errors.js";
import { gather, payloadPrefix } from "./gathered-message.js";
import { vitrine } from "./generated/data.js";
import protobuf from "./protobuf.js";

/** All of a batch but its pixels; see runtime/batches/batch-source.ts for the meaning of each field. */
export interface BatchHead {
  cursor: { epoch: number; batch: number };
  count: number;
  size: number;
  labels: Int32Array;
  partnerLabels: Int32Array;
  lambdas: Float64Array;
  weights: Float32Array;
  /** File of each image of an evaluation, [count]; absent in training. */
  names?: string[];
  /** Of a received batch: seconds from its first message to its last one. */
  transferSeconds?: number;
}

/** A batch on the wire. */
export interface WireBatch extends BatchHead {
  /** uint8 [count, size, size, 3]; need not be aligned. */
  pixels: Uint8Array;
}

/** One message: a whole batch, or consecutive pixels of one. */
export interface BatchPart {
  /** In the first part of a batch, where `offset` is 0; null in the others. */
  head: BatchHead | null;
  /** Where `pixels` begin in those of the batch. */
  offset: number;
  pixels: Uint8Array;
  /** The message that was received, or the frame that is being sent, for `freeMessage`. */
  message?: Uint8Array;
}

/** Length of a batch's pixels in bytes. */
export function pixelBytes({ count, size }: { count: number; size: number }): number {
  return count * size * size * 3;
}

/** The parts of a batch with at most `partBytes` of pixels each. Their pixels alias the batch's. */
export function* partsOf({ pixels, ...head }: WireBatch, partBytes: number): Generator<BatchPart> {
  yield { head, offset: 0, pixels: pixels.subarray(0, partBytes) };
  for (let offset = partBytes; offset < pixels.length; offset += partBytes)
    yield { head: null, offset, pixels: pixels.subarray(offset, offset + partBytes) };
}

/** Characters of a file's name on the wire. */
const NAME_LENGTH = 256;

/** What the names of a batch add to its cost, at most: four bytes a character, and a tag. */
export const namesBytes = (count: number): number => count * (4 * NAME_LENGTH + 3);

function encodeHead({ head, offset }: BatchPart): Uint8Array {
  return vitrine.data.v1.Batch.encode(
    head === null
      ? { pixelOffset: offset }
      : {
          cursor: head.cursor,
          count: head.count,
          size: head.size,
          labels: head.labels as unknown as number[],
          partnerLabels: head.partnerLabels as unknown as number[],
          lambdas: head.lambdas as unknown as number[],
          weights: head.weights as unknown as number[],
          ...(head.names && { names: head.names.map((name) => name.slice(-NAME_LENGTH)) }),
        },
    protobuf.Writer.create(),
  ).finish();
}

function encodeParts(part: BatchPart): Uint8Array[] {
  const head = encodeHead(part);
  return [head, payloadPrefix(head.length, part.pixels.length, part.pixels.byteOffset), part.pixels];
}

/**
 * For a server's `responseSerialize`: protobufjs writes all small fields, the pixels go straight into grpc-js's frame
 * after them. The pixels must not change until the message is written. `copying`: the time of it is added.
 */
export function encodePart(part: BatchPart, copying?: { seconds: number }): Buffer {
  return gather(encodeParts(part), (frame, seconds) => {
    part.message = frame;
    if (copying) copying.seconds += seconds;
  });
}

/** The whole batch as one message. */
export function encodeBatch({ pixels, ...head }: WireBatch): Buffer {
  return Buffer.concat(encodeParts({ head, offset: 0, pixels }));
}

function malformed(text: string, details: Record<string, number>): VitrineError {
  return new VitrineError("protocol/bad-batch", `batch message: ${text}`, { details });
}

/** `pixels` aliases the received message: keeping it keeps the message. Throws `protocol/bad-batch`. */
export function decodePart(message: Uint8Array): BatchPart {
  let fields: vitrine.data.v1.Batch;
  try {
    fields = vitrine.data.v1.Batch.decode(message);
  } catch (cause) {
    const text = `batch message of ${message.length} bytes: ${String(cause)}`;
    throw new VitrineError("protocol/bad-batch", text, { cause });
  }
  const { count, size, pixels, pixelOffset: offset } = fields;
  if (offset > 0) return { head: null, offset, pixels, message };
  if (count === 0) throw malformed("it has no images", { bytes: message.length });
  if (pixels.length > pixelBytes(fields))
    throw malformed(`${pixels.length} bytes of pixels for ${count} images of ${size}×${size}×3`, {
      bytes: pixels.length,
      count,
      size,
    });
  for (const name of ["labels", "partnerLabels", "lambdas", "weights"] as const) {
    const { length } = fields[name];
    if (length !== count) throw malformed(`${length} ${name} for ${count} images`, { count, length });
  }
  const { names } = fields;
  if (names.length !== 0 && names.length !== count)
    throw malformed(`${names.length} names for ${count} images`, { count, length: names.length });
  const head = {
    cursor: { epoch: fields.cursor?.epoch ?? 0, batch: fields.cursor?.batch ?? 0 },
    count,
    size,
    labels: Int32Array.from(fields.labels),
    partnerLabels: Int32Array.from(fields.partnerLabels),
    lambdas: Float64Array.from(fields.lambdas),
    weights: Float32Array.from(fields.weights),
    ...(names.length > 0 && { names }),
  };
  return { head, offset, pixels, message };
}

/** A batch that comes as one message; see decodePart. Throws `protocol/bad-batch`, also for a part of a batch. */
export function decodeBatch(message: Uint8Array): WireBatch {
  const { head, pixels } = decodePart(message);
  if (head === null || pixels.length !== pixelBytes(head))
    throw malformed(`${pixels.length} bytes of pixels are not all of the batch's`, { bytes: pixels.length });
  return { ...head, pixels };
}
