// vitrine serve: serves models over gRPC and HTTP, by the Open Inference Protocol v2, until a signal stops it.

import { availableParallelism, totalmem } from "node:os";
import { constrainedMemory } from "node:process";
import type { Command } from "commander";
import type { Logger } from "pino";
import { isVitrineError } from "../../runtime/errors.js";
import { endOnSignalDuring, runUntilSignal } from "../../server/drain.js";
import type { ModelLimits } from "../../server/inference/contract.js";
import { DeviceTurns } from "../../server/inference/engine/device-turns.js";
import { type InferenceServer, startInferenceServer } from "../../server/inference/inference-server.js";
import { type Observation, openObservation } from "../../server/inference/observation/observation.js";
import { createStatistics } from "../../server/inference/observation/statistics.js";
import {
  createPictureThreads,
  defaultDecodeThreads,
} from "../../server/inference/pictures/picture-threads.js";
import { createRepository, type LiveRepository } from "../../server/inference/repository/live-repository.js";
import { MemoryBudget } from "../../server/inference/repository/memory-budget.js";
import { DEFAULT_LIMITS, type InferenceServerOptions } from "../../server/inference/server-options.js";
import { exposureWarning } from "../../server/listen.js";
import { createLog } from "../../server/log.js";
import { protectionOf } from "../../server/security.js";
import { action, packageVersion } from "../command-line.js";
import { parseDtype, serveDeviceOptions, servingRuntime } from "../model-options.js";
import { type OpenedPage, openPage } from "../page-source.js";
import { serverSecurity } from "../security-options.js";
import { addServeFlags, checkServeFlags, type ServeFlags } from "../serve/flags.js";
import { versionOpener } from "../serve/open-version.js";
import { servedModels } from "../serve/served-models.js";
import { startInThread } from "../serve/start-in-thread.js";
import { completeSettings, settingsText } from "../settings.js";

/** Half of what the process may use: of its cgroup, else of the machine. */
function defaultMemory(): number {
  const limit = constrainedMemory();
  return (limit > 0 && limit < totalmem() ? limit : totalmem()) / 2;
}

function limitsOf(flags: ServeFlags): ModelLimits {
  const { maxBatch, maxQueue, maxImagesPerRequest, maxMessageBytes, maxPixels } = flags;
  return {
    ...DEFAULT_LIMITS,
    maxBatch,
    maxQueue,
    maxImages: maxImagesPerRequest,
    queueDelayUs: flags.maxQueueDelayUs,
    maxMessageBytes,
    maxPixels,
    decodeTimeoutMs: flags.decodeTimeout * 1000,
  };
}

/** Its port is as free as that of --listen, where that is any. */
const httpDefault = (listen: string): string => (listen.endsWith(":0") ? "127.0.0.1:0" : "127.0.0.1:8000");

function httpOf(
  { http, listen, corsOrigin }: ServeFlags,
  page: OpenedPage | undefined,
): InferenceServerOptions["http"] {
  if (http === "off") return undefined;
  return {
    listen: http ?? httpDefault(listen),
    corsOrigins: corsOrigin,
    ...(page && { page: page.handle }),
  };
}

/** Without --http, a port that another process has is no reason not to start. */
async function startServer(
  flags: ServeFlags,
  options: InferenceServerOptions,
  page: OpenedPage | undefined,
  log: Logger,
): Promise<InferenceServer> {
  const http = httpOf(flags, page);
  try {
    return await startInferenceServer({ ...options, ...(http && { http }) });
  } catch (error) {
    const isTaken = isVitrineError(error) && error.code === "network/address-in-use";
    if (flags.http !== undefined || !isTaken || error.details.address !== http?.listen) throw error;
    log.warn(`${http?.listen} is in use: HTTP is off; --http HOST:PORT chooses another address`);
    return startInferenceServer(options);
  }
}

/**
 * Throws why a model of --model cannot be served, and where there is no other model at all, why one of the repository
 * cannot: without polling and calls it would never change.
 */
function checkLoaded(
  failures: ReadonlyMap<string, unknown>,
  named: readonly string[],
  { progress }: LiveRepository,
  { modelControl }: ServeFlags,
): void {
  for (const [name, error] of failures) if (named.includes(name)) throw error;
  const [failure] = failures.values();
  if (modelControl === "none" && failure !== undefined && progress().ready === 0) throw failure;
}

/** What is open to whom, for each address. */
function warnOfExposure(server: InferenceServer, flags: ServeFlags, log: Logger): void {
  const protection = protectionOf(serverSecurity(flags));
  const what = flags.modelControl === "explicit" && !flags.adminTokenFile ? "run, load and unload" : "run";
  for (const address of [server.address, server.httpAddress]) {
    const warning = address && exposureWarning(address, `${what} the models`, protection);
    if (warning) log.warn(warning.replace(/^warning: /, ""));
  }
}

