// Training command: `vitrine simulate --train`, the step time and efficiency of a training of several ranks.

import { type Command, Option } from "commander";
import { FRAME_BYTES } from "../../proto/collective-codec.js";
import { rankCount } from "../../runtime/draw/ranks.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { MODEL_NAMES, publishedConfig, similarNames } from "../../runtime/models/families.js";
import { wrap } from "../../trainer/lines.js";
import { printJson } from "../command-line.js";
import { decimalNumber, wholeNumber } from "../options.js";
import { trainedParameters } from "../parameter-count.js";
import { allReduceSeconds, predictRanks, type RankedStep, type StepPrediction } from "./training.js";

export interface TrainingFlags {
  trainers: number;
  batchSize: number;
  networkMs: number;
  networkGbps: number;
  pieces?: number;
  model: string;
  parameters?: number;
  pieceMs: number;
  applyMs: number;
  ringTransport: "float32" | "float16" | "bfloat16";
  syncEvery: number;
  json?: boolean;
}

const MS = 1e-3;
const VALUE_BYTES = { float32: 4, float16: 2, bfloat16: 2 } as const;

/** Throws `model/unknown` for a name that is not published. */
function parametersOf({ model, parameters }: TrainingFlags): number {
  if (parameters !== undefined) return parameters;
  const config = publishedConfig(model);
  if (config) return trainedParameters(config);
  throw new VitrineError(
    "model/unknown",
    `--model ${quote(model)}: no published model; similar: ${similarNames(model, MODEL_NAMES).join(", ")}; or give --parameters`,
  );
}

/** Throws `usage/rank` where the pieces do not divide the batch. */
function stepOf(flags: TrainingFlags): Omit<RankedStep, "ranks"> {
  const { trainers, batchSize, pieces = trainers, networkMs, networkGbps, syncEvery } = flags;
  rankCount(batchSize, { world: pieces });
  return {
    pieces,
    pieceSeconds: MS * flags.pieceMs,
    applySeconds: MS * flags.applyMs,
    gradientBytes: VALUE_BYTES[flags.ringTransport] * parametersOf(flags),
    frameBytes: FRAME_BYTES,
    latency: (MS * networkMs) / 2,
    rate: (1e9 * networkGbps) / 8,
    syncEvery,
  };
}

/** An exchange that takes this fraction of a step is worth a word. */
const NOTABLE = 0.1;

/** What limits the largest world, and what would help. */
function adviceOf(
  step: Omit<RankedStep, "ranks">,
  { ranks, exchange, apply, step: seconds }: StepPrediction,
): string {
  if (ranks === 1) return "computation: one rank exchanges nothing";
  if (exchange < NOTABLE * seconds)
    return apply > NOTABLE * seconds
      ? "the optimizer: every rank applies every step; larger batches have fewer"
      : "computation: the exchange is less than a tenth of a step";
  const withoutLatency = allReduceSeconds({ ...step, ranks, latency: 0 }) / step.syncEvery;
  if (withoutLatency < exchange / 2)
    return "latency: each frame makes two rounds of the ranks; fewer ranks, closer machines or larger batches would help";
  return (
    "the network: larger batches (more pieces a rank) or a faster network would help; --ring-transport bfloat16 halves the " +
    "bytes"
  );
}

const COLUMNS = ["ranks", "compute ms", "exchange ms", "step ms", "images/s", "speedup", "efficiency"];

function cells(
  { ranks, compute, exchange, step, speedup, efficiency }: StepPrediction,
  images: number,
): string[] {
  const ms = (seconds: number): string => (seconds / MS).toFixed(1);
  return [
    `${ranks}`,
    ms(compute),
    ms(exchange),
    ms(step),
    (images / step).toFixed(1),
    speedup.toFixed(2),
    `${Math.round(100 * efficiency)}%`,
  ];
}

function trainingLines(
  step: Omit<RankedStep, "ranks">,
  rows: readonly StepPrediction[],
  images: number,
): string[] {
  const last = rows[rows.length - 1] as StepPrediction;
  const table = [COLUMNS, ...rows.map((row) => cells(row, images))];
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const what = `batches of ${images} in ${step.pieces} pieces; a gradient of ${mb(step.gradientBytes)}, of which the busiest link carries ${mb(last.linkBytes)} a step`;
  return [
    ...wrap("training   ", what.split(" ")),
    "",
    ...table.map((row) => row.map((cell, i) => cell.padStart((COLUMNS[i] as string).length)).join("  ")),
    "",
    ...wrap("limit      ", adviceOf(step, last).split(" ")),
  ];
}

export function simulateTraining(flags: TrainingFlags): void {
  const step = stepOf(flags);
  const rows = predictRanks(step, flags.trainers);
  if (flags.json) printJson({ step, ranks: rows });
  else process.stdout.write(`${trainingLines(step, rows, flags.batchSize).join("\n")}\n`);
}

const GROUP = "With --train:";

export function addTrainingOptions(command: Command): void {
  const options = [
    new Option("--train", "predict steps of a training whose ranks are the --trainers, batches at hand"),
    new Option("--pieces <p>", "pieces of each batch (default: one a rank)").argParser(
      wholeNumber("--pieces", { min: 1, max: 1000 }),
    ),
    new Option("--model <name>", "published name, for the size of the gradient").default(
      "deit_small_patch16_224",
    ),
    new Option("--parameters <n>", "values of the gradient, in place of --model").argParser(
      wholeNumber("--parameters", { min: 1, max: 1e11 }),
    ),
    new Option("--piece-ms <ms>", "forward and backward of one piece on one rank")
      .default(500)
      .argParser(decimalNumber("--piece-ms", { min: 0 })),
    new Option("--apply-ms <ms>", "optimizer and average, on every rank")
      .default(10)
      .argParser(decimalNumber("--apply-ms", { min: 0 })),
    new Option("--ring-transport <type>", "values on the wire")
      .choices(Object.keys(VALUE_BYTES))
      .default("float32"),
    new Option("--sync-every <h>", "steps between two exchanges; more than 1 is another algorithm (DiLoCo)")
      .default(1)
      .argParser(wholeNumber("--sync-every", { min: 1, max: 100_000 })),
  ];
  for (const option of options) command.addOption(option.helpGroup(GROUP));
}
