// Page content: compressed copies, lasting names, revalidation and ranges, as browsers and download managers ask for them.

import { createHash } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ModelList } from "../../runtime/model-files/model-list.js";
import { parseRange } from "../../server/page/content.js";
import { createPageHandler } from "../../server/page/page-handler.js";
import { openPageModels } from "../../server/page/page-models.js";
import { type PageServer, startPageServer } from "../../server/page/page-server.js";
import { staticSite } from "../../server/page/static-site.js";
import { makeTinyModel } from "../inference/tiny-model.js";

const APP = fileURLToPath(new URL("../../app", import.meta.url));
const tiny = makeTinyModel();
const work = mkdtempSync(join(tmpdir(), "vitrine-page-"));
const weights = join(work, "weights.safetensors");
const FACTS = { dtype: "float32", parameters: 1, imageSize: 32, classes: 5 } as const;
const WEIGHTS = "/models/tiny/model.safetensors";
const bytes = readFileSync(tiny.file);
let server: PageServer;

test.before(async () => {
  copyFileSync(tiny.file, weights);
  const config = readFileSync(join(tiny.folder, "config.json"), "utf8");
  const models = [{ ...FACTS, name: "tiny", weights, config }];
  server = await startPageServer({ listen: "127.0.0.1:0", app: APP, models });
});

test.after(async () => {
  await server.drain();
  tiny.remove();
  rmSync(work, { recursive: true });
});

/** Not fetch(), which decodes what it gets. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  address = server.address,
): Promise<IncomingMessage & { body: Buffer }> {
  return new Promise((resolve, reject) => {
    get(address + path, { headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => resolve(Object.assign(response, { body: Buffer.concat(pieces) })));
    }).on("error", reject);
  });
}

/** Path of the asset that the bundler made of a file. */
function asset(name: RegExp): string {
  const found = readdirSync(join(APP, "assets")).find((file) => name.test(file));
  assert.ok(found, String(name));
  return `/assets/${found}`;
}
const WORKER = asset(/^worker-[\w-]{8}\.js$/);
const MODULE = asset(/^nn-[\w-]{8}\.wasm$/);

test("scripts and modules come compressed as the caller takes it, and are the same bytes", async () => {
  for (const path of [WORKER, MODULE, "/models/tiny/config.json"]) {
    const plain = await ask(path);
    const brotli = await ask(path, { "accept-encoding": "gzip, deflate, br, zstd" });
    const gzip = await ask(path, { "accept-encoding": "gzip;q=1, br;q=0" });
    assert.equal(
      [brotli, gzip].map(({ headers }) => headers["content-encoding"]),
      ["br", "gzip"],
      path,
    );
    assert.ok(brotliDecompressSync(brotli.body).equals(plain.body), path);
    assert.ok(gunzipSync(gzip.body).equals(plain.body), path);
    assert.ok(brotli.body.length < 0.7 * plain.body.length, path);
    assert.is(plain.headers["content-encoding"], undefined);
    for (const { headers } of [plain, brotli, gzip]) assert.is(headers.vary, "Accept-Encoding", path);
    assert.is(new Set([plain, brotli, gzip].map(({ headers }) => headers.etag)).size, 3, path);
  }
});

test("what has a hash in its name is kept for good, everything else is revalidated without a download", async () => {
  for (const path of [WORKER, MODULE])
    assert.match((await ask(path)).headers["cache-control"] ?? "", /max-age=31536000, immutable/);
  for (const path of ["/", "/icon.svg", "/models.json", "/models/tiny/config.json", WEIGHTS]) {
    const { headers } = await ask(path);
    assert.is(headers["cache-control"], "no-cache", path);
    for (const tag of [headers.etag ?? "", `W/${headers.etag}`, `"other", ${headers.etag}`, "*"]) {
      const again = await ask(path, { "if-none-match": tag });
      assert.equal([again.statusCode, again.body.length], [304, 0], path);
    }
    assert.is((await ask(path, { "if-none-match": '"other"' })).statusCode, 200);
  }
});

