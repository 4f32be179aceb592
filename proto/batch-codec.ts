// Batch codec: one batch ↔ one message. The pixels are copied once when sent and not at all when received.

import { VitrineError } from "../runtime/errors.js";
import { vitrine } from "./generated/data.js";
import protobuf from "./protobuf.js";

/** A batch on the wire; see runtime/batches/batch-source.ts for the meaning of each field. */
export interface WireBatch {
  cursor: { epoch: number; batch: number };
  count: number;
  size: number;
  labels: Int32Array;
  partnerLabels: Int32Array;
  lambdas: Float64Array;
  weights: Float32Array;
  /** File of each image of an evaluation, [count]; absent in training. */
  names?: string[];
  /** uint8 [count, size, size, 3]; need not be aligned. */
  pixels: Uint8Array;
}

/** Tag of field 15, length-delimited: 15 << 3 | 2. */
const PIXELS_TAG = 0x7a;

/** Characters of a file's name on the wire. */
const NAME_LENGTH = 256;

/** What the names of a batch add to its cost, at most: four bytes a character, and a tag. */
export const namesBytes = (count: number): number => count * (4 * NAME_LENGTH + 3);

/** Length of a varint in bytes. */
function varintLength(value: number): number {
  let length = 1;
  for (; value >= 128; value = Math.floor(value / 128)) length++;
  return length;
}

function writeVarint(into: Buffer, at: number, value: number): number {
  for (; value >= 128; value = Math.floor(value / 128)) into[at++] = (value % 128) | 128;
  into[at++] = value;
  return at;
}

/**
 * protobufjs writes all small fields; the pixels go straight into the message after them. protobufjs would copy them
 * into its own buffer, and that one into the message.
 */
export function encodeBatch(batch: WireBatch): Buffer {
  const { pixels } = batch;
  const head = vitrine.data.v1.Batch.encode(
    {
      cursor: batch.cursor,
      count: batch.count,
      size: batch.size,
      labels: batch.labels as unknown as number[],
      partnerLabels: batch.partnerLabels as unknown as number[],
      lambdas: batch.lambdas as unknown as number[],
      weights: batch.weights as unknown as number[],
      ...(batch.names && { names: batch.names.map((name) => name.slice(-NAME_LENGTH)) }),
    },
    protobuf.Writer.create(),
  ).finish();
  const message = Buffer.allocUnsafe(head.length + 1 + varintLength(pixels.length) + pixels.length);
  message.set(head, 0);
  message[head.length] = PIXELS_TAG;
  message.set(pixels, writeVarint(message, head.length + 1, pixels.length));
  return message;
}

function malformed(text: string, details: Record<string, number>): VitrineError {
  return new VitrineError("protocol/bad-batch", `batch message: ${text}`, { details });
}

/** `pixels` aliases the received message: keeping it keeps the message. Throws `protocol/bad-batch`. */
export function decodeBatch(message: Uint8Array): WireBatch {
  let fields: vitrine.data.v1.Batch;
  try {
    fields = vitrine.data.v1.Batch.decode(message);
  } catch (cause) {
    const text = `batch message of ${message.length} bytes: ${String(cause)}`;
    throw new VitrineError("protocol/bad-batch", text, { cause });
  }
  const { count, size, pixels } = fields;
  if (count === 0) throw malformed("it has no images", { bytes: message.length });
  if (pixels.length !== count * size * size * 3)
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
  return {
    cursor: { epoch: fields.cursor?.epoch ?? 0, batch: fields.cursor?.batch ?? 0 },
    count,
    size,
    labels: Int32Array.from(fields.labels),
    partnerLabels: Int32Array.from(fields.partnerLabels),
    lambdas: Float64Array.from(fields.lambdas),
    weights: Float32Array.from(fields.weights),
    ...(names.length > 0 && { names }),
    pixels,
  };
}
