// Read run: what a run's folder says about it, finished or not: state.json, metrics.csv and the class names.

import { basename, join, resolve } from "node:path";
import { quote, VitrineError } from "../../runtime/errors.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { entryAt, LARGEST_TEXT, readWholeFile } from "../../runtime/host/node-files.js";
import { readConfigJson } from "../../runtime/models/families.js";
import { BEST, LAST } from "../../trainer/checkpoint/run-folders.js";
import { type RunState, readState, STATE_FILE } from "../../trainer/core/state.js";
import { LARGEST_METRICS } from "../../trainer/metrics.js";
import { Metrics } from "./metrics-table.js";
import type { RunHistory } from "./reported-run.js";

async function readText(path: string, mostBytes: number): Promise<string> {
  return new TextDecoder().decode(await readWholeFile(path, mostBytes));
}

function notARun(path: string): VitrineError {
  const hint = entryAt(join(path, "config.json"))
    ? "this is a model; give the folder of its run, which holds last/ and metrics.csv"
    : `${LAST}/${STATE_FILE} is missing; give the folder that \`vitrine train --out\` wrote`;
  return new VitrineError("checkpoint/missing", `${quote(path)}: no run: ${hint}`, { details: { path } });
}

/** Class names of a model folder; none where its config.json cannot be read. */
async function labelsOf(model: string): Promise<readonly string[]> {
  const bytes = await nodeModelSource(model).read("config.json");
  if (!bytes) return [];
  return readConfigJson(new TextDecoder().decode(bytes), `${model}: config.json`).labels ?? [];
}

/** The state of RUN, read without changing anything. Throws `checkpoint/missing` and `checkpoint/state`. */
export async function readRunState(path: string): Promise<RunState> {
  const stateFile = join(path, LAST, STATE_FILE);
  if (!entryAt(stateFile)) throw notARun(path);
  return readState(await readText(stateFile, LARGEST_TEXT), stateFile);
}

/**
 * Reads RUN, changing nothing. A run that stopped midway is one; without metrics.csv it has no curves. Throws
 * `checkpoint/missing` for a folder without a run, and what its files deserve.
 */
export async function readRunHistory(path: string): Promise<RunHistory> {
  const state = await readRunState(path);
  const metricsFile = join(path, "metrics.csv");
  const metrics = new Metrics(entryAt(metricsFile) ? await readText(metricsFile, LARGEST_METRICS) : "");
  const modelName = entryAt(join(path, BEST, "config.json")) ? BEST : LAST;
  const model = join(path, modelName);
  const name = basename(resolve(path));
  return { path, name, state, metrics, labels: await labelsOf(model), model, modelName };
}
