// Bench of idle servers: the processor time that an inference server and a data server take while nobody asks for anything,
// after both have worked. The aim is below 1% of a core.
//
// The servers are the real commands in processes of their own; threads, decode workers and garbage collection count. They
// are watched twice, side by side: while their clients are still connected, and after those have left.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { randomForSamples } from "../bin/sample-data/random.js";
import { ensureSampleSet } from "../bin/sample-data/sample-set.js";
import { connectData, connectInference } from "../client/node/index.js";
import { DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { writeConfigJson } from "../runtime/models/deit/family.js";
import { storedFloats, writeSafetensors } from "../runtime/weights/safetensors.js";
import { benchConfig, benchWeights } from "./model-weights.js";

const MODEL = "deit_tiny_patch16_224";
const REQUESTS = 20;
const BATCHES = 20;
/** For what a server does behind its last answer. */
const SETTLE_MS = 3000;

interface Working {
  name: string;
  server: ServerProcess;
  /** The client's. */
  leave(): Promise<void>;
}

async function inferenceServer(folder: string, pictures: Uint8Array[]): Promise<Working> {
  const config = benchConfig(MODEL);
  const model = join(folder, "model");
  mkdirSync(model);
  writeFileSync(join(model, "model.safetensors"), writeSafetensors(storedFloats(benchWeights(config))));
  const labels = Array.from({ length: config.classes }, (_, i) => `class ${i}`);
  writeFileSync(join(model, "config.json"), writeConfigJson(config, labels));
  const server = await startServer(["serve", "--model", model, "--listen", "127.0.0.1:0"]);
  const client = connectInference(server.address);
  for (let i = 0; i < REQUESTS; i++) await client.classify(pictures.slice(i % 4, (i % 4) + 4));
  return { name: "inference server", server, leave: async () => client.close() };
}

async function dataServer(data: string): Promise<Working> {
  const server = await startServer(["data-server", "--data", data, "--listen", "127.0.0.1:0"]);
  const recipe = { ...DEIT_RECIPE, size: 64 };
  const { address } = server;
  const source = await connectData({ address, recipe, batchSize: 8, seed: 1, timeoutSeconds: 10 });
  const batches = source.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
  // The stream stays open and full: the server holds what the client has no credit for.
  for (let i = 0; i < BATCHES; i++) await batches.next();
  return {
    name: "data server",
    server,
    leave: async () => {
      await batches.return?.(undefined);
      await source.close();
    },
  };
}

/** Share of a core that each took over so many seconds. */
async function watch(working: readonly Working[], seconds: number): Promise<number[]> {
  await sleep(SETTLE_MS);
  const read = () => Promise.all(working.map(({ server }) => server.processorSeconds()));
  const [before, start] = [await read(), performance.now()];
  await sleep(1000 * seconds);
  const [after, end] = [await read(), performance.now()];
  return after.map((total, i) => (1000 * (total - (before[i] as number))) / (end - start));
}

function options(words: readonly string[]): { seconds: number; json: boolean } {
  const { values } = parseArgs({
    args: [...words],
    options: { seconds: { type: "string", default: "20" }, json: { type: "boolean", default: false } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 1)) throw new Error(`bench: --seconds is "${values.seconds}"; allowed: 1 or more`);
  return { seconds, json: values.json };
}

export async function main(words: readonly string[]): Promise<void> {
  const { seconds, json } = options(words);
  const folder = mkdtempSync(join(tmpdir(), "vitrine-idle-"));
  const working: Working[] = [];
  try {
    const data = join(folder, "data");
    await ensureSampleSet(data, await randomForSamples(), { train: 40, val: 8 });
    const class0 = join(data, "val", readdirSync(join(data, "val"))[0] as string);
    const pictures = readdirSync(class0).map((name) => new Uint8Array(readFileSync(join(class0, name))));
    working.push(await inferenceServer(folder, pictures), await dataServer(join(data, "train")));
    const worked = await Promise.all(working.map(({ server }) => server.processorSeconds()));
    console.log(`share of a core over ${seconds} s, ${process.version}`);
    const connected = await watch(working, seconds);
    for (const { leave } of working) await leave();
    const alone = await watch(working, seconds);
    const shares = working.map(({ name }, i) => ({
      name,
      workedSeconds: worked[i],
      connected: connected[i],
      alone: alone[i],
    }));
    const percent = (share: number | undefined) => `${(100 * (share ?? 0)).toFixed(2)}%`;
    for (const row of shares)
      console.log(
        `${row.name.padEnd(18)} ${row.workedSeconds?.toFixed(1)} s until it had worked; client connected ${percent(row.connected)}, client gone ${percent(row.alone)}`,
      );
    if (json) console.log(JSON.stringify({ node: process.version, seconds, shares }));
  } finally {
    for (const { server } of working) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

// Server process: a command of Vitrine in a process of its own whose processor time can be asked for.

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
const METER = new URL("./cpu-meter.js", import.meta.url).href;

export interface ServerProcess {
  address: string;
  /** User and system time so far. */
  processorSeconds(): Promise<number>;
  stop(): Promise<void>;
}

async function addressOf(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    const said = /^listening on (\S+)$/m.exec(output);
    if (said) return said[1] as string;
  }
  throw new Error(`bench: "vitrine ${child.spawnargs.slice(3).join(" ")}" ended before it listened`);
}

export async function startServer(args: readonly string[]): Promise<ServerProcess> {
  const child = fork(VITRINE, [...args], {
    execArgv: ["--import", METER],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.on("data", (text) => {
    errors += String(text);
  });
  const address = await addressOf(child).catch((error: Error) => {
    throw new Error(`${error.message}: ${errors}`);
  });
  return {
    address,
    processorSeconds: async () => {
      const answer = once(child, "message");
      child.send("cpu");
      const [{ microseconds }] = (await answer) as [{ microseconds: number }];
      return microseconds / 1e6;
    },
    stop: async () => {
      const gone = once(child, "close");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
