// vitrine simulate: predicts how many images a second data servers bring to trainers, from the speed of each part; with
// --check, compares its prediction for this machine with a measurement; with --train, predicts the steps of several ranks.

import type { Command } from "commander";
import { batchCost, defaultCredit } from "../../proto/credits.js";
import { rankCount } from "../../runtime/draw/ranks.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { openDatasetInThread } from "../../server/data/open-in-thread.js";
import { action, printJson, withExamples } from "../command-line.js";
import type { DataFacts } from "../doctor/data-facts.js";
import { measureData } from "../doctor/data-stages.js";
import { listingReport } from "../listing-report.js";
import { decimalNumber, wholeNumber, workersOption } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { type Cluster, simulateCluster } from "../simulate/cluster.js";
import { predictionLines } from "../simulate/report.js";
import { addTrainingOptions, simulateTraining, type TrainingFlags } from "../simulate/training-command.js";

interface SimulateFlags extends RemoteFlags, TrainingFlags {
  train?: boolean;
  servers: number;
  workers: number;
  ranks?: boolean;
  size: number;
  decodeMs: number;
  sendMs: number;
  fileKib: number;
  storageMs: number;
  storageMbps: number;
  cached: number;
  readAhead: number;
  credit?: number;
  stepMs: number;
  batches: number;
  check?: string;
  seconds: number;
}

const MS = 1e-3;

/** Throws `usage/rank` where the ranks do not divide the batch. */
function clusterOf(flags: SimulateFlags): Cluster {
  const { servers, trainers, ranks = false, batchSize, size, cached, readAhead, batches } = flags;
  // Without decode threads the main thread decodes, one image at a time.
  const workers = Math.max(1, flags.workers);
  const batchBytes = batchCost(ranks ? rankCount(batchSize, { world: trainers }) : batchSize, size);
  return {
    servers,
    workers,
    trainers,
    ranks,
    batchSize,
    cached,
    readAhead,
    batches,
    imageBytes: 3 * size * size,
    decodeSeconds: MS * flags.decodeMs,
    sendSeconds: MS * flags.sendMs,
    fileBytes: 1024 * flags.fileKib,
    storageLatency: MS * flags.storageMs,
    storageRate: 1e6 * flags.storageMbps,
    networkLatency: MS * flags.networkMs,
    networkRate: (1e9 * flags.networkGbps) / 8,
    creditBatches: flags.credit ?? Math.floor(defaultCredit(batchBytes) / batchBytes),
    stepSeconds: MS * flags.stepMs,
  };
}

/** This machine as a cluster: what was measured of each stage, one consumer that does nothing with its batches. */
function measuredCluster(flags: SimulateFlags, facts: DataFacts, servers: 0 | 1): Cluster {
  const { read, decode, augment, mix, wire } = facts.stages;
  return {
    ...clusterOf({ ...flags, trainers: 1, ranks: false }),
    servers,
    workers: facts.workers,
    batchSize: facts.batchSize,
    fileBytes: facts.fileBytes,
    decodeSeconds: decode + augment + mix,
    sendSeconds: wire,
    // What was measured is the whole reading of a file; server and consumer are one process.
    storageLatency: read,
    storageRate: Number.POSITIVE_INFINITY,
    cached: 0,
    networkLatency: 0,
    networkRate: Number.POSITIVE_INFINITY,
    stepSeconds: 0,
  };
}

interface Compared {
  predicted: number;
  measured: number;
  /** predicted / measured − 1. */
  error: number;
}

const compared = (predicted: number, measured: number): Compared => ({
  predicted,
  measured,
  error: predicted / measured - 1,
});

/** Predictions for this machine beside its measurements; other programs change the rates, but not the CPU times. */
async function checkHere(path: string, flags: SimulateFlags): Promise<void> {
  const dataset = await openDatasetInThread(path, {
    badSamples: "skip",
    remote: remoteSettings(flags),
    onFiles: listingReport(path),
  });
  const batchSize = Math.min(flags.batchSize, Math.max(1, dataset.samples));
  const facts = await measureData(
    dataset,
    { ...flags, workers: Math.max(1, flags.workers), batchSize },
    () => {},
  );
  const checks = ([0, 1] as const).map((servers) => {
    const cluster = measuredCluster(flags, facts, servers);
    const { decodeSeconds, sendSeconds } = cluster;
    const rate = compared(simulateCluster(cluster).rate, servers === 0 ? facts.together : facts.overGrpc);
    const cpuMeasured = servers === 0 ? facts.cpu.together : facts.cpu.overGrpc;
    const cpuMs = compared(1000 * (decodeSeconds + (servers === 0 ? 0 : sendSeconds)), 1000 * cpuMeasured);
    return { what: servers === 0 ? "in this process" : "over gRPC", rate, cpuMs };
  });
  if (flags.json) return printJson({ stages: facts.stages, checks });
  const line = (name: string, { predicted, measured, error }: Compared, digits: number): void => {
    const number = (value: number): string => value.toFixed(digits).padStart(10);
    const percent = `${error >= 0 ? "+" : ""}${Math.round(100 * error)}%`;
    process.stdout.write(`${name.padEnd(34)}${number(predicted)}${number(measured)}${percent.padStart(8)}\n`);
  };
  process.stdout.write(`${"".padEnd(35)}predicted  measured   error\n`);
  for (const { what, rate, cpuMs } of checks) {
    line(`${what}: images/s`, rate, 0);
    line(`${what}: CPU ms an image`, cpuMs, 2);
  }
}

