// Prepare: opens everything that a run needs and checks the parts against each other, before the first file is written.

import { join } from "node:path";
import { describeOtherFiles } from "../runtime/batches/class-counts.js";
import { displayPath } from "../runtime/batches/data-path.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { inputTransform } from "../runtime/models/config.js";
import { writeConfigJson } from "../runtime/models/families.js";
import { matchClasses } from "../runtime/models/labels.js";
import type { RunMirror } from "./bucket/run-mirror.js";
import { DISK } from "./checkpoint/commit-folder.js";
import { lastCheckpoint } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/run-folders.js";
import { assembleRun, makeTraining } from "./core/assemble-run.js";
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
  TrainingRun,
} from "./core/run.js";
import type { RunControl } from "./core/run-control.js";
import { type FolderRun, type FolderTarget, folderRecord } from "./folder-record.js";
import { connectTeacher } from "./remote-teacher.js";
import { describeRun } from "./report.js";
import { runConfigText } from "./run-config.js";
import { lockRun } from "./run-lock.js";
import { openFirstModel } from "./starting-model.js";
import { resumeRun } from "./starting-point.js";
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

async function findValidation(
  { request, sources, progress, interruption: signal }: PrepareOptions,
  { config, labels, state }: StartingPoint,
  disposables: Disposables,
) {
  const path = request.validation ?? state.validationPath;
  if (path === null) return null;
  const { batchSize } = state.settings;
  const badSamples = state.badValidationSamples;
  const input = { path, batchSize, ...inputTransform(config) };
  const source = await sources.openValidation({ ...input, badSamples, signal });
  disposables.push(() => source.close());
  const { indices: classMap, notice } = matchClasses(
    source.description.classes,
    labels,
    state.settings.classesBy,
  );
  if (notice !== undefined) progress.say(`${displayPath(path)}: ${notice}`);
  const left = describeOtherFiles(source.otherFiles ?? 0, source.otherKinds ?? "");
  if (left !== undefined) progress.say(`${displayPath(path)}: ${left}`);
  if (source.leftOut) progress.say(`${displayPath(path)}: ${source.leftOut}`);
  state.validationPath = path;
  return { source, classMap };
}

function assemble(
  { request, progress, interruption, observer, control, mirror }: PrepareOptions,
  start: StartingPoint,
  parts: Pick<TrainingRun, "training" | "validation">,
  teacher: Teacher | null,
): FolderRun {
  const { state, config, labels } = start;
  // Teacher and student share the executor: logits stay on the device where steps are pipelined there.
  const teacherLogits = (parts.training.submit && teacher?.onDevice) ?? teacher?.logits ?? null;
  const target: FolderTarget = {
    checkpoint: { files: DISK, folder: request.out, configText: writeConfigJson(config, labels) },
    configYaml: runConfigText(state.settings, {
      ...request.command,
      device: state.device,
      ...(state.gpuTier === null ? {} : { "gpu-tier": state.gpuTier }),
      ...(state.validationPath === null ? {} : { val: state.validationPath }),
    }),
  };
  const record = folderRecord(target);
  const run = assembleRun(start, teacherLogits, {
    ...parts,
    record: mirror?.record(record) ?? record,
    keepBest: request.keepBest ?? 1,
    checkpointEvery: request.checkpointEvery,
    progress,
    interruption,
    observer,
    control,
  });
  return { ...run, ...target };
}

/** Throws a typed error for each thing that does not fit; then nothing was written and everything is closed again. */
export async function prepareRun(options: PrepareOptions): Promise<PreparedRun> {
  const { request, sources, progress, interruption } = options;
  const disposables: Disposables = [];
  try {
    if (!options.dryRun) {
      const onNotice = (text: string) => progress.say(text);
      const lock = await lockRun(request.out, { onNotice });
      disposables.push(() => lock.release());
      await options.mirror?.open(request.resume, onNotice);
    }
    const start = request.resume
      ? await resumeRun(request, sources, disposables)
      : await startRun(request, sources, await openFirstModel(request), disposables);
    for (const notice of start.notices) progress.say(notice);
    expectNotInterrupted(interruption);
    const teacher = await findTeacher(options, start);
    if (teacher) disposables.push(() => teacher.dispose());
    expectNotInterrupted(interruption);
    const validation = await findValidation(options, start, disposables);
    expectNotInterrupted(interruption);
    const training = await makeTraining(start);
    disposables.push(() => training.dispose());
    if (start.resumed) await restoreTraining(lastCheckpoint(request.out), training, start.state);
    const run = assemble(options, start, { training, validation }, teacher);
    const { config, weights, resumed, runtime } = start;
    const facts = { config, weights, resumed, device: runtime.description };
    for (const line of describeRun(run, { ...facts, teacher: teacher?.description })) progress.say(line);
    return { run, close: () => disposeAll(disposables) };
  } catch (error) {
    await disposeAll(disposables);
    throw error;
  }
}
