// Mutate: a damaged copy of a file, by the kinds of damage that find most in a decoder. Pure: the generator decides.

/** Bytes that mean something in a JPEG file: fill, markers, sizes, sampling factors. */
const TELLING = [
  0x00, 0xff, 0x01, 0x11, 0x22, 0x41, 0x7f, 0x80, 0xc0, 0xc2, 0xc4, 0xd0, 0xd9, 0xda, 0xdb, 0xdd,
];
/** Headers of small files are within this; damage to them changes more than damage to scan data. */
const HEADER_BYTES = 700;
const LONGEST_CUT = 40;

type Next = () => number;

function overwrite(bytes: Uint8Array, next: Next): Uint8Array {
  bytes[next() % bytes.length] = next() & 255;
  return bytes;
}

function flipBit(bytes: Uint8Array, next: Next): Uint8Array {
  const at = next() % bytes.length;
  bytes[at] = (bytes[at] as number) ^ (1 << (next() & 7));
  return bytes;
}

function tellingByteInHeader(bytes: Uint8Array, next: Next): Uint8Array {
  bytes[next() % Math.min(HEADER_BYTES, bytes.length)] = TELLING[next() % TELLING.length] as number;
  return bytes;
}

function cutOut(bytes: Uint8Array, next: Next): Uint8Array {
  const at = next() % bytes.length;
  const length = next() % LONGEST_CUT;
  return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
}

function repeat(bytes: Uint8Array, next: Next): Uint8Array {
  const at = next() % bytes.length;
  const length = next() % LONGEST_CUT;
  return Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)]);
}

function truncate(bytes: Uint8Array, next: Next): Uint8Array {
  return bytes.slice(0, (next() % bytes.length) + 1);
}

const DAMAGE = [
  overwrite,
  flipBit,
  flipBit,
  tellingByteInHeader,
  tellingByteInHeader,
  cutOut,
  repeat,
  truncate,
];

/** One to five kinds of damage, in sequence, to a copy. */
export function mutate(file: Uint8Array, next: Next): Uint8Array {
  let bytes = Uint8Array.from(file);
  for (let count = (next() % 5) + 1; count > 0 && bytes.length > 0; count--)
    bytes = Uint8Array.from((DAMAGE[next() % DAMAGE.length] as (typeof DAMAGE)[number])(bytes, next));
  return bytes;
}

/** Small deterministic generator (xorshift32): numbers in [0, 2³²). */
export function generator(seed: number): Next {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
