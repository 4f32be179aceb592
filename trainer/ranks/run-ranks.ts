// Run ranks: one run in several processes. A rank that is lost ends the step of the others, which form a new group of
// those that are there and go on from the last complete step: each of them has the whole state. A rank that comes, or comes
// back, gets it from one of them.

import type { Formed, Group, Member, StatePart } from "../../client/node/collective/contract.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { isBuffer } from "../../runtime/weights/tensor-map.js";
import { connectAgain } from "../accept-data.js";
import { type BatchShare, ownPieces } from "../core/batch-share.js";
import { modelFiles, restoreTraining, restoreWeights, stateFiles } from "../core/checkpoint-files.js";
import { expectNotInterrupted, interrupted } from "../core/interruption.js";
import { train } from "../core/loop.js";
import type { RunState } from "../core/state.js";
import type { FolderRun } from "../folder-record.js";
import {
  assembleParts,
  openValidationData,
  type PrepareOptions,
  prepareParts,
  type RunParts,
  sayParts,
} from "../prepare.js";
import { receivedRun } from "../stored-run.js";
import { NO_RECORD } from "./no-record.js";
import type { RankOptions } from "./rank-options.js";
import { RankedTraining } from "./ranked-training.js";

/** After a loss the others form a group again. */
const isLoss = (error: unknown): boolean =>
  isVitrineError(error) && error.code.startsWith("collective/peer-");

/**
 * How far a state is, as one number: a step counts as complete when its validation is, too. Every rank that has the same
 * number has the same state.
 */
const position = ({ step, owedValidation }: RunState): number => 2 * step + (owedValidation === null ? 1 : 0);

/** Batch norm's running statistics move from piece to piece: they depend on all before it. */
function checkModel({ start: { weights } }: RunParts): void {
  const statistics = [...weights.keys()].find(isBuffer);
  if (statistics === undefined) return;
  throw new VitrineError(
    "usage/rank",
    "several ranks train models without batch norm: its running statistics depend on the order of all pieces; train " +
      "this model in one process (--processes 1)",
    { details: { tensor: statistics } },
  );
}

async function stateParts({ start, training }: RunParts): Promise<StatePart[]> {
  const { state, config, labels } = start;
  const model = await modelFiles(training, state, writeConfigJson(config, labels));
  const files = [...model, ...(await stateFiles(training, state))];
  return files.map(([name, bytes]) => ({ name, bytes }));
}

/** Replaces the state of a rank that is behind. */
async function takeState(
  { start, training }: RunParts,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const stored = receivedRun(files, "the state of another rank");
  await restoreWeights(stored.checkpoint, training);
  await restoreTraining(stored.checkpoint, training, stored.state);
  Object.assign(start.state, stored.state, { validationPath: start.state.validationPath });
}

const shareOf = (group: Group): BatchShare => ({
  rank: group.rank,
  world: group.world,
  sum: (terms) => group.sumScalars(terms),
});

/** The run of one group; `close` ends what belongs to it alone. */
async function groupRun(
  options: PrepareOptions,
  parts: RunParts,
  { group }: Formed,
  isMaster: boolean,
): Promise<{ run: FolderRun; close(): Promise<void> }> {
  const { sources, request } = options;
  const { state } = parts.start;
  const { accumulate, distillation } = state.settings;
  const share = shareOf(group);
  const { rank, world } = share;
  const part = { rank, world };
  const source = await connectAgain((data) => sources.connect(data), request, state, part);
  const closeSource = () => source.close();
  try {
    const validation = await openValidationData(options, parts.start, part);
    const training = new RankedTraining(
      parts.training,
      group,
      ownPieces(accumulate, share),
      distillation !== "none",
    );
    const record = isMaster ? {} : { record: NO_RECORD };
    const run = assembleParts(options, parts, { source, training, validation, share, ...record });
    const close = async () => {
      await closeSource();
      await validation?.source.close();
    };
    return { run, close };
  } catch (error) {
    await closeSource();
    throw error;
  }
}

/**
 * Trains this process's part of a run to its end. `request.resume` counts on the process that keeps RUN alone: the others
 * get the run from it. Throws what `prepareParts` and `train` throw, `collective/…` where no group forms again in time, and
 * `usage/rank` for a model with batch norm.
 */
export async function trainRanks(
  options: PrepareOptions,
  { join, isMaster }: RankOptions,
): Promise<FolderRun> {
  const { progress, interruption } = options;
  let parts: RunParts | null = isMaster ? await prepareParts(options, { pieceOnly: true }) : null;
  let member: Member | null = null;
  let isSaid = false;
  try {
    if (parts) checkModel(parts);
    member = await join(parts?.start.state.settings.accumulate);
    member.serveState(() => (parts ? stateParts(parts) : Promise.reject(noState())));
    for (;;) {
      const formed = await form(member, parts ? position(parts.start.state) : -1, interruption);
      if (!parts) {
        const received = receivedRun(await member.fetchState(formed.source), "the run of rank 0");
        parts = await prepareParts(options, { received, pieceOnly: true });
      } else if (position(parts.start.state) < formed.step)
        await takeState(parts, await member.fetchState(formed.source));
      const { run, close } = await groupRun(options, parts, formed, isMaster);
      if (!isSaid) sayParts(options, parts, run);
      isSaid = true;
      const { world } = formed.group;
      progress.say(`${counted(world, "rank", "ranks")} from step ${run.state.step} on`);
      try {
        await train(run);
        await parted(formed.group);
        return run;
      } catch (error) {
        if (!isLoss(error) || interruption.aborted) throw error;
        progress.say((error as Error).message);
      } finally {
        await close();
      }
    }
  } finally {
    await member?.close();
    await parts?.close();
  }
}

/**
 * Leaves a group whose run is finished, once every rank has finished it: the first rank to get the sum would leave the
 * others without it. A rank that is lost from here on is no loss.
 */
async function parted(group: Group): Promise<void> {
  try {
    await group.sumScalars([Float64Array.of(1)]);
    await group.leave("the run is finished");
  } catch (error) {
    if (!isLoss(error)) throw error;
  }
}

/** A run that is asked to stop while it waits for its ranks is over. */
async function form(member: Member, step: number, interruption: AbortSignal): Promise<Formed> {
  const leave = (): void => void member.close();
  interruption.addEventListener("abort", leave, { once: true });
  try {
    expectNotInterrupted(interruption);
    return await member.form({ step });
  } catch (error) {
    throw interruption.aborted ? interrupted() : error;
  } finally {
    interruption.removeEventListener("abort", leave);
  }
}

function noState(): VitrineError {
  return new VitrineError("collective/state", "this rank has no state of the run yet");
}
