// EXIF: the one entry of an APP1 segment, or of another format's EXIF block, that a decoder may act on: the orientation
// of the camera.

/** "Exif", two zeros. */
const SIGNATURE: u32 = 0x66697845;
const ORIENTATION_TAG: u32 = 0x0112;
const SHORT_TYPE: u32 = 3;
const ENTRY_BYTES: usize = 12;

let bigEndian: bool = false;

function word(at: usize): u32 {
  return bigEndian ? <u32>bswap(load<u16>(at)) : <u32>load<u16>(at);
}

function doubleWord(at: usize): u32 {
  return bigEndian ? bswap(load<u32>(at)) : load<u32>(at);
}

/**
 * Body [body, end) of an APP1 segment → EXIF orientation 1…8 of the first image directory; 0 if the segment has none,
 * or one of another type or out of range. Both byte orders of TIFF are read, "II" and "MM".
 */
export function readOrientation(body: usize, end: usize): u32 {
  if (end - body < 20 || load<u32>(body) !== SIGNATURE || load<u16>(body, 4) !== 0) return 0;
  return readOrientationOf(body + 6, end);
}

/** As readOrientation, of the block without the segment's signature: a TIFF file. */
export function readOrientationOf(tiff: usize, end: usize): u32 {
  if (end - tiff < 14) return 0;
  const order = <u32>load<u16>(tiff);
  if (order !== 0x4949 && order !== 0x4d4d) return 0;
  bigEndian = order === 0x4d4d;
  if (word(tiff + 2) !== 42) return 0;
  const directory = <u64>tiff + <u64>doubleWord(tiff + 4);
  if (directory + 2 > <u64>end) return 0;
  const entries = <u32>word(<usize>directory);
  let at = <usize>directory + 2;
  for (let i: u32 = 0; i < entries && at + ENTRY_BYTES <= end; i++, at += ENTRY_BYTES) {
    if (word(at) !== ORIENTATION_TAG) continue;
    const value = word(at + 8);
    return word(at + 2) === SHORT_TYPE && value >= 1 && value <= 8 ? value : 0;
  }
  return 0;
}
