// Rank options: what a run of several processes needs from outside.

import type { Member } from "../../client/node/collective/contract.js";

export interface RankOptions {
  /** Whether this process serves the rendezvous, and keeps RUN. */
  isMaster: boolean;
  /** Receives what happens to this rank and to the group. */
  say(line: string): void;
  /** Joins the run. `pieces`: those of a batch, which only the process that keeps RUN knows. */
  join(pieces?: number): Promise<Member>;
}
