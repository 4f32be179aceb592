// Tar writer: entries of an archive as blocks: ustar, with a pax header where a name or a size does not fit. The same
// entries always give the same bytes.

const BLOCK = 512;
/** What ustar's field of eleven octal digits holds. */
const LARGEST_USTAR = 8 ** 11;

function padded(bytes: Uint8Array): Uint8Array {
  const rest = bytes.length % BLOCK;
  return rest === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(BLOCK - rest)]);
}

function header(name: Uint8Array, size: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.set(name.subarray(0, 100));
  block.write("0000644\0", 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  block.write(
    `${Math.min(size, LARGEST_USTAR - 1)
      .toString(8)
      .padStart(11, "0")}\0`,
    124,
    "latin1",
  );
  block.write("00000000000\0", 136, "latin1");
  block.write("        ", 148, "latin1");
  block.write(type, 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** "LENGTH key=value\n", where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** Header blocks of a file; its content follows, filled up to a multiple of 512 bytes by `paddingAfter`. */
export function tarHeader(name: Uint8Array, size: number): Uint8Array {
  const records: Buffer[] = [];
  if (name.length > 100) records.push(paxRecord("path", name));
  if (size >= LARGEST_USTAR) records.push(paxRecord("size", Buffer.from(`${size}`)));
  const own = header(name, size, "0");
  if (records.length === 0) return own;
  const pax = Buffer.concat(records);
  return Buffer.concat([header(Buffer.from("PaxHeader"), pax.length, "x"), padded(pax), own]);
}

export function paddingAfter(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Two blocks of zeros end an archive. */
export const TAR_END = new Uint8Array(2 * BLOCK);
