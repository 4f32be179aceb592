// Prepare: everything a run needs, opened and checked against each other before the first file is written.

import { join } from "node:path";
import { VitrineError } from "../runtime/errors.js";
import { writeConfigJson } from "../runtime/models/families.js";
import { matchClasses } from "../runtime/models/labels.js";
import { createTraining } from "../runtime/training/program.js";
import { DISK } from "./checkpoint/commit-folder.js";
import { restoreTraining } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/save.js";
import type { TrainingRun } from "./loop.js";
import type { Progress } from "./progress.js";
import { describeRun } from "./report.js";
import type { RunRequest, RunSources } from "./run.js";
import { createSchedule } from "./schedule.js";
import { type Beginning, beginAgain, beginNew, type Closers } from "./starting-point.js";
import { openTeacher, type Teacher } from "./teacher.js";

export interface PreparedRun {
  run: TrainingRun;
  /** Closes what was opened; the run must have ended. */
  close(): Promise<void>;
}

export interface PrepareOptions {
  request: RunRequest;
  sources: RunSources;
  progress: Progress;
  interruption: AbortSignal;
}

async function closeAll(closers: Closers): Promise<void> {
  for (const close of closers.reverse()) await close();
}

async function findTeacher({ state, labels, config, runtime, resumed }: Beginning, out: string) {
  const { teacher: path, batchSize, accumulate } = state.settings;
  if (path === null) return null;
  const batch = batchSize / accumulate;
  const teacher = await openTeacher(runtime, { path, batchSize: batch, labels, imageSize: config.imageSize });
  if (resumed && state.teacher?.sha256 !== teacher.sha256)
    throw new VitrineError(
      "checkpoint/teacher",
      `${path} is not the teacher that ${join(out, LAST)} was begun with: put that file back`,
      { details: { expected: state.teacher?.sha256, found: teacher.sha256 } },
    );
  state.teacher = { sha256: teacher.sha256 };
  return teacher;
}

async function findValidation(
  { request, sources, progress }: PrepareOptions,
  begun: Beginning,
  closers: Closers,
) {
  const { config, labels, state } = begun;
  const path = request.validation ?? state.validationPath;
  if (path === null) return null;
  const { imageSize: size, cropRatio } = config;
  const source = await sources.openValidation({ path, size, cropRatio, batchSize: state.settings.batchSize });
  closers.push(() => source.close());
  const { indices: classMap, notice } = matchClasses(source.description.classes, labels);
  if (notice !== undefined) progress.say(`${path}: ${notice}`);
  state.validationPath = path;
  return { source, classMap };
}

async function makeTraining({ config, weights, state, resumed, runtime }: Beginning, out: string) {
  const { batchSize, accumulate, recompute, distillation, alpha, tau, dropPath, ema } = state.settings;
  const memory = { batchSize, pieces: accumulate, recompute };
  const options = { config, weights, ...memory, distillation, alpha, tau, dropPath, ema };
  const training = await createTraining(runtime.executor, options);
  if (resumed) await restoreTraining(out, training, state);
  return training;
}

function assemble(
  options: PrepareOptions,
  begun: Beginning,
  parts: Pick<TrainingRun, "training" | "validation">,
  teacher: Teacher | null,
): TrainingRun {
  const { request, progress, interruption } = options;
  const { state, source, config, labels, runtime } = begun;
  // Of one executor, as the training is.
  const answer = (parts.training.submit && teacher?.onDevice) ?? teacher?.logits ?? null;
  const classMap = Int32Array.from(state.classMap);
  const { math } = runtime.image;
  return {
    ...parts,
    source,
    objective: { settings: state.settings, config, classMap, math, teacher: answer },
    schedule: createSchedule(state.settings, source.batchesPerEpoch),
    state,
    checkpoint: { files: DISK, folder: request.out, configText: writeConfigJson(config, labels) },
    checkpointEvery: request.checkpointEvery,
    progress,
    interruption,
  };
}

/** Throws whatever does not fit, in one clear line each; then nothing was written and everything is closed again. */
export async function prepareRun(options: PrepareOptions): Promise<PreparedRun> {
  const { request, sources, progress } = options;
  const closers: Closers = [];
  try {
    const begun = await (request.resume ? beginAgain : beginNew)(request, sources, closers);
    for (const notice of begun.notices) progress.say(notice);
    const teacher = await findTeacher(begun, request.out);
    if (teacher) closers.push(() => teacher.dispose());
    const validation = await findValidation(options, begun, closers);
    const training = await makeTraining(begun, request.out);
    closers.push(() => training.dispose());
    const run = assemble(options, begun, { training, validation }, teacher);
    for (const line of describeRun(run, begun)) progress.say(line);
    return { run, close: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}
