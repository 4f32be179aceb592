// Ranks for tests: members of one run in this process, with short limits.

import type { Formed, JoinOptions, Member } from "../../client/node/collective/contract.js";
import { joinRun } from "../../client/node/collective/join-run.js";
import { collectiveServer } from "../../server/collective-server.js";
import type { ServerSecurity } from "../../server/security.js";

export interface Ranks {
  members: Member[];
  lines: string[];
  /** Another member; the first one is rank 0. */
  join(options?: Partial<JoinOptions>, security?: ServerSecurity): Promise<Member>;
  /** All members form a group, each with the step of its place in `steps`. */
  form(steps?: readonly number[]): Promise<Formed[]>;
  close(): Promise<void>;
}

export function createRanks(world: number, common: Partial<JoinOptions> = {}): Ranks {
  const members: Member[] = [];
  const lines: string[] = [];
  return {
    members,
    lines,
    async join(options = {}, security = {}) {
      const member = await joinRun({
        master: members[0]?.address ?? "127.0.0.1:0",
        rank: members.length === 0 ? 0 : null,
        ...{ world, pieces: 12, waitSeconds: 10, timeoutSeconds: 5, facts: { version: "1" } },
        serve: collectiveServer(security, (line) => lines.push(line)),
        say: (line) => lines.push(line),
        ...common,
        ...options,
      });
      members.push(member);
      return member;
    },
    form: (steps = []) => Promise.all(members.map((member, i) => member.form({ step: steps[i] ?? -1 }))),
    async close() {
      await Promise.all(members.splice(0).map((member) => member.close()));
    },
  };
}

/** A run whose members are all there and have formed. */
export async function formRanks(
  world: number,
  common: Partial<JoinOptions> = {},
): Promise<Ranks & { formed: Formed[] }> {
  const ranks = createRanks(world, common);
  for (let i = 0; i < world; i++) await ranks.join();
  return { ...ranks, formed: await ranks.form() };
}
