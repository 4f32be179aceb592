// Safetensors header: the JSON at the start of a file, validated entirely before any of it is used.
//
// Layout: 8 bytes little-endian header length N, N bytes of JSON, then the data that the offsets count from.

import { quote, quoteJson, VitrineError } from "../errors.js";

/** Bytes of an element of each type that is read here; the format defines more. */
export const ELEMENT_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I8: 1, U8: 1 } as const;

/** Element types of safetensors that are read and written here; the format defines more. */
export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

/** Bits of an element of the format's other types: tensors of these are checked and left out. */
const OTHER_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  I16: 16,
  U16: 16,
  U32: 32,
  U64: 64,
  C64: 64,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};

export interface TensorEntry {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  /** Bytes of the file, end excluded. */
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  entries: TensorEntry[];
  metadata: Record<string, string>;
  /** Tensors of other types, which are not read: `"NAME" (BOOL)`. */
  ignored: string[];
}

interface AnyEntry extends Omit<TensorEntry, "dtype"> {
  dtype: string;
}

function isRead(entry: AnyEntry): entry is TensorEntry {
  return Object.hasOwn(ELEMENT_BYTES, entry.dtype);
}

/** The format's own limit (safetensors, MAX_HEADER_SIZE). */
const HEADER_LIMIT = 100_000_000;

/** More than any model has; sorting and checking a million empty ones would take a minute. */
const MOST_TENSORS = 65_536;

function refuse(subject: string, what: string): VitrineError {
  return new VitrineError("weights/safetensors", `${subject}: ${what}`, { details: { file: subject } });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseJson(bytes: Uint8Array, subject: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    // A copy: what a page's decoder has seen stays in memory until the garbage collector runs, with all of its buffer.
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice()));
  } catch {
    throw refuse(
      subject,
      `not a safetensors file: the ${bytes.length} bytes after the header's length are not JSON`,
    );
  }
  if (!isRecord(parsed)) throw refuse(subject, "not a safetensors file: its header is not a JSON object");
  return parsed;
}

function readMetadata(value: unknown, subject: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string"))
    throw refuse(subject, "__metadata__ in the header must hold strings only");
  return value as Record<string, string>;
}

function bitsOf(dtype: string): number | undefined {
  if (Object.hasOwn(ELEMENT_BYTES, dtype)) return 8 * ELEMENT_BYTES[dtype as SafetensorsDtype];
  return Object.hasOwn(OTHER_BITS, dtype) ? OTHER_BITS[dtype] : undefined;
}

function readEntry(
  name: string,
  value: unknown,
  dataStart: number,
  fileBytes: number,
  subject: string,
): AnyEntry {
  const tensor = `tensor "${quote(name)}"`;
  if (!isRecord(value)) throw refuse(subject, `${tensor}: its header entry is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const bits = typeof dtype === "string" ? bitsOf(dtype) : undefined;
  if (typeof dtype !== "string" || bits === undefined)
    throw refuse(
      subject,
      `${tensor} has type ${typeof dtype === "string" ? quote(dtype) : quoteJson(dtype)}; ` +
        `allowed: ${Object.keys(ELEMENT_BYTES).join(", ")}`,
    );
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw refuse(subject, `${tensor}: its shape must be a list of whole numbers`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1])
    throw refuse(subject, `${tensor}: data_offsets must be two ascending whole numbers`);
  const [begin, end] = offsets as [number, number];
  if (end > fileBytes - dataStart)
    throw refuse(
      subject,
      `${tensor} ends at data byte ${end}, but the file holds ${fileBytes - dataStart}: it may be truncated`,
    );
  const bytes = shape.reduce((product: number, axis: number) => product * axis, bits) / 8;
  if (bytes !== end - begin)
    throw refuse(
      subject,
      `${tensor} of ${dtype} [${shape.join(", ")}] takes ${bytes} bytes, its offsets span ${end - begin}`,
    );
  return { name, dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** As the format requires: data without overlap and without gaps up to the end of the file. */
function checkCoverage(
  entries: readonly AnyEntry[],
  dataStart: number,
  fileBytes: number,
  subject: string,
): void {
  let expected = dataStart;
  for (const { name, begin, end } of entries) {
    if (begin !== expected) {
      const what =
        begin < expected
          ? "overlaps the tensor before it"
          : `leaves ${begin - expected} bytes unused before it`;
      throw refuse(subject, `tensor "${quote(name)}" ${what}`);
    }
    expected = end;
  }
  if (expected !== fileBytes)
    throw refuse(subject, `${fileBytes - expected} bytes at the end belong to no tensor`);
}

/**
 * `subject` names the file in errors. Throws `weights/safetensors`, naming file and tensor, for any violation of the
 * format.
 */
export function readSafetensorsHeader(bytes: Uint8Array, subject: string): SafetensorsHeader {
  if (bytes.length < 8)
    throw refuse(subject, `not a safetensors file: ${bytes.length} bytes are too few for a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT || length > bytes.length - 8)
    throw refuse(
      subject,
      `not a safetensors file, or truncated: its header claims ${length} bytes of ${bytes.length - 8}`,
    );
  const dataStart = 8 + length;
  const { __metadata__, ...tensors } = parseJson(bytes.subarray(8, dataStart), subject);
  const count = Object.keys(tensors).length;
  if (count > MOST_TENSORS)
    throw refuse(subject, `it holds ${count} tensors; allowed: at most ${MOST_TENSORS}`);
  const entries = Object.entries(tensors)
    .map(([name, value]) => readEntry(name, value, dataStart, bytes.length, subject))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataStart, bytes.length, subject);
  const others = entries.filter((entry) => !isRead(entry));
  const ignored = others.map(({ name, dtype }) => `"${quote(name)}" (${dtype})`);
  return { entries: entries.filter(isRead), metadata: readMetadata(__metadata__, subject), ignored };
}