async function simulate(flags: SimulateFlags): Promise<void> {
  if (flags.train) return simulateTraining(flags);
  if (flags.check !== undefined) return checkHere(flags.check, flags);
  const cluster = clusterOf(flags);
  const prediction = simulateCluster(cluster);
  if (flags.json) printJson({ cluster, ...prediction });
  else process.stdout.write(`${predictionLines(cluster, prediction).join("\n")}\n`);
}

const positive = (flag: string) => decimalNumber(flag, { min: 1e-9 });
const notNegative = (flag: string) => decimalNumber(flag, { min: 0 });

export function configureSimulate(command: Command): void {
  command
    .optionsGroup("Cluster:")
    .option(
      "--servers <n>",
      "data servers; 0: the trainers make their batches themselves",
      wholeNumber("--servers", { min: 0, max: 1000 }),
      1,
    )
    .addOption(workersOption())
    .option(
      "--trainers <n>",
      "trainers that read from the servers",
      wholeNumber("--trainers", { min: 1, max: 1000 }),
      1,
    )
    .option("--ranks", "the trainers are ranks of one run, which share each batch")
    .optionsGroup("Trainer:")
    .option(
      "--batch-size <b>",
      "images per step, of all ranks together",
      wholeNumber("--batch-size", { min: 1, max: 32_768 }),
      64,
    )
    .option("--size <pixels>", "image size", wholeNumber("--size", { min: 1, max: 1024 }), DEIT_RECIPE.size)
    .option("--step-ms <ms>", "computation of a step", notNegative("--step-ms"), 100)
    .option(
      "--credit <batches>",
      "batches made ahead for a trainer (default: what fits in 64 MiB, from 2 to 8)",
      wholeNumber("--credit", { min: 1, max: 1000 }),
    )
    .optionsGroup("Data server:")
    .option(
      "--decode-ms <ms>",
      "an image in a decode thread: decoding, augmentation, mixing",
      positive("--decode-ms"),
      3.5,
    )
    .option("--send-ms <ms>", "an image in the serving thread", notNegative("--send-ms"), 0.2)
    .optionsGroup("Storage of a server:")
    .option("--file-kib <KiB>", "size of a file", positive("--file-kib"), 110)
    .option(
      "--storage-ms <ms>",
      "until the first byte of a file: 0.1 for an SSD, 30 for an object store",
      notNegative("--storage-ms"),
      0.1,
    )
    .option(
      "--storage-mbps <MB/s>",
      "megabytes a second of all files together",
      positive("--storage-mbps"),
      500,
    )
    .option(
      "--cached <x>",
      "fraction of the files that are in memory or in a cache",
      decimalNumber("--cached", { min: 0, max: 1 }),
      0,
    )
    .option(
      "--read-ahead <n>",
      "pairs of files that a decode thread reads and decodes at a time",
      wholeNumber("--read-ahead", { min: 1, max: 64 }),
      2,
    )
    .optionsGroup("Network:")
    .option("--network-ms <ms>", "there and back", notNegative("--network-ms"), 0.2)
    .option("--network-gbps <Gbit/s>", "of each machine's link", positive("--network-gbps"), 10)
    .optionsGroup("Simulation:")
    .option(
      "--batches <n>",
      "batches of each trainer",
      wholeNumber("--batches", { min: 8, max: 10_000 }),
      200,
    )
    .option("--check <path>", "measure this machine with this data set, and compare a prediction for it")
    .option(
      "--seconds <s>",
      "of --check: length of each measurement",
      decimalNumber("--seconds", { min: 0.01, max: 600 }),
      4,
    )
    .option("--json", "print one line of JSON")
    .action(action(simulate));
  addRemoteOptions(command);
  addTrainingOptions(command);
  withExamples(command, [
    [
      "eight trainers, each with a GPU, at four data servers of 16 threads",
      "vitrine simulate --trainers 8 --servers 4 --workers 16 --step-ms 60",
    ],
    [
      "a data set on an object store, a tenth of it in a cache",
      "vitrine simulate --workers 16 --storage-ms 30 --cached 0.1 --read-ahead 8",
    ],
    [
      "DeiT-S on up to eight machines at 1 Gbit/s, with a measured 900 ms a piece",
      "vitrine simulate --train --trainers 8 --piece-ms 900 --network-gbps 1",
    ],
    ["how good the predictions are, here", "vitrine simulate --check photos/train"],
  ]);
}
