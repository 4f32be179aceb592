// Located data set: a data set as makers of batches take it: each sample with its location.

import type { LocatedDataset } from "../../runtime/batches/batch-maker.js";
import type { EvaluationDataset } from "../../runtime/batches/evaluation-maker.js";
import { type Dataset, sampleLocation, sampleName } from "./dataset.js";
import type { SampleLocation } from "./sample-location.js";

export function locatedDataset(
  dataset: Dataset,
): LocatedDataset<SampleLocation> & EvaluationDataset<SampleLocation> {
  return {
    ...dataset,
    locationAt: (index) => sampleLocation(dataset, index),
    nameAt: (index) => sampleName(dataset, index),
  };
}
