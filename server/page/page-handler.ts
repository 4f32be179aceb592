// Page handler: answers requests for the page, its WebAssembly modules and its models, under headers that isolate it.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Audience } from "./audience.js";
import { readBuiltPage } from "./built-page.js";
import { type Content, sendContent } from "./content.js";

const CONTENT_SECURITY_POLICY: Readonly<Record<string, string>> = {
  "default-src": "'none'",
  "script-src": "'self' 'wasm-unsafe-eval'",
  "style-src": "'self'",
  "img-src": "'self' blob: data:",
  "media-src": "'self' blob:",
  // Other sites: only for an address or a model that the visitor enters.
  "connect-src": "'self' https: blob: data:",
  "manifest-src": "'self'",
  "worker-src": "'self'",
  "base-uri": "'none'",
  "form-action": "'none'",
};

/** As a page says it in a meta element: there, frame-ancestors has no meaning. */
export const PAGE_POLICY = Object.entries(CONTENT_SECURITY_POLICY)
  .map(([name, value]) => `${name} ${value}`)
  .join("; ");

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  // Together these two give the page shared memory, and with it wasm threads.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy": `${PAGE_POLICY}; frame-ancestors 'none'`,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

/** Answers a GET or HEAD for the page, its modules and its models; calls `missing` for all others. */
export type PageHandler = (request: IncomingMessage, response: ServerResponse, missing: () => void) => void;

/**
 * `app`: folder of the built page. `models`: path without a leading slash → models.json and the models' files. Throws
 * `file/not-found` where the page has not been built.
 */
export function createPageHandler(
  app: string,
  models: ReadonlyMap<string, Content>,
  audience: Audience = "visitors",
): PageHandler {
  const { files } = readBuiltPage(app, audience);
  return (request, response, missing) => {
    const path = (request.url ?? "/").split("?", 1)[0].slice(1);
    const content = models.get(path) ?? files.get(path === "" ? "index.html" : path);
    if (!content) return missing();
    for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
    sendContent(request, response, content);
  };
}
