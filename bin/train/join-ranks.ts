// Join ranks: how `vitrine train` joins a run of several processes. Rank 0 serves the rendezvous; each machine's first rank
// starts the others of its machine.

import type { ServeCollective } from "../../client/node/collective/contract.js";
import { joinRun } from "../../client/node/collective/join-run.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { collectiveServer } from "../../server/collective-server.js";
import type { RankOptions } from "../../trainer/ranks/rank-options.js";
import { packageVersion } from "../command-line.js";
import { serverSecurity } from "../security-options.js";
import { argumentsOfOthers, type LocalRanks, startLocalRanks } from "./local-ranks.js";
import type { RankedRun, RankFlags } from "./rank-settings.js";

/** Each rank is a server to the one before it, and a client of the one after it. */
const securityOf = ({ ranksTlsCert, ranksTlsKey, ranksTlsCa, ranksTokenFile }: RankFlags) => ({
  server: serverSecurity({
    tlsCert: ranksTlsCert,
    tlsKey: ranksTlsKey,
    tlsClientCa: ranksTlsCa,
    tokenFile: ranksTokenFile,
  }),
  client: { tlsCa: ranksTlsCa, tlsCert: ranksTlsCert, tlsKey: ranksTlsKey, tokenFile: ranksTokenFile },
});

/** The server of this rank, whose address has flags of its own. */
function serveWith(flags: RankFlags, say: (line: string) => void): ServeCollective {
  const serve = collectiveServer(securityOf(flags).server, say);
  return async (implementation, listen) => {
    try {
      return await serve(implementation, listen);
    } catch (error) {
      if (!isVitrineError(error) || error.code !== "network/address-in-use") throw error;
      const text = `${listen} is in use by another process: stop it, or choose another port (--master, --ranks-listen)`;
      throw new VitrineError(error.code, text, { details: error.details, cause: error });
    }
  };
}

/** How this process joins the run; `stop` ends the other ranks of its machine, which joining starts. */
export function rankOptions({
  flags,
  ranks,
  threads,
  say,
  interruption,
}: RankedRun): RankOptions & { stop(): Promise<void> } {
  const { rank, world, processes } = ranks;
  let others: LocalRanks | null = null;
  const startOthers = (master: string): LocalRanks => {
    const given = argumentsOfOthers(process.argv.slice(2));
    const argsOf = (other: number) => [
      ...given,
      ...[
        "--rank",
        String(other),
        "--world",
        String(world),
        "--master",
        master,
        "--threads",
        String(threads),
      ],
    ];
    return startLocalRanks({ first: rank + 1, count: processes - 1, argsOf, interruption }, say);
  };
  return {
    isMaster: rank === 0,
    say,
    // Rank 0 alone forms groups, and knows the pieces.
    join: async (pieces = world) => {
      const member = await joinRun({
        master: ranks.master ?? "127.0.0.1:0",
        rank,
        world,
        pieces,
        waitSeconds: flags.waitForRanks,
        timeoutSeconds: flags.ranksTimeout,
        // Ranks that average their weights do so before each checkpoint.
        facts: { version: packageVersion(), "checkpoint-every": String(flags.checkpointEvery) },
        transport: flags.ringTransport,
        serve: serveWith(flags, say),
        ...(flags.ranksListen !== undefined && { listen: flags.ranksListen }),
        ...(flags.ranksAdvertise !== undefined && { advertise: flags.ranksAdvertise }),
        ...securityOf(flags).client,
        say,
      });
      const missing = counted(world - processes, "more rank", "more ranks");
      if (rank === 0 && world > processes)
        say(`waiting for ${missing} at ${member.address}, up to ${flags.waitForRanks} s`);
      if (rank > 0) say(`rank ${rank} of ${world} has joined the run at ${ranks.master}`);
      if (processes > 1) others = startOthers(ranks.master ?? member.address);
      return member;
    },
    stop: async () => others?.stop(),
  };
}
