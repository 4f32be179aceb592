// File kind: what a file is that is no JPEG, read from its first bytes, so that an error can name it.

const SIGNATURES: readonly [kind: string, offset: number, text: string][] = [
  ["PNG", 1, "PNG\r\n"],
  ["GIF", 0, "GIF8"],
  ["WebP", 8, "WEBP"],
  ["TIFF", 0, "II*\0"],
  ["TIFF", 0, "MM\0*"],
  ["HEIC or AVIF", 4, "ftyp"],
  ["BMP", 0, "BM"],
];

/** Name of an image format other than JPEG, or undefined where the first bytes tell nothing. */
export function foreignKind(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  return SIGNATURES.find(([, offset, text]) => start.startsWith(text, offset))?.[0];
}
