// Hub server: a local server that speaks the Hub's endpoints, with a second one for large files, as the Hub's CDN is, and
// faults that tests switch on.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HubFile {
  bytes: Uint8Array;
  /** Kept as Git LFS keeps large files: behind a redirect, named by its SHA-256. */
  large: boolean;
}

export interface Repository {
  commit: string;
  files: Map<string, HubFile>;
}

export interface SeenRequest {
  method: string;
  /** `hub` or `cdn`. */
  host: string;
  url: string;
  range: string | undefined;
  authorization: string | undefined;
}

/** Takes over an answer; false where it leaves it to the server. */
export type Fault = (request: SeenRequest, response: ServerResponse) => boolean;

export interface HubServer {
  endpoint: string;
  requests: SeenRequest[];
  repositories: Map<string, Repository>;
  /** Called for every request first. */
  fault: Fault | null;
  close(): Promise<void>;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Git's object id of a file. */
export function gitObject(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sendBytes(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? Number.NaN);
  if (Number.isNaN(start)) {
    response.writeHead(200, { "content-length": bytes.length, "accept-ranges": "bytes" });
    response.end(request.method === "HEAD" ? undefined : bytes);
  } else if (start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  } else {
    const part = bytes.subarray(start);
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-length": part.length, "content-range": range }).end(part);
  }
}

function notFound(response: ServerResponse, code: string): void {
  response.writeHead(404, { "x-error-code": code, "content-type": "application/json" });
  response.end(JSON.stringify({ error: "not found" }));
}

/** Starts both servers. */
export async function startHubServer(): Promise<HubServer> {
  const repositories = new Map<string, Repository>();
  const requests: SeenRequest[] = [];
  const blobs = (hash: string): Uint8Array | undefined => {
    for (const { files } of repositories.values())
      for (const { bytes } of files.values()) if (sha256(bytes) === hash) return bytes;
    return undefined;
  };
  const seen = (host: string, { method = "", url = "", headers }: IncomingMessage): SeenRequest => {
    const entry = { method, host, url, range: headers.range, authorization: headers.authorization };
    requests.push(entry);
    return entry;
  };
  const handled = (entry: SeenRequest, response: ServerResponse) => hub.fault?.(entry, response) ?? false;
  const cdn = createServer((request, response) => {
    if (handled(seen("cdn", request), response)) return;
    const bytes = blobs(String(request.url).slice(1));
    if (bytes) sendBytes(request, response, bytes);
    else response.writeHead(404).end();
  });
  // Another host, not only another port: clients may follow redirects within a host.
  const cdnAddress = (await listen(cdn)).replace("127.0.0.1", "localhost");
  const main = createServer((request, response) => {
    if (handled(seen("hub", request), response)) return;
    const path = decodeURIComponent(String(request.url));
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
    const resolved = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const repository = repositories.get((api ?? resolved)?.[1] ?? "");
    if (!repository) return notFound(response, "RepoNotFound");
    if (!["main", repository.commit].includes((api ?? resolved)?.[2] as string))
      return notFound(response, "RevisionNotFound");
    if (api) {
      const siblings = [...repository.files.keys()].map((rfilename) => ({ rfilename }));
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ id: api[1], sha: repository.commit, siblings }));
    }
    const file = repository.files.get(resolved?.[3] as string);
    if (!file) return notFound(response, "EntryNotFound");
    response.setHeader("x-repo-commit", repository.commit);
    if (file.large) {
      const hash = sha256(file.bytes);
      response.writeHead(302, {
        location: `${cdnAddress}/${hash}`,
        "x-linked-etag": `"${hash}"`,
        "x-linked-size": file.bytes.length,
      });
      return void response.end();
    }
    response.setHeader("etag", `"${gitObject(file.bytes)}"`);
    sendBytes(request, response, file.bytes);
  });
  const hub: HubServer = {
    endpoint: await listen(main),
    requests,
    repositories,
    fault: null,
    async close() {
      for (const server of [main, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return hub;
}
