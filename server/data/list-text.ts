// List text: a list file as text, piece by piece: UTF-8 or UTF-16 with its mark, gunzipped where it is gzipped. A list may
// be larger than one string can be.

import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { quote, VitrineError } from "../../runtime/errors.js";
import { checkEntry, fileFailure, missingFile, OPEN_TO_READ } from "../../runtime/host/node-files.js";

/** Bytes of a list, and of what a gzipped one expands to: a billion rows. */
export const LARGEST_LIST = 2 ** 36;

const PIECE_BYTES = 2 ** 20;

export function badList(
  list: string,
  what: string,
  details: Record<string, string | number> = {},
): VitrineError {
  return new VitrineError(
    "data/bad-list",
    `${list}: ${what}; a list is a CSV file with the header "path,label" and one row per image`,
    { details: { path: list, ...details } },
  );
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE_BYTES));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The first piece has at least two bytes if there are as many. */
async function* gunzipped(list: string, pieces: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const first = await pieces.next();
  if (first.done) return;
  const isPacked = first.value[0] === 0x1f && first.value[1] === 0x8b;
  const all = (async function* () {
    yield first.value;
    yield* pieces;
  })();
  if (!isPacked) return yield* all;
  const source = Readable.from(all);
  const gunzip = source.pipe(createGunzip());
  source.on("error", (error) => gunzip.destroy(error));
  let bytes = 0;
  try {
    for await (const piece of gunzip as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > LARGEST_LIST) break;
      yield piece;
    }
  } catch (cause) {
    throw badList(list, `its gzip data cannot be read (${quote((cause as Error).message)})`);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  if (bytes > LARGEST_LIST)
    throw badList(list, `it expands to more than ${LARGEST_LIST.toLocaleString("en-US")} bytes`);
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

/** The text of a list from its bytes; `list` is its name in messages. Throws `data/bad-list`. */
export async function* decodeList(list: string, pieces: AsyncGenerator<Uint8Array>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  for await (const piece of gunzipped(list, pieces)) {
    decoder ??= new TextDecoder(encodingOf(piece));
    yield decoder.decode(piece, { stream: true });
  }
  if (decoder) yield decoder.decode();
}

/** Throws `data/bad-list`, `file/unreadable`, `file/not-found`. */
export async function* readListText(list: string): AsyncGenerator<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(list, OPEN_TO_READ);
    checkEntry(await file.stat(), list, LARGEST_LIST);
    yield* decodeList(list, piecesOf(file));
  } catch (cause) {
    throw fileFailure(list, LARGEST_LIST, cause) ?? missingFile(list, "");
  } finally {
    await file?.close();
  }
}
