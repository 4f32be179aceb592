// Bucket run: real trainers whose run is in an S3-compatible store, killed at random moments, and continued on another
// machine, which has nothing but the bucket. The files must be those of an undisturbed run in a folder, byte for byte.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ObjectServer, startObjectServer } from "../data/remote/object-server.js";
import { runVitrine } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { startTrainer, type TrainerProcess } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  model: string;
  server: ObjectServer;
  /** Files of the undisturbed run. */
  expected: Map<string, string>;
}

const test = suite<Context>("bucket run");

/** A trainer killed at any moment: how many times, and the seed of the moments; a longer search sets both. */
const KILLS = Number(process.env.VITRINE_KILLS ?? 5);
const KILL_SEED = Number(process.env.VITRINE_KILL_SEED ?? Date.now() % 100_000);

const OUT = "s3://bucket/runs/tiny";

function settings({ set, model }: Context): string[] {
  return [
    ...["--data", set.path, "--workers", "0", "--val", set.path, "--model", join(model, "config.json")],
    ...["--epochs", "3", "--batch-size", "4", "--lr", "0.1", "--warmup-epochs", "1", "--seed", "7"],
    ...["--reprob", "0.5", "--drop-path", "0.2", "--ema-decay", "0.9", "--checkpoint-every", "3"],
    ...["--threads", "1"],
  ];
}

const resume = ({ set, server }: Context, out = OUT): string[] => [
  ...["--data", set.path, "--workers", "0", "--threads", "1"],
  ...["--out", out, "--s3-endpoint", server.url, "--resume"],
];

/** Each start is another machine: with a cache of its own. */
function elsewhere({ folder }: Context): void {
  process.env.XDG_CACHE_HOME = mkdtempSync(join(folder, "machine-"));
}

const statusOf = (trainer: TrainerProcess): Promise<number | string> => trainer.ended;

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** `last/model.safetensors` → SHA-256, for every file of both checkpoints. */
function filesOfFolder(run: string): Map<string, string> {
  return new Map(
    ["best", "last"].flatMap((name) =>
      readdirSync(join(run, name))
        .sort()
        .map((file): [string, string] => [`${name}/${file}`, digest(readFileSync(join(run, name, file)))]),
    ),
  );
}

interface Manifest {
  files: Record<string, { object: string; sha256: string }>;
}

function readManifest({ objects }: ObjectServer, run = "bucket/runs/tiny"): Manifest | null {
  const bytes = objects.get(`${run}/run.json`);
  return bytes ? (JSON.parse(Buffer.from(bytes).toString()) as Manifest) : null;
}

function objectOf(server: ObjectServer, name: string, run = "bucket/runs/tiny"): Uint8Array {
  const object = readManifest(server, run)?.files[name]?.object;
  return server.objects.get(`${run}/${object}`) as Uint8Array;
}

