// Service worker: keeps one version of the page, complete, so that it opens without a network. The models' weights are
// kept by the library.
//
// A page is made of one version's files only: a version is used when every file of it has arrived with the digest that
// the server announced; while it is used, its files come from its own cache; and what a page of the version before it
// still loads has a hash in its name and comes from that one's.

import { answerFrom, integrityOf, keepModelList, type PageVersion } from "./answer.js";

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface ExtendableMessageEvent extends ExtendableEvent {
  readonly data: unknown;
}

/** The part of ServiceWorkerGlobalScope in use; the DOM's types describe only a page. */
interface ServiceWorkerScope {
  /** The server writes it before this script. */
  readonly vitrinePage: PageVersion;
  readonly registration: { readonly scope: string };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: ExtendableMessageEvent) => void): void;
}

const scope = globalThis as unknown as ServiceWorkerScope;
const { version, files } = scope.vitrinePage;
const root = scope.registration.scope;
/** Sites in several folders of one host share its caches. */
const PREFIX = `vitrine-page ${root} `;
const cacheName = PREFIX + version;
/** Files at a time. */
const LANES = 6;

/** Fetches a file of this version; the browser refuses one with another digest. Its HTTP cache has what was just loaded. */
async function keep(cache: Cache, [path, digest]: readonly [string, string]): Promise<void> {
  const url = new URL(path, root).href;
  if (await cache.match(url)) return;
  const revalidate = path.startsWith("assets/") ? "default" : "no-cache";
  const response = await fetch(url, { integrity: integrityOf(path, digest), cache: revalidate });
  if (!response.ok) throw new Error(`${url}: the server answered ${response.status}`);
  await cache.put(url, response);
}

async function install(): Promise<void> {
  const cache = await caches.open(cacheName);
  const queue = [...files];
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await keep(cache, file);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await keepModelList(root);
}

/** Of other versions the latest stays, for pages of it that are still open. */
async function removeOldVersions(): Promise<void> {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== cacheName);
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
}

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(removeOldVersions()));

scope.addEventListener("message", (event) => {
  if (event.data === "activate") event.waitUntil(scope.skipWaiting());
});

scope.addEventListener("fetch", (event) => {
  const answer = answerFrom(event.request, { root, cacheName, page: scope.vitrinePage });
  if (answer) event.respondWith(answer);
});
