// Commands on data sets at URLs: the digests of a bucket are those of the folder, its cache is used by the next command,
// and without the SDK there is one line that says how to install it.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashSamples } from "../../../server/data/hash-samples.js";
import { openDataset } from "../../../server/data/open-dataset.js";
import { createDataSet, type SyntheticDataSet } from "../synthetic-data-set.js";
import { type ObjectServer, startObjectServer } from "./object-server.js";

const VITRINE = fileURLToPath(new URL("../../../bin/vitrine.js", import.meta.url));

interface Context {
  set: SyntheticDataSet;
  server: ObjectServer;
  work: string;
}

const test = suite<Context>("commands on remote data sets");

test.before(async (context) => {
  context.set = createDataSet(16);
  context.server = await startObjectServer();
  context.work = mkdtempSync(join(tmpdir(), "vitrine-remote-commands-"));
  for (const entry of readdirSync(context.set.path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    context.server.objects.set(
      `bucket/photos/${path.slice(context.set.path.length + 1)}`,
      readFileSync(path),
    );
  }
});

test.after(async ({ set, server, work }) => {
  set.remove();
  rmSync(work, { recursive: true });
  await server.close();
});

interface Ended {
  status: number | null;
  output: string;
  errors: string;
}

/** The object server is in this process, which therefore must not block. */
function run(args: readonly string[], nodeArgs: readonly string[] = []): Promise<Ended> {
  const { AWS_PROFILE: _, ...env } = process.env;
  const keys = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "5ecre7" };
  const child = spawn(process.execPath, [...nodeArgs, VITRINE, ...args], { env: { ...env, ...keys } });
  let output = "";
  let errors = "";
  child.stdout.on("data", (text) => {
    output += String(text);
  });
  child.stderr.on("data", (text) => {
    errors += String(text);
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, output, errors })));
}

const DIGEST = ["data", "digest", "--batch-size", "8", "--size", "32", "--seed", "5", "--json"];

test("data digest of a bucket is that of the folder, the second time from the cache", async ({
  set,
  server,
  work,
}) => {
  const cache = ["--cache", join(work, "cache"), "--cache-size", "1GiB"];
  const bucket = ["--data", "s3://bucket/photos", "--s3-endpoint", server.url, ...cache];
  const local = await run([...DIGEST, "--data", set.path]);
  for (const workers of ["2", "0"]) {
    server.requests.length = 0;
    const remote = await run([...DIGEST, ...bucket, "--workers", workers]);
    assert.is(remote.errors, "");
    assert.equal(JSON.parse(remote.output), JSON.parse(local.output));
    const reads = server.requests.filter((request) => request.startsWith("GET")).length;
    assert.ok(workers === "2" ? reads > 0 : reads === 0, `${reads}`);
  }
});

test("dataset index --hash of a bucket has the fingerprint of the folder's", async ({
  set,
  server,
  work,
}) => {
  const out = join(work, "photos.index");
  const data = ["--data", `s3://bucket/photos`, "--s3-endpoint", server.url];
  const indexed = await run(["dataset", "index", ...data, "--out", out, "--hash", "--json"]);
  assert.is(indexed.errors, "");
  const hashed = await hashSamples(await openDataset(set.path));
  assert.is(JSON.parse(indexed.output).fingerprint, hashed.fingerprint);
});

/** Node, where the SDK cannot be found. */
const HOOKS = `
export async function resolve(name, context, next) {
  if (name.startsWith("@aws-sdk/")) throw Object.assign(new Error("gone"), { code: "ERR_MODULE_NOT_FOUND" });
  return next(name, context);
}`;
const REGISTER = `import { register } from "node:module"; register(${JSON.stringify(
  `data:text/javascript,${encodeURIComponent(HOOKS)}`,
)});`;

test("without the SDK, a bucket is one line with the command that installs it", async ({ server }) => {
  const hook = ["--import", `data:text/javascript,${encodeURIComponent(REGISTER)}`];
  const { status, errors } = await run(
    [...DIGEST, "--data", "s3://bucket/photos", "--s3-endpoint", server.url],
    hook,
  );
  assert.is(status, 1);
  assert.match(errors, /^vitrine: network\/s3-package: .*npm install @aws-sdk\/client-s3@\d+\.\d+\.\d+\n$/);
});

test("a wrong size of the cache and a missing list are one line each, without secrets", async ({
  server,
}) => {
  const data = ["--data", "s3://bucket/photos"];
  const list = `${server.url}/bucket/none.csv?X-Amz-Signature=5ecre7`;
  for (const [args, code] of [
    [[...data, "--cache", "x", "--cache-size", "1MiB"], "usage/number"],
    [["--data", list], "file/not-found"],
  ] as const) {
    const { status, output, errors } = await run([...DIGEST, ...args]);
    assert.is(status, 1);
    assert.match(errors, new RegExp(`^vitrine: ${code}: .*\n$`));
    assert.not.match(output + errors, "5ecre7");
  }
});

test.run();
