// vitrine train: trains a DeiT or a RegNetY on the batches of a data server, or continues a run that stopped.

import { join } from "node:path";
import { type Command, Option } from "commander";
import { connectData } from "../../client/node/index.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { LAST } from "../../trainer/checkpoint/run-folders.js";
import { INTERRUPTED } from "../../trainer/core/interruption.js";
import type { OptionValue } from "../../trainer/core/option-kinds.js";
import type { Progress } from "../../trainer/core/progress-report.js";
import type { RunRequest, RunSources } from "../../trainer/core/run.js";
import { trainToEnd } from "../../trainer/device-recovery.js";
import { describeDryRun, measureRun } from "../../trainer/dry-run.js";
import type { FolderRun } from "../../trainer/folder-record.js";
import { type PrepareOptions, prepareRun } from "../../trainer/prepare.js";
import { createProgress, kernelProgress } from "../../trainer/progress.js";
import { trainRanks } from "../../trainer/ranks/run-ranks.js";
import { summarize } from "../../trainer/report.js";
import { withLog } from "../../trainer/run-log.js";
import { action, printJson, withExamples } from "../command-line.js";
import type { RunEnd } from "../dashboard/live-run.js";
import type { LiveDashboard } from "../dashboard/open-dashboard.js";
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
import { addRemoteOptions, recordedPath, recordedRemoteFlags, remoteSettings } from "../remote-options.js";
import type { ReportSources } from "../report/gather.js";
import { REPORT_TIMEOUT_SECONDS, reportSources } from "../report/sources.js";
import { addConnectionSecurity, connectionFlags, connectionSecurity } from "../security-options.js";
import { stopOnSignals } from "../stop-on-signals.js";
import { type TrainFlags, VALIDATION_WORKERS } from "../train/flags.js";
import { endDespiteConnections } from "../train/lingering-connections.js";
import { withLocalModels } from "../train/local-models.js";
import { addRankOptions, type RankedRun, type RankSettings, rankSettings } from "../train/rank-settings.js";
import { reportRun } from "../train/report-run.js";
import { type RunPlace, runPlace } from "../train/run-place.js";
import { openValidation } from "../train/validation-source.js";
import { addTrainerOptions, configuredOptions, givenOptions } from "../trainer-flags.js";
import { validationPlace } from "../validation-data.js";

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

/** What the report opens again. Files that this process has listed are not listed again. */
function reportedBy(
  flags: TrainFlags,
  { state }: FolderRun,
  { connect }: RunSources,
  progress: Progress,
): ReportSources {
  const isListed = flags.data !== undefined;
  const open = isListed ? connect : trainingData({ ...flags, dataTimeout: REPORT_TIMEOUT_SECONDS }, progress);
  return reportSources({
    device: state.device,
    gpuTier: state.gpuTier ?? undefined,
    threads: flags.threads,
    workers: VALIDATION_WORKERS,
    connect: (data) => open({ ...data, badSamples: "skip" }),
    security: connectionSecurity(flags),
    remote: remoteSettings(flags),
    pixelLimit: flags.maxPixels,
  });
}

/**
 * A data server on this machine, or decode threads of this process, take one of its cores: `auto` leaves it to them. The
 * ranks of a machine divide its cores.
 */
