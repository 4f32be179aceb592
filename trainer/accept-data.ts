// Accepted data: a resumed run continues with the data set that it was started with, or, asked for, with another one
// that has the same classes.

import type { BatchSource } from "../runtime/batches/batch-source.js";
import { counted } from "../runtime/batches/class-counts.js";
import type { BadSamples } from "../runtime/batches/reading-policy.js";
import type { Rank } from "../runtime/draw/ranks.js";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { matchClasses } from "../runtime/models/labels.js";
import type { RunState } from "./core/state.js";

/** Opens a data set; one with another fingerprint is refused where one is given. */
type Connect = (
  request: Rank &
    Pick<RunState["settings"], "recipe" | "batchSize" | "seed"> & {
      fingerprint?: string;
      badSamples: BadSamples;
    },
) => Promise<BatchSource>;

const CHANGED = "data/fingerprint-changed";

/** The batches of the run, or a rank's part of each. Throws `data/fingerprint-changed`, with what helps here, unless another data set is accepted. */
export async function connectAgain(
  connect: Connect,
  { acceptData = false }: { acceptData?: boolean },
  state: RunState,
  part: Rank = {},
): Promise<BatchSource> {
  const { recipe, batchSize, seed } = state.settings;
  const request = { recipe, batchSize, seed, badSamples: state.badValidationSamples, ...part };
  if (acceptData) return connect(request);
  try {
    return await connect({ ...request, fingerprint: state.data.fingerprint });
  } catch (error) {
    if (!isVitrineError(error) || error.code !== CHANGED) throw error;
    const text =
      `${error.message}; if files were changed on purpose, continue with --resume --accept-data; files that cannot be ` +
      "read may stay where they are if the data server runs with --bad-samples skip";
    throw new VitrineError(CHANGED, text, { details: error.details, cause: error });
  }
}

const describe = ({ fingerprint, samples }: RunState["data"]): string =>
  `${quote(fingerprint.slice(0, 12))}… with ${counted(samples, "image", "images")}`;

/**
 * Makes the data set of `source` the run's, and records it; returns lines that say what changed. Throws `data/labels`
 * where its classes are not the model's.
 */
export function acceptData(state: RunState, source: BatchSource, labels: readonly string[]): string[] {
  const { fingerprint, samples, classes } = source.description;
  if (fingerprint === state.data.fingerprint) return [];
  const before = state.data;
  const { indices, notice } = matchClasses(classes, labels, state.settings.classesBy);
  state.classMap = [...indices];
  state.data = { fingerprint, samples };
  state.acceptedData.push({ step: state.step, fingerprint, samples });
  // A shorter epoch may end before the next batch: its last batch is then repeated, so that the epoch ends as any other.
  const { epoch, batch } = state.cursor;
  state.cursor = { epoch, batch: Math.min(batch, source.batchesPerEpoch - 1) };
  const changed = `data changed: ${describe(state.data)}, until step ${state.step} ${describe(before)}`;
  return notice === undefined ? [changed] : [changed, notice];
}
