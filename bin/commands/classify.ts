// vitrine classify: what is on a photograph, by a model in this process or by a server.

import type { Command } from "commander";
import pc from "picocolors";
import { connectInference } from "../../client/node/inference-client.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { type ClassScore, classScores } from "../../runtime/inference/logits.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { action, printJson } from "../command-line.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  startModel,
  threadsOption,
} from "../model-options.js";
import { wholeNumber } from "../number-option.js";
import { readPhoto } from "../read-photo.js";

interface ClassifyCommand {
  model?: string;
  server?: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  topK: number;
  json?: boolean;
}

interface Answer {
  file: string;
  classes: ClassScore[];
}

async function* classifyHere(
  photos: string[],
  path: string,
  options: ClassifyCommand,
): AsyncGenerator<Answer> {
  const { model, dispose } = await startModel(path, options, { batchSizes: [1] });
  try {
    for (const file of photos) {
      const pixels = model.readPicture(await readPhoto(file), file);
      const { logits } = await model.logits(pixels, 1);
      yield { file, classes: classScores(logits, model.labels, options.topK) };
    }
  } finally {
    await dispose();
  }
}

/** The server knows the picture's place in the request only; people know the file. */
function withFile(error: unknown, file: string): unknown {
  if (!isVitrineError(error) || !/^(jpeg|image)\//.test(error.code)) return error;
  const { code, message, details } = error;
  return new VitrineError(code, `${file}: ${message}`, { details: { ...details, path: file }, cause: error });
}

async function* classifyThere(photos: string[], address: string, topK: number): AsyncGenerator<Answer> {
  const client = connectInference(address);
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
    return `${percent}  ${place === 0 ? pc.bold(label) : label}`;
  });
  process.stdout.write(`${file}\n${lines.join("\n")}\n`);
}

async function classify(photos: string[], options: ClassifyCommand): Promise<void> {
  const { model, server, topK } = options;
  if ((model === undefined) === (server === undefined))
    throw new VitrineError("usage/command-line", "classify needs one of --model PATH and --server ADDRESS");
  const answers =
    server === undefined
      ? classifyHere(photos, model as string, options)
      : classifyThere(photos, server, topK);
  const all: Answer[] = [];
  for await (const answer of answers) {
    all.push(answer);
    if (!options.json) print(answer);
  }
  if (options.json) printJson(all);
}

export function registerClassify(program: Command): void {
  program
    .command("classify")
    .description("say what is on photographs, with a model here or on a server")
    .argument("<photo...>", "JPEG files")
    .addOption(modelOption())
    .option("--server <address>", "HOST:PORT of a running `vitrine serve`, instead of --model")
    .addOption(deviceOption())
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .addOption(dtypeOption())
    .option("--top-k <n>", "classes to name", wholeNumber("--top-k", { min: 1 }), 5)
    .option("--json", "print one line of JSON: a list of {file, classes}")
    .action(action(classify));
}
