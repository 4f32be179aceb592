// JSON envelope: an inference request without the contents of its tensors. JSON.parse of a body would make millions of
// objects of a hostile one, or hold the event loop for a second; so the `data` of each input is only found here, and
// read into a typed array of the size that its shape says later (json-data.ts). The rest is small, or refused.

import { quote, VitrineError } from "../../runtime/errors.js";
import { nextTurn, SLICE_BYTES } from "../slices.js";

/** Bytes of a body from `start` to before `end`. */
export interface Extent {
  start: number;
  end: number;
}

export interface Envelope {
  /** The parsed JSON; the `data` of inputs[i] is an index into `data`. */
  json: unknown;
  data: readonly Extent[];
}

/** Names, shapes and parameters of every input and output. */
const MAX_ENVELOPE_BYTES = 256 * 1024;
/** Brackets inside brackets: of the envelope, and of data (a picture tensor has four axes). */
const MAX_DEPTH = 16;

const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from('"\\,:[]{}');

function malformed(text: string): VitrineError {
  return new VitrineError("protocol/malformed", `the request's JSON ${text}`);
}

const tooDeep = (at: number) => malformed(`nests more than ${MAX_DEPTH} levels deep at byte ${at}`);

/** Index after the string whose opening quote is at `at`; the body's end where it does not close. */
function skipString(body: Buffer, at: number, end: number): number {
  let next = at + 1;
  while (next < end && body[next] !== QUOTE) next += body[next] === BACKSLASH ? 2 : 1;
  return next + 1;
}

/** Index after the value that starts at `start`, found by its brackets only. */
async function skipValue(body: Buffer, start: number): Promise<number> {
  let depth = 0;
  let inString = false;
  for (let at = start; at < body.length; await nextTurn()) {
    const sliceEnd = Math.min(at + SLICE_BYTES, body.length);
    for (; at < sliceEnd; at++) {
      const byte = body[at];
      if (inString) {
        if (byte === BACKSLASH) at++;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN || byte === OPEN_OBJECT) {
        if (++depth > MAX_DEPTH) throw tooDeep(at);
      } else if (byte === CLOSE || byte === CLOSE_OBJECT) {
        if (depth === 0) return at;
        if (--depth === 0) return at + 1;
      } else if (byte === COMMA && depth === 0) return at;
    }
  }
  throw malformed("ends inside the data of an input");
}

interface Container {
  isObject: boolean;
  /** The key of an object whose value comes. */
  key: string;
}

const KEYS = ["inputs", "data"];

/** Whether the value after this colon is the data of an input: `{"inputs": [{"data": …`. */
function isData(open: readonly Container[]): boolean {
  const [root, list, input] = open;
  return open.length === 3 && root.key === "inputs" && !list.isObject && input.key === "data";
}

/** Throws `protocol/malformed`. */
export async function readEnvelope(body: Buffer): Promise<Envelope> {
  const data: Extent[] = [];
  const pieces: Buffer[] = [];
  const open: Container[] = [];
  /** Bytes before this one are in `pieces`, or data. */
  let copied = 0;
  let size = 0;
  let at = 0;
  while (at < body.length) {
    if (size + at - copied > MAX_ENVELOPE_BYTES) {
      throw malformed(`has more than ${MAX_ENVELOPE_BYTES} bytes besides the data of its inputs`);
    }
    const byte = body[at];
    if (byte === QUOTE) {
      const next = skipString(body, at, Math.min(body.length, copied + MAX_ENVELOPE_BYTES + 1));
      const container = open.at(-1);
      // Only the two keys matter; a value in their place is followed by no colon.
      const text = next - at <= 8 ? body.toString("latin1", at + 1, next - 1) : "";
      if (container?.isObject) container.key = KEYS.includes(text) ? text : "";
      at = next;
    } else if (byte === OPEN || byte === OPEN_OBJECT) {
      if (open.length === MAX_DEPTH) throw tooDeep(at);
      open.push({ isObject: byte === OPEN_OBJECT, key: "" });
      at++;
    } else if (byte === CLOSE || byte === CLOSE_OBJECT) {
      open.pop();
      at++;
    } else if (byte === COLON && isData(open)) {
      const start = at + 1;
      const end = await skipValue(body, start);
      pieces.push(body.subarray(copied, start), Buffer.from(` ${data.length} `));
      size += start - copied;
      data.push({ start, end });
      copied = at = end;
    } else at++;
  }
  pieces.push(body.subarray(copied));
  try {
    return { json: JSON.parse(Buffer.concat(pieces).toString()), data };
  } catch (cause) {
    throw malformed(`cannot be read: ${quote(cause instanceof Error ? cause.message : String(cause))}`);
  }
}
