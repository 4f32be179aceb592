// Page server: the page, the WebAssembly modules it fetches and the models it may load, over plain HTTP.

import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import sirv from "sirv";
import { VitrineError } from "../../runtime/errors.js";
import { listenHttp } from "../listen.js";

export interface PageModel {
  name: string;
  /** Path of the weights, which are served as model.safetensors, or their bytes. */
  weights: string | Uint8Array;
  /** Text of config.json, read or derived. */
  config: string;
}

export interface PageFiles {
  /** Folder of the built page, with index.html. */
  app: string;
  /** Folder of the built WebAssembly modules. */
  wasm: string;
  models: readonly PageModel[];
}

export interface PageServerOptions extends PageFiles {
  /** HOST:PORT; port 0 picks a free port. */
  listen: string;
}

export interface PageServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Finishes the requests in progress, then closes the port. */
  drain(): Promise<void>;
}

const HEADERS: Readonly<Record<string, string>> = {
  // Together these two give the page shared memory, and with it wasm threads.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-cache",
};

/** When the server drains, requests still in progress after this many milliseconds are cut off. */
const GRACE_MS = 5_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function text(body: string, type: string): Handler {
  const bytes = Buffer.from(body);
  return (request, response) => {
    response.writeHead(200, { "Content-Type": type, "Content-Length": bytes.length });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };
}

/** Bytes that do not change while the server runs; another run may have others, so the tag is their hash. */
function content(bytes: Uint8Array): Handler {
  const tag = `"${createHash("sha256").update(bytes).digest("hex")}"`;
  return (request, response) => {
    response.setHeader("ETag", tag);
    if (request.headers["if-none-match"] === tag) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": bytes.length });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };
}

/** A large file, revalidated by size and modification time, so that a second visit costs no download. */
function file(path: string): Handler {
  return (request, response) => {
    const { size, mtimeMs } = statSync(path);
    const tag = `W/"${size}-${Math.trunc(mtimeMs)}"`;
    response.setHeader("ETag", tag);
    if (request.headers["if-none-match"] === tag) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": size });
    if (request.method === "HEAD") response.end();
    else
      createReadStream(path)
        .on("error", (error) => response.destroy(error))
        .pipe(response);
  };
}

/** Path → handler, for models.json and the two files of each model; nothing else of a model's folder is served. */
function modelHandlers(models: readonly PageModel[]): Map<string, Handler> {
  const handlers = new Map<string, Handler>();
  const list = models.map(({ name, weights, config }) => {
    const url = `models/${encodeURIComponent(name)}/`;
    handlers.set(`/${url}config.json`, text(config, "application/json"));
    const inMemory = typeof weights !== "string";
    handlers.set(`/${url}model.safetensors`, inMemory ? content(weights) : file(weights));
    return { name, url, bytes: inMemory ? weights.length : statSync(weights).size };
  });
  handlers.set("/models.json", text(JSON.stringify({ models: list }), "application/json"));
  return handlers;
}

/** Answers requests for the page, its modules and its models; calls `missing` for all others. */
type PageHandler = (request: IncomingMessage, response: ServerResponse, missing: () => void) => void;

/** For GET and HEAD. Throws `file/not-found` where the page has not been built. */
export function createPageHandler({ app, wasm, models }: PageFiles): PageHandler {
  for (const path of [join(app, "index.html"), join(wasm, "image.wasm")]) {
    if (existsSync(path)) continue;
    throw new VitrineError("file/not-found", `${path} is missing: run "npm run build"`, {
      details: { path },
    });
  }
  const handlers = modelHandlers(models);
  const serveApp = sirv(app, { etag: true });
  const serveWasm = sirv(wasm, { etag: true });
  return (request, response, missing) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const path = (request.url ?? "/").split("?")[0];
    const handler = handlers.get(path);
    if (handler) handler(request, response);
    else if (path.startsWith("/wasm/")) {
      request.url = path.slice("/wasm".length);
      serveWasm(request, response, missing);
    } else serveApp(request, response, missing);
  };
}

function createPageServer(files: PageFiles): Server {
  const servePage = createPageHandler(files);
  return createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
      response.writeHead(405, { Allow: "GET, HEAD" }).end();
      return;
    }
    servePage(request, response, () => {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
    });
  });
}

/** Throws `file/not-found` where the page has not been built, and what `listenHttp` throws. */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const server = createPageServer(options);
  const address = await listenHttp(server, options.listen);
  return {
    address,
    drain: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
