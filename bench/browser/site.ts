// Site: serves the pages of all peers from this machine, isolated, uncompressed, and counts what it sends.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync } from "node:zlib";
import sirv from "sirv";

export interface Visit {
  requests: number;
  /** Bytes of all answers, as they are in the files. */
  bytes: number;
  /** Of the scripts and WebAssembly files among them. */
  codeBytes: number;
  /** After Brotli at its highest quality, which takes a minute for 30 MB. */
  codeBrotliBytes(): number;
}

interface SiteOptions {
  /** Path with slashes → folder. */
  folders: Readonly<Record<string, string>>;
  /** Path → file. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Path of a page → the script that it runs. */
  pages: Readonly<Record<string, string>>;
  /** Bare names of modules → paths. */
  imports: Readonly<Record<string, string>>;
}

const isCode = (path: string) => /\.(m?js|wasm|wasm\.gz)$/.test(path);

export class Site {
  readonly #server: Server;
  #served = new Map<string, Buffer>();
  #requests = 0;

  constructor({ folders, files, pages, imports }: SiteOptions) {
    const served = Object.entries(folders).map(
      ([path, folder]) => [path, sirv(folder, { dev: true })] as const,
    );
    this.#server = createServer((request, response) => {
      const path = (request.url ?? "").split("?")[0];
      this.#requests++;
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      this.#record(path, response);
      const script = pages[path];
      const file = files.get(path);
      const folder = served.find(([prefix]) => path.startsWith(prefix));
      if (script !== undefined) {
        const map = JSON.stringify({ imports });
        response.setHeader("Content-Type", "text/html");
        response.end(
          `<!doctype html><script type="importmap">${map}</script><script type="module" src="${script}"></script>`,
        );
      } else if (file) {
        response.setHeader("Content-Length", file.length);
        response.end(file);
      } else if (folder) {
        request.url = path.slice(folder[0].length - 1);
        folder[1](request, response, () => void response.writeHead(404).end());
      } else response.writeHead(404).end();
    });
  }

  /** Keeps what is sent for `path`: pipes and ends go through `write` and `end`. */
  #record(path: string, response: { write: unknown; end: unknown }): void {
    const pieces: Buffer[] = [];
    const keep = (piece: unknown) => {
      if (typeof piece === "string" || piece instanceof Uint8Array) pieces.push(Buffer.from(piece as string));
    };
    const { write, end } = response as Record<"write" | "end", (...args: unknown[]) => unknown>;
    response.write = (...args: unknown[]) => {
      keep(args[0]);
      return write.apply(response, args);
    };
    response.end = (...args: unknown[]) => {
      keep(args[0]);
      this.#served.set(`${this.#requests} ${path}`, Buffer.concat(pieces));
      return end.apply(response, args);
    };
  }

  /** What was sent since the last call. */
  visit(): Visit {
    const bodies = [...this.#served];
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    const code = bodies.filter(([path]) => isCode(path)).map(([, body]) => body);
    const visit = {
      requests: this.#requests,
      bytes: sum(bodies.map(([, body]) => body.length)),
      codeBytes: sum(code.map((body) => body.length)),
      codeBrotliBytes: () => sum(code.map((body) => brotliCompressSync(body).length)),
    };
    this.#served = new Map();
    this.#requests = 0;
    return visit;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
