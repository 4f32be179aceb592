// EXIF orientation: cameras store the picture as the sensor lay and note how to turn it. A page shows it upright, so
// the model should see it upright too. (torchvision's loader, hence `vitrine validate`, ignores the note.)

const APP1 = 0xe1;
const START_OF_SCAN = 0xda;
/** "Exif", 0, 0. */
const EXIF_NAME = [0x45, 0x78, 0x69, 0x66, 0, 0];
const ORIENTATION_TAG = 0x0112;
const SHORT = 3;

/** Byte offsets of a TIFF header and its directory: order mark, 42, offset of the directory; 12 bytes an entry. */
function orientationOfTiff(tiff: DataView): number {
  const little = tiff.getUint16(0) === 0x4949;
  const directory = tiff.getUint32(4, little);
  const entries = tiff.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + 12 * entry;
    if (tiff.getUint16(at, little) !== ORIENTATION_TAG) continue;
    return tiff.getUint16(at + 2, little) === SHORT ? tiff.getUint16(at + 8, little) : 1;
  }
  return 1;
}

function orientationOfSegments(file: DataView): number {
  for (let at = 2; file.getUint8(at) === 0xff; ) {
    const marker = file.getUint8(at + 1);
    if (marker === START_OF_SCAN) return 1;
    const length = file.getUint16(at + 2);
    const isExif =
      marker === APP1 && EXIF_NAME.every((byte, place) => file.getUint8(at + 4 + place) === byte);
    if (isExif) return orientationOfTiff(new DataView(file.buffer, file.byteOffset + at + 10, length - 8));
    at += 2 + length;
  }
  return 1;
}

/** JPEG file → 1 to 8 as EXIF 2.3 numbers them; 1, upright, where nothing sound is said. */
export function exifOrientation(jpeg: Uint8Array): number {
  try {
    const said = orientationOfSegments(new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength));
    return said >= 1 && said <= 8 ? said : 1;
  } catch (error) {
    // A DataView throws beyond its end: the note is cut short, or points nowhere.
    if (error instanceof RangeError) return 1;
    throw error;
  }
}

/** Place in the upright picture (x, y) of side n → place in the stored one, for orientations 1 to 8. */
const STORED_PLACE: readonly ((x: number, y: number, last: number) => [x: number, y: number])[] = [
  (x, y) => [x, y],
  (x, y, last) => [last - x, y],
  (x, y, last) => [last - x, last - y],
  (x, y, last) => [x, last - y],
  (x, y) => [y, x],
  (x, y, last) => [y, last - x],
  (x, y, last) => [last - y, last - x],
  (x, y, last) => [last - y, x],
];

/** uint8 [size, size, 3] as stored → upright. Resize and centre crop come before: they turn with the picture. */
export function turnUpright(pixels: Uint8Array, size: number, orientation: number): Uint8Array {
  const place = STORED_PLACE[orientation - 1];
  if (!place || orientation === 1) return pixels;
  const upright = new Uint8Array(pixels.length);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [fromX, fromY] = place(x, y, size - 1);
      const from = (fromY * size + fromX) * 3;
      upright.set(pixels.subarray(from, from + 3), (y * size + x) * 3);
    }
  }
  return upright;
}
