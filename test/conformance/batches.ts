// Batches: the digests of the same batches made in every way that there is: numbers of decode threads, servers and
// ranks, transports, kinds of storage, versions of Node. `npm run conformance -- batches [--data DATA] [--nodes 20,22,24,26]`.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Command } from "commander";
import { wholeNumber } from "../../bin/options.js";
import { connectData } from "../../client/node/data-client.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { SHARD_INDEX } from "../../server/data/shards/local-shards.js";
import { digestOfPart, partsOf, unionOf } from "../data/rank-union.js";
import { type ObjectServer, startObjectServer } from "../data/remote/object-server.js";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet } from "../data/synthetic-data-set.js";

interface BatchesOptions {
  data?: string;
  nodes: string;
  batches: number;
  size: number;
  seed: number;
  json?: boolean;
}

/** Divided by 2 and 4 ranks with a pair each. */
const BATCH_SIZE = 16;
/** Repeated augmentation and mixing of every sample by itself: what ways could disagree about. */
const RECIPE = { repeats: 3, mixMode: "elem", eraseProbability: 0.5 } as const;

/** A way to make the batches, and what it made. */
interface Row {
  way: string;
  digests: string[];
}

interface DigestOptions {
  /** Words that run Node. */
  node?: string[];
  env?: NodeJS.ProcessEnv;
}

class Matrix {
  readonly rows: Row[] = [];
  readonly skipped: string[] = [];
  readonly #options: BatchesOptions & { data: string };
  readonly #servers: ServerProcess[] = [];

  constructor(options: BatchesOptions & { data: string }) {
    this.#options = options;
  }

