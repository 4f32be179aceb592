// Bench of idle servers: the CPU time that an inference server and a data server use without requests, after both have
// served some. The target is below 1% of a core.
//
// The servers are the actual commands, each in its own process; threads, decode threads and garbage collection count. They
// are measured twice, both at once: while their clients are still connected, and after the clients have left.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureSampleSet, randomForSamples } from "../bin/sample-data/sample-set.js";
import { connectData, connectInference } from "../client/node/index.js";
import { DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { writeConfigJson } from "../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../runtime/weights/safetensors.js";
import { benchConfig, benchWeights } from "./model-weights.js";

const MODEL = "deit_tiny_patch16_224";
const REQUESTS = 20;
const BATCHES = 20;
/** For what a server still does after its last response. */
const SETTLE_MS = 3000;

const VITRINE = fileURLToPath(new URL("../bin/vitrine.js", import.meta.url));
const METER = new URL("./idle/cpu-meter.js", import.meta.url).href;

/** A command of Vitrine in its own process. */
interface ServerProcess {
  address: string;
  /** User and system time of the whole process so far. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

async function addressOf(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    const line = /^listening on (\S+)$/m.exec(output);
    if (line) return line[1];
  }
  throw new Error(`bench: "vitrine ${child.spawnargs.slice(3).join(" ")}" exited before it listened`);
}

async function startServer(args: readonly string[]): Promise<ServerProcess> {
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
    cpuSeconds: async () => {
      const answer = once(child, "message");
      child.send("cpu");
      const [{ microseconds }] = (await answer) as [{ microseconds: number }];
      return microseconds / 1e6;
    },
    stop: async () => {
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
    },
  };
}

/** A server that has served requests, and its client. */
interface UsedServer {
  name: string;
  server: ServerProcess;
  /** Disconnects the client. */
  leave(): Promise<void>;
}

async function inferenceServer(folder: string, pictures: Uint8Array[]): Promise<UsedServer> {
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

async function dataServer(data: string): Promise<UsedServer> {
  const server = await startServer(["data-server", "--data", data, "--listen", "127.0.0.1:0"]);
  const recipe = { ...DEIT_RECIPE, size: 64 };
  const { address } = server;
  const source = await connectData({ address, recipe, batchSize: 8, seed: 1, timeoutSeconds: 10 });
  const batches = source.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
  // The stream stays open and full: the server holds batches for which the client grants no credit.
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

/** Fraction of a core that each server used over `seconds`. */
async function measure(servers: readonly UsedServer[], seconds: number): Promise<number[]> {
  await sleep(SETTLE_MS);
  const read = () => Promise.all(servers.map(({ server }) => server.cpuSeconds()));
  const [before, start] = [await read(), performance.now()];
  await sleep(1000 * seconds);
  const [after, end] = [await read(), performance.now()];
  return after.map((total, i) => (1000 * (total - before[i])) / (end - start));
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
  const servers: UsedServer[] = [];
  try {
    const data = join(folder, "data");
    await ensureSampleSet(data, await randomForSamples(), { train: 40, val: 8 });
    const class0 = join(data, "val", readdirSync(join(data, "val"))[0]);
    const pictures = readdirSync(class0).map((name) => new Uint8Array(readFileSync(join(class0, name))));
    servers.push(await inferenceServer(folder, pictures), await dataServer(join(data, "train")));
    const warmUp = await Promise.all(servers.map(({ server }) => server.cpuSeconds()));
    console.log(`fraction of a core over ${seconds} s, ${process.version}`);
    const connected = await measure(servers, seconds);
    for (const { leave } of servers) await leave();
    const alone = await measure(servers, seconds);
    const shares = servers.map(({ name }, i) => ({
      name,
      workedSeconds: warmUp[i],
      connected: connected[i],
      alone: alone[i],
    }));
    const percent = (fraction: number | undefined) => `${(100 * (fraction ?? 0)).toFixed(2)}%`;
    for (const row of shares)
      console.log(
        `${row.name.padEnd(18)} ${row.workedSeconds?.toFixed(1)} s of CPU time for startup and requests; idle with the client connected ${percent(row.connected)}, after it left ${percent(row.alone)}`,
      );
    if (json) console.log(JSON.stringify({ node: process.version, seconds, shares }));
  } finally {
    for (const { server } of servers) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
