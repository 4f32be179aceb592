// vitrine serve: serves models over gRPC, by the Open Inference Protocol v2.

import { totalmem } from "node:os";
import { constrainedMemory } from "node:process";
import { type Command, Option } from "commander";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { endOnSignalDuring, runUntilSignal } from "../../server/drain.js";
import { DEFAULT_LIMITS, startInferenceServer } from "../../server/inference/inference-server.js";
import { createRepository, type ModelControl } from "../../server/inference/live-repository.js";
import { MemoryBudget } from "../../server/inference/memory-budget.js";
import { exposureWarning } from "../../server/listen.js";
import { action, packageVersion, withExamples } from "../command-line.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  parseDtype,
  startModel,
  threadsOption,
} from "../model-options.js";
import { byteCount, decimalNumber, maxPixelsOption, wholeNumber } from "../options.js";
import { versionOpener } from "../serve/open-version.js";
import { type ModelFlags, servedModels } from "../serve/served-models.js";

interface ServeOptions extends ModelFlags {
  modelControl: ModelControl;
  loadModel: readonly string[];
  pollInterval: number;
  memory?: number;
  listen: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  maxBatch: number;
  maxQueue: number;
  maxMessageBytes: number;
  maxPixels: number;
}

function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Half of what the process may use: of its cgroup, else of the machine. */
function defaultMemory(): number {
  const limit = constrainedMemory();
  return (limit > 0 && limit < totalmem() ? limit : totalmem()) / 2;
}

/**
 * Throws why a model of --model cannot be served, and where there is no other model at all, why one of the repository
 * cannot: with `none` it would never change.
 */
function checkLoaded(
  failures: ReadonlyMap<string, unknown>,
  named: readonly string[],
  serving: number,
): void {
  for (const [name, error] of failures) if (named.includes(name)) throw error;
  const [failure] = failures.values();
  if (serving === 0 && failure !== undefined) throw failure;
}

async function serve(options: ServeOptions): Promise<void> {
  const { maxBatch, maxQueue, maxMessageBytes, maxPixels, modelControl: control } = options;
  const limits = { ...DEFAULT_LIMITS, maxBatch, maxQueue, maxMessageBytes, maxPixels };
  const { origin, named } = await servedModels(options);
  const memory = new MemoryBudget(options.memory ?? defaultMemory());
  const repository = createRepository({
    origin,
    open: versionOpener({
      start: (path, dtype, batchSizes) =>
        startModel(
          path,
          { ...options, ...(dtype !== undefined && { dtype: parseDtype(dtype) }) },
          { batchSizes, fastest: true, background: true },
        ),
      limits,
      memory,
      say: notice,
    }),
    control,
    pollMs: options.pollInterval * 1000,
    initial: control === "explicit" ? [...named, ...options.loadModel] : [],
    say: notice,
  });
  const server = await startInferenceServer({
    models: repository,
    listen: options.listen,
    version: packageVersion(),
    limits,
  });
  const warning = exposureWarning(server.address, "run the model");
  if (warning) notice(warning);
  try {
    const failures = await endOnSignalDuring(server.loaded);
    checkLoaded(failures, named, control === "none" ? repository.progress().ready : 1);
  } catch (error) {
    await server.drain();
    throw error;
  }
  process.on("SIGHUP", () => {
    notice("SIGHUP: loading what changed");
    void repository.refresh();
  });
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    notice(`${signal}: finishing the requests in flight, then stopping`);
    await server.drain();
  };
  await runUntilSignal(stop, () => process.stdout.write(`listening on ${server.address}\n`));
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function configureServe(command: Command): void {
  command
    .optionsGroup("Models:")
    .addOption(
      new Option(
        "--model <path>",
        "folder with model.safetensors and config.json, a weight file, or hf:OWNER/NAME or timm:NAME of the Hub; " +
          "repeatable, as NAME=PATH",
      )
        .argParser(collect)
        .default([], "none"),
    )
    .option("--name <name>", "the only model's name for clients (default: that of its folder or file)")
    .option(
      "--model-repository <folder>",
      "folder of models as MODEL/VERSION/, with MODEL/vitrine.yaml for settings",
    )
    .addOption(
      new Option(
        "--model-control <mode>",
        "changes of the models: none but on SIGHUP, poll the folders, or explicit calls to load and unload",
      )
        .choices(["none", "poll", "explicit"])
        .default("none"),
    )
    .option(
      "--poll-interval <s>",
      "seconds between two looks at the folders",
      decimalNumber("--poll-interval", { min: 0.1, max: 86_400 }),
      15,
    )
    .addOption(
      new Option(
        "--load-model <name>",
        "with explicit: a model of the repository to load at the start; repeatable",
      )
        .argParser(collect)
        .default([], "none"),
    )
    .option(
      "--memory <size>",
      "memory of all models together, such as 4GiB; one that does not fit is refused (half of the machine's)",
      byteCount("--memory"),
    )
    .optionsGroup("Device:")
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .addOption(
      dtypeOption(
        "weights: f32, f16 or bf16 (widened to f32), int8 (wasm only; f32 where that is faster); default: the file's",
      ),
    )
    .optionsGroup("Server:")
    .option("--listen <host:port>", "address to listen on; port 0 picks a free port", "127.0.0.1:8001")
    .option(
      "--max-batch <images>",
      "largest batch; requests are batched dynamically up to it",
      wholeNumber("--max-batch", { min: 1, max: 256 }),
      DEFAULT_LIMITS.maxBatch,
    )
    .option(
      "--max-queue <images>",
      "images that may wait in the queue; further requests are rejected",
      wholeNumber("--max-queue", { min: 1 }),
      DEFAULT_LIMITS.maxQueue,
    )
    .option(
      "--max-message-bytes <bytes>",
      "largest request in bytes",
      wholeNumber("--max-message-bytes", { min: 1024, max: 2 ** 31 - 1 }),
      DEFAULT_LIMITS.maxMessageBytes,
    )
    .addOption(maxPixelsOption("a larger JPEG is decoded at 1/2, 1/4 or 1/8"))
    .action(action(serve));
  withExamples(command, [
    ["a model folder on port 8001", "vitrine serve --model runs/shapes/best"],
    ["on four threads, for other machines", "vitrine serve --model m --listen 0.0.0.0:8001 --threads 4"],
  ]);
}
