// vitrine train: trains a DeiT or a RegNetY on the batches of a data server, or continues a run that stopped.

import { join } from "node:path";
import type { Command } from "commander";
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
import { action, printJson } from "../command-line.js";
import type { RunEnd } from "../dashboard/live-run.js";
import type { LiveDashboard } from "../dashboard/open-dashboard.js";
import { localData } from "../local-data.js";
import { deviceOption, gpuTierOption, threadsOption } from "../model-options.js";
import { requireOneSource } from "../options.js";
import { addRemoteOptions, remoteSettings } from "../remote-options.js";
import type { ReportSources } from "../report/gather.js";
import { REPORT_TIMEOUT_SECONDS, reportSources } from "../report/sources.js";
import { addConnectionSecurity, connectionSecurity } from "../security-options.js";
import { stopOnSignals } from "../stop-on-signals.js";
import { type TrainFlags, VALIDATION_WORKERS } from "../train/flags.js";
import { endDespiteConnections } from "../train/lingering-connections.js";
import { withLocalModels } from "../train/local-models.js";
import {
  addRankOptions,
  aloneNotice,
  type RankedRun,
  type RankSettings,
  rankSettings,
} from "../train/rank-settings.js";
import { reportRun } from "../train/report-run.js";
import { type RunPlan, requestOf } from "../train/request.js";
import { type RunPlace, runPlace } from "../train/run-place.js";
import { addTrainExamples, addTrainOptions } from "../train/train-options.js";
import { openValidation } from "../train/validation-source.js";
import { addTrainerOptions, configuredOptions, givenOptions } from "../trainer-flags.js";

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
  checkPlace(flags, ranks);
  const alone = ranks ? null : aloneNotice();
  if (alone !== null) writeError(alone);
  try {
    if (ranks && ranks.rank > 0) await trainBeside(flags, ranks, configured, command);
    else await trainKept(flags, { configured, ranks }, command);
  } finally {
    if (ranks) endDespiteConnections();
  }
}

/** Throws `usage/command-line` where the run has no place, and for a dry run of several processes. */
function checkPlace({ out, dryRun: isDry }: TrainFlags, ranks: RankSettings | null): void {
  if (isDry && ranks)
    throw new VitrineError(
      "usage/command-line",
      "--dry-run measures one process: leave --processes, --rank and --world out, and see vitrine simulate --train",
    );
  if (out !== undefined || (ranks && ranks.rank > 0)) return;
  throw new VitrineError(
    "usage/command-line",
    "required option '--out <folder>' not specified (see \"vitrine train --help\")",
  );
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

/** The run that is asked for, with the models that it names on this machine. */
async function localRequest(flags: TrainFlags, plan: RunPlan, command: Command): Promise<RunRequest> {
  const configured = await withLocalModels(plan.configured);
  return requestOf(flags, { ...plan, configured }, await withLocalModels(givenOptions(command)));
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
}: { options: PrepareOptions } & Omit<RankedRun, "interruption">): Promise<FolderRun> {
  const { rankOptions } = await import("../train/join-ranks.js");
  const joining = rankOptions({ ...ranked, interruption: options.interruption });
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
  flags.out ??= "";
  const progress = { report: () => {}, status: () => {}, say: () => {}, end: () => {} };
  const request = await localRequest(flags, { configured, ranks }, command);
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
  const request = await localRequest(flags, { configured, ranks }, command);
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
  addTrainOptions(command);
  command
    .optionsGroup("Device:")
    .addOption(deviceOption())
    .addOption(gpuTierOption())
    .addOption(threadsOption("all cores of this process, less one for decoding on this machine"));
  addRankOptions(command);
  addConnectionSecurity(command);
  addRemoteOptions(command);
  addTrainerOptions(command);
  command.action(action((flags: TrainFlags, self: Command) => runTrainer(flags, self)));
  addTrainExamples(command);
}
