// JSON data: the contents of a tensor, an array of numbers or strings, flat or nested as its shape, read from the bytes
// of a body straight into memory of the size that the shape says.

import { quote, VitrineError } from "../../runtime/errors.js";
import { nextTurn, SLICE_BYTES } from "../slices.js";
import type { Extent } from "./json-envelope.js";

/** The tensor that is read; `shape` has at least one axis. */
export interface JsonTensor {
  name: string;
  shape: readonly number[];
}

/** Reads the element that starts at byte `at` and is number `index`; returns the byte after it. */
type ReadElement = (at: number, index: number) => number;

const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, MINUS, POINT, PLUS, ZERO, NINE] = Buffer.from('"\\,[]-.+09');
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isDigit = (byte: number) => byte >= ZERO && byte <= NINE;
/** e or E */
const isExponent = (byte: number) => (byte | 0x20) === 0x65;

function refuse({ name }: JsonTensor, text: string): never {
  throw new VitrineError("protocol/tensor", `tensor "${quote(name)}": ${text}`);
}

/** Elements of each axis's arrays: [2, 3, 4] → [24, 12, 4]. Throws `protocol/tensor` for more than `most`. */
function elementsByDepth(tensor: JsonTensor, most: number): number[] {
  const { shape } = tensor;
  const counts = shape.map((_, axis) => shape.slice(axis).reduce((product, size) => product * size, 1));
  if (counts[0] > most) {
    refuse(
      tensor,
      `shape [${quote(shape.join(", "))}] says ${counts[0]} elements, more than the data can hold: ${most}`,
    );
  }
  return counts;
}

/** What the next byte may be. */
type Expected = "value or end" | "value" | "comma or end";

