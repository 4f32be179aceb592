// vitrine classify: the most probable classes of photos, by a model in this process or on a server.

import type { Command } from "commander";
import pc from "picocolors";
import { connectInference } from "../../client/node/inference-client.js";
import { escapeControls, isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { type ClassScore, classScores } from "../../runtime/inference/logits.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { action, printJson, readPhoto, withExamples } from "../command-line.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  startModel,
  threadsOption,
} from "../model-options.js";
import { MAX_PIXELS_ADVICE, maxPixelsOption, wholeNumber } from "../options.js";
import { addConnectionSecurity, type ConnectionFlags, connectionSecurity } from "../security-options.js";

interface ClassifyCommand extends ConnectionFlags {
  model?: string;
  server?: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  topK: number;
  maxPixels: number;
  json?: boolean;
}

interface Answer {
  file: string;
  classes: ClassScore[];
}

async function* classifyLocally(
  photos: string[],
  path: string,
  options: ClassifyCommand,
): AsyncGenerator<Answer> {
  const { model, dispose } = await startModel(path, options, { batchSizes: [1] });
  try {
    for (const file of photos) {
      const reading = { name: file, pixelLimit: options.maxPixels, advice: MAX_PIXELS_ADVICE };
      const pixels = await model.readPicture(await readPhoto(file), reading);
      const { logits } = await model.logits(pixels, 1);
      yield { file, classes: classScores(logits, model.labels, options.topK) };
    }
  } finally {
    await dispose();
  }
}

/** The server knows a picture only by its position in the request; the user knows the file. */
function withFile(error: unknown, file: string): unknown {
  if (!isVitrineError(error) || !/^(jpeg|image)\//.test(error.code)) return error;
  const { code, message, details } = error;
  return new VitrineError(code, `${quote(file)}: ${message}`, {
    details: { ...details, path: file },
    cause: error,
  });
}

async function* classifyOnServer(
  photos: string[],
  address: string,
  options: ClassifyCommand,
): AsyncGenerator<Answer> {
  const { topK } = options;
  const client = connectInference(address, connectionSecurity(options));
  try {
    for (const file of photos) {
      const photo = await readPhoto(file);
      const [classes = []] = await client.classify([photo], { topK }).catch((error: unknown) => {
        throw withFile(error, file);
      });
      yield { file, classes };
    }
  } finally {
    client.close();
  }
}

function print({ file, classes }: Answer): void {
  const lines = classes.map(({ label, probability }, place) => {
    const percent = `${(100 * probability).toFixed(1)}%`.padStart(7);
    const name = escapeControls(label);
    return `${percent}  ${place === 0 ? pc.bold(name) : name}`;
  });
  process.stdout.write(`${escapeControls(file)}\n${lines.join("\n")}\n`);
}

async function classify(photos: string[], options: ClassifyCommand): Promise<void> {
  const { model, server } = options;
  if ((model === undefined) === (server === undefined))
    throw new VitrineError("usage/command-line", "classify needs either --model PATH or --server ADDRESS");
  const answers =
    server === undefined
      ? classifyLocally(photos, model as string, options)
      : classifyOnServer(photos, server, options);
  const all: Answer[] = [];
  for await (const answer of answers) {
    all.push(answer);
    if (!options.json) print(answer);
  }
  if (options.json) printJson(all);
}

export function configureClassify(command: Command): void {
  command
    .argument("<photo...>", "picture files: JPEG, PNG, …")
    .optionsGroup("Model:")
    .addOption(modelOption())
    .option("--server <address>", "HOST:PORT of a running `vitrine serve`, instead of --model")
    .optionsGroup("Device (with --model):")
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .addOption(dtypeOption())
    .optionsGroup("Picture (with --model):")
    .addOption(maxPixelsOption("a larger JPEG is decoded at 1/2, 1/4 or 1/8"));
  addConnectionSecurity(command, "inference servers");
  command
    .optionsGroup("Output:")
    .option("--top-k <n>", "number of classes to print", wholeNumber("--top-k", { min: 1 }), 5)
    .option("--json", "print one line of JSON: a list of {file, classes}")
    .action(action(classify));
  withExamples(command, [
    [
      "with a published model, downloaded once",
      "vitrine classify photo.jpg \\\n    --model hf:facebook/deit-tiny-distilled-patch16-224",
    ],
    ["with a model folder", "vitrine classify photo.jpg --model runs/shapes/best"],
    ["with a server, as JSON", "vitrine classify *.jpg --server 127.0.0.1:8001 --json"],
  ]);
}
