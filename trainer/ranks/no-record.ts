// No record: a rank that keeps no folder. Rank 0 writes the run, and any rank can give its state to another one.

import type { RunRecord } from "../core/run-record.js";

export const NO_RECORD: RunRecord = {
  open: async ({ state }) => ({
    addStep: async () => {},
    completeStep: async () => {},
    save: async () => {},
    saveRanked: async () => {},
    prune: async () => {},
    saveState: async () => {},
    saved: () => state.step,
    saveUnsaved: async () => {},
  }),
  prune: async () => {},
  explain: (error) => error,
  peakBytes: () => 1024 * process.resourceUsage().maxRSS,
};