test("a range gives that part of the weights, so that a download continues where it was cut", async () => {
  const { headers } = await ask(WEIGHTS);
  assert.is(headers["accept-ranges"], "bytes");
  for (const [range, first, last] of [
    ["bytes=0-99", 0, 99],
    ["bytes=1000-", 1000, bytes.length - 1],
    ["bytes=-10", bytes.length - 10, bytes.length - 1],
    ["bytes=5-999999999", 5, bytes.length - 1],
  ] as const) {
    const part = await ask(WEIGHTS, { range, "if-range": headers.etag ?? "" });
    assert.is(part.statusCode, 206, range);
    assert.is(part.headers["content-range"], `bytes ${first}-${last}/${bytes.length}`);
    assert.ok(part.body.equals(bytes.subarray(first, last + 1)), range);
  }
  const beyond = await ask(WEIGHTS, { range: `bytes=${bytes.length}-` });
  assert.equal([beyond.statusCode, beyond.headers["content-range"]], [416, `bytes */${bytes.length}`]);
  const otherVersion = await ask(WEIGHTS, { range: "bytes=1000-", "if-range": '"other"' });
  assert.equal([otherVersion.statusCode, otherVersion.body.length], [200, bytes.length]);
});

test("a range counts bytes of the file, also where the caller takes compressed ones", async () => {
  const module = readFileSync(join(APP, MODULE));
  const part = await ask(MODULE, { range: "bytes=100-199", "accept-encoding": "br" });
  assert.equal([part.statusCode, part.headers["content-encoding"]], [206, undefined]);
  assert.ok(part.body.equals(module.subarray(100, 200)));
});

