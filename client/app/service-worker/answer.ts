// Answer: where the service worker takes the answer to a request from: this version's cache, an older one's, or the network.

/** What the server writes before the worker's script. */
export interface PageVersion {
  version: string;
  /** Path below the page's address and SHA-256 in base64 of every file. */
  files: [path: string, digest: string][];
}

interface Place {
  /** Address of the page's folder. */
  root: string;
  /** Of this version. */
  cacheName: string;
  page: PageVersion;
}

const LIST_CACHE = "vitrine-models";
/** A list that takes longer is taken from the last visit. */
const LIST_MS = 4_000;

/** Where a host sets no headers, these make the page cross-origin isolated, and with that give it threads. */
const ISOLATION: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

function isolated(response: Response): Response {
  // An opaque answer, or one that a redirect made, cannot be rebuilt.
  if (response.status === 0 || response.redirected) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  // The body has been decoded.
  headers.delete("Content-Encoding");
  headers.delete("Content-Length");
  const { status, statusText } = response;
  const hasBody = status !== 204 && status !== 304;
  return new Response(hasBody ? response.body : null, { status, statusText, headers });
}

/** For fetch. Some hosts send a .gz file as an encoding of what is in it: its name, with a hash, has to do. */
export function integrityOf(path: string, digest: string): string {
  return path.endsWith(".gz") ? "" : `sha256-${digest}`;
}

/** A file of this version; where the browser has dropped it, from the network, if it is still the same there. */
async function ownFile(url: string, digest: string, cacheName: string): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(url);
  return isolated(kept ?? (await fetch(url, { integrity: integrityOf(url, digest) })));
}

/** A file with a hash in its name that this version does not have: of a page that was opened before the update. */
async function olderFile(request: Request): Promise<Response> {
  return isolated((await caches.match(request.url)) ?? (await fetch(request)));
}

/** The visit that installs the worker has asked for the list before. Without one, only the network has it. */
export async function keepModelList(root: string): Promise<void> {
  const cache = await caches.open(LIST_CACHE);
  await cache.add(new URL("models.json", root).href).catch(() => {});
}

/** models.json: the network's, and without one that of the last visit. */
async function modelList(request: Request): Promise<Response> {
  const cache = await caches.open(LIST_CACHE);
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(LIST_MS) });
    if (response.ok) await cache.put(request.url, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request.url);
    if (kept) return kept;
    throw error;
  }
}

/** Undefined for what this worker leaves to the browser: other origins, models, calls of a server. */
export function answerFrom(
  request: Request,
  { root, cacheName, page }: Place,
): Promise<Response> | undefined {
  const url = new URL(request.url);
  url.search = url.hash = "";
  if (request.method !== "GET" || request.headers.has("range") || !url.href.startsWith(root))
    return undefined;
  const path = url.href.slice(root.length);
  const name = path === "" ? "index.html" : path;
  const digest = page.files.find(([file]) => file === name)?.[1];
  if (digest !== undefined) return ownFile(new URL(name, root).href, digest, cacheName);
  if (name.startsWith("assets/")) return olderFile(request);
  if (name === "models.json") return modelList(request);
  return undefined;
}
