// Join ranks: how `vitrine train` joins a run of several processes. Rank 0 serves the rendezvous; each machine's first rank
// starts the others of its machine.

import { joinRun } from "../../client/node/collective/join-run.js";
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

/** How this process joins the run; `stop` ends the other ranks of its machine, which joining starts. */
export function rankOptions({
  flags,
  ranks,
  threads,
  say,
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
    return startLocalRanks({ first: rank + 1, count: processes - 1, argsOf }, say);
  };
  return {
    isMaster: rank === 0,
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
        serve: collectiveServer(securityOf(flags).server, say),
        ...(flags.ranksListen !== undefined && { listen: flags.ranksListen }),
        ...(flags.ranksAdvertise !== undefined && { advertise: flags.ranksAdvertise }),
        ...securityOf(flags).client,
        say,
      });
      if (processes > 1) others = startOthers(ranks.master ?? member.address);
      return member;
    },
    stop: async () => others?.stop(),
  };
}
