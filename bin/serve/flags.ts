// Flags of `vitrine serve`: one table, from which the environment's variables and the configuration file's keys follow.

import { type Command, Option } from "commander";
import { VitrineError } from "../../runtime/errors.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { OVERLOAD, type Overload } from "../../server/inference/protocol/overload-status.js";
import type { ModelControl } from "../../server/inference/repository/live-repository.js";
import {
  DEFAULT_CONNECTIONS,
  DEFAULT_GRACE_MS,
  DEFAULT_LIMITS,
} from "../../server/inference/server-options.js";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../../server/log.js";
import { withExamples } from "../command-line.js";
import { byteCount, decimalNumber, maxPixelsOption, wholeNumber } from "../options.js";
import { addServerSecurity, type ServerSecurityFlags } from "../security-options.js";
import { addSettings } from "../settings.js";

export interface ModelFlags {
  /** PATH or NAME=PATH each. */
  model: readonly string[];
  /** The name of the only model. */
  name?: string;
  modelRepository?: string;
}

export interface ServeFlags extends ModelFlags, ServerSecurityFlags {
  modelControl: ModelControl;
  loadModel: readonly string[];
  pollInterval: number;
  memory?: number;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  maxBatch: number;
  maxQueueDelayUs: number;
  maxQueue: number;
  maxImagesPerRequest: number;
  decodeThreads?: number;
  decodeTimeout: number;
  maxPixels: number;
  maxMessageBytes: number;
  listen: string;
  http?: string;
  bind: "first" | "loaded";
  corsOrigin: readonly string[];
  page?: boolean;
  overload: Overload;
  maxConnections: number;
  maxConcurrentCalls: number;
  idleTimeout: number;
  rateLimit?: number;
  adminTokenFile?: string;
  lameDuck: number;
  grace: number;
  logLevel: LogLevel;
  logFormat?: LogFormat;
  accessLog: number;
  printConfig?: boolean;
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

const repeatable = (flags: string, help: string): Option =>
  new Option(flags, help).argParser(collect).default([], "none");

/** `100` or `100/s`. */
function requestsPerSecond(text: string): number {
  return decimalNumber("--rate-limit", { min: 0.001, max: 1e6 })(text.replace(/\/s$/, ""));
}

function seconds(flag: string, max = 3_600): (text: string) => number {
  return decimalNumber(flag, { min: 0, max });
}

/** A flag that takes a whole number, such as `--max-batch <images>`. */
function whole(flags: string, help: string, bounds: { min: number; max?: number }, value?: number): Option {
  const [flag] = flags.split(" ");
  const option = new Option(flags, help).argParser(wholeNumber(flag as string, bounds));
  return value === undefined ? option : option.default(value);
}

function addModelFlags(command: Command, device: readonly Option[]): void {
  command
    .optionsGroup("Models:")
    .addOption(
      repeatable(
        "--model <path>",
        "model folder, weight file, or hf:OWNER/NAME or timm:NAME of the Hub; repeatable, as NAME=PATH",
      ),
    )
    .option("--name <name>", "the only model's name (default: that of its folder or file)")
    .option("--model-repository <folder>", "folder of MODEL/VERSION/, with settings in MODEL/vitrine.yaml")
    .addOption(
      new Option(
        "--model-control <mode>",
        "when models change: on SIGHUP alone (none), also when their folders do (poll), or by calls (explicit)",
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
    .addOption(repeatable("--load-model <name>", "with explicit: a model to load at the start; repeatable"))
    .option(
      "--memory <size>",
      "memory of all models on the CPU, and of loading, such as 4GiB; more is refused (default: half of the machine's)",
      byteCount("--memory"),
    )
    .optionsGroup("Device:");
  for (const option of device) command.addOption(option);
}

function addRequestFlags(command: Command): void {
  command
    .optionsGroup("Batches:")
    .addOption(whole("--max-batch <images>", "largest batch", { min: 1, max: 256 }, DEFAULT_LIMITS.maxBatch))
    .addOption(
      whole(
        "--max-queue-delay-us <us>",
        "microseconds that a batch which is not full waits for more images",
        { min: 0, max: 10_000_000 },
        DEFAULT_LIMITS.queueDelayUs,
      ),
    )
    .addOption(
      whole(
        "--max-queue <images>",
        "images that may wait; further requests are refused",
        { min: 1 },
        DEFAULT_LIMITS.maxQueue,
      ),
    )
    .addOption(
      whole(
        "--max-images-per-request <images>",
        "images of one request",
        { min: 1 },
        DEFAULT_LIMITS.maxImages,
      ),
    )
    .addOption(
      whole(
        "--max-message-bytes <bytes>",
        "largest request in bytes",
        { min: 1024, max: 2 ** 31 - 1 },
        DEFAULT_LIMITS.maxMessageBytes,
      ),
    )
    .addOption(
      new Option("--overload <status>", "gRPC status of a request for which the queue has no place")
        .choices(OVERLOAD)
        .default("resource-exhausted"),
    )
    .optionsGroup("Pictures:")
    .addOption(
      whole("--decode-threads <n>", "threads that decode pictures (default: half of the cores, at least 2)", {
        min: 1,
        max: 256,
      }),
    )
    .option(
      "--decode-timeout <s>",
      "seconds that one picture may take",
      decimalNumber("--decode-timeout", { min: 0.01, max: 3_600 }),
      DEFAULT_LIMITS.decodeTimeoutMs / 1000,
    )
    .addOption(
      maxPixelsOption("a larger JPEG is decoded at 1/2, 1/4 or 1/8").default(DEFAULT_LIMITS.maxPixels),
    );
}

function addServerFlags(command: Command): void {
  command
    .optionsGroup("Server:")
    .option("--listen <address>", "gRPC: HOST:PORT, :PORT or unix:PATH; port 0: a free one", "127.0.0.1:8001")
    .option(
      "--http <address>",
      "REST, gRPC-Web and /metrics: HOST:PORT, :PORT or off (default: 127.0.0.1:8000)",
    )
    .addOption(
      new Option(
        "--bind <when>",
        "when ports are bound: before the models are loaded, with health NOT_SERVING (first), or after it (loaded)",
      )
        .choices(["first", "loaded"])
        .default("first"),
    )
    .option(
      "--page",
      "show the page at the HTTP address; visitors compute here, or download the models of --model, unless there is a token",
    )
    .addOption(repeatable("--cors-origin <origin>", "origin whose pages may call, or *; repeatable"))
    .addOption(
      whole(
        "--max-connections <n>",
        "connections at a time, of gRPC and of HTTP each",
        { min: 1, max: 1_000_000 },
        DEFAULT_CONNECTIONS.maxConnections,
      ),
    )
    .addOption(
      whole(
        "--max-concurrent-calls <n>",
        "calls in progress on one gRPC connection",
        { min: 1, max: 1_000_000 },
        DEFAULT_CONNECTIONS.maxConcurrentStreams,
      ),
    )
    .option(
      "--idle-timeout <s>",
      "seconds until a connection without calls is closed",
      decimalNumber("--idle-timeout", { min: 1, max: 86_400 }),
      DEFAULT_CONNECTIONS.idleTimeoutMs / 1000,
    )
    .option("--rate-limit <n/s>", "requests a second of a client, by token or address", requestsPerSecond);
  addServerSecurity(command);
  command
    .option("--admin-token-file <file>", "tokens that also allow to load and unload models, one a line")
    .optionsGroup("Stopping:")
    .option(
      "--lame-duck <s>",
      "seconds of service after SIGTERM, with health NOT_SERVING",
      seconds("--lame-duck"),
      0,
    )
    .option(
      "--grace <s>",
      "seconds that calls in progress get after that",
      seconds("--grace"),
      DEFAULT_GRACE_MS / 1000,
    )
    .optionsGroup("Log:")
    .addOption(
      new Option("--log-level <level>", "lines of this level and above").choices(LOG_LEVELS).default("info"),
    )
    .addOption(
      new Option("--log-format <format>", "default: text on a terminal, JSON elsewhere").choices(LOG_FORMATS),
    )
    .option(
      "--access-log <fraction>",
      "fraction of the requests that get a line, from 0 to 1",
      decimalNumber("--access-log", { min: 0, max: 1 }),
      1,
    );
}

/** `device`: those that choose the executor and the number format. */
export function addServeFlags(command: Command, device: readonly Option[]): void {
  addModelFlags(command, device);
  addRequestFlags(command);
  addServerFlags(command);
  addSettings(command);
  withExamples(command, [
    ["a model folder, for this machine", "vitrine serve --model runs/shapes/best"],
    [
      "several models that change while they are served",
      "vitrine serve --model-repository models --model-control poll",
    ],
    [
      "for other machines, by TLS and with tokens",
      "vitrine serve --model tiny=m --listen :8001 --http :8000 \\\n" +
        "    --tls-cert server.pem --tls-key server.key --token-file tokens.txt",
    ],
    [
      "settings from a file, one of them changed",
      "VITRINE_MAX_BATCH=16 vitrine serve -c serve.yaml --print-config",
    ],
  ]);
}

/** Throws `usage/command-line` for flags that need another one, or exclude one. */
export function checkServeFlags(flags: ServeFlags): void {
  const { loadModel, modelControl, modelRepository } = flags;
  if (flags.page && flags.http === "off")
    throw new VitrineError("usage/command-line", "--page needs an HTTP address (--http)");
  if (loadModel.length > 0 && modelControl !== "explicit")
    throw new VitrineError("usage/command-line", "--load-model needs --model-control explicit");
  if (modelControl === "explicit" && modelRepository === undefined)
    throw new VitrineError("usage/command-line", "--model-control explicit needs --model-repository");
}
