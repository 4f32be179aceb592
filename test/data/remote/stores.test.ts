// Object stores: ranges of objects over HTTP and S3, and what becomes of each fault: tried again, or one typed line.

import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { isVitrineError } from "../../../runtime/errors.js";
import type { ObjectVersion, StoreSettings } from "../../../server/data/remote/contract.js";
import type { ObjectStore } from "../../../server/data/remote/object-store.js";
import { openStore } from "../../../server/data/remote/open-store.js";
import { parseRemote, resolveRemote } from "../../../server/data/remote/remote-url.js";
import { retryAfterMs } from "../../../server/data/remote/retry.js";
import { etagOf, type ObjectServer, startObjectServer } from "./object-server.js";
import { refusal } from "./refusal.js";

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 255);
const VERSION: ObjectVersion = { bytes: BYTES.length, etag: etagOf(BYTES) };
const RANGE = { offset: 100, length: 50 };
const SECRET = "X-Amz-Signature=5ecre7";

interface Context {
  server: ObjectServer;
  store: ObjectStore;
  /** The same object by both kinds of store. */
  urls: string[];
}

const test = suite<Context>("object stores");

/** Waits are short, and a stalled connection is noticed after 150 ms. */
const settings = (server: ObjectServer): StoreSettings => ({
  s3Endpoint: server.url,
  retry: { retries: 5, baseMs: 2, capMs: 10, deadlineMs: 10_000 },
  limits: { connectMs: 1_000, idleMs: 150, totalMs: 1_000 },
});

test.before((context) => {
  process.env.AWS_ACCESS_KEY_ID = "test";
  process.env.AWS_SECRET_ACCESS_KEY = "5ecre7";
  delete process.env.AWS_PROFILE;
  context.urls = [];
});

test.before.each(async (context) => {
  context.server = await startObjectServer();
  context.server.objects.set("bucket/a b/c.bin", BYTES);
  context.store = openStore(settings(context.server));
  context.urls = [`${context.server.url}/bucket/a%20b/c.bin`, "s3://bucket/a b/c.bin"];
});

test.after.each(({ server }) => server.close());

/** Plays each fault on one request and then stops. */
function faults(
  server: ObjectServer,
  ...list: ((request: IncomingMessage, response: ServerResponse) => void)[]
): void {
  server.fault = (request, response) => {
    const fault = list.shift();
    fault?.(request, response);
    return fault !== undefined;
  };
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(code, headers);
    response.end("<Error><Code>Nothing</Code></Error>");
  };

test("a version, a range and a whole object are the same by HTTP and by S3", async ({ store, urls }) => {
  for (const url of urls) {
    const version = await store.version(url);
    assert.is(version.bytes, BYTES.length);
    assert.is(version.etag, VERSION.etag);
    assert.is(version.modifiedMs, Date.parse("2015-10-21T07:28:00Z"));
    assert.equal(await store.read(url, RANGE, version), BYTES.slice(100, 150));
    assert.equal(await store.read(url, { offset: 0, length: 1000 }, version), BYTES.slice());
    assert.equal((await store.readWhole(url, 1000)).bytes, BYTES.slice());
    assert.is((await refusal(store.readWhole(url, 999))).code, "file/unreadable");
  }
});

test("all pages of a bucket's list are read, by key", async ({ store, server }) => {
  for (let i = 0; i < 8; i++) server.objects.set(`bucket/list/${i}&.tar`, new Uint8Array(i));
  const found: [string, number][] = [];
  for await (const { url, bytes } of store.list("s3://bucket/list/")) found.push([url, bytes]);
  assert.equal(
    found,
    Array.from({ length: 8 }, (_, i): [string, number] => [`s3://bucket/list/${i}&.tar`, i]),
  );
  const ofWeb = store.list(`${server.url}/bucket/`).next();
  assert.is((await refusal(ofWeb)).code, "usage/data-url");
});

test("what may pass is tried again: statuses, a cut connection, a stalled one, a short answer", async ({
  store,
  server,
  urls,
}) => {
  for (const url of urls) {
    faults(
      server,
      status(503),
      status(429, { "retry-after": "0" }),
      (request) => request.socket.destroy(),
      (_, response) => {
        response.writeHead(206, {
          "content-length": "50",
          "content-range": "bytes 100-149/1000",
          etag: VERSION.etag as string,
        });
        response.write(BYTES.subarray(100, 120));
        setTimeout(() => response.destroy(), 10);
      },
      // Neither an answer nor an end.
      () => {},
    );
    const before = server.requests.length;
    assert.equal(await store.read(url, RANGE, VERSION), BYTES.slice(100, 150));
    assert.is(server.requests.length - before, 6);
  }
});

test("a slow answer is read to its end as long as bytes come", async ({ store, server, urls }) => {
  for (const url of urls) {
    server.fault = async (_, response) => {
      response.writeHead(206, { "content-range": "bytes 100-149/1000", etag: VERSION.etag as string });
      for (let i = 0; i < 5; i++) {
        response.write(BYTES.subarray(100 + 10 * i, 110 + 10 * i));
        await delay(60);
      }
      response.end();
      return true;
    };
    const before = server.requests.length;
    assert.equal(await store.read(url, RANGE, VERSION), BYTES.slice(100, 150));
    assert.is(server.requests.length - before, 1);
  }
});

