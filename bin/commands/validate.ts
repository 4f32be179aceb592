// vitrine validate: a model's top-1, top-5 and loss on a data set, counted as timm's validation counts them; of several
// models, each in turn.

import { type Command, Option } from "commander";
import { quote, VitrineError } from "../../runtime/errors.js";
import type { FilterName, InputTransform } from "../../runtime/image/input-transform.js";
import { FILTER_NAMES } from "../../runtime/image/resize.js";
import { logitsOf } from "../../runtime/inference/logits.js";
import { atImageSize, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { type ClassifierConfig, inputTransform } from "../../runtime/models/config.js";
import { type ClassOrder, matchClasses } from "../../runtime/models/labels.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import type { BadSamples } from "../../server/data/batch-maker.js";
import { type OpenedEvaluation, openEvaluation } from "../../server/data/evaluation.js";
import { ClassScores } from "../../trainer/class-scores.js";
import { validationProgress } from "../../trainer/progress.js";
import { describeOtherFiles } from "../../trainer/validation.js";
import { action, printJson, withExamples } from "../command-line.js";
import { openModelSource } from "../hub-model.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  type RunningModel,
  startModel,
  threadsOption,
} from "../model-options.js";
import { badSamplesOption, dataOption, decimalNumber, wholeNumber, workersOption } from "../options.js";
import { type Decisions, type Disagreement, DisagreementCounts } from "../validate/disagreement.js";
import { type Answers, evaluateModel } from "../validate/evaluate-model.js";
import { readRealLabels } from "../validate/real-labels.js";
import {
  CLASS_COLUMNS,
  type ClassResult,
  classFileOf,
  classResults,
  classRow,
  classTable,
  describeResult,
  disagreementTable,
  headResult,
  RESULT_COLUMNS,
  resultOf,
  resultTable,
  type ValidationResult,
} from "../validate/results.js";
import { openResultsFile } from "../validate/results-file.js";
import { decisionsOf, inOrderOf } from "../validate/teacher-decisions.js";

interface ValidateCommand {
  data: string;
  model: string[];
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  inputSize?: number;
  cropPct?: number;
  cropMode?: NonNullable<InputTransform["cropMode"]>;
  interpolation?: FilterName;
  flip?: boolean;
  realLabels?: string;
  teacher?: string;
  classesBy: ClassOrder;
  batchSize: number;
  workers: number;
  badSamples: BadSamples;
  perClass?: boolean;
  resultsFile?: string;
  json?: boolean;
}

/** A model's scores, and with --per-class those of every class. */
interface Validated {
  result: ValidationResult;
  perClass: ClassResult[] | null;
  /** Of the model. */
  classes: number;
}

function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The model at --input-size. Throws `model/config`, which names the flag. */
function resized(model: StoredModel, imageSize: number): StoredModel {
  try {
    return atImageSize(model, imageSize);
  } catch (cause) {
    if (!(cause instanceof VitrineError)) throw cause;
    throw new VitrineError(cause.code, `--input-size ${imageSize}: ${cause.message}`, { cause });
  }
}

/** The model's input transform with the flags' values in place of its own. */
function askedTransform(
  config: ClassifierConfig,
  { cropPct, cropMode, interpolation }: ValidateCommand,
): InputTransform & { cropRatio: number } {
  const own = inputTransform(config);
  return {
    ...own,
    ...(cropPct !== undefined && { cropRatio: cropPct }),
    ...(cropMode !== undefined && { cropMode }),
    ...(interpolation !== undefined && { filter: interpolation }),
  };
}

/** What was counted over the data set. */
interface Judged {
  scores: ClassScores;
  /** Of a model with a distillation head, each head's alone. */
  heads: { class: ClassScores; distillation: ClassScores } | null;
  disagreement: Disagreement | null;
  classMap: Int32Array;
  seconds: number;
}

/** Answers of a running model over the data set, judged image by image. */
async function judgeAll(
  { model }: RunningModel,
  source: OpenedEvaluation,
  { flip = false, realLabels, classesBy }: ValidateCommand,
  teacher: Decisions | null,
): Promise<Judged> {
  const { classes, samples } = source.description;
  const { indices: classMap, notice: how } = matchClasses(classes, model.labels, classesBy);
  if (how) notice(how);
  const { names } = source;
  const valid =
    realLabels === undefined
      ? undefined
      : readRealLabels(realLabels, { names, labels: model.labels, classes, classMap });
  const scores = new ClassScores(classMap);
  const heads = { class: new ClassScores(classMap), distillation: new ClassScores(classMap) };
  const disagreement = teacher && new DisagreementCounts(teacher);
  const progress = validationProgress(samples);
  const start = performance.now();
  const take = ({ labels, names: files, logits }: Answers): void => {
    labels.forEach((label, place) => {
      const image = logitsOf(logits, place, model.labels.length);
      const accepted = valid?.(files[place]);
      scores.add(image.logits, label, accepted);
      if (image.distillationLogits) {
        heads.class.add(image.classLogits, label, accepted);
        heads.distillation.add(image.distillationLogits, label, accepted);
      }
      disagreement?.add(files[place], classMap[label], image);
    });
    progress.report(scores.total.images, scores.total.top1);
  };
  try {
    await evaluateModel(model, source, { flip }, take);
  } finally {
    progress.clear();
  }
  return {
    scores,
    heads: heads.distillation.total.images > 0 ? heads : null,
    disagreement: disagreement?.table() ?? null,
    classMap,
    seconds: (performance.now() - start) / 1000,
  };
}

