// Picture format: what a file is, by its first bytes and never by its name; and what to say about one that is not read.

import { VitrineError } from "../errors.js";
import { subjectPrefix } from "./failure.js";

/** The formats that Vitrine reads. */
export const PICTURE_FORMATS = ["JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "PPM"] as const;
/** A format that Vitrine reads. */
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** The formats that are only recognized, and what to convert them with. */
const OTHERS = {
  HEIC: "`heif-convert photo.heic photo.jpg`, or export it as JPEG on the phone",
  SVG: "`rsvg-convert drawing.svg -o drawing.png`",
  "JPEG XL": "`djxl photo.jxl photo.png`",
  "JPEG 2000": "`opj_decompress -i photo.jp2 -o photo.png`",
  PSD: "export it as PNG",
  ICO: "export it as PNG",
  PDF: "`pdftoppm -png document.pdf page`",
} as const;
export type OtherKind = keyof typeof OTHERS;

type Signature = [kind: PictureFormat | OtherKind, offset: number, text: string];

const SIGNATURES: readonly Signature[] = [
  ["JPEG", 0, "\xff\xd8"],
  ["PNG", 1, "PNG\r\n"],
  ["GIF", 0, "GIF87a"],
  ["GIF", 0, "GIF89a"],
  ["WebP", 8, "WEBP"],
  ["TIFF", 0, "II*\0"],
  ["TIFF", 0, "MM\0*"],
  ["JPEG XL", 0, "\xff\x0a"],
  ["JPEG XL", 4, "JXL \r\n"],
  ["JPEG 2000", 4, "jP  \r\n"],
  ["JPEG 2000", 0, "\xff\x4f\xff\x51"],
  ["PSD", 0, "8BPS"],
  ["ICO", 0, "\0\0\x01\0"],
  ["PDF", 0, "%PDF-"],
  ["BMP", 0, "BM"],
];

/** P5 and P6 with the white space or comment that follows them. */
const PNM = /^P[56][\s#]/;
/** An SVG document may begin with a declaration, comments and a document type. */
const SVG =
  /^(?:\ufeff|\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*|<!DOCTYPE\s+svg[^>]*>\s*)*<svg[\s>/]/;
/** What a file is shows within its first bytes. */
export const START_BYTES = 1024;

/** The brand of an ISO base media file that tells AVIF from HEIC, which may be one of the compatible ones. */
function brandOf(start: string): "AVIF" | "HEIC" | undefined {
  if (!start.startsWith("ftyp", 4)) return undefined;
  const bytes = start.charCodeAt(2) * 256 + start.charCodeAt(3);
  const brands = start.slice(8, Math.min(bytes, 256)).match(/[\s\S]{4}/g) ?? [];
  if (brands.some((brand) => brand === "avif" || brand === "avis")) return "AVIF";
  return brands.some((brand) => /^(hei|hev|mif1|msf1)/.test(brand)) ? "HEIC" : undefined;
}

/** What a picture file is, by its first bytes; undefined where they are of no format that is known here. */
export function pictureKind(file: Uint8Array): PictureFormat | OtherKind | undefined {
  const start = String.fromCharCode(...file.subarray(0, START_BYTES));
  const found = SIGNATURES.find(([, offset, text]) => start.startsWith(text, offset));
  if (found) return found[0];
  if (PNM.test(start)) return "PPM";
  return brandOf(start) ?? (SVG.test(start) ? "SVG" : undefined);
}

export function isPictureFormat(kind: string | undefined): kind is PictureFormat {
  return PICTURE_FORMATS.includes(kind as PictureFormat);
}

/** The format of a file. Throws `image/unknown-format`, which says what the file is and how to convert it. */
export function requirePictureFormat(file: Uint8Array, name: string | undefined): PictureFormat {
  const kind = pictureKind(file);
  if (isPictureFormat(kind)) return kind;
  const allowed = `pictures are ${PICTURE_FORMATS.slice(0, -1).join(", ")} and ${PICTURE_FORMATS.at(-1)} files`;
  const what =
    file.length === 0
      ? "the file is empty"
      : kind === undefined
        ? `not a picture; ${allowed}`
        : `${kind} is not read: convert it first (${OTHERS[kind]})`;
  throw new VitrineError("image/unknown-format", subjectPrefix(name) + what, {
    details: { subject: name, ...(kind !== undefined && { kind }) },
  });
}
