// Data options: flags that every command with images of its own has.

import { availableParallelism } from "node:os";
import { Option } from "commander";
import { wholeNumber } from "./number-option.js";

/** A machine of two cores gives one to the decoder and one to the trainer. */
function defaultWorkers(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}

export function workersOption(): Option {
  return new Option("--workers <n>", "decode threads; 0 decodes in the main thread")
    .default(defaultWorkers(), "half of the cores")
    .argParser(wholeNumber("--workers", { min: 0, max: 256 }));
}

export function badSamplesOption(): Option {
  return new Option("--bad-samples <policy>", "a file that cannot be decoded ends the stream, or is left out")
    .choices(["fail", "skip"])
    .default("fail");
}
