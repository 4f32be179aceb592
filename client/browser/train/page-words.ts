// Page words: texts of the trainer name flags of `vitrine train`; a page has settings of the same names.

import type { ErrorRecord } from "../../../runtime/errors.js";
import { TRAINER_OPTIONS } from "../../../trainer/core/options.js";

const FLAGS = new Set(TRAINER_OPTIONS.flatMap(({ flag, aliases = [] }) => [flag, ...aliases]));

/** The options of `createTrainer` that stand for flags; the other flags are settings. */
const OPTIONS: Readonly<Record<string, string>> = { "--model": "model", "--init": "model", "--out": "run" };

/** `lower --batch-size` → `lower setting "batch-size"`. */
function inPageWords(text: string): string {
  return text.replace(/(?<![\w-])--[a-z][a-z0-9-]*/g, (flag) => {
    const option = OPTIONS[flag];
    if (option) return `option "${option}"`;
    return FLAGS.has(flag) ? `setting "${flag.slice(2)}"` : flag;
  });
}

/** The same error, whose text names options and settings of a page. */
export const recordInPageWords = (record: ErrorRecord): ErrorRecord => ({
  ...record,
  message: inPageWords(record.message),
});
