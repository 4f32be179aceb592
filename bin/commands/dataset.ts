// vitrine dataset: prepares and inspects data sets. The commands are in bin/dataset.

import type { Command } from "commander";
import { withExamples } from "../command-line.js";
import { configureCheck } from "../dataset/check-command.js";
import { configureIndex } from "../dataset/index-command.js";
import { configurePack } from "../dataset/pack-command.js";
import { configureStats } from "../dataset/stats-command.js";

export function configureDataset(dataset: Command): void {
  configureIndex(dataset);
  configurePack(dataset);
  configureCheck(dataset);
  configureStats(dataset);
  withExamples(dataset, [
    ["what would stop a run", "vitrine dataset check --data photos/train"],
    ["list a million files once", "vitrine dataset index --data photos/train"],
  ]);
}
