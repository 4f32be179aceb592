// Parquet process: reads one Parquet file for parquet-reader.ts. A few bytes may stand for a run of a thousand million
// values, at which V8 ends the process: this one, and not the program.

import { type ErrorRecord, isVitrineError, quote, toErrorRecord } from "../../../runtime/errors.js";
import { openFileSync } from "../../../runtime/host/node-open-file.js";
import { badParquet, type ImageColumns, imageColumns } from "./image-columns.js";
import { checkRepeats, type ParquetFile, readGroup, sizeOfGroup } from "./row-group.js";

export interface OpenedParquet {
  columns: ImageColumns;
  /** Rows of each row group. */
  groups: number[];
}

/** Values of a row; absent ones are undefined. */
export interface ParquetPicture {
  /** Name that the file gives it. */
  name?: string;
  bytes?: Uint8Array;
}

export interface ParquetRequest {
  what: "labels" | "pictures";
  group: number;
  /** First row of the group; of pictures as many follow as fit in a message, one at least. */
  from: number;
}

export type ParquetAnswer =
  | { kind: "opened"; opened: OpenedParquet }
  | { kind: "labels"; labels: (string | undefined)[] }
  | { kind: "pictures"; pictures: ParquetPicture[] }
  | { kind: "failed"; error: ErrorRecord };

const MAGIC = 0x31524150;
/** A footer has some hundred bytes for each column of each row group. */
const LARGEST_FOOTER = 2 ** 28;
const LONGEST_NAME = 1024;

const path = process.argv[2] as string;
/** Bytes of pictures in a message. */
const MESSAGE_BYTES = 2 ** 23;

function openFile(): Omit<ParquetFile, "metadata" | "dataEnd"> {
  const file = openFileSync(path);
  return {
    path,
    bytes: file.bytes,
    read(start, length) {
      const bytes = new Uint8Array(length);
      if (file.readAt(bytes, start) < length)
        throw badParquet(path, `it ends before byte ${start + length} while it is read`);
      return bytes.buffer;
    },
  };
}

async function open(): Promise<{ file: ParquetFile; opened: OpenedParquet }> {
  const { parquetMetadata, parquetSchema } = await import("hyparquet");
  const found = openFile();
  const { bytes, read } = found;
  if (bytes < 12 || new DataView(read(0, 4)).getUint32(0, true) !== MAGIC)
    throw badParquet(path, "not a Parquet file: it does not begin with PAR1");
  const tail = new DataView(read(bytes - 8, 8));
  if (tail.getUint32(4, true) !== MAGIC)
    throw badParquet(path, "it does not end with PAR1: it is cut, or still being written");
  const length = tail.getUint32(0, true);
  const dataEnd = bytes - 8 - length;
  if (dataEnd < 4 || length > LARGEST_FOOTER)
    throw badParquet(path, `a footer of ${length.toLocaleString("en-US")} bytes`);
  const metadata = parquetMetadata(read(dataEnd, length + 8), { geoparquet: false });
  const file: ParquetFile = { ...found, dataEnd, metadata };
  const columns = imageColumns(path, metadata, parquetSchema(metadata));
  const sizes = metadata.row_groups.map((_, group) => sizeOfGroup(file, group, columns.image));
  const groups = sizes.map(({ rows }) => rows);
  const rows = groups.reduce((sum, some) => sum + some, 0);
  if (BigInt(rows) !== metadata.num_rows)
    throw badParquet(path, `${metadata.num_rows} rows, and ${rows} in its row groups`);
  // Groups that share bytes would make a small file a large data set.
  const stored = sizes.reduce((sum, size) => sum + size.bytes, 0);
  if (stored > dataEnd) throw badParquet(path, `row groups of ${stored} bytes in ${dataEnd}`);
  return { file, opened: { columns, groups } };
}

function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}

function pictureOf(value: unknown, isStruct: boolean): ParquetPicture {
  const { bytes, path: name } = (isStruct ? (value ?? {}) : { bytes: value }) as Record<string, unknown>;
  const text = textOf(name);
  return {
    ...(bytes instanceof Uint8Array && bytes.length > 0 && { bytes }),
    ...(text !== undefined && text !== "" && text.length <= LONGEST_NAME && { name: text }),
  };
}

/** Pictures of the group that was asked for last. */
let read: { group: number; pictures: ParquetPicture[] } | undefined;

async function picturesOf(
  file: ParquetFile,
  columns: ImageColumns,
  group: number,
): Promise<ParquetPicture[]> {
  if (read?.group === group) return read.pictures;
  read = undefined;
  const { image, isStruct } = columns;
  const pictures = (await readGroup(file, group, image)).map((value) => pictureOf(value, isStruct));
  const total = pictures.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  checkRepeats(file, group, image, total);
  read = { group, pictures };
  return pictures;
}

async function answer(
  file: ParquetFile,
  { columns }: OpenedParquet,
  { what, group, from }: ParquetRequest,
): Promise<ParquetAnswer> {
  if (what === "labels")
    return { kind: "labels", labels: (await readGroup(file, group, columns.label)).map(textOf) };
  const pictures = await picturesOf(file, columns, group);
  let to = from;
  for (let bytes = 0; to < pictures.length && bytes < MESSAGE_BYTES; to++)
    bytes += pictures[to].bytes?.length ?? 0;
  return { kind: "pictures", pictures: pictures.slice(from, to) };
}

function failed(cause: unknown): ParquetAnswer {
  const text = cause instanceof Error ? cause.message : String(cause);
  const error = isVitrineError(cause) ? cause : badParquet(path, `it is damaged: ${quote(text)}`, cause);
  return { kind: "failed", error: toErrorRecord(error) };
}

const respond = (message: ParquetAnswer): void => void process.send?.(message);

process.once("disconnect", () => process.exit());
try {
  const { file, opened } = await open();
  process.on("message", (request: ParquetRequest) => {
    answer(file, opened, request).then(respond, (error) => respond(failed(error)));
  });
  respond({ kind: "opened", opened });
} catch (error) {
  respond(failed(error));
}
