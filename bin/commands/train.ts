// vitrine train: trains a DeiT on what a data server sends, or goes on with a run that stopped.

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { connectData } from "../../client/node/index.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { trainToEnd } from "../../trainer/device-recovery.js";
import { INTERRUPTED } from "../../trainer/interruption.js";
import { type OptionValue, TRAINER_OPTIONS, type TrainerOption } from "../../trainer/options.js";
import { createProgress, type Progress } from "../../trainer/progress.js";
import type { RunRequest, RunSources } from "../../trainer/run-request.js";
import { summarize } from "../../trainer/summary.js";
import { action, printJson } from "../command-line.js";
import { kernelProgress } from "../kernel-progress.js";
import { gpuTierOption, threadsOption } from "../model-options.js";
import { decimalNumber, wholeNumber } from "../number-option.js";

interface TrainFlags {
  dataServer: string;
  val?: string;
  out: string;
  checkpointEvery: number;
  resume?: boolean;
  device?: string;
  gpuTier?: string;
  threads: number | "auto";
  dataTimeout: number;
  dataCredit?: number;
  json?: boolean;
}

function pair(flag: string): (text: string) => [number, number] {
  const read = decimalNumber(flag, { min: 0 });
  return (text) => {
    const [low, high, ...more] = text.split(",");
    if (low === undefined || high === undefined || more.length > 0)
      throw new VitrineError("usage/number", `${flag} got "${text}"; allowed: two numbers, LOW,HIGH`);
    return [read(low), read(high)];
  };
}

function parser({ flag, kind }: TrainerOption): ((text: string) => OptionValue) | undefined {
  if (kind.type === "number") return (kind.whole ? wholeNumber : decimalNumber)(flag, kind);
  if (kind.type === "pair") return pair(flag);
  return kind.type === "path" ? (text) => resolve(text) : undefined;
}

function commandOption(option: TrainerOption): Option {
  const { flag, kind, help } = option;
  const made = new Option(kind.type === "switch" ? flag : `${flag} <${kind.type}>`, help);
  const parse = parser(option);
  if (parse) made.argParser(parse);
  if (kind.type === "choice") made.choices(kind.choices);
  return made;
}

/** The trainer's flags that stand on the command line, by flag. */
function givenOptions(command: Command): Map<string, OptionValue> {
  const given = new Map<string, OptionValue>();
  for (const { flag, kind } of TRAINER_OPTIONS) {
    const name = new Option(flag).attributeName();
    if (command.getOptionValueSource(name) !== "cli") continue;
    given.set(flag, kind.type === "switch" ? kind.sets : (command.getOptionValue(name) as OptionValue));
  }
  return given;
}

/** A worker reads validation images ahead while this thread computes. */
const VALIDATION_WORKERS = 1;

function sourcesOf({ dataServer, dataTimeout, dataCredit }: TrainFlags, progress: Progress): RunSources {
  return {
    host: nodeHost(),
    onKernels: kernelProgress(),
    connect: (request) =>
      connectData({
        ...request,
        address: dataServer,
        timeoutSeconds: dataTimeout,
        creditBytes: dataCredit === undefined ? undefined : Math.floor(dataCredit * 2 ** 20),
        onNotice: (text) => progress.say(text),
      }),
    openValidation: (request) =>
      openEvaluation({ ...request, workers: VALIDATION_WORKERS, badSamples: "fail" }),
  };
}

/** 128 + the signal's number, as a shell has it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first signal asks the run to stop after its step, a second one ends the process. */
function stopOnSignals(): { interruption: AbortSignal; status: () => number; release: () => void } {
  const controller = new AbortController();
  let status = 0;
  const heard = Object.entries(SIGNALS).map(([name, number]) => {
    const stop = () => {
      if (status !== 0) process.exit(number);
      status = number;
      controller.abort();
    };
    process.on(name, stop);
    return () => process.off(name, stop);
  });
  const release = () => {
    for (const forget of heard) forget();
  };
  return { interruption: controller.signal, status: () => status, release };
}

/** A data server on this machine decodes on one of its cores: `auto` leaves it that one and takes the others. */
function threadsBeside(address: string, threads: number | "auto"): number | "auto" {
  const local = /^(unix:|127\.|localhost:|\[::1\])/.test(address);
  return threads === "auto" && local ? Math.max(1, nodeHost().cores() - 1) : threads;
}

async function runTrainer(flags: TrainFlags, command: Command): Promise<void> {
  const stream = flags.json ? process.stderr : process.stdout;
  const progress = createProgress(stream);
  const request: RunRequest = {
    out: flags.out,
    resume: flags.resume ?? false,
    given: givenOptions(command),
    validation: flags.val === undefined ? null : resolve(flags.val),
    checkpointEvery: flags.checkpointEvery,
    device: flags.device ?? null,
    gpuTier: flags.gpuTier ?? null,
    threads: threadsBeside(flags.dataServer, flags.threads),
  };
  const signals = stopOnSignals();
  const { interruption } = signals;
  try {
    const sources = sourcesOf(flags, progress);
    const summary = summarize(await trainToEnd({ request, sources, progress, interruption }));
    progress.say(summary.text);
    if (flags.json) printJson(summary.facts);
  } catch (error) {
    if (!isVitrineError(error) || error.code !== INTERRUPTED) throw error;
    process.stderr.write(`vitrine: ${error.message}\n`);
    process.exitCode = signals.status();
  } finally {
    signals.release();
  }
}

export function registerTrain(program: Command): void {
  const command = program
    .command("train")
    .description("train a DeiT on what a data server sends")
    .requiredOption("--data-server <address>", "HOST:PORT or unix:PATH of `vitrine data-server`")
    .requiredOption("--out <folder>", "the run's folder: last, best, metrics.csv")
    .option("--val <path>", "validation images: folder of class folders, or CSV list")
    .option("--resume", "go on from RUN/last; all settings come from there")
    .option(
      "--checkpoint-every <steps>",
      "steps between checkpoints within an epoch",
      wholeNumber("--checkpoint-every", { min: 1 }),
      500,
    )
    .option(
      "--data-timeout <s>",
      "seconds to wait for a data server that is away",
      decimalNumber("--data-timeout", { min: 0 }),
      60,
    )
    .option(
      "--data-credit <MiB>",
      "batches that may be on their way or waiting here (64, two batches at least)",
      decimalNumber("--data-credit", { min: 0 }),
    )
    .option(
      "--device <name>",
      "auto (a GPU, else wasm), wasm, webgpu, webgpu:ADAPTER, or tfjs:cpu, tfjs:webgpu, tfjs:tensorflow",
    )
    .addOption(gpuTierOption())
    .addOption(threadsOption("the cores this process may use, less one for a data server on this machine"))
    .option("--json", "end with one line of JSON; everything else goes to standard error");
  for (const option of TRAINER_OPTIONS) command.addOption(commandOption(option));
  command.action(action((flags: TrainFlags, self: Command) => runTrainer(flags, self)));
}