test("the sixth failure is the error, with its reason", async ({ store, server, urls }) => {
  for (const url of urls) {
    server.fault = (request, response) => {
      status(500)(request, response);
      return true;
    };
    const before = server.requests.length;
    const { code, message } = await refusal(store.read(url, RANGE, VERSION));
    assert.is(code, "network/http");
    assert.match(message, "HTTP 500");
    assert.match(message, "tried 6 times");
    assert.is(server.requests.length - before, 6);
  }
  await server.close();
  for (const url of urls)
    assert.is((await refusal(store.read(url, RANGE, VERSION))).code, "network/unreachable");
});

test("Retry-After is honored, and one beyond the time that there is ends the tries", async ({
  store,
  server,
  urls,
}) => {
  for (const url of urls) {
    faults(server, status(503, { "retry-after": "3600" }));
    const { code, message } = await refusal(store.read(url, RANGE, VERSION));
    assert.is(code, "network/http");
    assert.not.match(message, "times");
  }
  assert.is(retryAfterMs("2"), 2_000);
  assert.is(retryAfterMs("Wed, 21 Oct 2015 07:28:00 GMT", Date.parse("2015-10-21T07:27:50Z")), 10_000);
  assert.is(retryAfterMs("soon"), 0);
  assert.is(retryAfterMs(undefined), 0);
});

test("another try does not help a missing object or a refusal", async ({ store, server, urls }) => {
  for (const url of urls) {
    const before = server.requests.length;
    assert.is((await refusal(store.read(`${url}x`, RANGE, VERSION))).code, "file/not-found");
    assert.is((await refusal(store.version(`${url}x`))).code, "file/not-found");
    faults(server, status(403));
    assert.is((await refusal(store.read(url, RANGE, VERSION))).code, "network/forbidden");
    assert.is(server.requests.length - before, 3);
  }
});

test("an object that changed is noticed by its ETag and by its size", async ({ store, server, urls }) => {
  for (const url of urls) {
    server.objects.set(
      "bucket/a b/c.bin",
      BYTES.map((byte) => byte ^ 1),
    );
    assert.is((await refusal(store.read(url, RANGE, VERSION))).code, "data/file-changed");
    server.objects.set("bucket/a b/c.bin", BYTES.subarray(0, 900));
    const { code, message } = await refusal(store.read(url, RANGE, { bytes: 1000 }));
    assert.is(code, "data/file-changed");
    assert.match(message, "it had 1,000 bytes, now 900");
    server.objects.set("bucket/a b/c.bin", BYTES.subarray(0, 90));
    assert.is((await refusal(store.read(url, RANGE, { bytes: 1000 }))).code, "data/file-changed");
  }
});

test("a changed ETag is noticed where the server ignores If-Match, weak ones included", async ({
  store,
  server,
  urls,
}) => {
  for (const url of urls) {
    server.fault = (_, response) => {
      response.writeHead(206, {
        "content-length": "50",
        "content-range": "bytes 100-149/1000",
        etag: 'W/"2"',
      });
      response.end(BYTES.subarray(100, 150));
      return true;
    };
    assert.is(
      (await refusal(store.read(url, RANGE, { bytes: 1000, etag: 'W/"1"' }))).code,
      "data/file-changed",
    );
    assert.equal(await store.read(url, RANGE, { bytes: 1000, etag: 'W/"2"' }), BYTES.slice(100, 150));
  }
});

test("an answer that is not the range is refused before its body is kept", async ({
  store,
  server,
  urls,
}) => {
  const wrong: [string, number, Record<string, string>][] = [
    ["another range", 206, { "content-range": "bytes 0-49/1000" }],
    ["a range that begins too early", 206, { "content-range": "bytes 99-149/1000" }],
    ["a range that ends too late", 206, { "content-range": "bytes 100-150/1000" }],
    ["no Content-Range", 206, {}],
    ["no total", 206, { "content-range": "bytes 100-149/*" }],
    ["all of it", 200, { "content-length": "1000" }],
  ];
  for (const url of urls) {
    for (const [what, code, headers] of wrong) {
      server.fault = (_, response) => {
        response.writeHead(code, headers);
        response.end(BYTES.subarray(0, Number(headers["content-length"] ?? 50)));
        return true;
      };
      assert.is((await refusal(store.read(url, RANGE, VERSION))).code, "network/range", what);
    }
  }
});

test("a body without end ends with the bytes that were asked for", async ({ store, server, urls }) => {
  for (const url of urls) {
    server.fault = (_, response) => {
      response.writeHead(206, { "content-range": "bytes 100-149/1000" });
      const send = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", send);
      send();
      return true;
    };
    assert.is((await refusal(store.read(url, RANGE, VERSION))).code, "network/range");
    assert.is((await refusal(store.readWhole(url, 500))).code, "file/unreadable");
  }
});