/** As `filesOfFolder`, of the bucket: by the objects, not by what run.json says of them. */
function filesOfBucket(server: ObjectServer, run?: string): Map<string, string> {
  const names = Object.keys(readManifest(server, run)?.files ?? {});
  const kept = names.filter((name) => /^(best|last)\//.test(name)).sort();
  return new Map(kept.map((name) => [name, digest(objectOf(server, name, run))]));
}

test.before(async (context) => {
  process.env.AWS_ACCESS_KEY_ID = "test";
  process.env.AWS_SECRET_ACCESS_KEY = "5ecre7";
  delete process.env.AWS_PROFILE;
  context.set = createDataSet(24);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-bucket-run-"));
  context.model = await writeTinyModel(
    join(context.folder, "sizes"),
    tinyConfig({ classes: 3 }),
    [..."abc"],
    0,
  );
  context.server = await startObjectServer();
  const run = join(context.folder, "undisturbed");
  const trainer = startTrainer([...settings(context), "--out", run]);
  assert.is(await statusOf(trainer), 0, trainer.errors());
  context.expected = filesOfFolder(run);
});

test.before.each((context) => {
  elsewhere(context);
  context.server.objects.clear();
  context.server.fault = null;
  context.server.latencyMs = 0;
});

test.after(async ({ set, folder, server }) => {
  await server.close();
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("a run in a bucket is the run in a folder, and is named by its URL in what is said", async (context) => {
  const { server, expected } = context;
  const trainer = startTrainer([...settings(context), "--out", OUT, "--s3-endpoint", server.url, "--json"]);
  assert.is(await statusOf(trainer), 0, trainer.errors());
  assert.equal(filesOfBucket(server), expected);
  assert.is(JSON.parse(trainer.output()).last, `${OUT}/last`);
  assert.not.match(trainer.errors() + trainer.output(), /machine-/, "no path of the working folder");
  const rows = Buffer.from(objectOf(server, "metrics.csv")).toString().trimEnd().split("\n");
  assert.is(rows.length, 1 + 18);
  assert.match(Buffer.from(objectOf(server, "log.txt")).toString(), /finished: 18 steps/);
  const others = [...server.objects.keys()].filter((name) => !name.includes("/objects/"));
  assert.equal(others, ["bucket/runs/tiny/run.json"], "the lock is released");
  assert.equal(readdirSync(join(process.env.XDG_CACHE_HOME as string, "vitrine/runs")), []);
  elsewhere(context);
  const again = startTrainer([...settings(context), "--out", OUT, "--s3-endpoint", server.url]);
  assert.is(await statusOf(again), 1);
  assert.match(
    again.errors(),
    /^vitrine: usage\/out: s3:\/\/bucket\/runs\/tiny already contains a run: .*--resume.*\n$/,
  );
});

test(`killed at ${KILLS} random moments (seed ${KILL_SEED}) and continued elsewhere, it ends with the same files`, async (context) => {
  const { server, expected } = context;
  server.latencyMs = 3;
  let state = KILL_SEED;
  const chance = (): number => {
    state = (1_103_515_245 * state + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  for (let kill = 0; kill < KILLS; kill++) {
    elsewhere(context);
    // No lock of a process of this machine that is gone is waited for.
    const begun = readManifest(server) !== null;
    const requests = server.requests.length;
    const args = begun ? resume(context) : [...settings(context), "--out", OUT, "--s3-endpoint", server.url];
    const trainer = startTrainer(args);
    // A moment of the writing: after some of its requests, and a part of the next one.
    const wanted = requests + 3 + Math.floor(40 * chance());
    let ended = false;
    void trainer.ended.then(() => {
      ended = true;
    });
    while (server.requests.length < wanted && !ended) await delay(1);
    await delay(4 * chance());
    trainer.process.kill("SIGKILL");
    const status = await trainer.ended;
    assert.ok(status === "SIGKILL" || status === 0, `${status}: ${trainer.errors()}`);
  }
  elsewhere(context);
  const args = readManifest(server)
    ? resume(context)
    : [...settings(context), "--out", OUT, "--s3-endpoint", server.url];
  const last = startTrainer(args);
  assert.is(await statusOf(last), 0, last.errors());
  assert.equal(filesOfBucket(server), expected);
  const named = Object.values(readManifest(server)?.files ?? {}).map(
    ({ object }) => `bucket/runs/tiny/${object}`,
  );
  const found = [...server.objects.keys()].filter((name) => name.includes("/objects/"));
  assert.equal(found.sort(), [...new Set(named)].sort(), "nothing that no checkpoint names is left");
});

test("stopped by SIGTERM, it says where it continues, and does elsewhere", async (context) => {
  const { server, expected } = context;
  const trainer = startTrainer([...settings(context), "--out", OUT, "--s3-endpoint", server.url]);
  while (!/last\/state\.json/.test(server.requests.join()) || readManifest(server) === null) await delay(2);
  trainer.process.kill("SIGTERM");
  assert.is(await statusOf(trainer), 143);
  assert.match(
    trainer.errors(),
    /^vitrine: stopped: s3:\/\/bucket\/runs\/tiny\/last holds step \d+; continue with --resume.*\n$/,
  );
  elsewhere(context);
  const again = startTrainer(resume(context));
  assert.is(await statusOf(again), 0, again.errors());
  assert.equal(filesOfBucket(server), expected);
});

test("a store without conditions keeps runs too", async (context) => {
  const { server, expected } = context;
  for (const knows of [false, "refused"] as const) {
    server.objects.clear();
    server.knowsConditions = knows;
    elsewhere(context);
    const trainer = startTrainer([...settings(context), "--out", OUT, "--s3-endpoint", server.url]);
    assert.is(await statusOf(trainer), 0, trainer.errors());
    assert.equal(filesOfBucket(server), expected);
  }
  server.knowsConditions = true;
});

test("a store that is away for a moment is waited for", async (context) => {
  const { server, expected } = context;
  let left = 3;
  server.fault = (request, response) => {
    if (request.method !== "PUT" || left-- <= 0) return false;
    if (left % 2 === 0) request.socket.destroy();
    else response.writeHead(503).end();
    return true;
  };
  const trainer = startTrainer([...settings(context), "--out", OUT, "--s3-endpoint", server.url]);
  assert.is(await statusOf(trainer), 0, trainer.errors());
  assert.ok(left < 0);
  assert.equal(filesOfBucket(server), expected);
});

test("commands take RUN/best, a model folder and a file of weights where they are, and a run starts from them", async (context) => {
  const { server, set, folder } = context;
  process.env.AWS_ENDPOINT_URL = server.url;
  try {
    const trainer = startTrainer([...settings(context), "--out", OUT]);
    assert.is(await statusOf(trainer), 0, trainer.errors());
    const best = join(folder, "undisturbed", "best");
    for (const file of ["config.json", "model.safetensors"])
      server.objects.set(`bucket/models/tiny/${file}`, readFileSync(join(best, file)));
    const validate = (model: string) =>
      runVitrine(["validate", "--data", set.path, "--model", model, "--json"]);
    const wanted = JSON.parse((await validate(best)).output);
    for (const model of [`${OUT}/best`, `${OUT}/best/`, "s3://bucket/models/tiny"]) {
      elsewhere(context);
      for (let time = 0; time < 2; time++) {
        const { status, output, errors } = await validate(model);
        assert.is(status, 0, errors);
        assert.is(JSON.parse(output).top1, wanted.top1);
        assert.equal(JSON.parse(output).loss, wanted.loss);
      }
      assert.is(readdirSync(join(process.env.XDG_CACHE_HOME as string, "vitrine/models")).length, 1);
    }
    elsewhere(context);
    const started = startTrainer([
      ...["--data", set.path, "--workers", "0", "--threads", "1", "--steps", "1", "--batch-size", "4"],
      ...["--init", `${OUT}/last`, "--out", join(folder, "tuned")],
    ]);
    assert.is(await statusOf(started), 0, started.errors());
    const page = join(folder, "bucket.html");
    const report = await runVitrine(["report", OUT, "--out", page, "--images", "1", "--json"]);
    assert.is(report.status, 0, report.errors);
    assert.match(readFileSync(page, "utf8"), /\btiny\b/);
    const noRun = await runVitrine(["report", "s3://bucket/models/tiny", "--out", page]);
    assert.match(
      noRun.errors,
      /^vitrine: checkpoint\/missing: s3:\/\/bucket\/models\/tiny: no run: run\.json is missing/,
    );
    const none = await validate("s3://bucket/nothing");
    assert.match(
      none.errors,
      /^vitrine: file\/not-found: s3:\/\/bucket\/nothing: no model; allowed: RUN\/best/,
    );
  } finally {
    delete process.env.AWS_ENDPOINT_URL;
  }
});

test("no bucket, no permission, no store, a place that stores nothing: one typed line, before anything is computed", async (context) => {
  const { server } = context;
  const deny = (status: number, code: string, method: string) => {
    server.fault = (request, response) => {
      if (request.method !== method) return false;
      request.resume();
      response.writeHead(status, { "content-type": "application/xml" });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
      return true;
    };
  };
  const refused = async (out: string, line: RegExp, endpoint = server.url): Promise<void> => {
    elsewhere(context);
    const trainer = startTrainer([...settings(context), "--out", out, "--s3-endpoint", endpoint]);
    assert.is(await statusOf(trainer), 1);
    assert.match(trainer.errors(), line);
    assert.is(trainer.errors().trimEnd().split("\n").length, 1, trainer.errors());
    assert.not.match(trainer.output(), /model /, "nothing was prepared");
    assert.not.match(trainer.errors(), /5ecre7/);
  };
  deny(404, "NoSuchBucket", "GET");
  await refused(OUT, /^vitrine: file\/not-found: s3:\/\/bucket\/runs\/tiny\/run\.json: no such bucket /);
  deny(403, "AccessDenied", "GET");
  await refused(
    OUT,
    /^vitrine: network\/forbidden: s3:\/\/bucket\/runs\/tiny\/run\.json: access is refused /,
  );
  deny(403, "AccessDenied", "PUT");
  await refused(
    OUT,
    /^vitrine: network\/forbidden: s3:\/\/bucket\/runs\/tiny\/lock: access is refused .*what they allow/,
  );
  server.fault = null;
  await refused(
    OUT,
    /^vitrine: network\/unreachable: s3:\/\/bucket\/runs\/tiny\/run\.json: /,
    "http://127.0.0.1:9",
  );
  await refused(
    "https://example.org/run",
    /^vitrine: usage\/out: --out https:\/\/example\.org\/run: a web server stores no runs/,
  );
  await refused("s3://B/x", /^vitrine: usage\/data-url: s3:\/\/B\/x: no bucket of that name can exist/);
  const missing = startTrainer(resume(context));
  assert.is(await statusOf(missing), 1);
  assert.match(
    missing.errors(),
    /^vitrine: checkpoint\/missing: s3:\/\/bucket\/runs\/tiny: no checkpoint to continue from/,
  );
  assert.is(server.objects.size, 0, "nothing was written");
});

test.run();
