// Scenarios: what is killed, and how a number of faults is divided among them.

import type { Chance } from "./chance.js";
import {
  killOneOfThree,
  killServerOverSocket,
  killServerOverTcp,
  killThreads,
  type Outcome,
} from "./streams.js";
import { killTrainerAndServer, killTrainerWithData } from "./trainers.js";

export interface Scenario {
  name: string;
  /** Data set, number of faults. */
  run(path: string, faults: number, chance: Chance): Promise<Outcome>;
}

export const STREAM_SCENARIOS: readonly Scenario[] = [
  { name: "decode threads of a server", run: killThreads },
  { name: "a server over TCP", run: killServerOverTcp },
  { name: "a server over a Unix socket", run: killServerOverSocket },
  { name: "one of three servers", run: killOneOfThree },
];

export const SCENARIOS: readonly Scenario[] = [
  ...STREAM_SCENARIOS,
  { name: "the trainer, with --data", run: killTrainerWithData },
  { name: "the trainer and one of two servers", run: killTrainerAndServer },
];

/** `total` faults in parts that differ by at most one. */
export function divided(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => Math.floor((total + parts - 1 - i) / parts));
}
