// vitrine dataset: prepares data sets. The commands are in bin/dataset.

import type { Command } from "commander";
import { withExamples } from "../command-line.js";
import { configureIndex } from "../dataset/index-command.js";

export function configureDataset(dataset: Command): void {
  configureIndex(dataset);
  withExamples(dataset, [
    ["list a million files once", "vitrine dataset index --data photos/train"],
    ["see its flags", "vitrine dataset index --help"],
  ]);
}
