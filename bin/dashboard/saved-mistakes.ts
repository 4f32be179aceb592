// Saved mistakes: evaluates the model of a run that is over, one run at a time, where someone asks to see its mistakes.

import { predictionsOf, type ReportSources } from "../report/gather.js";
import { REPORT_IMAGES } from "../report/reported-run.js";
import { type FindMistakes, MOST_MISTAKES } from "./mistakes.js";

/** The device is opened for each run and closed again. */
export function mistakeFinder(sources: ReportSources): FindMistakes {
  let last: Promise<unknown> = Promise.resolve();
  const find: FindMistakes = async (history, onProgress) => {
    const runtime = await sources.openRuntime();
    try {
      const limits = { mostImages: REPORT_IMAGES, mostMistakes: MOST_MISTAKES };
      const val = history.state.validationPath ?? "";
      const found = await predictionsOf(history, val, { runtime, sources, ...limits, onProgress });
      return found.predictions;
    } finally {
      await runtime.dispose();
    }
  };
  return (history, onProgress) => {
    const found = last.then(() => find(history, onProgress));
    last = found.catch(() => {});
    return found;
  };
}