function threadsBeside({ dataServer, threads }: TrainFlags, processes = 1): number | "auto" {
  if (threads === "auto" && processes > 1) return Math.max(1, Math.floor(nodeHost().cores() / processes));
  const local = dataServer === undefined || /^(unix:|127\.|localhost:|\[::1\])/.test(dataServer);
  return threads === "auto" && local ? Math.max(1, nodeHost().cores() - 1) : threads;
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

/** Loaded on use: a run that nobody looks at has no server. The link has a secret, and does not go into RUN/log.txt. */
async function liveDashboard(
  { dashboard, dryRun: isDry, out }: TrainFlags,
  stop: () => void,
  print: (line: string) => void,
): Promise<LiveDashboard | null> {
  if (dashboard === undefined || isDry) return null;
  const { dashboardLines, openLiveDashboard } = await import("../dashboard/open-dashboard.js");
  const live = await openLiveDashboard(out, dashboard === true ? undefined : dashboard, stop);
  for (const line of dashboardLines(live.server)) print(line);
  return live;
}

function endOf(error: unknown): RunEnd {
  const text = error instanceof Error ? error.message : String(error);
  if (!isVitrineError(error)) return { phase: "failed", advice: text };
  if (error.code === INTERRUPTED) return { phase: "stopped", advice: text };
  return { phase: "failed", advice: `${error.code}: ${text}` };
}

async function runTrainer({ config }: TrainFlags, command: Command): Promise<void> {
  const configured = configuredOptions(config, command);
  const flags = command.opts<TrainFlags>();
  // A flag overrides the other one in a file.
  const isGiven = (name: string) => command.getOptionValueSource(name) === "cli";
  if (isGiven("data") && !isGiven("dataServer")) flags.dataServer = undefined;
  if (isGiven("dataServer") && !isGiven("data")) flags.data = undefined;
  requireOneSource(flags, "train");
  const ranks = rankSettings(flags);
  try {
    if (ranks && ranks.rank > 0) await trainBeside(flags, ranks, configured, command);
    else await trainKept(flags, { configured, ranks }, command);
  } finally {
    if (ranks) endDespiteConnections();
  }
}

interface RunPlan {
  configured: Map<string, OptionValue>;
  ranks: RankSettings | null;
}

/** The process that keeps the run. */
async function trainKept(flags: TrainFlags, plan: RunPlan, command: Command): Promise<void> {
  const place = runPlace(flags.out, remoteSettings(flags));
  flags.out = place.folder;
  try {
    await trainAt(place, flags, plan, command);
  } catch (error) {
    await place.close().catch(() => {});
    throw place.explain(error);
  }
  await place.close();
}

async function requestOf(
  flags: TrainFlags,
  configured: Map<string, OptionValue>,
  ranks: RankSettings | null,
  command: Command,
): Promise<RunRequest> {
  const given = await withLocalModels(givenOptions(command));
  // A piece for each rank, unless it is said: pieces are the run's, whichever ranks compute them later.
  const isNew = ranks?.rank === 0 && flags.resume !== true;
  if (isNew && !given.has("--accumulate") && !configured.has("--accumulate"))
    given.set("--accumulate", ranks.world);
  return {
    out: flags.out,
    resume: flags.resume ?? (flags.resumeIfAny === true && "if-any"),
    given,
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
    threads: threadsBeside(flags, ranks?.processes),
  };
}

/** A run that this process computes alone, or with the ranks that it leads. */
async function trainAll(
  options: PrepareOptions,
  flags: TrainFlags,
  ranks: RankSettings | null,
): Promise<FolderRun> {
  if (ranks === null) return trainToEnd(options);
  const { progress, request } = options;
  const say = (line: string) => progress.say(line);
  if (ranks.origin !== null) say(`rank 0 of ${ranks.world}, as ${ranks.origin} in the environment say`);
  return trainWith({ options, flags, ranks, threads: request.threads, say });
}

/** The collective is loaded on use: a run of one process is no server. */
async function trainWith({
  options,
  ...ranked
}: { options: PrepareOptions } & RankedRun): Promise<FolderRun> {
  const { rankOptions } = await import("../train/join-ranks.js");
  const joining = rankOptions(ranked);
  try {
    return await trainRanks(options, joining);
  } finally {
    await joining.stop();
  }
}

const writeError = (line: string): void => void process.stderr.write(`${line}\n`);

/** Another rank than 0: it keeps nothing, and says on standard error what happens to it. */
async function trainBeside(
  flags: TrainFlags,
  ranks: RankSettings,
  configured: Map<string, OptionValue>,
  command: Command,
): Promise<void> {
  // Of the run itself rank 0 speaks.
  const progress = { report: () => {}, status: () => {}, say: () => {}, end: () => {} };
  const request = await requestOf(flags, configured, ranks, command);
  const signals = stopOnSignals(writeError, "the run of rank 0");
  const options = {
    request,
    sources: sourcesOf(flags, progress),
    progress,
    interruption: signals.interruption,
  };
  try {
    await trainWith({ options, flags, ranks, threads: request.threads, say: writeError });
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    if (error.code === INTERRUPTED) process.exitCode = signals.status();
    // The others did without this rank at the end, which is no failure.
    else if (error.code === "collective/finished") writeError(error.message);
    else throw error;
  } finally {
    signals.release();
  }
}

/** `flags.out` is the folder of `place`. */
async function trainAt(
  place: RunPlace,
  flags: TrainFlags,
  { configured, ranks }: RunPlan,
  command: Command,
): Promise<void> {
  const stream = flags.json ? process.stderr : process.stdout;
  const terminal = place.shown(createProgress(stream));
  let progress = withLog(terminal);
  const request = await requestOf(flags, configured, ranks, command);
  const signals = stopOnSignals((line) => progress.say(line), place.name(join(flags.out, LAST)));
  const { interruption } = signals;
  let live: LiveDashboard | null = null;
  let run: FolderRun | undefined;
  let sources: RunSources | undefined;
  try {
    live = await liveDashboard(flags, signals.stop, (line) => terminal.say(line));
    if (live) progress = live.run.follow(progress);
    sources = sourcesOf(flags, progress);
    const followed = live && { observer: live.run.observer, control: live.run.control };
    const options = { request, sources, progress, interruption, mirror: place.mirror, ...followed };
    if (flags.dryRun) return await dryRun(flags, options);
    run = await trainAll(options, flags, ranks);
    const { lines } = summarize(run);
    for (const line of lines) progress.say(line);
    live?.run.end({ phase: "finished", advice: lines.join(" ") });
  } catch (error) {
    live?.run.end(endOf(error));
    if (!isVitrineError(error)) throw error;
    progress.note(place.name(`vitrine: ${error.code}: ${error.message}`));
    if (error.code !== INTERRUPTED) throw error;
    process.stderr.write(`vitrine: ${place.name(error.message)}\n`);
    process.exitCode = signals.status();
  } finally {
    signals.release();
    await live?.server.close();
  }
  if (!run || !sources) return;
  const report = flags.report
    ? await reportRun(flags.out, reportedBy(flags, run, sources, progress), (line) => progress.say(line))
    : null;
  if (!flags.json) return;
  const { facts } = summarize(run);
  printJson({ ...facts, last: place.name(facts.last), report: report && place.name(report) });
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
    .requiredOption(
      "--out <folder>",
      "folder of the run, with last/, best/, metrics.csv and config.yaml; or s3://BUCKET/PREFIX",
    )
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
    .option(
      "--resume-if-any",
      "continue the run in --out if there is one, else start it: for restarts by a cluster",
    )
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
    .option(
      "--dashboard [host:port]",
      "serve a live page of the run, which can pause, save and stop it (default: 127.0.0.1:8090, or a free port)",
    )
    .option("--no-report", "write no RUN/report.html at the end of the run")
    .option("--json", "end with one line of JSON; everything else goes to standard error")
    .optionsGroup("Device:")
    .addOption(deviceOption())
    .addOption(gpuTierOption())
    .addOption(threadsOption("all cores of this process, less one for decoding on this machine"));
  addRankOptions(command);
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
      "the same run in 4 processes of this machine",
      "vitrine train --data photos/train --out runs/tiny \\\n" +
        "    --model deit_tiny_patch16_224 --processes 4",
    ],
    [
      "continue a run that was stopped",
      "vitrine train --data-server 127.0.0.1:50051 --out runs/tiny --resume",
    ],
  ]);
}
