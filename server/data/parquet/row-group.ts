// Row groups: reads columns of one row group of a Parquet file, after every size that the file claims has been compared
// with what is there.
//
// hyparquet allocates what page headers claim, so that they are read once before. What it allocates for runs within a
// page is bounded by the memory of the process that this runs in: parquet-process.ts.

import * as zlib from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { badParquet } from "./image-columns.js";

/** Bytes of the columns of a row group that are read, compressed or not. `datasets` writes 100 pictures to a group. */
const LARGEST_GROUP = 2 ** 30;
/** A dictionary may have a picture once for several rows, but a group of them is no data set. */
const MOST_REPEATS = 16;

/** An open file. */
export interface ParquetFile {
  path: string;
  bytes: number;
  /** Where the footer begins: the end of all columns. */
  dataEnd: number;
  metadata: FileMetaData;
  read(start: number, length: number): ArrayBuffer;
}

const count = (value: number): string => value.toLocaleString("en-US");

type Hyparquet = typeof import("hyparquet") & Pick<typeof import("hyparquet/src/column.js"), "parquetHeader">;

async function loadHyparquet(): Promise<Hyparquet> {
  const [main, column] = await Promise.all([import("hyparquet"), import("hyparquet/src/column.js")]);
  return { ...main, parquetHeader: column.parquetHeader };
}

/** Those that Node and hyparquet decompress. */
const CODECS = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"];

interface Chunk {
  start: number;
  end: number;
}

/** Where the chunks of a column (its leaves) are in the file. Throws `data/parquet`. */
function chunksOf({ path, dataEnd, metadata }: ParquetFile, group: number, column: string): Chunk[] {
  const { columns, num_rows: rows } = metadata.row_groups[group];
  const own = columns.filter(({ meta_data: meta }) => meta?.path_in_schema[0] === column);
  const fault = (what: string) => badParquet(path, `row group ${group}, column ${column}: ${what}`);
  if (own.length === 0) throw fault("it is missing");
  let uncompressed = 0;
  const chunks = own.map(({ file_path: elsewhere, meta_data: meta }): Chunk => {
    if (!meta || elsewhere) throw fault("it is in another file");
    if (!CODECS.includes(meta.codec))
      throw fault(`compressed by ${meta.codec ?? "an unknown method"}; allowed: ${CODECS.join(", ")}`);
    if (meta.num_values !== rows) throw fault(`${meta.num_values} values for ${rows} rows`);
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const length = Number(meta.total_compressed_size);
    uncompressed += Number(meta.total_uncompressed_size);
    if (!(start >= 4 && length >= 0 && start + length <= dataEnd))
      throw fault(`bytes ${start} to ${start + length}; the file's columns end at ${dataEnd}`);
    return { start, end: start + length };
  });
  if (!(uncompressed >= 0 && uncompressed <= LARGEST_GROUP))
    throw fault(`${count(uncompressed)} bytes; allowed: ${count(LARGEST_GROUP)} in a row group`);
  return chunks;
}

/** Numbers of rows of a group, and of the bytes of their pictures. Throws `data/parquet` where they do not fit. */
export function sizeOfGroup(
  file: ParquetFile,
  group: number,
  image: string,
): { rows: number; bytes: number } {
  const rows = Number(file.metadata.row_groups[group].num_rows);
  const bytes = chunksOf(file, group, image).reduce((sum, { start, end }) => sum + end - start, 0);
  if (Number.isSafeInteger(rows) && rows >= 0 && rows <= bytes) return { rows, bytes };
  throw badParquet(file.path, `row group ${group} claims ${rows} pictures in ${count(bytes)} bytes`);
}

