// Weights server: a model's files over HTTP, with the faults that a test asks for, and a record of what was sent.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ServedFile {
  bytes: Uint8Array;
  type?: string;
  etag?: string;
  /** Extra headers. */
  headers?: Record<string, string>;
  /** Every answer is cut after so many bytes. */
  cutsAt?: number;
  /** Answers with all bytes, whatever range is asked for. */
  noRanges?: boolean;
  /** Sends the file up to this byte and then nothing, until the test calls `cut`. */
  stopsAt?: number;
}

export interface WeightsServer {
  origin: string;
  files: Map<string, ServedFile>;
  /** `GET /path bytes=…`, in order; `closed /path` where the client ended an answer. */
  log: string[];
  /** Ends all connections: what a browser has not read yet of them is lost. */
  cut(): void;
  close(): Promise<void>;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function answer(file: ServedFile, request: IncomingMessage, response: ServerResponse): void {
  const { bytes, type = "application/octet-stream", etag, headers = {}, noRanges = false } = file;
  const range = noRanges ? null : /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const start = range ? Number(range[1]) : 0;
  response.setHeader("Content-Type", type);
  if (etag !== undefined) response.setHeader("ETag", etag);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (start > 0 && start >= bytes.length) {
    response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
    return;
  }
  if (range) response.setHeader("Content-Range", `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
  response.writeHead(range ? 206 : 200, { "Content-Length": bytes.length - start });
  if (request.method === "HEAD") return void response.end();
  const stop = file.cutsAt ?? file.stopsAt;
  if (stop === undefined) return void response.end(bytes.subarray(start));
  response.write(bytes.subarray(start, Math.max(start, stop)), () => {
    if (file.cutsAt !== undefined) setTimeout(() => response.destroy(), CUT_MS);
  });
}

/** Time for a browser to read what was sent before the cut. */
const CUT_MS = 300;

/** `extra` answers what is no file of the server. */
export async function serveWeights(
  extra: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<WeightsServer> {
  const files = new Map<string, ServedFile>();
  const log: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0];
    const file = files.get(path);
    if (!file) return extra(request, response);
    const { range } = request.headers;
    log.push(`${request.method} ${path}${range === undefined ? "" : ` ${range}`}`);
    response.on("close", () => response.writableFinished || log.push(`closed ${path}`));
    return answer(file, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    log,
    cut: () => server.closeAllConnections(),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
