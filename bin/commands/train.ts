// vitrine train: trains a DeiT or a RegNetY on the batches of a data server, or continues a run that stopped.

import { join } from "node:path";
import { type Command, Option } from "commander";
import { connectData } from "../../client/node/index.js";
import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { displayPath } from "../../runtime/batches/data-path.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { LAST } from "../../trainer/checkpoint/run-folders.js";
import { INTERRUPTED } from "../../trainer/core/interruption.js";
import type { OptionValue } from "../../trainer/core/option-kinds.js";
import type { Progress } from "../../trainer/core/progress-report.js";
import type { RunRequest, RunSources, TrainingRun, ValidationRequest } from "../../trainer/core/run.js";
import { trainToEnd } from "../../trainer/device-recovery.js";
import { describeDryRun, measureRun } from "../../trainer/dry-run.js";
import type { FolderRun } from "../../trainer/folder-record.js";
import { type PrepareOptions, prepareRun } from "../../trainer/prepare.js";
import { createProgress, kernelProgress } from "../../trainer/progress.js";
import { summarize } from "../../trainer/report.js";
import { withLog } from "../../trainer/run-log.js";
import { isTeacherAddress } from "../../trainer/teacher-address.js";
import { action, printJson, withExamples } from "../command-line.js";
import { localModelPath, refuseBareHubName } from "../hub-model.js";
import { localData } from "../local-data.js";
import { deviceOption, gpuTierOption, threadsOption } from "../model-options.js";
import {
  BAD_SAMPLES,
  decimalNumber,
  maxPixelsOption,
  requireOneSource,
  wholeNumber,
  workersOption,
} from "../options.js";
import {
  addRemoteOptions,
  type RemoteFlags,
  recordedPath,
  recordedRemoteFlags,
  remoteSettings,
} from "../remote-options.js";
import type { ReportSources } from "../report/gather.js";
import { REPORT_IMAGES } from "../report/reported-run.js";
import { REPORT_TIMEOUT_SECONDS, reportSources } from "../report/sources.js";
import {
  addConnectionSecurity,
  type ConnectionFlags,
  connectionFlags,
  connectionSecurity,
} from "../security-options.js";
import { stopOnSignals } from "../stop-on-signals.js";
import { addTrainerOptions, configuredOptions, givenOptions } from "../trainer-flags.js";
import { isRemoteData, openRemoteValidation, validationPlace } from "../validation-data.js";