  /** Runs `way`, and says what it made; one that throws is a row without digests. */
  async add(way: string, make: () => Promise<string[]>): Promise<void> {
    const digests = await make().catch((error: unknown) => {
      process.stderr.write(`${way}: ${error instanceof Error ? error.message : String(error)}\n`);
      return [];
    });
    this.rows.push({ way, digests });
    if (!this.#options.json) process.stdout.write(`${this.line(this.rows.length - 1)}\n`);
  }

  isEqual({ digests }: Row): boolean {
    const [first] = this.rows;
    return digests.length > 0 && digests.join() === first.digests.join();
  }

  line(index: number): string {
    const row = this.rows[index];
    const sum = createHash("sha256").update(row.digests.join()).digest("hex").slice(0, 16);
    const verdict = index === 0 ? "" : this.isEqual(row) ? "equal" : "DIFFERENT";
    return `${row.way.padEnd(34)} ${String(row.digests.length).padStart(3)} batches  ${sum}  ${verdict}`.trimEnd();
  }

  /** `vitrine data digest` on the version of Node that runs `node`. */
  async digest(flags: readonly string[], { node, env }: DigestOptions = {}): Promise<string[]> {
    const { batches, size, seed } = this.#options;
    const asked = ["--batches", `${batches}`, "--size", `${size}`, "--seed", `${seed}`, "--epoch", "1"];
    const recipe = ["--repeats", "3", "--mixup-mode", "elem", "--reprob", "0.5"];
    const args = ["data", "digest", "--batch-size", `${BATCH_SIZE}`, ...asked, ...recipe, ...flags, "--json"];
    const { status, output, errors } = await runVitrine(args, node, undefined, env);
    if (status !== 0) throw new Error(errors.trim());
    return JSON.parse(output.trim().split("\n").at(-1) ?? "").digests;
  }

  /** Batches that `world` ranks read from `address`, put together. */
  async ofRanks(address: string, world: number): Promise<string[]> {
    const { batches, size, seed } = this.#options;
    const recipe = { ...DEIT_RECIPE, ...RECIPE, size };
    const ranks = await Promise.all(
      Array.from({ length: world }, async (_, rank) => {
        const source = await connectData({ address, recipe, seed, batchSize: BATCH_SIZE, rank, world });
        const parts = await partsOf(source, { epoch: 1, batch: 0 }, batches);
        await source.close();
        return parts;
      }),
    );
    return ranks[0].map((_, batch) =>
      digestOfPart(
        unionOf(
          BATCH_SIZE,
          ranks.map((parts) => parts[batch]),
        ),
      ),
    );
  }

  async server(...flags: string[]): Promise<ServerProcess> {
    const server = await startServer(this.#options.data, ...flags);
    this.#servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop("SIGKILL")));
  }
}

/** Whether npx gets this version: without a registry it does not. */
function runs(node: readonly string[]): Promise<boolean> {
  const [command, ...args] = node;
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(command, [...args, "--version"], { stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("close", (status) => resolve(status === 0));
  });
}

/** The data set as an index, and packed into shards. */
async function addStored(matrix: Matrix, data: string, folder: string): Promise<void> {
  const index = join(folder, "data.index");
  const indexed = await runVitrine(["dataset", "index", "--data", data, "--out", index]);
  if (indexed.status === 0)
    await matrix.add("from an index", () => matrix.digest(["--data", index, "--workers", "1"]));
  else matrix.skipped.push(`an index: ${indexed.errors.trim()}`);
  const shards = join(folder, "shards");
  const packed = await runVitrine(["dataset", "pack", "--data", data, "--out", shards]);
  if (packed.status === 0)
    await matrix.add("from tar shards", () => matrix.digest(["--data", shards, "--workers", "1"]));
  else matrix.skipped.push(`tar shards: ${packed.errors.trim()}`);
  await addRemote(matrix, data, packed.status === 0 ? shards : undefined);
}

/** The stand-in store has its objects in memory. */
const LARGEST_STORE = 2 ** 28;

/** The folder and the shards as objects of a bucket, and on a web server. */
async function addRemote(matrix: Matrix, data: string, shards: string | undefined): Promise<void> {
  const store = await startObjectServer();
  // The stand-in accepts any key; a profile would be asked first.
  const { AWS_PROFILE: _, ...rest } = process.env;
  const env = { ...rest, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "5ecre7" };
  const add = (way: string, url: string, ...flags: string[]): Promise<void> =>
    matrix.add(way, () => matrix.digest(["--data", url, ...flags], { env }));
  const bucket = ["--s3-endpoint", store.url];
  try {
    if (!statSync(data).isDirectory()) matrix.skipped.push("a folder in a bucket: --data is not a folder");
    else if (copyFolder(data, store, "bucket/data"))
      await add("from a folder in a bucket", "s3://bucket/data/", ...bucket);
    else matrix.skipped.push(`a folder in a bucket: it has more than ${LARGEST_STORE} bytes`);
    if (shards === undefined) return;
    if (!copyFolder(shards, store, "bucket/shards"))
      return void matrix.skipped.push(`shards in a bucket: they have more than ${LARGEST_STORE} bytes`);
    await add("from tar shards in a bucket", "s3://bucket/shards/", ...bucket);
    await add("from tar shards of a web server", `${store.url}/bucket/shards/${SHARD_INDEX}`);
  } finally {
    await store.close();
  }
}

/** The folder's files as objects; false where they are too large. */
function copyFolder(folder: string, { objects }: ObjectServer, prefix: string): boolean {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  if (files.reduce((sum, path) => sum + statSync(path).size, 0) > LARGEST_STORE) return false;
  for (const path of files) objects.set(`${prefix}/${relative(folder, path)}`, readFileSync(path));
  return true;
}

async function fill(matrix: Matrix, { data, nodes }: BatchesOptions & { data: string }, folder: string) {
  for (const workers of [0, 1, 2, 4])
    await matrix.add(`in one process, ${workers} decode threads`, () =>
      matrix.digest(["--data", data, "--workers", `${workers}`]),
    );
  await addStored(matrix, data, folder);
  const servers = [await matrix.server(), await matrix.server("--workers", "2"), await matrix.server()];
  const addresses = servers.map(({ address }) => address);
  for (const count of [1, 2, 3])
    await matrix.add(`${count === 1 ? "a server" : `${count} servers`} over TCP`, () =>
      matrix.digest(["--data-server", addresses.slice(0, count).join(",")]),
    );
  const socket = await matrix.server("--listen", `unix:${join(folder, "data.sock")}`);
  await matrix.add("a server over a Unix socket", () => matrix.digest(["--data-server", socket.address]));
  for (const world of [1, 2, 4])
    await matrix.add(`${world} ${world === 1 ? "rank" : "ranks"} of a server`, () =>
      matrix.ofRanks(addresses[0], world),
    );
  await matrix.add("4 ranks of 3 servers", () => matrix.ofRanks(addresses.join(), 4));
  for (const version of nodes.split(",").filter(Boolean)) {
    const node = ["npx", "-y", "-p", `node@${version}`, "node"];
    if (await runs(node))
      await matrix.add(`Node ${version}`, () => matrix.digest(["--data", data, "--workers", "1"], { node }));
    else matrix.skipped.push(`Node ${version}: npx does not get it`);
  }
}

async function compareBatches(options: BatchesOptions): Promise<void> {
  const set = options.data === undefined ? createDataSet(70) : undefined;
  const data = options.data ?? (set?.path as string);
  const folder = mkdtempSync(join(tmpdir(), "vitrine-batches-"));
  const matrix = new Matrix({ ...options, data });
  try {
    await fill(matrix, { ...options, data }, folder);
  } finally {
    await matrix.close();
    set?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
  const differing = matrix.rows.filter((row) => !matrix.isEqual(row)).map(({ way }) => way);
  const { rows, skipped } = matrix;
  if (options.json) console.log(JSON.stringify({ rows, differing, skipped }));
  else {
    for (const text of skipped) console.log(`skipped: ${text}`);
    console.log(`${rows.length - differing.length} of ${rows.length} ways equal`);
  }
  if (differing.length > 0) process.exitCode = 1;
}

export function registerBatches(program: Command): void {
  program
    .command("batches")
    .description("compare the digests of the same batches, made in every way that there is")
    .option("--data <path>", "data set (default: pictures that are drawn)")
    .option("--nodes <list>", "versions of Node, which npx fetches", "20,22,24,26")
    .option("--batches <n>", "batches of an epoch to compare", wholeNumber("--batches", { min: 1 }), 4)
    .option("--size <px>", "image size", wholeNumber("--size", { min: 1 }), 48)
    .option("--seed <s>", "seed of the batches", wholeNumber("--seed", { min: 0 }), 5)
    .option("--json", "print one line of JSON")
    .action(compareBatches);
}
