// Node GPU list process: started by node-gpu-list.ts; prints the adapters as one line of JSON.

import { writeSync } from "node:fs";
import { toErrorRecord } from "../errors.js";
import { type AdapterAnswer, listNodeAdapters } from "./node-gpu.js";

async function answer(): Promise<AdapterAnswer> {
  try {
    return { adapters: await listNodeAdapters() };
  } catch (error) {
    return { error: toErrorRecord(error) };
  }
}

writeSync(1, `${JSON.stringify(await answer())}\n`);
// Drivers keep threads, which are not waited for.
process.exit(0);
