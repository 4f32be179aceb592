// Programs: the forward passes and the training step whose operations the kernels bench times.

import { storeLayout } from "../../runtime/executors/parameter-store.js";
import type { Kernels } from "../../runtime/executors/wasm/kernels.js";
import { PIECE_ALIGNMENT } from "../../runtime/executors/wasm/linear-memory.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { FusionName, Program } from "../../runtime/graph/program.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { WEIGHTS } from "../../runtime/models/family.js";
import { planTraining } from "../../runtime/training/plan.js";
import { benchConfig } from "../model-weights.js";
import { type OperationTime, timeOperations } from "./operations.js";

export interface ProgramTime {
  program: string;
  /** Sum of the best times of its operations. */
  ms: number;
  /** Best time of the whole bytecode. */
  wholeMs: number;
  operations: OperationTime[];
}

const MODEL = "deit_tiny_distilled_patch16_224";
const TRAINING_BATCH = 8;
const FORWARD_PASSES = 15;
const TRAINING_PASSES = 6;
/** Operations below this fraction are summed in the last line. */
const MIN_FRACTION = 0.005;

/** Those of the wasm executor. */
const CAPABILITIES = {
  fuses: new Set<FusionName>(["linear-gelu", "linear-residual"]),
  alignmentBytes: PIECE_ALIGNMENT,
  limitBytes: 2 ** 32,
  rowSpans: true,
};

export function timePrograms(kernels: Kernels, peak: number | undefined): ProgramTime[] {
  const config = benchConfig(MODEL);
  const weights = new Map([[WEIGHTS, storeLayout(deitParameters(config))]]);
  const forward = [1, 8].map((batch) => {
    const program = planProgram(inferenceGraph(config, batch), CAPABILITIES);
    return timed(`forward, batch ${batch}`, kernels, program, weights, {
      passes: FORWARD_PASSES,
      peak,
      frozenWeights: true,
    });
  });
  const run = { distillation: "none" as const, alpha: 0, tau: 1, dropPath: 0.1, ema: true };
  const plan = planTraining({ config, batchSize: TRAINING_BATCH, ...run }, CAPABILITIES);
  const training = [plan.accumulate, plan.apply].map((program) =>
    timed(`${program.name}, batch ${TRAINING_BATCH}`, kernels, program, plan.stores, {
      passes: TRAINING_PASSES,
      peak,
      frozenWeights: false,
    }),
  );
  return [...forward, ...training];
}

function timed(program: string, kernels: Kernels, ...rest: [Program, Stores, Options]): ProgramTime {
  const { operations, wholeMs } = timeOperations(kernels, ...rest);
  return { program, ms: operations.reduce((sum, { ms }) => sum + ms, 0), wholeMs, operations };
}

type Stores = Parameters<typeof timeOperations>[2];
type Options = Parameters<typeof timeOperations>[3];

export function printPrograms(programs: readonly ProgramTime[]): void {
  for (const { program, ms, wholeMs, operations } of programs) {
    console.log(
      `\n${program}: ${ms.toFixed(1)} ms in its operations, one thread, best time of each; ${wholeMs.toFixed(1)} ms as a whole`,
    );
    const large = operations.filter(({ share }) => share >= MIN_FRACTION);
    for (const row of large) {
      const rate =
        row.gigaflops === undefined
          ? ""
          : `${row.gigaflops.toFixed(1).padStart(6)} GFLOP/s${row.peakShare === undefined ? "" : `  ${Math.round(100 * row.peakShare)}%`}`;
      const name = `${row.operation} ${row.shape}`.padEnd(44);
      const times = `${`${row.count}`.padStart(3)}× ${row.ms.toFixed(2).padStart(8)} ms`;
      console.log(`${name}${times} ${`${(100 * row.share).toFixed(1)}%`.padStart(6)}  ${rate}`);
    }
    const rest = operations.filter(({ share }) => share < MIN_FRACTION);
    const restMs = rest.reduce((sum, row) => sum + row.ms, 0);
    const restPercent = `${((100 * restMs) / ms).toFixed(1)}%`;
    console.log(
      `${"everything else".padEnd(44)}${`${rest.length}`.padStart(3)}  ${restMs.toFixed(2).padStart(8)} ms ${restPercent.padStart(6)}`,
    );
  }
}