async function serve(_flags: ServeFlags, command: Command): Promise<void> {
  completeSettings(command, (text) => process.stderr.write(`${text}\n`));
  const flags = command.opts<ServeFlags>();
  if (flags.printConfig) return void process.stdout.write(settingsText(command));
  checkServeFlags(flags);
  const log = createLog({ name: "serve", level: flags.logLevel, format: flags.logFormat });
  const limits = limitsOf(flags);
  const served = await servedModels(flags);
  const { origin } = served;
  const named = served.named.map(({ name }) => name);
  const page = flags.page
    ? await openPage(served.named, flags.dtype, { token: flags.tokenFile !== undefined })
    : undefined;
  const pictures = await createPictureThreads({
    threads: flags.decodeThreads ?? defaultDecodeThreads(availableParallelism()),
    maxPixels: flags.maxPixels,
  });
  const statistics = createStatistics();
  let observation: Observation | undefined;
  const open = versionOpener({
    start: async (path, wanted, batchSizes) => {
      const choice = { ...flags, ...(wanted !== undefined && { dtype: parseDtype(wanted) }) };
      const { runtime, dtype } = await servingRuntime(choice);
      return startInThread(runtime, path, { batchSizes, dtype });
    },
    engine: () => ({ pictures, turns, ...(observation && { observer: observation.observer }) }),
    limits,
    memory: new MemoryBudget(flags.memory ?? defaultMemory()),
    say: (text) => log.info(text),
  });
  const turns = new DeviceTurns();
  const repository = createRepository({
    origin,
    open,
    control: flags.modelControl,
    pollMs: flags.pollInterval * 1000,
    initial: flags.modelControl === "explicit" ? [...named, ...flags.loadModel] : [],
    say: (text, level) => log[level](text),
  });
  const version = packageVersion();
  observation = await openObservation({
    repository,
    decode: () => pictures.load(),
    log,
    version,
    accessLog: flags.accessLog,
    observers: [statistics.observer],
  });
  const { scrape, calls } = observation;
  const options: InferenceServerOptions = {
    models: repository,
    listen: flags.listen,
    version,
    limits,
    overload: flags.overload,
    statistics,
    calls,
    metrics: scrape,
    security: { ...serverSecurity(flags), adminTokenFile: flags.adminTokenFile, rateLimit: flags.rateLimit },
    connections: {
      maxConnections: flags.maxConnections,
      idleTimeoutMs: flags.idleTimeout * 1000,
      maxConcurrentStreams: flags.maxConcurrentCalls,
    },
    bindWhenLoaded: flags.bind === "loaded",
    lameDuckMs: flags.lameDuck * 1000,
    graceMs: flags.grace * 1000,
    say: (text, level) => log[level](text),
  };
  const closeRest = async (): Promise<void> => {
    await pictures.close();
    await page?.close();
    observation?.close();
  };
  // Also while the models are loaded: without a handler the signal would end the process.
  process.on("SIGHUP", () => {
    log.info("SIGHUP: loading what changed");
    void repository.refresh().then((outcome) => {
      if (outcome === "unchanged") log.info("SIGHUP: nothing changed");
      if (outcome === "unreadable") log.warn("SIGHUP: the models cannot be looked at, and stay as they are");
    });
  });
  let server: InferenceServer | undefined;
  try {
    server = await endOnSignalDuring(startServer(flags, options, page, log));
    if (flags.bind === "first")
      log.info(`${server.address} is bound: health is NOT_SERVING until the models are loaded`);
    checkLoaded(await endOnSignalDuring(server.loaded), named, repository, flags);
  } catch (error) {
    await server?.drain();
    await closeRest();
    throw error;
  }
  warnOfExposure(server, flags, log);
  await runUntilSignal(
    (signal) => stop(signal, server, flags, log),
    () => {
      if (server.httpAddress) process.stdout.write(`http on ${server.httpAddress}\n`);
      process.stdout.write(`listening on ${server.address}\n`);
    },
  );
  await closeRest();
}

async function stop(
  signal: NodeJS.Signals,
  server: InferenceServer,
  { lameDuck, grace }: ServeFlags,
  log: Logger,
): Promise<void> {
  const first = lameDuck > 0 ? `serving for ${lameDuck} s more, then ` : "";
  log.info(`${signal}: ${first}finishing ${server.inProgress()} calls in progress within ${grace} s`);
  const { cutOff } = await server.drain();
  if (cutOff > 0) log.warn(`${cutOff} calls were cut off after ${grace} s (--grace)`);
  else log.info("stopped; no call was cut off");
}

export function configureServe(command: Command): void {
  addServeFlags(command, serveDeviceOptions());
  command.action(action(serve));
}
