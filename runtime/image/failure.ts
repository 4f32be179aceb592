// Failure: the typed error for each status of the image module.

import { PngFault, Status } from "../../assembly/image/contract.js";
import { type ErrorCode, quote, VitrineError } from "../errors.js";
import type { ImageExports } from "./image-exports.js";

interface Facts {
  offset: number;
  found: number;
  allowed: number;
}

interface Failure {
  code: ErrorCode;
  text: (facts: Facts) => string;
}

const count = (value: number): string => value.toLocaleString("en-US");
const marker = (value: number): string => `FF${value.toString(16).toUpperCase().padStart(2, "0")}`;
/** Advice for callers of the library. */
export const PARTIAL = "decode with {partial: true} to keep the intact rows";
const KINDS = "this decoder reads 8-bit Huffman-coded JPEG";

/** Sampling factors, horizontal << 4 | vertical, from the first component on → "2x2,1x1,1x1". */
export function samplingText(factors: readonly number[]): string {
  return factors.map((factor) => `${factor >> 4}x${factor & 15}`).join(",");
}

const PNG_FAULTS: Record<PngFault, string> = {
  [PngFault.Signature]: "it does not start as a PNG file",
  [PngFault.Header]: "its header is missing or damaged",
  [PngFault.ColorType]: "its header has a color type and a bit depth that do not exist together",
  [PngFault.Checksum]: "a chunk's checksum is wrong",
  [PngFault.ChunkName]: "a chunk has no name",
  [PngFault.Data]: "its compressed data is damaged",
  [PngFault.Filter]: "a row has an unknown filter",
};

const FAILURES: Record<Exclude<Status, Status.Ok>, Failure> = {
  [Status.OutOfMemory]: {
    code: "image/out-of-memory",
    text: () => "the picture needs more memory than the image module may take (option memoryLimitMiB)",
  },
  [Status.NotJpeg]: {
    code: "jpeg/not-jpeg",
    text: () => "not a JPEG file: it does not start with FFD8",
  },
  [Status.Truncated]: {
    code: "jpeg/truncated",
    text: ({ offset, found, allowed }) =>
      allowed === 0
        ? `the file ends at byte ${count(offset)}, inside its headers`
        : `scan data ends at byte ${count(offset)}, row ${count(found)} of ${count(allowed)} (${PARTIAL})`,
  },
  [Status.CorruptSegment]: {
    code: "jpeg/corrupt",
    text: ({ offset, found }) => `segment ${marker(found)} at byte ${count(offset)} violates the standard`,
  },
  [Status.CorruptScan]: {
    code: "jpeg/corrupt",
    text: ({ offset, found, allowed }) =>
      `scan data is damaged near byte ${count(offset)}, row ${count(found)} of ${count(allowed)} (${PARTIAL})`,
  },
  [Status.CorruptFrame]: {
    code: "jpeg/corrupt",
    text: ({ offset }) => `frame header missing or repeated at byte ${count(offset)}`,
  },
  [Status.MissingTable]: {
    code: "jpeg/corrupt",
    text: ({ offset, found }) =>
      `the scan at byte ${count(offset)} refers to table ${found}, which the file does not define`,
  },
  [Status.TooLarge]: {
    code: "jpeg/too-large",
    text: ({ offset, found, allowed }) =>
      `frame header at byte ${count(offset)} claims ${count(found)} pixels, allowed are ${count(allowed)} (option pixelLimit)`,
  },
  [Status.EmptyPicture]: {
    code: "jpeg/corrupt",
    text: ({ offset }) =>
      `frame header at byte ${count(offset)}: width or height is 0 (a height given by a DNL segment is not supported)`,
  },
  [Status.UnsupportedArithmetic]: {
    code: "jpeg/unsupported-arithmetic",
    text: ({ offset }) => `arithmetic coding at byte ${count(offset)} is not supported; ${KINDS}`,
  },
  [Status.UnsupportedLossless]: {
    code: "jpeg/unsupported-lossless",
    text: ({ offset }) => `lossless frame at byte ${count(offset)} is not supported; ${KINDS}`,
  },
  [Status.UnsupportedHierarchical]: {
    code: "jpeg/unsupported-hierarchical",
    text: ({ offset }) => `hierarchical frame at byte ${count(offset)} is not supported; ${KINDS}`,
  },
  [Status.UnsupportedPrecision]: {
    code: "jpeg/unsupported-precision",
    text: ({ offset, found }) => `frame at byte ${count(offset)} has ${found} bits per sample; ${KINDS}`,
  },
  [Status.UnsupportedComponents]: {
    code: "jpeg/unsupported-components",
    text: ({ offset, found }) =>
      `frame at byte ${count(offset)} has ${found} components, which is not supported`,
  },
  [Status.UnsupportedSampling]: {
    code: "jpeg/unsupported-sampling",
    text: ({ offset, found }) =>
      `frame at byte ${count(offset)} has sampling factors ${samplingText(unpack(found))}, which are not supported`,
  },
  [Status.BadArgument]: {
    code: "image/bad-argument",
    text: ({ found, allowed }) => `argument out of range: got ${found}, allowed up to ${allowed}`,
  },
  [Status.TooManyScans]: {
    code: "jpeg/too-many-scans",
    text: ({ offset, found }) =>
      `scan ${count(found)} at byte ${count(offset)}: this many scans of a picture this large exceed the work limit`,
  },
  [Status.PngTruncated]: {
    code: "image/truncated",
    text: ({ offset, found, allowed }) =>
      allowed === 0
        ? `the PNG file ends at byte ${count(offset)}, before its pixels`
        : `the PNG file ends at byte ${count(offset)}, row ${count(found)} of ${count(allowed)} (${PARTIAL})`,
  },
  [Status.PngCorrupt]: {
    code: "image/corrupt",
    text: ({ offset, found }) =>
      `PNG file damaged near byte ${count(offset)}: ${PNG_FAULTS[found as PngFault]}`,
  },
  [Status.PngTooLarge]: {
    code: "image/too-large",
    text: ({ found, allowed }) => tooLarge("PNG", found, allowed),
  },
};

/** A header of any format but JPEG that claims too many pixels. */
export function tooLarge(format: string, found: number, allowed: number): string {
  return `the ${format} header claims ${count(found)} pixels, allowed are ${count(allowed)} (option pixelLimit)`;
}

/** 0x221111 → [0x22, 0x11, 0x11]. */
function unpack(packed: number): number[] {
  const digits = packed.toString(16);
  return Array.from({ length: digits.length >> 1 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** What the text of an error about an image starts with: its name, escaped and cut. */
export function subjectPrefix(subject: string | undefined): string {
  return subject === undefined ? "" : `${quote(subject)}: `;
}

/**
 * The error for a status other than Ok, with the numbers that the module recorded; the text starts with `subject` if
 * given.
 */
export function failureOf(status: Status, exports: ImageExports, subject: string | undefined): VitrineError {
  const facts = {
    offset: exports.statusOffset() >>> 0,
    found: exports.statusFound(),
    allowed: exports.statusAllowed(),
  };
  const failure = FAILURES[status as Exclude<Status, Status.Ok>];
  const where = subjectPrefix(subject);
  return new VitrineError(failure.code, where + failure.text(facts), { details: { subject, ...facts } });
}

/** An error about a picture file, named where it has a name. */
export function pictureError(
  code: ErrorCode,
  name: string | undefined,
  text: string,
  cause?: unknown,
): VitrineError {
  return new VitrineError(code, subjectPrefix(name) + text, { details: { subject: name }, cause });
}
