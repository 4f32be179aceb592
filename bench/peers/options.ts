// Options that the benches with peers have in common: --model, --batch, --threads, --rounds, --round-ms, --json.

import { parseArgs } from "node:util";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { benchConfig } from "../model-weights.js";

export interface ComparisonFlags {
  model: string;
  config: DeitConfig;
  batches: number[];
  threads: number[];
  rounds: number;
  /** Time for one peer in one round. */
  roundMs: number;
  json: boolean;
}

export function comparisonFlags(words: readonly string[], batch: string): ComparisonFlags {
  const { values } = parseArgs({
    args: [...words],
    options: {
      model: { type: "string", default: "deit_tiny_distilled_patch16_224" },
      batch: { type: "string", default: batch },
      threads: { type: "string", default: "1,2" },
      rounds: { type: "string", default: "5" },
      "round-ms": { type: "string", default: "500" },
      json: { type: "boolean", default: false },
    },
  });
  return {
    model: values.model,
    config: benchConfig(values.model),
    batches: counts("--batch", values.batch),
    threads: counts("--threads", values.threads),
    rounds: counts("--rounds", values.rounds)[0],
    roundMs: counts("--round-ms", values["round-ms"])[0],
    json: values.json,
  };
}

function counts(option: string, text: string): number[] {
  return text.split(",").map((word) => {
    const count = Number(word);
    if (!Number.isSafeInteger(count) || count < 1)
      throw new Error(
        `bench: ${option} is "${text}"; allowed: whole numbers of at least 1, separated by commas`,
      );
    return count;
  });
}
