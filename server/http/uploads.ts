// Uploads: the files of a multipart/form-data body that has arrived. Busboy parses; @fastify/multipart answers a broken
// body as an error of the server, and bounds each file but not their sum.

import { Busboy, type BusboyHeaders } from "@fastify/busboy";
import { quote, VitrineError } from "../../runtime/errors.js";
import { nextTurn, SLICE_BYTES } from "../slices.js";

const HEADER_LIMITS = { headerPairs: 32, headerSize: 16 * 1024 };

function malformed(cause: unknown): VitrineError {
  const reason = quote(cause instanceof Error ? cause.message : String(cause));
  return new VitrineError(
    "protocol/malformed",
    `the request's body is not valid multipart/form-data: ${reason}`,
    {
      cause,
    },
  );
}

type Parser = InstanceType<typeof Busboy>;

function createParser(contentType: string, maxFiles: number): Parser {
  const headers: BusboyHeaders = { "content-type": contentType };
  const limits = { ...HEADER_LIMITS, files: maxFiles, parts: maxFiles };
  try {
    return new Busboy({ headers, limits, isPartAFile: () => true });
  } catch (error) {
    throw malformed(error);
  }
}

const BOUNDARY = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i;
const LINE_END = "\r\n";

/** Parts between the delimiters of a body that was parsed; the parser passes over those without a disposition. */
function countParts(body: Buffer, contentType: string): number {
  const match = BOUNDARY.exec(contentType);
  const delimiter = `--${match?.[1] ?? match?.[2] ?? ""}`;
  let parts = 0;
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + delimiter.length)) {
    const isLine = at === 0 || body.toString("latin1", at - 2, at) === LINE_END;
    const end = at + delimiter.length;
    if (isLine && body.toString("latin1", end, end + 2) === LINE_END) parts++;
  }
  return parts;
}

/**
 * The contents of all parts, in their order; each is a file, whatever its name. Throws `protocol/malformed`, and
 * `protocol/tensor` for more than `maxFiles`.
 */
export async function readUploads(
  body: Buffer,
  contentType: string,
  maxFiles: number,
): Promise<Uint8Array[]> {
  const files: Buffer[][] = [];
  const parser = createParser(contentType, maxFiles);
  let failure: VitrineError | undefined;
  const ended = new Promise<void>((resolve) => {
    const fail = (error: VitrineError) => {
      failure ??= error;
      resolve();
    };
    const tooMany = () =>
      fail(
        new VitrineError("protocol/tensor", `more than ${maxFiles} files; allowed in a request: ${maxFiles}`),
      );
    parser.on("finish", resolve);
    parser.on("error", (error: unknown) => fail(malformed(error)));
    parser.on("filesLimit", tooMany);
    parser.on("partsLimit", tooMany);
    parser.on("file", (_name, stream) => {
      const chunks: Buffer[] = [];
      files.push(chunks);
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", (error: unknown) => fail(malformed(error)));
    });
  });
  for (let at = 0; at < body.length && !failure; at += SLICE_BYTES) {
    if (at > 0) await nextTurn();
    parser.write(body.subarray(at, at + SLICE_BYTES));
  }
  if (!failure) {
    parser.end();
    await ended;
  }
  parser.destroy();
  if (failure) throw failure;
  const parts = countParts(body, contentType);
  if (files.length < parts) {
    const text = `${parts - files.length} of ${parts} parts have no header "Content-Disposition: form-data"`;
    throw new VitrineError("protocol/malformed", `the request's body: ${text}`);
  }
  return files.map((chunks) => Buffer.concat(chunks));
}