/** Compares the header of each page with the chunk that it is in, and with the rows of its group. */
function checkPages(
  { parquetHeader }: Hyparquet,
  bytes: ArrayBuffer,
  { rows, fault }: { rows: number; fault(what: string): Error },
): void {
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0;
  let uncompressed = 0;
  while (reader.offset < bytes.byteLength) {
    const at = reader.offset;
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: full } = header;
    if (!(size >= 0 && full >= 0 && reader.offset + size <= bytes.byteLength))
      throw fault(`a page at byte ${at} of ${count(size)} bytes`);
    uncompressed += full;
    if (uncompressed > LARGEST_GROUP)
      throw fault(`its pages have more than ${count(LARGEST_GROUP)} bytes when they are decompressed`);
    const dictionary = header.dictionary_page_header;
    // Each value of a dictionary takes four bytes at least.
    if (dictionary && !(dictionary.num_values >= 0 && 4 * dictionary.num_values <= full))
      throw fault(`a dictionary of ${dictionary.num_values} values in ${count(full)} bytes`);
    const data = header.data_page_header ?? header.data_page_header_v2;
    if (data) {
      if (!(data.num_values >= 0)) throw fault(`a page of ${data.num_values} values`);
      values += data.num_values;
      if (values > rows) throw fault(`its pages have more values than the group's ${rows} rows`);
    }
    reader.offset += size;
  }
  if (values !== rows) throw fault(`its pages have ${values} values for ${rows} rows`);
}

/** Decompressors that stop at what the page's header claims, which `checkPages` has compared with the limit. */
function compressorsOf({ snappyUncompress }: Hyparquet, fault: (what: string) => Error): Compressors {
  const zstd = (zlib as { zstdDecompressSync?: (input: Uint8Array, options: object) => Uint8Array })
    .zstdDecompressSync;
  // Options refuse a limit of 0.
  const limited = (length: number) => ({ maxOutputLength: Math.max(1, length) });
  return {
    SNAPPY(input, length) {
      const output = new Uint8Array(length);
      snappyUncompress(input, output);
      return output;
    },
    GZIP: (input, length) => zlib.gunzipSync(input, limited(length)),
    BROTLI: (input, length) => zlib.brotliDecompressSync(input, limited(length)),
    ZSTD(input, length) {
      if (zstd) return zstd(input, limited(length));
      throw fault("compressed by Zstandard, which Node reads from version 22.15 on: use a newer Node");
    },
  };
}

/** Values of a column in all rows of a group; of a structure objects. Throws `data/parquet`. */
export async function readGroup(file: ParquetFile, group: number, column: string): Promise<unknown[]> {
  const hyparquet = await loadHyparquet();
  const { path, metadata } = file;
  const fault = (what: string, cause?: unknown) =>
    badParquet(path, `row group ${group}, column ${column}: ${what}`, cause);
  const rows = Number(metadata.row_groups[group].num_rows);
  const chunks = chunksOf(file, group, column);
  const start = Math.min(...chunks.map((chunk) => chunk.start));
  const end = Math.max(...chunks.map((chunk) => chunk.end));
  if (end - start > LARGEST_GROUP)
    throw fault(`${count(end - start)} bytes; allowed: ${count(LARGEST_GROUP)} in a row group`);
  const bytes = file.read(start, end - start);
  for (const chunk of chunks)
    checkPages(hyparquet, bytes.slice(chunk.start - start, chunk.end - start), { rows, fault });
  const buffer: AsyncBuffer = {
    byteLength: file.bytes,
    slice(from, to = file.bytes) {
      if (from >= start && to <= end) return bytes.slice(from - start, to - start);
      throw fault(`bytes ${from} to ${to} are not its own`);
    },
  };
  const before = metadata.row_groups
    .slice(0, group)
    .reduce((sum, { num_rows: some }) => sum + Number(some), 0);
  const found = await hyparquet.parquetReadObjects({
    file: buffer,
    metadata,
    columns: [column],
    rowStart: before,
    rowEnd: before + rows,
    compressors: compressorsOf(hyparquet, fault),
    utf8: false,
    geoparquet: false,
  });
  if (found.length !== rows) throw fault(`${found.length} values for ${rows} rows`);
  return found.map((row) => row[column]);
}

/** Throws `data/parquet` where a dictionary repeats its pictures so often that they are far more than the file's bytes. */
export function checkRepeats(file: ParquetFile, group: number, image: string, pictureBytes: number): void {
  const stored = file.metadata.row_groups[group].columns
    .filter(({ meta_data: meta }) => meta?.path_in_schema[0] === image)
    .reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size), 0);
  if (pictureBytes <= MOST_REPEATS * stored) return;
  throw badParquet(
    file.path,
    `row group ${group}: ${count(pictureBytes)} bytes of pictures from ${count(stored)}; allowed: ${MOST_REPEATS} times`,
  );
}
