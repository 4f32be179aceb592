// vitrine validate: a model's top-1, top-5 and loss on a data set, counted as timm's validation counts them.

import type { Command } from "commander";
import type { EvaluationBatch } from "../../runtime/batches/batch-source.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { joined, pipelined } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { matchClasses } from "../../runtime/models/labels.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import type { BadSamples } from "../../server/data/batch-maker.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { validationProgress } from "../../trainer/progress.js";
import { judge } from "../../trainer/validation.js";
import { action, printJson, withExamples } from "../command-line.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  startModel,
  threadsOption,
} from "../model-options.js";
import { badSamplesOption, dataOption, wholeNumber, workersOption } from "../options.js";

interface ValidateCommand {
  data: string;
  model: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  batchSize: number;
  workers: number;
  badSamples: BadSamples;
  json?: boolean;
}

interface Counts {
  images: number;
  top1: number;
  top5: number;
  /** Sum of −log softmax(label). */
  loss: number;
}

function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Adds a batch: labels [count], logits [count, classes]. `indices`: class of the data set → class of the model. */
function tally(counts: Counts, labels: Int32Array, logits: Float32Array, indices: Int32Array): void {
  const classes = logits.length / labels.length;
  for (const [sample, label] of labels.entries()) {
    const row = logits.subarray(sample * classes, (sample + 1) * classes);
    const { beatenBy, loss } = judge(row, indices[label]);
    counts.images++;
    if (beatenBy < 1) counts.top1++;
    if (beatenBy < 5) counts.top5++;
    counts.loss += loss;
  }
}

function summary(counts: Counts, seconds: number) {
  const { images, top1, top5, loss } = counts;
  return {
    images,
    top1Count: top1,
    top5Count: top5,
    top1: (100 * top1) / images,
    top5: (100 * top5) / images,
    loss: loss / images,
    imagesPerSecond: images / seconds,
  };
}

function print(result: ReturnType<typeof summary>): void {
  const { images, top1Count, top5Count, top1, top5, loss, imagesPerSecond } = result;
  process.stdout.write(
    `top-1 ${top1.toFixed(2)}% (${top1Count} of ${images})  top-5 ${top5.toFixed(2)}% (${top5Count})  ` +
      `loss ${loss.toFixed(4)}  ${imagesPerSecond.toFixed(1)} images/s\n`,
  );
}

async function validate(options: ValidateCommand): Promise<void> {
  const { batchSize, workers, badSamples } = options;
  const { model, runtime, dispose } = await startModel(options.model, options, {
    batchSizes: [batchSize],
  });
  const { imageSize: size, cropRatio } = model.config;
  const onSkipped = (error: VitrineError) => notice(`skipped: ${error.message}`);
  const evaluation = { path: options.data, size, cropRatio, batchSize, workers, badSamples, onSkipped };
  const source = await openEvaluation(evaluation);
  const progress = validationProgress(source.description.samples);
  const counts: Counts = { images: 0, top1: 0, top5: 0, loss: 0 };
  try {
    const match = matchClasses(source.description.classes, model.labels);
    notice(`${runtime.description}; weights ${model.dtype}`);
    if (match.notice) notice(match.notice);
    const start = performance.now();
    const begin = async (batch: EvaluationBatch) => {
      const labels = batch.labels.slice();
      const started = await model.submit(batch.pixels, batch.count);
      return joined([started], (answers) => ({ labels, logits: (answers[0] as Logits).logits }));
    };
    await pipelined(source.batches(), begin, ({ labels, logits }) => {
      tally(counts, labels, logits, match.indices);
      progress.report(counts.images, counts.top1);
    });
    progress.clear();
    if (counts.images === 0)
      throw new VitrineError("data/no-images", `${quote(options.data)}: none of the images could be read`);
    const result = summary(counts, (performance.now() - start) / 1000);
    if (options.json) printJson(result);
    else print(result);
  } finally {
    progress.clear();
    await source.close();
    await dispose();
  }
}

export function configureValidate(command: Command): void {
  command
    .optionsGroup("Model:")
    .addOption(modelOption().makeOptionMandatory())
    .addOption(dtypeOption())
    .optionsGroup("Data:")
    .addOption(dataOption())
    .option("--batch-size <b>", "images per batch", wholeNumber("--batch-size", { min: 1 }), 8)
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .optionsGroup("Device:")
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .optionsGroup("Output:")
    .option("--json", "print one line of JSON instead of the summary")
    .action(action(validate));
  withExamples(command, [
    ["a model on a folder of class folders", "vitrine validate --data photos/val --model runs/shapes/best"],
    [
      "its average of the weights, on the CPU",
      "vitrine validate --data val.csv --model runs/shapes/last/ema.safetensors \\\n    --device wasm",
    ],
  ]);
}