interface TrainFlags extends ConnectionFlags, RemoteFlags {
  config?: string;
  data?: string;
  dataServer?: string;
  workers: number;
  val?: string;
  out: string;
  badSamples?: BadSamples;
  maxPixels: number;
  acceptData?: boolean;
  checkpointEvery: number;
  keepBest: number;
  resume?: boolean;
  device?: string;
  gpuTier?: string;
  threads: number | "auto";
  dataTimeout: number;
  dataCredit?: number;
  teacherTimeout: number;
  report: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** Models of the Hub become folders of its cache: a run that is resumed finds the commit that it started with. */
async function withLocalModels(given: Map<string, OptionValue>): Promise<Map<string, OptionValue>> {
  for (const [flag, value] of given) {
    if (typeof value !== "string" || isTeacherAddress(value)) continue;
    // --model is an architecture: there a published name is right.
    if (flag === "--init" || flag === "--teacher") refuseBareHubName(value);
    given.set(flag, await localModelPath(value));
  }
  return given;
}

/** One worker decodes validation images ahead while this thread computes. */
const VALIDATION_WORKERS = 1;

/** Headers of a slow disk's files are checked no longer than this. */
const HEADER_SECONDS = 15;

/** Validation images whose headers are in order; each bad file is named once, whenever it is found. */
async function openValidation(
  request: ValidationRequest,
  { maxPixels: pixelLimit, dataTimeout, ...flags }: TrainFlags,
  progress: Progress,
): Promise<EvaluationSource> {
  const { path, signal, badSamples, ...asked } = request;
  if (isRemoteData(path)) {
    const say = (line: string) => progress.say(line);
    const server = { place: path, timeoutSeconds: dataTimeout, say, ...connectionSecurity(flags) };
    return openRemoteValidation({ ...asked, ...server }, "--val");
  }
  const named = new Set<unknown>();
  const say =
    (what: string) =>
    ({ message, details }: VitrineError): void => {
      if (!named.has(details.file)) progress.say(`${what}: ${message}`);
      named.add(details.file);
    };
  const reading = { pixelLimit, onSkipped: say("left out"), onKept: say("kept in part") };
  const input = { path, badSamples, remote: remoteSettings(flags), ...asked };
  const source = await openEvaluation({ ...input, workers: VALIDATION_WORKERS, ...reading });
  try {
    const onNotice = (text: string) => progress.say(`${displayPath(request.path)}: ${text}`);
    await source.checkHeaders({ seconds: HEADER_SECONDS, signal, onNotice });
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Training batches of a data server, or made in this process. */
function trainingData(flags: TrainFlags, progress: Progress): RunSources["connect"] {
  const { data, dataServer, workers, dataTimeout, dataCredit, maxPixels: pixelLimit } = flags;
  const say = (text: string) => progress.say(text);
  if (data !== undefined)
    return localData({ path: data, workers, pixelLimit, remote: remoteSettings(flags), say });
  const creditBytes = dataCredit === undefined ? undefined : Math.floor(dataCredit * 2 ** 20);
  const timeoutSeconds = dataTimeout;
  const server = { address: dataServer as string, timeoutSeconds, creditBytes, onNotice: say };
  const security = connectionSecurity(flags);
  return ({ badSamples, ...request }) => connectData({ ...request, ...server, ...security });
}

function sourcesOf(flags: TrainFlags, progress: Progress): RunSources {
  return {
    openRuntime: (request) =>
      createRuntime({
        ...request,
        host: nodeHost(),
        trains: true,
        background: true,
        onKernels: kernelProgress(),
      }),
    connect: trainingData(flags, progress),
    openValidation: (request) => openValidation(request, flags, progress),
  };
}

/** A data server on this machine, or decode threads of this process, take one of its cores: `auto` leaves it to them. */
function threadsBeside({ dataServer, threads }: TrainFlags): number | "auto" {
  const local = dataServer === undefined || /^(unix:|127\.|localhost:|\[::1\])/.test(dataServer);
  return threads === "auto" && local ? Math.max(1, nodeHost().cores() - 1) : threads;
}

/**
 * Writes RUN/report.html about a finished run and returns its path. The run is complete without it: what goes wrong is
 * a line, and null.
 */
async function reportRun(
  flags: TrainFlags,
  { state }: TrainingRun,
  { connect: connectRun }: RunSources,
  progress: Progress,
): Promise<string | null> {
  const { out, threads } = flags;
  const device = { device: state.device, gpuTier: state.gpuTier ?? undefined, threads };
  const path = join(out, "report.html");
  // Files that this process has listed are not listed again.
  const open =
    flags.data === undefined
      ? trainingData({ ...flags, dataTimeout: REPORT_TIMEOUT_SECONDS }, progress)
      : connectRun;
  const connect: ReportSources["connect"] = (data) => open({ ...data, badSamples: "skip" });
  try {
    // Plotting takes a quarter of a second to load, which the start of a run should not wait for.
    const { makeReport } = await import("../report/make-report.js");
    const sources = reportSources({
      ...device,
      workers: VALIDATION_WORKERS,
      connect,
      security: connectionSecurity(flags),
      remote: remoteSettings(flags),
      pixelLimit: flags.maxPixels,
    });
    await makeReport({ runs: [out], out: path, mostImages: REPORT_IMAGES, sources });
    progress.say(`report: ${quote(path)}`);
    return path;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    progress.say(`no report was written (vitrine report ${quote(out)} tries again): ${quote(text)}`);
    return null;
  }
}

/** Measures the run without writing anything. Throws `usage/command-line` with --resume. */
async function dryRun(flags: TrainFlags, options: PrepareOptions): Promise<void> {
  if (flags.resume)
    throw new VitrineError(
      "usage/command-line",
      "--dry-run measures a run that is not started yet: leave --resume out",
    );
  const { run, close } = await prepareRun({ ...options, dryRun: true });
  try {
    options.progress.status("measuring: data, computation, and both together …");
    const facts = await measureRun(run);
    options.progress.end();
    for (const line of describeDryRun(facts)) options.progress.say(line);
    if (flags.json) printJson(facts);
  } finally {
    await close();
  }
}

async function runTrainer({ config }: TrainFlags, command: Command): Promise<void> {
  const configured = configuredOptions(config, command);
  const flags = command.opts<TrainFlags>();
  // A flag overrides the other one in a file.
  const given = (name: string) => command.getOptionValueSource(name) === "cli";
  if (given("data") && !given("dataServer")) flags.dataServer = undefined;
  if (given("dataServer") && !given("data")) flags.data = undefined;
  requireOneSource(flags, "train");
  const stream = flags.json ? process.stderr : process.stdout;
  const progress = withLog(createProgress(stream));
  const sources = sourcesOf(flags, progress);
  const request: RunRequest = {
    out: flags.out,
    resume: flags.resume ?? false,
    given: await withLocalModels(givenOptions(command)),
    configured: await withLocalModels(configured),
    command: {
      ...(flags.data === undefined ? {} : { data: recordedPath(flags.data), workers: flags.workers }),
      ...(flags.badSamples === undefined ? {} : { "bad-samples": flags.badSamples }),
      "max-pixels": flags.maxPixels,
      ...recordedRemoteFlags(flags),
      ...(flags.dataServer === undefined ? {} : { "data-server": flags.dataServer }),
      ...(flags.dataCredit === undefined ? {} : { "data-credit": flags.dataCredit }),
      "data-timeout": flags.dataTimeout,
      ...connectionFlags(flags),
      "teacher-timeout": flags.teacherTimeout,
      "checkpoint-every": flags.checkpointEvery,
      "keep-best": flags.keepBest,
    },
    validation: flags.val === undefined ? null : validationPlace(flags.val),
    badSamples: flags.badSamples ?? null,
    acceptData: flags.acceptData ?? false,
    checkpointEvery: flags.checkpointEvery,
    keepBest: flags.keepBest,
    device: flags.device ?? null,
    gpuTier: flags.gpuTier ?? null,
    teacherTimeout: flags.teacherTimeout,
    threads: threadsBeside(flags),
  };
  const signals = stopOnSignals((line) => progress.say(line), join(flags.out, LAST));
  const { interruption } = signals;
  let run: FolderRun | undefined;
  try {
    const options = { request, sources, progress, interruption };
    if (flags.dryRun) return await dryRun(flags, options);
    run = await trainToEnd(options);
    for (const line of summarize(run).lines) progress.say(line);
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    progress.note(`vitrine: ${error.code}: ${error.message}`);
    if (error.code !== INTERRUPTED) throw error;
    process.stderr.write(`vitrine: ${error.message}\n`);
    process.exitCode = signals.status();
  } finally {
    signals.release();
  }
  if (!run) return;
  const report = flags.report ? await reportRun(flags, run, sources, progress) : null;
  if (flags.json) printJson({ ...summarize(run).facts, report });
}

export function configureTrain(command: Command): void {
  command
    .optionsGroup("Data and run:")
    .option("-c, --config <file>", "YAML file of flags without dashes; flags given here override it")
    .option(
      "--data <path>",
      "training images: folder of class folders, list, index, or URL of one; this process decodes them",
    )
    .option(
      "--data-server <address>",
      "in place of --data: HOST:PORT or unix:PATH of a `vitrine data-server`; several with commas, or dns:///NAME:PORT for all of a name",
    )
    .requiredOption("--out <folder>", "folder of the run, with last/, best/, metrics.csv and config.yaml")
    .option(
      "--val <path>",
      "validation images: folder of class folders, list, index, URL of one, or grpc://HOST:PORT of their data server",
    )
    .addOption(
      new Option(
        "--bad-samples <policy>",
        "a file of --data or --val that cannot be read: end the run, leave it out, or use the rows that it still has (default: fail)",
      ).choices(BAD_SAMPLES),
    )
    .addOption(maxPixelsOption("a larger one of --data or --val is a bad sample"))
    .addOption(workersOption())
    .option("--resume", "continue the run in --out, with its settings")
    .option("--accept-data", "with --resume: continue although the data set has changed")
    .option(
      "--checkpoint-every <steps>",
      "steps between checkpoints; each epoch's end writes one too",
      wholeNumber("--checkpoint-every", { min: 1 }),
      500,
    )
    .option(
      "--keep-best <n>",
      "epochs whose models are kept in RUN/top, without optimizer state; 1: RUN/best alone",
      wholeNumber("--keep-best", { min: 1, max: 1000 }),
      3,
    )
    .option(
      "--data-timeout <s>",
      "seconds to wait for a data server that does not answer",
      decimalNumber("--data-timeout", { min: 0 }),
      60,
    )
    .option(
      "--data-credit <MiB>",
      "memory for batches in flight or waiting, in MiB (default: what fits in 64 MiB, from 2 to 8 batches)",
      decimalNumber("--data-credit", { min: 0 }),
    )
    .option(
      "--teacher-timeout <s>",
      "seconds for each answer of a teacher's server (--teacher grpc://...)",
      decimalNumber("--teacher-timeout", { min: 0.001 }),
      60,
    )
    .option("--dry-run", "measure memory, data and a few steps, estimate the run's time, and write nothing")
    .option("--no-report", "write no RUN/report.html at the end of the run")
    .option("--json", "end with one line of JSON; everything else goes to standard error")
    .optionsGroup("Device:")
    .addOption(deviceOption())
    .addOption(gpuTierOption())
    .addOption(threadsOption("all cores of this process, less one for decoding on this machine"));
  addConnectionSecurity(command);
  addRemoteOptions(command);
  addTrainerOptions(command);
  command.action(action((flags: TrainFlags, self: Command) => runTrainer(flags, self)));
  withExamples(command, [
    [
      "train DeiT-Ti from scratch",
      "vitrine train --data photos/train --val photos/val \\\n" +
        "    --out runs/tiny --model deit_tiny_patch16_224",
    ],
    [
      "fine-tune on one's own photographs for 5 epochs",
      "vitrine train --data-server 127.0.0.1:50051 --val photos/val \\\n" +
        "    --out runs/tuned --init model.safetensors --epochs 5",
    ],
    [
      "the same settings again, but for a seed",
      "vitrine train -c runs/tuned/config.yaml --seed 1 --out runs/again",
    ],
    [
      "continue a run that was stopped",
      "vitrine train --data-server 127.0.0.1:50051 --out runs/tiny --resume",
    ],
  ]);
}
