// Run ranks: one run in several processes. A rank that is lost ends the step of the others, which form a new group of
// those that are there and go on from the last complete step: each of them has the whole state. A rank that comes, or comes
// back, gets it from one of them.

import type { Formed, Group, Member, StatePart } from "../../client/node/collective/contract.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import type { Training } from "../../runtime/training/contract.js";
import { isBuffer } from "../../runtime/weights/tensor-map.js";
import { connectAgain } from "../accept-data.js";
import { type BatchShare, ownPieces, sumOfOwn } from "../core/batch-share.js";
import { restoreOuter } from "../core/checkpoint-files.js";
import { expectNotInterrupted, interrupted } from "../core/interruption.js";
import { train } from "../core/loop.js";
import type { StoredRun } from "../core/run.js";
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
import { LocalStepsTraining, OuterState, outerMomentumOf } from "./local-steps.js";
import { NO_RECORD } from "./no-record.js";
import type { RankOptions } from "./rank-options.js";
import { offered, type RankState, settledRecord, stateFilesOf, takeState } from "./rank-state.js";
import { recordRankTimes } from "./rank-times.js";
import { RankedTraining } from "./ranked-training.js";

/** Characters of what the others are told of a rank's error. */
const LONGEST_REASON = 300;

/** After a loss the others form a group again. */
const isLoss = (error: unknown): boolean =>
  isVitrineError(error) && error.code.startsWith("collective/peer-");

/** So often in a row a group may be lost before it has got any further. */
const MOST_LOSSES = 30;

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

/** The state with all that the run consists of. */
interface OwnState extends RankState {
  parts: RunParts;
  /** Whether the lines that describe the run were printed. */
  isSaid: boolean;
}

