// Built page: dist/app as one consistent set of files in memory, which a build that runs meanwhile does not change, and
// the service worker that keeps the same set for later visits.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { VitrineError } from "../../runtime/errors.js";
import { type Audience, filesFor, SERVICE_WORKER } from "./audience.js";
import type { Content } from "./content.js";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".gz": "application/gzip",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
};

/** Files that the build compressed beside the original. */
const COMPRESSED: Readonly<Record<string, "br" | "gzip">> = { ".br": "br", ".gz": "gzip" };

/** Names with a hash of the contents, which the bundler gives to everything in this folder. */
const HASHED = /^assets\/.+-[\w-]{8}\.\w+$/;

export interface BuiltPage {
  /** Changes with every byte of the page. */
  readonly version: string;
  /** Path below the page's address, without a leading slash → what is there. */
  readonly files: ReadonlyMap<string, Content>;
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64");

/** Files below `folder`, with slashes, sorted. */
function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

/** A file's bytes → those to serve in their place. */
type Edit = (path: string, bytes: Buffer) => Buffer;

function contentOf(folder: string, path: string, all: ReadonlySet<string>, edit: Edit): Content {
  const original = readFileSync(join(folder, path));
  const body = edit(path, original);
  const encoded = Object.fromEntries(
    Object.entries(COMPRESSED)
      .filter(([ending]) => all.has(path + ending))
      .map(([ending, encoding]) => [encoding, readFileSync(join(folder, path + ending))]),
  );
  return {
    type: TYPES[extname(path)] ?? "application/octet-stream",
    digest: digestOf(body),
    body,
    ...(Object.keys(encoded).length > 0 && body === original && { encoded }),
    immutable: HASHED.test(path),
  };
}

/** Everything but what only a developer's tools fetch. */
export const isForVisitors = (path: string): boolean => !path.endsWith(".map");

/** The worker's script with the list of files that make up this version. */
function serviceWorker(script: Uint8Array, version: string, files: ReadonlyMap<string, Content>): Content {
  const list = [...files].filter(([path]) => isForVisitors(path)).map(([path, { digest }]) => [path, digest]);
  const facts = `self.vitrinePage=${JSON.stringify({ version, files: list })};\n`;
  const body = Buffer.concat([Buffer.from(facts), script]);
  const type = TYPES[".js"];
  return { type, digest: digestOf(body), body, encoded: { gzip: gzipSync(body) } };
}

/** What `audience` needs of the page. Throws `file/not-found` where the page has not been built. */
export function readBuiltPage(
  folder: string,
  audience: Audience,
  edit: Edit = (_path, bytes) => bytes,
): BuiltPage {
  const index = join(folder, "index.html");
  if (!existsSync(index))
    throw new VitrineError("file/not-found", `${index} is missing: run "npm run build"`, {
      details: { path: index },
    });
  const listed = listFiles(folder);
  const all = new Set(listed);
  const needed = new Set(filesFor(audience, folder, listed));
  const files = new Map<string, Content>();
  const isCopy = (path: string) => extname(path) in COMPRESSED && all.has(path.slice(0, -3));
  for (const path of needed)
    if (path !== SERVICE_WORKER && !isCopy(path)) files.set(path, contentOf(folder, path, all, edit));
  const summary = [...files].map(([path, { digest }]) => `${path} ${digest}\n`).join("");
  const script = needed.has(SERVICE_WORKER) ? readFileSync(join(folder, SERVICE_WORKER)) : undefined;
  const version = digestOf(Buffer.from(summary + (script?.toString() ?? "")));
  if (script) files.set(SERVICE_WORKER, serviceWorker(script, version, files));
  return { version, files };
}
