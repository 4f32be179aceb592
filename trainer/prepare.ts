// Prepare: opens everything that a run needs and checks the parts against each other, before the first file is written.

import { join } from "node:path";
import type { BatchSource } from "../runtime/batches/batch-source.js";
import { describeOtherFiles } from "../runtime/batches/class-counts.js";
import { displayPath } from "../runtime/batches/data-path.js";
import type { Rank } from "../runtime/draw/ranks.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { inputTransform } from "../runtime/models/config.js";
import { writeConfigJson } from "../runtime/models/families.js";
import { matchClasses } from "../runtime/models/labels.js";
import type { PieceTraining, Training } from "../runtime/training/contract.js";
import type { RunMirror } from "./bucket/run-mirror.js";
import { DISK } from "./checkpoint/commit-folder.js";
import { hasCheckpoint } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/run-folders.js";
import { assembleRun, makeTraining } from "./core/assemble-run.js";
import type { BatchShare } from "./core/batch-share.js";
import { restoreTraining } from "./core/checkpoint-files.js";
import { expectNotInterrupted } from "./core/interruption.js";
import { startRun } from "./core/new-run.js";
import type { Progress } from "./core/progress-report.js";
import type {
  Disposables,
  RunObserver,
  RunRequest,
  RunSources,
  StartingPoint,
  StoredRun,
  TrainingRun,
} from "./core/run.js";
import type { RunControl } from "./core/run-control.js";
import type { RunRecord } from "./core/run-record.js";
import { type FolderRun, type FolderTarget, folderRecord } from "./folder-record.js";
import { connectTeacher } from "./remote-teacher.js";
import { describeRun } from "./report.js";
import { runConfigText } from "./run-config.js";
import { lockRun } from "./run-lock.js";
import { openFirstModel } from "./starting-model.js";
import { resumeRun } from "./starting-point.js";
import { runOnDisk } from "./stored-run.js";
import { openTeacher } from "./teacher.js";
import { isTeacherAddress } from "./teacher-address.js";
import type { Teacher } from "./teacher-contract.js";

export interface PreparedRun {
  run: FolderRun;
  /** Closes everything that was opened; the run must have ended. */
  close(): Promise<void>;
}

export interface PrepareOptions {
  request: RunRequest;
  sources: RunSources;
  progress: Progress;
  interruption: AbortSignal;
  /** Nothing is written, not even the lock of RUN. Default false. */
  dryRun?: boolean;
  /** Default: nobody follows the run. */
  observer?: RunObserver | undefined;
  /** Default: nobody pauses the run. */
  control?: RunControl | undefined;
  /** Of a run that a bucket keeps; RUN is its working folder then. Who made it closes it. */
  mirror?: RunMirror | undefined;
}

/** What a run consists of, before it is known which part of each batch this process computes. */
export interface RunParts {
  start: StartingPoint;
  teacher: Teacher | null;
  validation: TrainingRun["validation"];
  training: PieceTraining;
  /** What it continues; null: a new run. */
  stored: StoredRun | null;
  /** Closes everything that was opened; the run must have ended. */
  close(): Promise<void>;
}

/** Where the parts come from and what they are for. */
export interface PartsOptions {
  /** A run that another process has sent, which alone keeps its folder. Default: RUN, which this process locks and keeps. */
  received?: StoredRun;
  /** The training computes pieces by themselves; see `makeTraining`. Default false. */
  pieceOnly?: boolean;
}

async function disposeAll(disposables: Disposables): Promise<void> {
  for (const dispose of disposables.reverse()) await dispose();
}

/** Seconds for each answer of a teacher's server. */
const TEACHER_TIMEOUT = 60;

async function findTeacher(
  { request: { out, teacherTimeout = TEACHER_TIMEOUT }, progress, interruption: signal }: PrepareOptions,
  { state, labels, config, runtime, resumed }: StartingPoint,
) {
  const { teacher: path, teacherClasses: classesBy, batchSize, accumulate } = state.settings;
  if (path === null) return null;
  const common = { path, labels, classesBy, imageSize: config.imageSize };
  const onNotice = (text: string) => progress.say(text);
  const teacher = isTeacherAddress(path)
    ? await connectTeacher({ ...common, timeoutSeconds: teacherTimeout, signal, onNotice })
    : await openTeacher(runtime, { ...common, batchSize: batchSize / accumulate });
  if (resumed && state.teacher?.sha256 !== teacher.sha256)
    throw new VitrineError(
      "checkpoint/teacher",
      `${quote(path)} is not the teacher that ${quote(join(out, LAST))} was started with: give that one (--teacher)`,
      { details: { expected: state.teacher?.sha256, found: teacher.sha256 } },
    );
  state.teacher = { sha256: teacher.sha256 };
  return teacher;
}

