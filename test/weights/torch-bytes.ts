// Torch bytes: small PyTorch files written byte by byte, honest and hostile.

const encoder = new TextEncoder();

export type Piece = string | number | readonly number[] | Uint8Array;

/** Strings are Latin-1 code units, numbers single bytes. */
export function join(...pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const lists = pieces.map((piece) => {
    if (typeof piece === "number") return [piece];
    return typeof piece === "string" ? Array.from(piece, (letter) => letter.charCodeAt(0)) : [...piece];
  });
  return Uint8Array.from(lists.flat());
}

export function u32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
}

const u16 = (value: number): number[] => u32(value).slice(0, 2);

function u64(value: number): number[] {
  return [...u32(value), ...u32(Math.floor(value / 2 ** 32))];
}

export function text(value: string): Uint8Array {
  const bytes = encoder.encode(value);
  return join("X", u32(bytes.length), bytes);
}

export const int = (value: number): Uint8Array => join("J", u32(value));

const ints = (values: readonly number[]): Uint8Array => join("(", ...values.map(int), "t");

/** ("storage", torch.KIND, key, "cpu", length), and None where the file is of the older form. */
export function storage(kind: string, key: string, length: number, legacy = false): Uint8Array {
  const view = legacy ? "N" : "";
  return join("(", text("storage"), `ctorch\n${kind}\n`, text(key), text("cpu"), int(length), view, "tQ");
}

export function tensor(
  from: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): Uint8Array {
  const args = join("(", from, int(offset), ints(shape), ints(strides), "\x89ccollections\nOrderedDict\n)Rt");
  return join("ctorch._utils\n_rebuild_tensor_v2\n", args, "R");
}

export function dict(entries: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return join("}(", ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]), "u");
}

export const pickle = (...body: readonly Piece[]): Uint8Array<ArrayBuffer> => join("\x80\x02", ...body, ".");

export interface ZipOptions {
  method?: number;
  /** Writes sizes and offsets into zip64 fields. */
  zip64?: boolean;
}

/** A stored archive, as torch.save writes it but for alignment and checksums. */
export function zip(
  entries: Readonly<Record<string, Uint8Array>>,
  { method = 0, zip64 = false }: ZipOptions = {},
): Uint8Array<ArrayBuffer> {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let place = 0;
  for (const [name, data] of Object.entries(entries)) {
    const sizes = [...u32(data.length), ...u32(data.length)];
    const head = join(
      "PK\x03\x04",
      u16(20),
      u16(0),
      u16(method),
      u32(0),
      u32(0),
      sizes,
      u16(name.length),
      u16(0),
      name,
    );
    const extra = zip64 ? join(u16(1), u16(24), u64(data.length), u64(data.length), u64(place)) : join();
    const shown = zip64 ? [...u32(0xffffffff), ...u32(0xffffffff)] : sizes;
    const fields = [u16(name.length), u16(extra.length), u16(0), u16(0), u16(0), u32(0)].flat();
    const offset = u32(zip64 ? 0xffffffff : place);
    central.push(
      join(
        "PK\x01\x02",
        u16(20),
        u16(20),
        u16(0),
        u16(method),
        u32(0),
        u32(0),
        shown,
        fields,
        offset,
        name,
        extra,
      ),
    );
    local.push(head, data);
    place += head.length + data.length;
  }
  const directory = join(...central);
  const count = central.length;
  const record = join("PK\x06\x06", u64(44), u16(45), u16(45), u32(0), u32(0), u64(count), u64(count));
  const end64 = join(record, u64(directory.length), u64(place), "PK\x06\x07", u32(0));
  const locator = zip64 ? join(end64, u64(place + directory.length), u32(1)) : join();
  const counts = [u16(0), u16(0), u16(count), u16(count)].flat();
  const end = join("PK\x05\x06", counts, u32(directory.length), u32(place), u16(0));
  return join(...local, directory, locator, end);
}

export const floats = (...values: number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

/** torch.save(…) of a pickle and its storages, by key. */
export function torchZip(
  body: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>>,
  options?: ZipOptions,
): Uint8Array<ArrayBuffer> {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes]);
  return zip({ "archive/data.pkl": pickle(body), ...Object.fromEntries(data) }, options);
}

/** The form before zip archives, of one storage of `size` bytes an element. */
export function torchLegacy(
  body: Uint8Array,
  key: string,
  bytes: Uint8Array,
  size: number,
): Uint8Array<ArrayBuffer> {
  const magic = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  const system = dict({ protocol_version: int(1001), little_endian: join("\x88") });
  const head = join(pickle("\x8a", 10, magic), pickle(int(1001)), pickle(system), pickle(body));
  return join(head, pickle("](", text(key), "e"), u64(bytes.length / size), bytes);
}
