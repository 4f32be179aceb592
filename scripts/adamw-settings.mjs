// AdamW settings: their places, read from runtime/graph/operations/optimizer.ts, for what the build generates from them.

import { readFileSync } from "node:fs";

const SOURCE = new URL("../runtime/graph/operations/optimizer.ts", import.meta.url);

/** [LEARNING_RATE, 0], [WEIGHT_DECAY, 1] …: names as constants, places in the array. */
export function adamWPlaces() {
  const [, list] = /ADAMW_SETTINGS = \[([^\]]*)\] as const/.exec(readFileSync(SOURCE, "utf8")) ?? [];
  if (list === undefined) throw new Error(`${SOURCE.pathname}: there is no list ADAMW_SETTINGS`);
  const names = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  return names.map((name, place) => [name.replace(/[A-Z]/g, "_$&").toUpperCase(), place]);
}