/** The validation data of the run, or a rank's part of them; null without any. */
export async function openValidationData(
  { request, sources, progress, interruption: signal }: PrepareOptions,
  { config, labels, state }: StartingPoint,
  part: Rank = {},
): Promise<TrainingRun["validation"]> {
  const path = request.validation ?? state.validationPath;
  if (path === null) return null;
  const { batchSize } = state.settings;
  const badSamples = state.badValidationSamples;
  const input = { path, batchSize, ...inputTransform(config), ...part };
  const source = await sources.openValidation({ ...input, badSamples, signal });
  try {
    const found = matchClasses(source.description.classes, labels, state.settings.classesBy);
    const { indices: classMap, notice } = found;
    if (notice !== undefined) progress.say(`${displayPath(path)}: ${notice}`);
    const left = describeOtherFiles(source.otherFiles ?? 0, source.otherKinds ?? "");
    if (left !== undefined) progress.say(`${displayPath(path)}: ${left}`);
    if (source.leftOut) progress.say(`${displayPath(path)}: ${source.leftOut}`);
    state.validationPath = path;
    return { source, classMap };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** What may differ from run to run of the same parts. */
export interface Assembly {
  source: BatchSource;
  training: Training;
  validation: TrainingRun["validation"];
  share?: BatchShare;
  /** Default: RUN. */
  record?: RunRecord;
}

export function assembleParts(
  { request, progress, interruption, observer, control, mirror }: PrepareOptions,
  { start, teacher }: Pick<RunParts, "start" | "teacher">,
  { source, training, validation, share, record }: Assembly,
): FolderRun {
  const { state, config, labels } = start;
  // Teacher and student share the executor: logits stay on the device where steps are pipelined there.
  const teacherLogits = (training.submit && teacher?.onDevice) ?? teacher?.logits ?? null;
  const target: FolderTarget = {
    checkpoint: { files: DISK, folder: request.out, configText: writeConfigJson(config, labels) },
    configYaml: runConfigText(state.settings, {
      ...request.command,
      device: state.device,
      ...(state.gpuTier === null ? {} : { "gpu-tier": state.gpuTier }),
      ...(state.validationPath === null ? {} : { val: state.validationPath }),
    }),
  };
  const kept = folderRecord(target);
  const parts = {
    training,
    validation,
    record: record ?? mirror?.record(kept) ?? kept,
    keepBest: request.keepBest ?? 1,
    checkpointEvery: request.checkpointEvery,
    progress,
    interruption,
    observer,
    control,
  };
  return { ...assembleRun({ ...start, source }, teacherLogits, parts, share), ...target };
}

/** Throws a typed error for each thing that does not fit; then nothing was written and everything is closed again. */
export async function prepareParts(
  options: PrepareOptions,
  { received, pieceOnly = false }: PartsOptions = {},
): Promise<RunParts> {
  const { request, sources, progress, interruption } = options;
  const disposables: Disposables = [];
  try {
    if (!options.dryRun && !received) {
      const onNotice = (text: string) => progress.say(text);
      const lock = await lockRun(request.out, { onNotice });
      disposables.push(() => lock.release());
      await options.mirror?.open(request.resume, onNotice);
    }
    const isResumed = request.resume === "if-any" ? await hasCheckpoint(request.out) : request.resume;
    const stored = received ?? (isResumed ? await runOnDisk(request.out) : null);
    const start = stored
      ? await resumeRun(request, sources, stored, disposables)
      : await startRun(request, sources, await openFirstModel(request), disposables);
    for (const notice of start.notices) progress.say(notice);
    expectNotInterrupted(interruption);
    const teacher = await findTeacher(options, start);
    if (teacher) disposables.push(() => teacher.dispose());
    expectNotInterrupted(interruption);
    const validation = await openValidationData(options, start);
    if (validation) disposables.push(() => validation.source.close());
    expectNotInterrupted(interruption);
    const training = await makeTraining(start, pieceOnly);
    disposables.push(() => training.dispose());
    if (stored) await restoreTraining(stored.checkpoint, training, start.state);
    return { start, teacher, validation, training, stored, close: () => disposeAll(disposables) };
  } catch (error) {
    await disposeAll(disposables);
    throw error;
  }
}

/** What the run is, line by line, before its first step. */
export function sayParts({ progress }: PrepareOptions, { start, teacher }: RunParts, run: FolderRun): void {
  const { config, weights, resumed, runtime } = start;
  const facts = { config, weights, resumed, device: runtime.description };
  for (const line of describeRun(run, { ...facts, teacher: teacher?.description })) progress.say(line);
}

/** A run that this process computes alone. Throws as `prepareParts`. */
export async function prepareRun(options: PrepareOptions): Promise<PreparedRun> {
  const parts = await prepareParts(options);
  const { start, training, validation, close } = parts;
  const run = assembleParts(options, parts, { source: start.source, training, validation });
  sayParts(options, parts, run);
  return { run, close };
}