test("compressed bytes are no range", async ({ store, server, urls }) => {
  faults(server, status(206, { "content-encoding": "gzip", "content-range": "bytes 100-149/1000" }));
  assert.is((await refusal(store.read(urls[0], RANGE, VERSION))).code, "network/range");
});

test("redirects are followed five times, and not to another protocol", async ({ store, server, urls }) => {
  const [url] = urls;
  const loop = (_: IncomingMessage, response: ServerResponse): boolean => {
    status(302, { location: "/again" })(_, response);
    return true;
  };
  faults(server, status(307, { location: "/bucket/a%20b/c.bin" }));
  assert.equal(await store.read(`${server.url}/moved`, RANGE, VERSION), BYTES.slice(100, 150));
  server.fault = loop;
  const { code, message } = await refusal(store.read(url, RANGE, VERSION));
  assert.is(code, "network/http");
  assert.match(message, "more than 5 redirects");
  for (const location of ["file:///etc/passwd", "ftp://host/x", "http://["]) {
    faults(server, status(302, { location }));
    assert.is((await refusal(store.read(url, RANGE, VERSION))).code, "network/http", location);
  }
});

test("a server without HEAD is asked for the first byte", async ({ store, server, urls }) => {
  faults(server, status(405));
  assert.is((await store.version(urls[0])).bytes, 1000);
  assert.is(server.requests.at(-1), "GET bucket/a b/c.bin bytes=0-0");
});

test("an abort ends a request with its own reason", async ({ store, server, urls }) => {
  for (const url of urls) {
    const controller = new AbortController();
    server.fault = () => {
      controller.abort(new Error("enough"));
      return true;
    };
    try {
      await store.read(url, RANGE, VERSION, controller.signal);
      assert.unreachable();
    } catch (error) {
      assert.is((error as Error).message, "enough");
    }
  }
});

test("messages have no query, no password and no key", async ({ store, server }) => {
  const url = `http://user:5ecre7@${new URL(server.url).host}/none?${SECRET}`;
  server.fault = (request, response) => {
    if (request.url === "/final") return false;
    status(302, { location: `/final?${SECRET}` })(request, response);
    return true;
  };
  const said = [
    await refusal(store.read(url, RANGE, VERSION)),
    await refusal(store.read("s3://bucket/none", RANGE, VERSION)),
    await refusal(store.read("ftp://user:5ecre7@host/x", RANGE, VERSION)),
    await refusal(store.read("s3://?5ecre7", RANGE, VERSION)),
  ];
  server.fault = (request, response) => {
    status(403)(request, response);
    return true;
  };
  said.push(await refusal(store.read(url, RANGE, VERSION)));
  server.fault = (request, response) => {
    status(500)(request, response);
    return true;
  };
  said.push(
    await refusal(store.read(url, RANGE, VERSION)),
    await refusal(store.list("s3://bucket/x").next()),
  );
  for (const { code, message } of said) {
    assert.is.not(code, "none");
    assert.not.match(message, "5ecre7");
  }
  assert.is(displayUrl("https://user:pass@host/a?b=c#d"), "https://host/a");
});

test("URLs are read as they are written, and names of a list stay on its server", () => {
  assert.equal(parseRemote("s3://bucket/a/b%20c?d"), { scheme: "s3", bucket: "bucket", key: "a/b%20c?d" });
  assert.equal(parseRemote("GS://bucket"), { scheme: "gs", bucket: "bucket", key: "" });
  assert.is(
    resolveRemote("https://host/data/list.csv?sig=1", "a b/100%/c#1.jpg"),
    "https://host/data/a%20b/100%25/c%231.jpg",
  );
  assert.is(resolveRemote("https://host/data/list.csv", "../x%20y.jpg"), "https://host/x%20y.jpg");
  assert.is(resolveRemote("https://host/list.csv", "https://host/x.jpg?sig=2"), "https://host/x.jpg?sig=2");
  assert.is(resolveRemote("s3://bucket/data/list.csv", "../a/./b.jpg"), "s3://bucket/a/b.jpg");
  assert.is(resolveRemote("s3://bucket/list.csv", "s3://bucket/x.jpg"), "s3://bucket/x.jpg");
  for (const [base, path] of [
    ["https://host/list.csv", "https://other/x.jpg"],
    ["https://host/list.csv", "http://host/x.jpg"],
    ["https://host/list.csv", "//other/x.jpg"],
    ["https://host/list.csv", "s3://bucket/x.jpg"],
    ["s3://bucket/list.csv", "s3://other/x.jpg"],
    ["s3://bucket/list.csv", "gs://bucket/x.jpg"],
    ["s3://bucket/list.csv", "../../x.jpg"],
  ])
    assert.throws(() => resolveRemote(base, path), "allowed: https://HOST/PATH", `${base} ${path}`);
  for (const url of [
    "s3://",
    "s3://a/b",
    "s3:///key",
    `s3://bucket/${"k".repeat(1025)}`,
    "https://[",
    `http://h/${"x".repeat(9000)}`,
  ])
    assert.throws(
      () => parseRemote(url),
      (error: Error) => isVitrineError(error) && error.code === "usage/data-url",
    );
});

test.run();
