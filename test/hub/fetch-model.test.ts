// Models of the Hub, against a local server with its endpoints: cached as huggingface_hub caches, resumed, checked, and
// refused in words for everything that a server may do wrong.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DownloadProgress } from "../../client/node/hub/download.js";
import { fetchHubModel } from "../../client/node/hub/fetch-model.js";
import type { HubSettings } from "../../client/node/hub/settings.js";
import { isVitrineError } from "../../runtime/errors.js";
import { gitObject, type HubFile, sha256, startHubServer } from "./hub-server.js";

const REFERENCE = "hf:org/tiny";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Several pieces on their way. */
const WEIGHTS = Uint8Array.from({ length: 600_000 }, (_, index) => (index * 31 + (index >> 8)) & 255);

const hub = await startHubServer();
const root = mkdtempSync(join(tmpdir(), "vitrine-hub-"));
test.after(async () => {
  await hub.close();
  rmSync(root, { recursive: true });
});

let caches = 0;
let settings: HubSettings;
let notices: string[];
let progress: DownloadProgress[];

const small = (text: string): HubFile => ({ bytes: encode(text), large: false });
const large = (bytes: Uint8Array): HubFile => ({ bytes, large: true });

test.before.each(() => {
  hub.fault = null;
  hub.requests.length = 0;
  hub.repositories.clear();
  const files = new Map([
    ["config.json", small('{"model_type": "vit"}')],
    ["README.md", small("not needed")],
    ["model.safetensors", large(WEIGHTS)],
    ["pytorch_model.bin", large(encode("not needed"))],
    ["preprocessor_config.json", small("{}")],
  ]);
  hub.repositories.set("org/tiny", { commit: COMMIT, files });
  settings = {
    endpoint: hub.endpoint,
    cacheFolder: join(root, `cache-${caches++}`),
    offline: false,
    answerTimeoutMs: 2_000,
    downloadTimeoutMs: 1_000,
    retryWaitsMs: [1, 1, 1, 1],
  };
  notices = [];
  progress = [];
});

function get(text = REFERENCE, changes: Partial<HubSettings> = {}) {
  return fetchHubModel(text, {
    settings: { ...settings, ...changes },
    onNotice: (notice) => notices.push(notice),
    onProgress: (each) => progress.push(each),
  });
}