/** Walks through the brackets of `data`; resolves when every element has been read. */
async function readElements(
  body: Buffer,
  { start, end }: Extent,
  tensor: JsonTensor,
  readElement: ReadElement,
): Promise<void> {
  // Each element has a character and, but for the last, a comma.
  const counts = elementsByDepth(tensor, Math.floor((end - start) / 2));
  const [total] = counts;
  const rank = tensor.shape.length;
  /** For each open bracket, the elements before it. */
  const before: number[] = [];
  /** Depth at which the elements are: 1 or `rank`; 0 until the first one. */
  let depthOfElements = 0;
  let count = 0;
  let expected: Expected = "value";
  let ended = false;
  const close = (at: number) => {
    const depth = before.length;
    const got = count - (before.pop() ?? 0);
    const wanted = depthOfElements === rank ? counts[depth - 1] : total;
    if (got !== wanted) {
      refuse(
        tensor,
        `the array that ends at byte ${at} has ${got} elements; shape [${tensor.shape.join(", ")}] says ${wanted}`,
      );
    }
    ended = before.length === 0;
  };
  const element = (at: number): number => {
    if (depthOfElements === 0) depthOfElements = before.length;
    if (depthOfElements !== before.length || (depthOfElements !== 1 && depthOfElements !== rank)) {
      refuse(
        tensor,
        `element ${count} is at depth ${before.length}; allowed: all at depth 1 (flat)${rank > 1 ? ` or ${rank} (nested)` : ""}`,
      );
    }
    if (count === total) refuse(tensor, `more than ${total} elements; shape [${tensor.shape.join(", ")}]`);
    return readElement(at, count++);
  };
  for (let at = start; at < end; await nextTurn()) {
    const sliceEnd = Math.min(at + SLICE_BYTES, end);
    while (at < sliceEnd) {
      const byte = body[at];
      if (isSpace(byte)) at++;
      else if (byte === COMMA && expected === "comma or end" && before.length > 0) {
        expected = "value";
        at++;
      } else if (byte === CLOSE && expected !== "value") {
        close(at++);
        expected = "comma or end";
      } else if (byte === OPEN && expected !== "comma or end") {
        if (before.length === rank) refuse(tensor, `arrays nest deeper than its ${rank} axes at byte ${at}`);
        before.push(count);
        expected = "value or end";
        at++;
      } else if (byte !== COMMA && byte !== CLOSE && expected !== "comma or end" && before.length > 0) {
        at = element(at);
        expected = "comma or end";
      } else {
        refuse(
          tensor,
          `byte ${at} is "${quote(body.toString("latin1", at, at + 1))}"; expected: ${before.length === 0 ? "an array" : expected}`,
        );
      }
    }
  }
  if (!ended) refuse(tensor, "its data is not a complete array");
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
/** A float64 has at most 17 digits and its exponent; some writers pad with zeros. */
const MAX_NUMBER_CHARACTERS = 64;

/** A number with a fraction, an exponent or many digits: [value, byte after it]; NaN where there is none. */
function readLongNumber(body: Buffer, at: number): [value: number, end: number] {
  let end = at;
  const isPart = (byte: number) =>
    isDigit(byte) || byte === POINT || byte === MINUS || byte === PLUS || isExponent(byte);
  while (end - at <= MAX_NUMBER_CHARACTERS && isPart(body[end])) end++;
  const text = body.toString("latin1", at, end);
  return [end - at <= MAX_NUMBER_CHARACTERS && NUMBER.test(text) ? Number(text) : Number.NaN, end];
}

/** Reads numbers into `values`; `fits` says whether one belongs to the datatype, `allowed` in words. */
async function readNumbers<Values extends Uint8Array | Float32Array>(
  body: Buffer,
  extent: Extent,
  tensor: JsonTensor,
  make: (length: number) => Values,
  fits: (value: number) => boolean,
  allowed: string,
): Promise<Values> {
  // The shape is checked against the size of the data before memory is taken for it.
  const [total] = elementsByDepth(tensor, Math.floor((extent.end - extent.start) / 2));
  const values = make(total);
  await readElements(body, extent, tensor, (at, index) => {
    // Most are small whole numbers.
    let next = at;
    let value = 0;
    while (isDigit(body[next]) && next - at < 3) value = value * 10 + body[next++] - ZERO;
    const byte = body[next];
    const isShort = next > at && (byte === COMMA || byte === CLOSE) && (body[at] !== ZERO || next === at + 1);
    if (!isShort) [value, next] = readLongNumber(body, at);
    if (!fits(value)) {
      const got = quote(body.toString("latin1", at, Math.min(Math.max(next, at + 1), at + 32)));
      refuse(tensor, `element ${index} is ${got}; allowed: ${allowed}`);
    }
    values[index] = value;
    return next;
  });
  return values;
}

export const readUint8 = (body: Buffer, extent: Extent, tensor: JsonTensor): Promise<Uint8Array> =>
  readNumbers(
    body,
    extent,
    tensor,
    (length) => new Uint8Array(length),
    (value) => Number.isInteger(value) && value >= 0 && value <= 255,
    "whole numbers from 0 to 255",
  );

export const readFloat32 = (body: Buffer, extent: Extent, tensor: JsonTensor): Promise<Float32Array> =>
  readNumbers(
    body,
    extent,
    tensor,
    (length) => new Float32Array(length),
    (value) => Number.isFinite(Math.fround(value)),
    "numbers that float32 can hold",
  );

/** JSON.parse reads strings with escapes; a longer one would hold the event loop. */
const MAX_ESCAPED_BYTES = 1024 * 1024;

function stringEnd(body: Buffer, open: number): number {
  let at = open + 1;
  while (body[at] !== QUOTE && at - open <= MAX_ESCAPED_BYTES) at += body[at] === BACKSLASH ? 2 : 1;
  return at;
}

/** Text of a string that has escapes. */
function unescaped(body: Buffer, open: number, end: number): Buffer | null {
  try {
    return Buffer.from(JSON.parse(body.toString("utf8", open, end + 1)) as string);
  } catch {
    return null;
  }
}

/** Bytes of base64 text, in slices; null where it is not base64. Padding may be left out. */
async function decodeBase64(text: Buffer): Promise<Buffer | null> {
  const padding = text.at(-1) !== 0x3d ? 0 : text.at(-2) !== 0x3d ? 1 : 2;
  const characters = text.length - padding;
  if (characters % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return null;
  const decoded = Buffer.allocUnsafe(Math.floor((characters * 3) / 4));
  let written = 0;
  for (let at = 0; at < characters; at += SLICE_BYTES) {
    if (at > 0) await nextTurn();
    const slice = text.toString("latin1", at, Math.min(at + SLICE_BYTES, characters));
    const wanted = Math.floor((slice.length * 3) / 4);
    // Node leaves out what is no base64, so that less is written.
    if (decoded.write(slice, written, "base64") !== wanted) return null;
    written += wanted;
  }
  return decoded;
}

/**
 * Strings as the bytes of their UTF-8, or of the base64 that they hold. Elements without escapes alias `body`. The
 * caller has bounded the number of elements. Throws `protocol/tensor`.
 */
export async function readStrings(
  body: Buffer,
  extent: Extent,
  tensor: JsonTensor,
  isBase64: boolean,
): Promise<Uint8Array[]> {
  const texts: Buffer[] = [];
  await readElements(body, extent, tensor, (at, index) => {
    if (body[at] !== QUOTE) refuse(tensor, `element ${index} is not a string; allowed in BYTES: strings`);
    const firstQuote = body.indexOf(QUOTE, at + 1);
    if (!body.subarray(at + 1, firstQuote).includes(BACKSLASH)) {
      texts.push(body.subarray(at + 1, firstQuote));
      return firstQuote + 1;
    }
    const end = stringEnd(body, at);
    const text = end - at <= MAX_ESCAPED_BYTES ? unescaped(body, at, end) : null;
    if (!text) {
      refuse(
        tensor,
        `element ${index} is not a valid string, or has escapes and more than ${MAX_ESCAPED_BYTES} bytes`,
      );
    }
    texts.push(text);
    return end + 1;
  });
  if (!isBase64) return texts;
  const elements: Uint8Array[] = [];
  for (const [index, text] of texts.entries()) {
    const bytes = await decodeBase64(text);
    elements.push(bytes ?? refuse(tensor, `element ${index} is not base64, which its content_type says`));
  }
  return elements;
}
