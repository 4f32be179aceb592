// The data commands through the real command line: one clear line for every mistake, and no leftover processes.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";
import { killServers, runVitrine, startServer, VITRINE } from "./server-process.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet; folder: string }>("data commands");

test.before((context) => {
  context.set = createDataSet(12);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-command-"));
});

test.after(({ set, folder }) => {
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test.after.each(killServers);

/** Runs a command that must fail, and returns its one line. */
async function errorLine(...args: string[]): Promise<string> {
  const { status, output, errors } = await runVitrine(args);
  assert.is(status, 1, `${args.join(" ")}: ${output}${errors}`);
  assert.is(output, "");
  const lines = errors.trim().split("\n");
  assert.is(lines.length, 1, errors);
  assert.match(lines[0] as string, /^vitrine: [a-z]+\/[a-z-]+: /);
  return lines[0] as string;
}

test("every mistake is one line with status 1", async ({ set, folder }) => {
  const list = join(folder, "list.csv");
  writeFileSync(list, "path,label\ngone.jpg,0\n");
  const listen = ["--listen", "127.0.0.1:0"];
  const cases: [args: string[], says: RegExp][] = [
    [
      ["data-server", "--data", join(folder, "nowhere")],
      /file\/not-found: .*nowhere: no such file or folder/,
    ],
    [["data-server", "--data", list, ...listen], /data\/missing-file: .*line 2: gone\.jpg/],
    [["data-server"], /required option '--data <path>'/],
    [["data-server", "--data", set.path, "--workers", "two"], /--workers got "two"; allowed: a whole number/],
    [["data-server", "--data", set.path, "--bad-samples", "ignore"], /fail, skip/],
    [["data-server", "--data", set.path, "--listen", "here"], /usage\/address: --listen got "here"/],
    [["data-server", "--data", set.path, "--listen", "127.0.0.1:99999"], /usage\/address/],
    [["data", "digest", "--data", set.path, "--batch-size", "13"], /12 images do not fill one batch of 13/],
    [["data", "digest", "--data", set.path, "--size", "5000"], /image size got 5000; allowed/],
    [["data", "digest", "--data", folder, "--batch-size", "2"], /data\/no-class-folders/],
  ];
  const lines = await Promise.all(cases.slice(0, 5).map(([args]) => errorLine(...args)));
  lines.push(...(await Promise.all(cases.slice(5).map(([args]) => errorLine(...args)))));
  lines.forEach((line, i) => {
    assert.match(line, cases[i][1]);
  });
});

test("a port in use is one line with status 1", async ({ set }) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" ? address?.port : 0;
  const line = await errorLine("data-server", "--data", set.path, "--listen", `127.0.0.1:${port}`);
  await new Promise((resolve) => other.close(resolve));
  assert.match(line, new RegExp(`network/address-in-use: 127\\.0\\.0\\.1:${port} is in use`));
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends an idle server and a streaming one with status 0`, async ({ set }) => {
    const idle = await startServer(set.path, "--workers", "2");
    assert.is(await idle.stop(signal), 0);
    assert.is(idle.errors(), "");
    const busy = await startServer(set.path);
    const source = await connectData({
      recipe: SMALL_RECIPE,
      batchSize: 4,
      seed: 1,
      address: busy.address,
      timeoutSeconds: 0,
    });
    let status: number | string = "still running";
    const failure = await digestsOf(source, { epoch: 0, batch: 0 }, 1000, async (done) => {
      if (done === 3) status = await busy.stop(signal);
    }).then(
      () => null,
      (error) => error,
    );
    await source.close();
    assert.is(status, 0);
    assert.is(failure?.code, "network/data-server-gone");
  });
}

test("a Unix socket works; a stale one is replaced, a live one or a file is not", async ({ set, folder }) => {
  if (process.platform === "win32") return;
  const path = join(folder, "data.sock");
  const address = `unix:${path}`;
  const first = await startServer(set.path, "--listen", address);
  assert.is(first.address, address);
  const line = await errorLine("data-server", "--data", set.path, "--listen", address);
  assert.match(line, /network\/address-in-use/);
  await first.stop("SIGKILL");
  assert.ok(existsSync(path), "a killed server leaves its socket");
  const second = await startServer(set.path, "--listen", address);
  const source = await connectData({ recipe: SMALL_RECIPE, batchSize: 4, seed: 1, address });
  assert.is((await digestsOf(source, { epoch: 0, batch: 0 }, 2)).length, 2);
  await source.close();
  assert.is(await second.stop("SIGTERM"), 0);
  const file = join(folder, "precious.txt");
  writeFileSync(file, "precious");
  assert.match(
    await errorLine("data-server", "--data", set.path, "--listen", `unix:${file}`),
    /network\/cannot-listen: .*is not a socket/,
  );
  assert.ok(existsSync(file));
});

test("SIGTERM ends a server that lists its files as the first process of a container", async ({ folder }) => {
  const container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
  const [unshare, ...flags] = container as [string, ...string[]];
  // Only on Linux, and where a user may make such a namespace.
  if (spawnSync(unshare, [...flags, "true"]).status !== 0) return;
  const list = join(folder, "long.csv");
  writeFileSync(list, `path,label\n${"gone.jpg,0\n".repeat(1_000_000)}`);
  const socket = join(folder, "listing.sock");
  const script = '(until [ -S "$0" ]; do sleep 0.1; done; kill -TERM 1) & exec "$@"';
  const server = [process.execPath, VITRINE, "data-server", "--data", list, "--listen", `unix:${socket}`];
  const { status, stderr } = spawnSync(unshare, [...flags, "sh", "-c", script, socket, ...server], {
    encoding: "utf8",
  });
  assert.is(status, 143, stderr);
});

test("a server that other machines can reach warns its operator, one on loopback does not", async ({
  set,
}) => {
  const open = await startServer(set.path, "--listen", "0.0.0.0:0");
  const closed = await startServer(set.path);
  assert.equal([await open.stop("SIGTERM"), await closed.stop("SIGTERM")], [0, 0]);
  assert.match(open.errors(), /^warning: 0\.0\.0\.0:\d+ [^\n]*without TLS[^\n]*--listen 127\.0\.0\.1:\d+/m);
  assert.is(closed.errors(), "");
});

test("a data set with other files reports them once, and serves", async ({ folder }) => {
  const set = createDataSet(6);
  writeFileSync(join(set.path, "cat", "notes.txt"), "");
  const server = await startServer(set.path);
  assert.is(await server.stop("SIGTERM"), 0);
  set.remove();
  assert.match(server.errors(), /1 file is no picture in a class folder and is left out \(1 \.txt\)/);
  assert.ok(existsSync(folder));
});

test.run();