test("what is no single range is answered with everything", () => {
  for (const header of ["bytes=", "bytes=-", "bytes=9-3", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", ""])
    assert.is(parseRange(header, 10), null, header);
  assert.equal(parseRange("bytes=9-9", 10), [9, 9]);
  assert.equal(parseRange("bytes=-99", 10), [0, 9]);
  for (const header of ["bytes=10-", "bytes=-0"]) assert.is(parseRange(header, 10), "unsatisfiable", header);
  assert.is(parseRange("bytes=0-", 0), "unsatisfiable");
});

test("models.json has size, SHA-256, dtype and facts of each model, config.json its checksum", async () => {
  const { models } = JSON.parse((await ask("/models.json")).body.toString()) as ModelList;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  assert.equal(models, [{ ...FACTS, name: "tiny", url: "models/tiny/", bytes: bytes.length, sha256 }]);
  const config = JSON.parse((await ask("/models/tiny/config.json")).body.toString());
  assert.equal(config.weight_files, {
    float32: { file: "model.safetensors", bytes: bytes.length, sha256 },
  });
});

/** Assets that pages of the folder name in their HTML. */
const namedBy = (...pages: string[]) =>
  pages.flatMap((page) => readFileSync(join(APP, page), "utf8").match(/assets\/[\w.-]+/g) ?? []);

test("visitors get every file of their pages, and none that only the dashboard needs", async () => {
  const own = namedBy("index.html", "train.html");
  const dashboards = namedBy("dashboard.html").filter((path) => !own.includes(path));
  assert.ok(
    dashboards.some((path) => path.endsWith(".js")) && dashboards.some((path) => path.endsWith(".css")),
  );
  const hidden = ["dashboard.html", ...dashboards, ...dashboards.map((path) => `${path}.map`)];
  const opened = await openPageModels([]);
  const site = staticSite(APP, opened);
  const worker = (await ask("/service-worker.js")).body.toString();
  for (const path of hidden) {
    assert.is((await ask(`/${path}`)).statusCode, 404, path);
    assert.not.ok(site.has(path), path);
    assert.not.ok(worker.includes(path), path);
  }
  const workers = readdirSync(join(APP, "assets")).filter((name) => /worker.*\.js$|\.wasm$/.test(name));
  for (const path of ["train.html", ...own, ...workers.map((name) => `assets/${name}`)]) {
    assert.is((await ask(`/${path}`)).statusCode, 200, path);
    assert.ok(site.has(path) && worker.includes(path), path);
  }
});

test("a dashboard serves its page with all that this names, and not the pages of visitors", async () => {
  const page = createPageHandler(APP, new Map(), "dashboard");
  const dashboard = createServer((request, response) =>
    page(request, response, () => response.writeHead(404).end()),
  );
  await new Promise<void>((resolve) => dashboard.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(dashboard.address() as AddressInfo).port}`;
  const status = async (path: string) => (await ask(`/${path}`, {}, address)).statusCode;
  const own = namedBy("dashboard.html");
  const visitors = namedBy("index.html", "train.html").filter((path) => !own.includes(path));
  try {
    for (const path of ["dashboard.html", "icon.svg", ...own]) assert.is(await status(path), 200, path);
    for (const path of ["", "train.html", "service-worker.js", ...visitors])
      assert.is(await status(path), 404, path);
  } finally {
    dashboard.close();
  }
});

test("on a loopback address the page answers to names of this machine alone, since DNS may give it any", async () => {
  for (const path of ["/", "/models.json", WEIGHTS, "/nothing"])
    for (const host of ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1"]) {
      const { statusCode, body } = await ask(path, { host });
      assert.is(statusCode, 403, `${host}${path}`);
      assert.match(body.toString(), /answers to localhost and 127\.0\.0\.1/);
    }
  for (const host of ["localhost:1", "127.0.0.1", "[::1]:8080"])
    assert.is((await ask("/models.json", { host })).statusCode, 200, host);
});

test("on an address of the network the page answers to any name, also from a proxy on the same machine", async () => {
  const open = await startPageServer({ listen: "0.0.0.0:0", app: APP, models: [] });
  const address = `http://127.0.0.1:${new URL(open.address).port}`;
  assert.is((await ask("/", { host: "photos.example" }, address)).statusCode, 200);
  await open.drain();
});

test("a visitor who leaves in the middle takes the weights from nobody", async () => {
  for (let visit = 0; visit < 3; visit++) {
    await new Promise<void>((resolve, reject) => {
      get(server.address + WEIGHTS, (response) => {
        response.once("data", () => response.destroy());
        response.once("close", resolve);
      }).on("error", reject);
    });
  }
  assert.ok((await ask(WEIGHTS)).body.equals(bytes));
});

test("at the limit of connections a page is still served: idle ones give their place", async () => {
  const small = await startPageServer({
    listen: "127.0.0.1:0",
    app: APP,
    models: [],
    limits: { maxConnections: 2, idleTimeoutMs: 500 },
  });
  const { hostname, port } = new URL(small.address);
  const sockets = Array.from({ length: 5 }, () => connect(Number(port), hostname));
  const closed = sockets.map(
    (socket) =>
      new Promise((resolve) =>
        socket
          .on("error", () => {})
          .resume()
          .once("close", resolve),
      ),
  );
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  assert.is((await fetch(small.address)).status, 200);
  await Promise.all(closed);
  await small.drain();
});

test("weights that get another file in their place stay; weights that are written to are not sent", async () => {
  copyFileSync(tiny.file, join(work, "other"));
  appendFileSync(join(work, "other"), "new");
  renameSync(join(work, "other"), weights);
  assert.ok((await ask(WEIGHTS)).body.equals(bytes));
  const own = join(work, "own.safetensors");
  copyFileSync(tiny.file, own);
  const models = [{ ...FACTS, name: "tiny", weights: own, config: "{}" }];
  const second = await startPageServer({ listen: "127.0.0.1:0", app: APP, models });
  appendFileSync(own, "more");
  const answer = await fetch(second.address + WEIGHTS);
  assert.is(answer.status, 503);
  assert.match(await answer.text(), /changed since the server started/);
  assert.is(answer.headers.get("etag"), null);
  await second.drain();
});

test.run();
