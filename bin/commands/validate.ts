// vitrine validate: a model's top-1, top-5 and loss on a data set, counted as timm's validation counts them; of several
// models, each in turn.

import { type Command, Option } from "commander";
import { quote } from "../../runtime/errors.js";
import { FILTER_NAMES } from "../../runtime/image/resize.js";
import { action, printJson, withExamples } from "../command-line.js";
import { openModelSource } from "../hub-model.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  startModel,
  threadsOption,
} from "../model-options.js";
import {
  badSamplesOption,
  dataOption,
  decimalNumber,
  maxPixelsOption,
  requireOneSource,
  wholeNumber,
  workersOption,
} from "../options.js";
import { addRemoteOptions } from "../remote-options.js";
import { addConnectionSecurity } from "../security-options.js";
import {
  CLASS_COLUMNS,
  classFileOf,
  classRow,
  classTable,
  describeResult,
  disagreementTable,
  RESULT_COLUMNS,
  resultTable,
} from "../validate/results.js";
import { openResultsFile } from "../validate/results-file.js";
import {
  notice,
  type StartModel,
  type Validated,
  type ValidateOptions,
  validateModel,
} from "../validate/validate-model.js";

interface ValidateCommand extends ValidateOptions {
  model: string[];
  resultsFile?: string;
  json?: boolean;
}

/** Appends a model's rows to --results-file; opened, and refused, before anything is computed. */
function resultsWriter({ resultsFile, perClass }: ValidateCommand): (validated: Validated) => void {
  if (resultsFile === undefined) return () => {};
  const file = openResultsFile(
    resultsFile,
    RESULT_COLUMNS.map(([column]) => column),
  );
  const classFile = perClass ? openResultsFile(classFileOf(resultsFile), CLASS_COLUMNS) : undefined;
  return ({ result, perClass: rows }) => {
    file.append([RESULT_COLUMNS.map(([, cell]) => cell(result))]);
    classFile?.append((rows ?? []).map((row) => classRow(result, row)));
  };
}

async function validate(options: ValidateCommand): Promise<void> {
  requireOneSource(options, "validate");
  for (const path of [...options.model, ...(options.teacher ? [options.teacher] : [])])
    await openModelSource(path);
  const write = resultsWriter(options);
  const start: StartModel = (path, settings) => startModel(path, options, settings);
  const isOne = options.model.length === 1;
  const all: Validated[] = [];
  const say = (lines: string[]) => options.json || process.stdout.write(`${lines.join("\n")}\n`);
  for (const path of options.model) {
    if (!isOne) notice(quote(path));
    const validated = await validateModel(start, path, options);
    const { result, perClass, classes } = validated;
    write(validated);
    all.push(validated);
    if (perClass) say([...(isOne ? [] : [quote(path)]), ...classTable(perClass), ""]);
    if (isOne) say(describeResult(result, classes));
    const { disagreement } = result;
    if (disagreement) say([...(isOne ? [] : [quote(path)]), ...disagreementTable(disagreement)]);
  }
  if (!isOne) say(resultTable(all.map(({ result }) => result)));
  const records = all.map(({ result, perClass }) => ({ ...result, ...(perClass && { perClass }) }));
  if (options.json) printJson(isOne ? records[0] : { models: records });
}

/** One --model after another. */
function collect(path: string, before: string[] = []): string[] {
  return [...before, path];
}

/** A larger picture has more tokens than any published model's, and is refused before it is resized. */
const LARGEST_INPUT_SIZE = 2048;

export function configureValidate(command: Command): void {
  command
    .optionsGroup("Model:")
    .addOption(severalModels())
    .addOption(dtypeOption())
    .optionsGroup("Data:")
    .addOption(dataOption().makeOptionMandatory(false))
    .option("--data-server <address>", "the images of a data server, or of several, in place of --data")
    .option(
      "--data-timeout <s>",
      "seconds to wait for a data server that does not answer",
      decimalNumber("--data-timeout", { min: 0 }),
      60,
    )
    .addOption(
      new Option("--classes-by <choice>", "how the classes of --data find the model's")
        .choices(["name", "index"])
        .default("name"),
    )
    .option(
      "--real-labels <file>",
      "JSON with every image's valid classes, as ImageNet-ReaL's real.json; images without one are not counted",
    )
    .option(
      "--teacher <path>",
      "another model: how often it, the labels, the model and its heads decide differently",
    )
    .option("--batch-size <b>", "images per batch", wholeNumber("--batch-size", { min: 1 }), 8)
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .addOption(maxPixelsOption());
  addRemoteOptions(command)
    .optionsGroup("Input:")
    .option(
      "--input-size <px>",
      "side of the square input (the model's); positions are resized to it",
      wholeNumber("--input-size", { min: 1, max: LARGEST_INPUT_SIZE }),
    )
    .option(
      "--crop-pct <x>",
      "fraction of the resized picture that the center crop keeps (the model's)",
      decimalNumber("--crop-pct", { min: 0.01, max: 1 }),
    )
    .addOption(
      new Option(
        "--crop-mode <mode>",
        "what is resized: center the short side, squash both, border the long one (the model's)",
      ).choices(["center", "squash", "border"]),
    )
    .addOption(
      new Option("--interpolation <filter>", "Pillow's filter of the resize (the model's)").choices(
        FILTER_NAMES,
      ),
    )
    .option("--flip", "test-time flip: the mean logits of each picture and its mirror image")
    .optionsGroup("Device:")
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .optionsGroup("Output:")
    .option("--per-class", "also the scores of every class, and what it is taken for")
    .option(
      "--results-file <file>",
      "append a row per model to this CSV file; with --per-class the classes to FILE.classes.csv",
    )
    .option("--json", "print one line of JSON instead of the summary");
  addConnectionSecurity(command);
  command.action(action(validate));
  withExamples(command, [
    ["a model on a folder of class folders", "vitrine validate --data photos/val --model runs/shapes/best"],
    [
      "its average of the weights, on the CPU",
      "vitrine validate --data val.csv --model runs/shapes/last/ema.safetensors \\\n    --device wasm",
    ],
    [
      "with the images of a data server",
      "vitrine validate --data-server 127.0.0.1:50051 --model runs/shapes/best",
    ],
    [
      "two models into one table and a CSV file",
      "vitrine validate --data photos/val --model runs/a/best --model runs/b/best \\\n    --results-file results.csv",
    ],
  ]);
}

function severalModels(): Option {
  const { flags, description } = modelOption();
  return new Option(flags, `${description}; may be repeated`).argParser(collect).makeOptionMandatory();
}
