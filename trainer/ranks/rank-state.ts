// Rank state: the state of a run that each of its ranks has whole: how far it is, its files, which another rank may get, and
// the last one that all ranks have in common.

import { writeConfigJson } from "../../runtime/models/families.js";
import type { PieceTraining } from "../../runtime/training/contract.js";
import {
  modelFiles,
  restoreOuter,
  restoreTraining,
  restoreWeights,
  stateFiles,
} from "../core/checkpoint-files.js";
import type { StartingPoint } from "../core/run.js";
import type { OpenRecord, RecordedRun, RunRecord } from "../core/run-record.js";
import { type RunState, STATE_FILE, writeState } from "../core/state.js";
import { receivedRun } from "../stored-run.js";
import { type LocalStepsTraining, type OuterState, outerMomentumOf } from "./local-steps.js";

/**
 * How far a state is, as one number: a step counts as complete when its validation is, too. Every rank that has the same
 * number has the same state.
 */
const position = ({ step, owedValidation }: RunState): number => 2 * step + (owedValidation === null ? 1 : 0);

/** The parts of a run that hold its state. */
interface HeldParts {
  start: Pick<StartingPoint, "state" | "config" | "labels">;
  training: PieceTraining;
}

/** What this process keeps from group to group. */
export interface RankState {
  parts: HeldParts;
  /** Of ranks that average from time to time. */
  outer: OuterState | null;
  /** The files of the last state that all ranks have in common, where that is not the present one. */
  settled: Map<string, Uint8Array> | null;
}

export async function stateFilesOf({ parts, outer }: RankState): Promise<Map<string, Uint8Array>> {
  const { state, config, labels } = parts.start;
  const { training } = parts;
  const outerMomentum = outer ? outerMomentumOf(outer) : undefined;
  const model = await modelFiles(training, state, writeConfigJson(config, labels));
  return new Map([...model, ...(await stateFiles(training, state, outerMomentum))]);
}

/** Which state this rank can go on from; see `position`. */
export function offered({ parts, settled }: RankState): number {
  if (settled === null) return position(parts.start.state);
  return position(receivedRun(settled, "the last common state").state);
}

/** Replaces the state of this rank. */
export async function takeState(rank: RankState, files: Map<string, Uint8Array>): Promise<void> {
  const { parts, outer } = rank;
  const { start, training } = parts;
  const stored = receivedRun(files, "the state of another rank");
  await restoreWeights(stored.checkpoint, training);
  await restoreTraining(stored.checkpoint, training, stored.state);
  if (outer) await restoreOuter(stored.checkpoint, outerMomentumOf(outer));
  Object.assign(start.state, stored.state, { validationPath: start.state.validationPath });
  if (rank.settled) rank.settled = files;
}

/** The record of ranks that average from time to time: what is saved is the state of all of them. */
export function settledRecord(record: RunRecord, training: LocalStepsTraining, rank: RankState): RunRecord {
  const { state } = rank.parts.start;
  const open = async (run: RecordedRun): Promise<OpenRecord> => {
    const opened = await record.open(run);
    return {
      ...opened,
      save: async () => {
        await training.settle();
        rank.settled = await stateFilesOf(rank);
        await opened.save();
      },
      saveRanked: async (ranked, epoch) => {
        await training.settle();
        await opened.saveRanked(ranked, epoch);
      },
      saveState: async () => {
        rank.settled?.set(STATE_FILE, writeState(state));
        await opened.saveState();
      },
      // Between two averages no rank has the state of all.
      saveUnsaved: async () => {},
    };
  };
  return { ...record, open };
}
