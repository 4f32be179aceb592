// Static site: the page and its models as files for a host that serves folders, such as GitHub Pages or a Space of Hugging
// Face. It works below any path, and without headers of its own: the service worker isolates the page.

import { isForVisitors, readBuiltPage } from "./built-page.js";
import { readPieces } from "./content.js";
import { PAGE_HEADERS, PAGE_POLICY } from "./page-handler.js";
import type { PageModels } from "./page-models.js";

const CHARSET = '<meta charset="utf-8" />';

/** The policy that a server would send as a header, before anything that it governs. */
function withPolicy(path: string, bytes: Buffer): Buffer {
  if (!path.endsWith(".html")) return bytes;
  const html = bytes.toString();
  if (!html.includes(CHARSET)) throw new Error(`${path} lacks ${CHARSET}`);
  const policy = `<meta http-equiv="Content-Security-Policy" content="${PAGE_POLICY}" />`;
  return Buffer.from(html.replace(CHARSET, `${CHARSET}\n    ${policy}`));
}

/** Headers as Netlify and Cloudflare Pages read them; other hosts take it for a file like any other. */
function headersFile(): string {
  const all = Object.entries(PAGE_HEADERS).map(([name, value]) => `  ${name}: ${value}\n`);
  return `/*\n${all.join("")}/assets/*\n  Cache-Control: public, max-age=31536000, immutable\n`;
}

/** Path below the site's folder → contents. Throws `file/not-found` where the page has not been built. */
export function staticSite(
  app: string,
  models: PageModels,
): Map<string, Uint8Array | AsyncIterable<Uint8Array>> {
  const site = new Map<string, Uint8Array | AsyncIterable<Uint8Array>>();
  for (const [path, { body }] of [...readBuiltPage(app, "visitors", withPolicy).files, ...models.files]) {
    if (!isForVisitors(path)) continue;
    site.set(path, "handle" in body ? readPieces(body, [0, body.size - 1]) : body);
  }
  site.set("_headers", Buffer.from(headersFile()));
  // Without this, GitHub Pages leaves out what begins with "_".
  site.set(".nojekyll", new Uint8Array());
  return site;
}