/** The teacher's decisions on the data set; it sees each picture as its own files say. */
async function teacherDecisions(
  path: string,
  labels: readonly string[],
  options: ValidateCommand,
): Promise<Decisions> {
  const { data, batchSize, workers, badSamples } = options;
  const adapt = (teacher: StoredModel): StoredModel => inOrderOf(labels, teacher, path);
  const { model, dispose } = await startModel(path, options, { batchSizes: [batchSize], adapt });
  try {
    const input = inputTransform(model.config);
    const source = await openEvaluation({ path: data, ...input, batchSize, workers, badSamples });
    return await decisionsOf(model, source).finally(() => source.close());
  } finally {
    await dispose();
  }
}

/** Throws what opening the model and the data throws, and `data/no-images` where nothing could be counted. */
async function validateModel(path: string, options: ValidateCommand): Promise<Validated> {
  const { data, batchSize, workers, badSamples, inputSize, flip = false, realLabels = null } = options;
  const running = await startModel(path, options, {
    batchSizes: [batchSize],
    ...(inputSize === undefined ? {} : { adapt: (model: StoredModel) => resized(model, inputSize) }),
  });
  const { model, runtime } = running;
  try {
    const { imageSize } = model.config;
    let skipped = 0;
    const onSkipped = (error: VitrineError) => {
      skipped++;
      notice(`skipped: ${error.message}`);
    };
    const input = askedTransform(model.config, options);
    const { cropRatio: cropPct, cropMode = "center", filter: interpolation = "bicubic" } = input;
    const source = await openEvaluation({ path: data, ...input, batchSize, workers, badSamples, onSkipped });
    try {
      notice(`${runtime.description}; weights ${model.dtype}`);
      const left = describeOtherFiles(source.otherFiles);
      if (left) notice(`${quote(data)}: ${left}`);
      const teacher =
        options.teacher === undefined ? null : await teacherDecisions(options.teacher, model.labels, options);
      const { scores, heads, disagreement, classMap, seconds } = await judgeAll(
        running,
        source,
        options,
        teacher,
      );
      if (scores.total.images === 0) {
        const why = scores.unlabeled > 0 ? "no image has a valid class" : "none of the images could be read";
        throw new VitrineError("data/no-images", `${quote(data)}: ${why}`);
      }
      const { device } = runtime.executor;
      const { parameters, dtype, labels } = model;
      const setup = {
        ...{ model: path, data, parameters, dtype, device },
        ...{ imageSize, cropPct, cropMode, interpolation, flip, realLabels },
      };
      return {
        classes: labels.length,
        result: {
          ...resultOf(setup, scores, { seconds, skipped, otherFiles: source.otherFiles }),
          heads: heads && {
            class: headResult(heads.class),
            distillation: headResult(heads.distillation),
          },
          disagreement,
        },
        perClass: options.perClass
          ? classResults(scores, source.description.classes, labels, classMap)
          : null,
      };
    } finally {
      await source.close();
    }
  } finally {
    await running.dispose();
  }
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
  for (const path of [...options.model, ...(options.teacher ? [options.teacher] : [])])
    await openModelSource(path);
  const write = resultsWriter(options);
  const isOne = options.model.length === 1;
  const all: Validated[] = [];
  const say = (lines: string[]) => options.json || process.stdout.write(`${lines.join("\n")}\n`);
  for (const path of options.model) {
    if (!isOne) notice(quote(path));
    const validated = await validateModel(path, options);
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
    .addOption(dataOption())
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
        "center keeps the picture's proportions, squash resizes both sides (the model's)",
      ).choices(["center", "squash"]),
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
    .option("--json", "print one line of JSON instead of the summary")
    .action(action(validate));
  withExamples(command, [
    ["a model on a folder of class folders", "vitrine validate --data photos/val --model runs/shapes/best"],
    [
      "its average of the weights, on the CPU",
      "vitrine validate --data val.csv --model runs/shapes/last/ema.safetensors \\\n    --device wasm",
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