/** The run of this process, from RUN or from rank 0, before it has a group. */
async function firstState(options: PrepareOptions, received?: StoredRun): Promise<OwnState> {
  const parts = await prepareParts(options, { pieceOnly: true, ...(received && { received }) });
  try {
    checkModel(parts);
    const { syncEvery, patience } = parts.start.state.settings;
    if (syncEvery > 1 && patience > 0 && parts.validation === null)
      throw new VitrineError(
        "usage/training",
        "--patience with --sync-every needs validation data (--val): each rank has a training loss of its own",
      );
    const outer = syncEvery > 1 ? new OuterState(parts.training.trainedCount) : null;
    if (outer && parts.stored) await restoreOuter(parts.stored.checkpoint, outerMomentumOf(outer));
    return { parts, outer, settled: null, isSaid: false };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

const shareOf = (group: Group): BatchShare => ({
  rank: group.rank,
  world: group.world,
  sum: (terms) => group.sumScalars(terms),
});

/** The run of one group; `close` ends what belongs to it alone. */
async function groupRun(
  options: PrepareOptions,
  rank: OwnState,
  group: Group,
  isMaster: boolean,
): Promise<{ run: FolderRun; close(): Promise<void> }> {
  const { sources, request } = options;
  const { parts, outer } = rank;
  const { settings } = parts.start.state;
  const ofAll = shareOf(group);
  const place = { rank: ofAll.rank, world: ofAll.world };
  const source = await connectAgain((data) => sources.connect(data), request, parts.start.state, place);
  const closeSource = () => source.close();
  try {
    const validation = await openValidationData(options, parts.start, place);
    const part = {
      pieces: ownPieces(settings.accumulate, ofAll),
      isDistilled: settings.distillation !== "none",
      ...(isMaster && { onTimes: recordRankTimes(request.out, (line) => options.progress.say(line)) }),
    };
    const assembly = {
      source,
      validation: validation && { ...validation, share: ofAll },
      ...(isMaster ? {} : { record: NO_RECORD }),
    };
    const assemble = (training: Training, share: BatchShare) =>
      assembleParts(options, parts, { ...assembly, training, share });
    const close = async () => {
      await closeSource();
      await validation?.source.close();
    };
    if (!outer) return { run: assemble(new RankedTraining(parts.training, group, part), ofAll), close };
    const training = new LocalStepsTraining(parts.training, group, part, settings, outer);
    await training.begin();
    rank.settled ??= await stateFilesOf(rank);
    const run = assemble(training, { ...place, isAlone: true, sum: sumOfOwn });
    return { run: { ...run, record: settledRecord(run.record, training, rank) }, close };
  } catch (error) {
    await closeSource();
    throw error;
  }
}

/** Trains as long as the group lasts. */
async function trainGroup(
  options: PrepareOptions,
  rank: OwnState,
  group: Group,
  { isMaster, say }: Pick<RankOptions, "isMaster" | "say">,
): Promise<FolderRun> {
  const { run, close } = await groupRun(options, rank, group, isMaster);
  try {
    if (!rank.isSaid) sayParts(options, rank.parts, run);
    rank.isSaid = true;
    say(`${counted(group.world, "rank", "ranks")} from step ${run.state.step} on`);
    await train(run);
    await parted(group);
    return run;
  } finally {
    await close();
  }
}

/**
 * Trains this process's part of a run to its end. `request.resume` counts on the process that keeps RUN alone: the others
 * get the run from it. Throws what `prepareParts` and `train` throw, `collective/…` where no group forms again in time,
 * `collective/finished` where the others finish without this one, and `usage/rank` for a model with batch norm.
 */
export async function trainRanks(
  options: PrepareOptions,
  { join, isMaster, say }: RankOptions,
): Promise<FolderRun> {
  const { interruption } = options;
  let own: OwnState | null = isMaster ? await firstState(options) : null;
  let member: Member | null = null;
  const served = async (): Promise<StatePart[]> => {
    if (!own) throw new VitrineError("collective/state", "this rank has no state of the run yet");
    const files = own.settled ?? (await stateFilesOf(own));
    return Array.from(files, ([name, bytes]) => ({ name, bytes }));
  };
  try {
    member = await join(own?.parts.start.state.settings.accumulate);
    member.serveState(served);
    for (let losses = 0; ; ) {
      const at = own ? offered(own) : -1;
      try {
        const { group, source, step } = await form(member, at, interruption);
        if (!own)
          own = await firstState(options, receivedRun(await member.fetchState(source), "the run of rank 0"));
        else if (at < step || own.settled)
          await takeState(own, (at === step && own.settled) || (await member.fetchState(source)));
        const run = await trainGroup(options, own, group, { isMaster, say });
        member.finish();
        if (!isMaster) say("the run is finished");
        return run;
      } catch (error) {
        losses = own && offered(own) > at ? 0 : losses + 1;
        if (!isLoss(error) || interruption.aborted || losses > MOST_LOSSES) throw error;
        say(lossOf(error as VitrineError));
      }
    }
  } catch (error) {
    const told = isVitrineError(error) ? `${error.code}: ${error.message}` : String(error);
    await member?.close(interruption.aborted ? "it was stopped" : told.slice(0, LONGEST_REASON));
    throw isMaster || own ? error : otherRun(error);
  } finally {
    await member?.close();
    await own?.parts.close();
  }
}

/** Without what the record of the run adds for its end: the run goes on. */
const lossOf = ({ message, cause, code }: VitrineError): string =>
  isVitrineError(cause) && cause.code === code ? cause.message : message;

/** Codes of what contradicts the run that rank 0 has, whose texts are for a run that is continued. */
const OTHER_RUN = /^(usage\/resume|data\/fingerprint-changed|checkpoint\/(teacher|fused-multiply-add))$/;

/** As an error of this rank: nothing of it is continued here. */
function otherRun(error: unknown): unknown {
  if (!isVitrineError(error) || !OTHER_RUN.test(error.code)) return error;
  const [difference] = error.message.split(/; if files|, or start a new run|: resume it with/);
  const text = `this rank does not fit the run of rank 0: ${difference}`;
  return new VitrineError(error.code, text, { details: error.details, cause: error });
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