/** `code: text` of the error. */
async function failure(text = REFERENCE, changes: Partial<HubSettings> = {}): Promise<string> {
  try {
    await get(text, changes);
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "fetched";
}

const repositoryFolder = () => join(settings.cacheFolder, "models--org--tiny");
const blobs = () => readdirSync(join(repositoryFolder(), "blobs")).sort();
const WEIGHTS_BLOB = sha256(WEIGHTS);

test("the needed files are downloaded into the layout of huggingface_hub", async () => {
  const { folder, commit } = await get();
  assert.is(commit, COMMIT);
  assert.is(folder, join(repositoryFolder(), "snapshots", COMMIT));
  assert.equal(readdirSync(folder).sort(), ["config.json", "model.safetensors", "preprocessor_config.json"]);
  assert.equal(new Uint8Array(readFileSync(join(folder, "model.safetensors"))), WEIGHTS);
  assert.is(readFileSync(join(repositoryFolder(), "refs/main"), "utf8"), COMMIT);
  assert.is(readlinkSync(join(folder, "model.safetensors")), `../../blobs/${WEIGHTS_BLOB}`);
  assert.is(
    readlinkSync(join(folder, "config.json")),
    `../../blobs/${gitObject(encode('{"model_type": "vit"}'))}`,
  );
  assert.is(blobs().length, 3);
  const last = progress.at(-1)!;
  assert.equal([last.loaded, last.total, last.resumed], [WEIGHTS.length, WEIGHTS.length, 0]);
});

test("a second run downloads nothing; a commit and HF_HUB_OFFLINE need no request at all", async () => {
  const { folder } = await get();
  hub.requests.length = 0;
  assert.is((await get()).folder, folder);
  assert.equal(
    hub.requests.map(({ method, url }) => `${method} ${url}`),
    ["GET /api/models/org/tiny/revision/main"],
  );
  hub.requests.length = 0;
  assert.is((await get(`${REFERENCE}@${COMMIT}`)).folder, folder);
  assert.is((await get(REFERENCE, { offline: true })).folder, folder);
  assert.is(hub.requests.length, 0);
});

test("a Hub that is away leaves what is cached, with a notice", async () => {
  const { folder } = await get();
  const away = { endpoint: "http://127.0.0.1:9" };
  assert.is((await get(REFERENCE, away)).folder, folder);
  assert.match(notices.join("\n"), /cannot be reached: using commit 01234567 from the cache/);
});

test("files that huggingface_hub has cached are found", async () => {
  const snapshot = join(repositoryFolder(), "snapshots", COMMIT);
  mkdirSync(snapshot, { recursive: true });
  mkdirSync(join(repositoryFolder(), "refs"));
  writeFileSync(join(repositoryFolder(), "refs/main"), COMMIT);
  writeFileSync(join(snapshot, "config.json"), "{}");
  writeFileSync(join(snapshot, "pytorch_model.bin"), "weights");
  assert.is((await get(REFERENCE, { offline: true })).folder, snapshot);
});

test("a new commit of the branch is downloaded; blobs that did not change are used again", async () => {
  await get();
  const repository = hub.repositories.get("org/tiny")!;
  repository.commit = "f".repeat(40);
  repository.files.set("config.json", small('{"model_type": "deit"}'));
  hub.requests.length = 0;
  const { folder } = await get();
  assert.is(folder, join(repositoryFolder(), "snapshots", "f".repeat(40)));
  assert.is(readFileSync(join(folder, "config.json"), "utf8"), '{"model_type": "deit"}');
  assert.equal(new Uint8Array(readFileSync(join(folder, "model.safetensors"))), WEIGHTS);
  assert.not.ok(hub.requests.some(({ host }) => host === "cdn"));
});

test("a connection that is cut is resumed where it stopped", async () => {
  let cuts = 0;
  hub.fault = ({ host, range }, response) => {
    if (host !== "cdn" || cuts > 1) return false;
    cuts++;
    const start = Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    const part = WEIGHTS.subarray(start);
    const headers = { "content-length": part.length, "content-range": `bytes ${start}-599999/600000` };
    response.writeHead(start > 0 ? 206 : 200, headers);
    response.write(part.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    return true;
  };
  const { folder } = await get();
  assert.equal(new Uint8Array(readFileSync(join(folder, "model.safetensors"))), WEIGHTS);
  const ranges = hub.requests.filter(({ host }) => host === "cdn").map(({ range }) => range);
  assert.equal(ranges, [undefined, "bytes=100000-", "bytes=200000-"]);
});

test("a download that an earlier process left is resumed, and said", async () => {
  mkdirSync(join(repositoryFolder(), "blobs"), { recursive: true });
  writeFileSync(
    join(repositoryFolder(), "blobs", `${WEIGHTS_BLOB}.vitrine.incomplete`),
    WEIGHTS.subarray(0, 12_345),
  );
  const { folder } = await get();
  assert.equal(new Uint8Array(readFileSync(join(folder, "model.safetensors"))), WEIGHTS);
  assert.is(hub.requests.find(({ host }) => host === "cdn")?.range, "bytes=12345-");
  assert.is(progress.at(-1)!.resumed, 12_345);
});

test("a server without ranges starts again from the beginning", async () => {
  mkdirSync(join(repositoryFolder(), "blobs"), { recursive: true });
  writeFileSync(
    join(repositoryFolder(), "blobs", `${WEIGHTS_BLOB}.vitrine.incomplete`),
    encode("damaged start"),
  );
  hub.fault = ({ host }, response) => {
    if (host !== "cdn") return false;
    response.writeHead(200, { "content-length": WEIGHTS.length }).end(WEIGHTS);
    return true;
  };
  const { folder } = await get();
  assert.equal(new Uint8Array(readFileSync(join(folder, "model.safetensors"))), WEIGHTS);
});

test("a wrong checksum is refused, of large files and of small ones, and nothing of it stays", async () => {
  for (const [file, host] of [
    ["model.safetensors", "cdn"],
    ["config.json", "hub"],
  ] as const) {
    hub.fault = (request, response) => {
      const isFile = request.host === host && (host === "cdn" || request.url.endsWith(file));
      if (!isFile || request.method === "HEAD") return false;
      const length = host === "cdn" ? WEIGHTS.length : 21;
      response.writeHead(200, { "content-length": length }).end(new Uint8Array(length).fill(7));
      return true;
    };
    assert.match(
      await failure(),
      new RegExp(`hub/checksum: .*${file}: its checksum is [0-9a-f]+, .* states`),
    );
    assert.equal(
      blobs().filter((name) => name.includes("vitrine")),
      [],
    );
    assert.not.ok(existsSync(join(repositoryFolder(), "snapshots", COMMIT, file)));
    rmSync(settings.cacheFolder, { recursive: true });
  }
});

test("private, gated and missing repositories say what to do; a token goes to the Hub alone", async () => {
  const answer =
    (status: number, code: string) =>
    (_: unknown, response: Parameters<NonNullable<typeof hub.fault>>[1]): boolean => {
      response.writeHead(status, { "x-error-code": code }).end("{}");
      return true;
    };
  hub.fault = answer(401, "RepoNotFound");
  assert.match(
    await failure(),
    /hub\/unauthorized: hf:org\/tiny does not exist, or is private: .*set HF_TOKEN/,
  );
  hub.fault = answer(403, "GatedRepo");
  assert.match(await failure(), /hub\/unauthorized: hf:org\/tiny is gated: .*HF_TOKEN/);
  assert.match(await failure(REFERENCE, { token: "hf_secret" }), /hub\/unauthorized/);
  hub.fault = null;
  assert.match(await failure("hf:org/other"), /hub\/not-found: .*no such repository/);
  assert.match(await failure(`${REFERENCE}@v9`), /hub\/not-found: .*no such revision/);
  hub.requests.length = 0;
  await get(REFERENCE, { token: "hf_secret" });
  const seen = (host: string) =>
    new Set(hub.requests.filter((each) => each.host === host).map((each) => each.authorization));
  assert.equal([...seen("hub")], ["Bearer hf_secret"]);
  assert.equal([...seen("cdn")], [undefined]);
});

test("a repository without weights or configuration is refused with its files", async () => {
  const { files } = hub.repositories.get("org/tiny")!;
  files.delete("config.json");
  assert.match(
    await failure(),
    /hub\/not-found: .*has no config.json; its files: README.md, model.safetensors/,
  );
  files.clear();
  files.set("weights.gguf", small("x"));
  assert.match(
    await failure(),
    /has neither model.safetensors nor pytorch_model.bin; its files: weights.gguf/,
  );
});

test("offline without a cache, and no network, are one line with the alternatives", async () => {
  assert.match(
    await failure(REFERENCE, { offline: true }),
    /hub\/offline: .*HF_HUB_OFFLINE.*path of a model folder/,
  );
  assert.not.ok(hub.requests.length);
  const started = performance.now();
  const text = await failure(REFERENCE, { endpoint: "http://127.0.0.1:9" });
  assert.match(text, /hub\/unreachable: .*127.0.0.1:9.*HF_ENDPOINT; without a network, .*HF_HUB_OFFLINE=1/);
  assert.ok(performance.now() - started < 30_000);
});

test("names from the server never leave the cache", async () => {
  const { files } = hub.repositories.get("org/tiny")!;
  files.delete("model.safetensors");
  for (const name of [
    "../../evil.safetensors",
    "/tmp/evil.safetensors",
    "..",
    ".hidden.safetensors",
    "a\\b.safetensors",
  ]) {
    files.set("model.safetensors.index.json", small(JSON.stringify({ weight_map: { a: name } })));
    assert.match(
      await failure(),
      /hub\/answer: .*index.json: names ".*", which is no .safetensors file beside it/,
    );
    rmSync(settings.cacheFolder, { recursive: true, force: true });
  }
  for (const etag of ["../../evil", "..", "a/b", ""]) {
    hub.fault = ({ url, method }, response) => {
      if (method !== "HEAD" || !url.endsWith("config.json")) return false;
      response.writeHead(200, { etag: `"${etag}"`, "content-length": 3 }).end();
      return true;
    };
    assert.match(await failure(), /hub\/answer: .*config.json.*no ETag/);
  }
  hub.fault = ({ url }, response) => {
    if (!url.startsWith("/api/")) return false;
    response.end(JSON.stringify({ sha: "../../evil", siblings: [] }));
    return true;
  };
  assert.match(await failure(), /hub\/answer/);
  assert.equal(
    readdirSync(root).filter((name) => name.includes("evil")),
    [],
  );
});

test("an index's shards are downloaded, and a cached index without them is not complete", async () => {
  const { files } = hub.repositories.get("org/tiny")!;
  files.delete("model.safetensors");
  files.delete("pytorch_model.bin");
  const map = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
  files.set("model.safetensors.index.json", small(JSON.stringify({ weight_map: map })));
  for (const [index, name] of Object.values(map).entries()) files.set(name, large(encode(`shard ${index}`)));
  const { folder } = await get();
  assert.is(readFileSync(join(folder, map.b), "utf8"), "shard 1");
  rmSync(join(folder, map.a));
  assert.match(await failure(REFERENCE, { offline: true }), /hub\/offline/);
});

test("answers that no Hub gives: a login page, endless redirects, too large a file, too many bytes", async () => {
  const withFault = async (fault: typeof hub.fault) => {
    hub.fault = fault;
    return failure();
  };
  const page = await withFault((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>Please log in</html>");
    return true;
  });
  assert.match(page, /hub\/answer: .*no JSON with the commit and files.*HF_ENDPOINT/);
  const loop = await withFault(({ url }, response) => {
    response.writeHead(302, { location: url }).end();
    return true;
  });
  assert.match(loop, /hub\/answer: .*more than 5 redirects/);
  const elsewhere = await withFault((_, response) => {
    response.writeHead(302, { location: "file:///etc/passwd" }).end();
    return true;
  });
  assert.match(elsewhere, /hub\/answer: .*a redirect to "file:\/\/\/etc\/passwd"/);
  const huge = (bytes: number) =>
    withFault(({ url, method }, response) => {
      if (method !== "HEAD" || !url.endsWith("model.safetensors")) return false;
      response.writeHead(200, { "x-linked-etag": `"${WEIGHTS_BLOB}"`, "x-linked-size": bytes }).end();
      return true;
    });
  assert.match(await huge(2 ** 40), /hub\/too-large: .*model.safetensors has 1099511.6 MB/);
  assert.not.ok(hub.requests.some(({ host }) => host === "cdn"));
  assert.match(await huge(1_000), /hub\/answer: .*more than the 1000 bytes that the file has/);
});

test("a server that stalls is asked again, and given up on", async () => {
  hub.fault = ({ host }, response) => {
    if (host !== "cdn") return false;
    response.writeHead(200, { "content-length": WEIGHTS.length });
    // Headers, then nothing.
    response.flushHeaders();
    return true;
  };
  const started = performance.now();
  const text = await failure(REFERENCE, { downloadTimeoutMs: 100 });
  assert.match(text, /hub\/unreachable: .*model.safetensors: .*no data for 0.1 s/);
  assert.is(hub.requests.filter(({ host }) => host === "cdn").length, 5);
  assert.ok(performance.now() - started < 40_000);
  hub.fault = () => true;
  assert.match(
    await failure("hf:org/tiny@main", { answerTimeoutMs: 100 }),
    /hub\/unreachable: .*no answer within 0.1 s/,
  );
});

test("a server that cuts every connection after a byte, or refuses its own ranges, is given up on", async () => {
  let served = 0;
  hub.fault = ({ host, range }, response) => {
    if (host !== "cdn" || served > 50) return false;
    served++;
    const start = Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    const rest = WEIGHTS.length - start;
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": rest,
      "content-range": `bytes ${start}-599999/600000`,
    });
    response.write(WEIGHTS.subarray(start, start + 1), () => setTimeout(() => response.destroy(), 5));
    return true;
  };
  assert.match(await failure(), /hub\/unreachable: .*model.safetensors/);
  assert.is(served, 5, "a byte is no progress");
  served = 0;
  rmSync(settings.cacheFolder, { recursive: true });
  hub.fault = ({ host, range }, response) => {
    if (host !== "cdn" || served > 50) return false;
    served++;
    if (range !== undefined) response.writeHead(416).end();
    else {
      response.writeHead(200, { "content-length": WEIGHTS.length });
      response.write(WEIGHTS.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 5));
    }
    return true;
  };
  assert.match(await failure(), /hub\/unreachable: .*model.safetensors/);
  assert.ok(served < 12, `${served} requests: the same start again is no progress`);
});

