// Object server: a web server and S3 store of the tests' own, in this process, with faults on demand, which objects can be
// read from and written to, also on a condition. It stands in for s3rver 3.7.1, whose dependencies are old major versions.
// Signatures are not verified.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to a request instead of a good answer; false: the good answer follows after all. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

export interface ObjectServer {
  /** http://127.0.0.1:PORT */
  url: string;
  /** Path without the slash at its start → contents. For S3, the path is BUCKET/KEY. */
  objects: Map<string, Uint8Array>;
  /** "GET path bytes=0-9", "LIST bucket", in order. */
  requests: string[];
  /** Answers that were under way at the same time at most. */
  mostAtOnce(): number;
  fault: Fault | null;
  /** Milliseconds before each answer. */
  latencyMs: number;
  /** Whether If-Match and If-None-Match of a write have an effect; "refused": 501, as some stores answer. Default true. */
  knowsConditions: boolean | "refused";
  close(): Promise<void>;
}

export const etagOf = (bytes: Uint8Array): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

const MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT";

const PAGE = 3;

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] as string);

function listBucket(objects: Map<string, Uint8Array>, bucket: string, query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? "";
  const keys = [...objects.keys()]
    .filter((path) => path.startsWith(`${bucket}/${prefix}`))
    .map((path) => path.slice(bucket.length + 1))
    .sort()
    .filter((key) => key > after);
  const page = keys.slice(0, PAGE);
  const entries = page.map((key) => {
    const bytes = objects.get(`${bucket}/${key}`) as Uint8Array;
    return (
      `<Contents><Key>${escapeXml(key)}</Key><Size>${bytes.length}</Size><ETag>${escapeXml(etagOf(bytes))}</ETag>` +
      `<LastModified>${new Date(MODIFIED).toISOString()}</LastModified></Contents>`
    );
  });
  const isCut = keys.length > PAGE;
  const next = isCut
    ? `<NextContinuationToken>${escapeXml(page.at(-1) as string)}</NextContinuationToken>`
    : "";
  return (
    `<?xml version="1.0"?><ListBucketResult><Name>${bucket}</Name><IsTruncated>${isCut}</IsTruncated>${next}` +
    `${entries.join("")}</ListBucketResult>`
  );
}

function s3Error(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

function answer(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined): void {
  if (!bytes) return void s3Error(response, 404, "NoSuchKey");
  const etag = etagOf(bytes);
  const { range, "if-match": wanted } = request.headers;
  if (wanted !== undefined && wanted !== etag) return void s3Error(response, 412, "PreconditionFailed");
  const head = { etag, "last-modified": MODIFIED, "accept-ranges": "bytes" };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (first === undefined) {
    response.writeHead(200, { ...head, "content-length": bytes.length });
    response.end(request.method === "HEAD" ? undefined : bytes);
    return;
  }
  if (Number(first) >= bytes.length) return void s3Error(response, 416, "InvalidRange");
  const part = bytes.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, {
    ...head,
    "content-length": part.length,
    "content-range": `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`,
  });
  response.end(part);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece as Uint8Array);
  return new Uint8Array(Buffer.concat(pieces));
}

/** A connection that ends before its body does throws, and writes nothing. */
async function write(
  { objects, knowsConditions }: ObjectServer,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const bytes = await bodyOf(request);
  const { "if-match": wanted, "if-none-match": absent } = request.headers;
  const isConditional = wanted !== undefined || absent !== undefined;
  if (isConditional && knowsConditions === "refused") return s3Error(response, 501, "NotImplemented");
  const found = objects.get(path);
  const isMet = wanted === undefined || (found !== undefined && etagOf(found) === wanted);
  if (isConditional && knowsConditions && (!isMet || (absent !== undefined && found !== undefined)))
    return s3Error(response, 412, "PreconditionFailed");
  objects.set(path, bytes);
  response.writeHead(200, { etag: etagOf(bytes) });
  response.end();
}

export async function startObjectServer(): Promise<ObjectServer> {
  const objects = new Map<string, Uint8Array>();
  const requests: string[] = [];
  let open = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++open);
    response.on("close", () => open--);
    const url = new URL(request.url ?? "/", "http://localhost");
    const path = decodeURIComponent(url.pathname.slice(1));
    const isList = url.searchParams.get("list-type") === "2";
    const name = isList ? `LIST ${path}` : `${request.method} ${path}`;
    requests.push(request.headers.range ? `${name} ${request.headers.range}` : name);
    if (self.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, self.latencyMs));
    if (self.fault && (await self.fault(request, response))) return;
    if (request.method === "PUT") return void (await write(self, path, request, response).catch(() => {}));
    if (request.method === "DELETE") {
      objects.delete(path);
      response.writeHead(204);
      response.end();
      return;
    }
    if (!isList) return void answer(request, response, objects.get(path));
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(listBucket(objects, path.replace(/\/$/, ""), url.searchParams));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const self: ObjectServer = {
    url: `http://127.0.0.1:${port}`,
    objects,
    requests,
    mostAtOnce: () => most,
    fault: null,
    latencyMs: 0,
    knowsConditions: true,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}
