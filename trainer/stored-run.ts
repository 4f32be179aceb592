// Stored run: a run to continue: in RUN/last, or as another process of the run has sent it.

import { join } from "node:path";
import { CONFIG_FILE, WEIGHTS_FILE } from "../runtime/host/host.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { lastCheckpoint, loadState } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/run-folders.js";
import type { StoredRun } from "./core/run.js";
import { readState, STATE_FILE } from "./core/state.js";

/** RUN/last, after completing what a crash interrupted. Throws `checkpoint/missing`, `checkpoint/state`. */
export async function runOnDisk(out: string): Promise<StoredRun> {
  const state = await loadState(out);
  const place = join(out, LAST);
  return { state, model: nodeModelSource(place), checkpoint: lastCheckpoint(out), place };
}

const NO_BYTES = new Uint8Array();

/** The files of a checkpoint, by name. Throws `checkpoint/state`. */
export function receivedRun(files: ReadonlyMap<string, Uint8Array>, place: string): StoredRun {
  const state = readState(
    new TextDecoder().decode(files.get(STATE_FILE) ?? NO_BYTES),
    `${place}: ${STATE_FILE}`,
  );
  const read = async (file: string) => (files.get(file) as Uint8Array<ArrayBuffer> | undefined) ?? null;
  const wanted = new Set([CONFIG_FILE, WEIGHTS_FILE]);
  return {
    state,
    model: { name: place, location: place, read: async (file) => (wanted.has(file) ? read(file) : null) },
    checkpoint: { path: (file) => file, read },
    place,
  };
}