test("bombs are not unpacked beyond the limits, and a false length is noticed", async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
  const packed = (matches: (url: string, method: string) => boolean) => {
    hub.fault = ({ url, method }, response) => {
      if (method !== "GET" || !matches(url, method)) return false;
      response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length }).end(bomb);
      return true;
    };
    return failure();
  };
  assert.match(
    await packed((url) => url.startsWith("/api/")),
    /hub\/answer: .*more than 16777216 bytes of text/,
  );
  assert.match(
    await packed((url) => url.endsWith("/config.json")),
    /hub\/answer: .*config.json.*more than the \d+ bytes/,
  );
  hub.fault = ({ url, method }, response) => {
    if (method !== "HEAD" || !url.endsWith("/config.json")) return false;
    response.writeHead(200, { etag: `"${"a".repeat(40)}"`, "content-length": "999" }).end();
    return true;
  };
  assert.match(await failure(), /hub\/unreachable: .*config.json: .*connection ended \d+ bytes early/);
});

test("a busy Hub's Retry-After is waited for", async () => {
  let refused = 0;
  hub.fault = (_, response) => {
    if (refused++ > 0) return false;
    response.writeHead(429, { "retry-after": "1" }).end();
    return true;
  };
  const started = performance.now();
  await get();
  assert.ok(performance.now() - started >= 950);
});

