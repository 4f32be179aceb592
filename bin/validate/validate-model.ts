// Validate model: one model's answers over a data set, judged image by image as the flags ask.

import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { describeOtherFiles } from "../../runtime/batches/class-counts.js";
import { displayPath } from "../../runtime/batches/data-path.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { VitrineError } from "../../runtime/errors.js";
import type { FilterName, InputTransform } from "../../runtime/image/input-transform.js";
import { logitsOf } from "../../runtime/inference/logits.js";
import type { Model, ModelOptions } from "../../runtime/load-model.js";
import { atImageSize, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { type ClassifierConfig, inputTransform } from "../../runtime/models/config.js";
import { type ClassOrder, matchClasses } from "../../runtime/models/labels.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { type OpenedEvaluation, openEvaluation } from "../../server/data/evaluation.js";
import { ClassScores } from "../../trainer/class-scores.js";
import { validationProgress } from "../../trainer/progress.js";
import { type RemoteFlags, remoteSettings } from "../remote-options.js";
import { type ConnectionFlags, connectionSecurity } from "../security-options.js";
import { openRemoteValidation } from "../validation-data.js";
import { type Decisions, type Disagreement, DisagreementCounts } from "./disagreement.js";
import { type Answers, evaluateModel } from "./evaluate-model.js";
import { readRealLabels } from "./real-labels.js";
import { type ClassResult, classResults, headResult, resultOf, type ValidationResult } from "./results.js";
import { decisionsOf, inOrderOf } from "./teacher-decisions.js";

/** How one model is validated: the flags of `vitrine validate` but for the models and the output. */
export interface ValidateOptions extends ConnectionFlags, RemoteFlags {
  data?: string;
  /** In place of `data`. */
  dataServer?: string;
  dataTimeout: number;
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
  maxPixels: number;
  perClass?: boolean;
}

/** Opens the model at a path on the device of the flags; `adapt` changes it before it is loaded. */
export type StartModel = (
  path: string,
  options: ModelOptions & { adapt?: (model: StoredModel) => StoredModel },
) => Promise<{ model: Model; runtime: Runtime; dispose(): Promise<void> }>;

/** A model's scores, and with --per-class those of every class. */
export interface Validated {
  result: ValidationResult;
  perClass: ClassResult[] | null;
  /** Of the model. */
  classes: number;
}

export function notice(text: string): void {
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
  { cropPct, cropMode, interpolation }: ValidateOptions,
): InputTransform & { cropRatio: number } {
  const own = inputTransform({ ...config, ...(cropMode !== undefined && { cropMode }) });
  return {
    ...own,
    ...(cropPct !== undefined && { cropRatio: cropPct }),
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
  model: Model,
  source: Images,
  { flip = false, realLabels, classesBy }: ValidateOptions,
  teacher: Decisions | null,
): Promise<Judged> {
  const { classes, samples } = source.description;
  const { indices: classMap, notice: how } = matchClasses(classes, model.labels, classesBy);
  if (how) notice(how);
  const names = source.names?.();
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

/** A source of images that knows all of its files, or that of a data server, whose names come with the images. */
type Images = EvaluationSource & Partial<Pick<OpenedEvaluation, "names">>;

function openImages(
  input: InputTransform,
  options: ValidateOptions,
  onSkipped: (error?: VitrineError) => void = () => {},
): Promise<Images> {
  const { data, dataServer, dataTimeout, batchSize, workers, badSamples, maxPixels: pixelLimit } = options;
  if (data !== undefined) {
    const onKept = ({ message }: VitrineError) => notice(`kept in part: ${message}`);
    const reading = { badSamples, pixelLimit, onSkipped, onKept };
    return openEvaluation({
      path: data,
      remote: remoteSettings(options),
      ...input,
      batchSize,
      workers,
      ...reading,
    });
  }
  const server = { place: dataServer as string, timeoutSeconds: dataTimeout, say: notice, onSkipped };
  const security = connectionSecurity(options);
  return openRemoteValidation({ ...input, batchSize, ...server, ...security }, "--data-server");
}

/** The teacher's decisions on the data set; it sees each picture as its own files say. */
async function teacherDecisions(
  start: StartModel,
  path: string,
  labels: readonly string[],
  options: ValidateOptions,
): Promise<Decisions> {
  const { batchSize } = options;
  const adapt = (teacher: StoredModel): StoredModel => inOrderOf(labels, teacher, path);
  const { model, dispose } = await start(path, { batchSizes: [batchSize], adapt });
  try {
    const input = inputTransform(model.config);
    const source = await openImages(input, options);
    return await decisionsOf(model, source).finally(() => source.close());
  } finally {
    await dispose();
  }
}

/** Throws what opening the model and the data throws, and `data/no-images` where nothing could be counted. */
export async function validateModel(
  start: StartModel,
  path: string,
  options: ValidateOptions,
): Promise<Validated> {
  const { batchSize, inputSize, flip = false, realLabels = null } = options;
  const data = displayPath(options.data ?? options.dataServer ?? "");
  const { model, runtime, dispose } = await start(path, {
    batchSizes: [batchSize],
    ...(inputSize === undefined ? {} : { adapt: (model: StoredModel) => resized(model, inputSize) }),
  });
  try {
    const { imageSize } = model.config;
    let skipped = 0;
    const onSkipped = (error?: VitrineError) => {
      skipped++;
      if (error) notice(`skipped: ${error.message}`);
    };
    const input = askedTransform(model.config, options);
    const { cropRatio: cropPct, cropMode = "center", filter: interpolation = "bicubic" } = input;
    const source = await openImages(input, options, onSkipped);
    try {
      notice(`${runtime.description}; weights ${model.dtype}`);
      const left = describeOtherFiles(source.otherFiles ?? 0, source.otherKinds ?? "");
      if (left) notice(`${data}: ${left}`);
      if (source.leftOut) notice(`${data}: ${source.leftOut}`);
      const teacher =
        options.teacher === undefined
          ? null
          : await teacherDecisions(start, options.teacher, model.labels, options);
      const { scores, heads, disagreement, classMap, seconds } = await judgeAll(
        model,
        source,
        options,
        teacher,
      );
      if (scores.total.images === 0) {
        const why = scores.unlabeled > 0 ? "no image has a valid class" : "none of the images could be read";
        throw new VitrineError("data/no-images", `${data}: ${why}`);
      }
      const { device } = runtime.executor;
      const { parameters, dtype, labels } = model;
      const setup = {
        model: path,
        data,
        parameters,
        dtype,
        device,
        imageSize,
        cropPct,
        cropMode,
        interpolation,
        flip,
        realLabels,
      };
      return {
        classes: labels.length,
        result: {
          ...resultOf(setup, scores, { seconds, skipped, otherFiles: source.otherFiles ?? 0 }),
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
    await dispose();
  }
}