test("two at once download a file once; a lock that nobody renews, or of a process that is gone, is taken over", async () => {
  const [a, b] = await Promise.all([get(), get()]);
  assert.is(a.folder, b.folder);
  assert.is(hub.requests.filter(({ host }) => host === "cdn").length, 1);
  assert.equal(
    blobs().filter((name) => name.includes("vitrine")),
    [],
  );
  rmSync(join(repositoryFolder(), "snapshots"), { recursive: true });
  rmSync(join(repositoryFolder(), "blobs", WEIGHTS_BLOB));
  const lock = join(repositoryFolder(), "blobs", `${WEIGHTS_BLOB}.vitrine.lock`);
  writeFileSync(lock, "");
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(lock, longAgo, longAgo);
  await get();
  rmSync(join(repositoryFolder(), "snapshots"), { recursive: true });
  rmSync(join(repositoryFolder(), "blobs", WEIGHTS_BLOB));
  const { pid } = spawnSync(process.execPath, ["--version"]);
  writeFileSync(lock, `${pid} ${hostname()}`);
  const started = performance.now();
  await get();
  assert.ok(performance.now() - started < 5_000);
  assert.ok(lstatSync(join(a.folder, "model.safetensors")).isSymbolicLink());
  assert.not.ok(existsSync(lock));
});

test.run();
