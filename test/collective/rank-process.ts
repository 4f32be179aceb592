// Rank process: a rank of a miniature training in a process of its own, which tests stop and kill.
//
// `node rank-process.js OPTIONS STEPS HOLD`: OPTIONS are JSON of JoinOptions; after step HOLD it stands still until its parent
// sends a later one. It sends its parent its address, each group, step and loss, and at last the SHA-256 of its weights or
// the error that ended it.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { joinRun } from "../../client/node/collective/join-run.js";
import { toErrorRecord } from "../../runtime/errors.js";
import { collectiveServer } from "../../server/collective-server.js";
import { Miniature } from "./miniature.js";

const [options, steps, held] = process.argv.slice(2);
let hold = Number(held);
const say = (line: string): void => void process.send?.({ line });
process.on("disconnect", () => process.exit());
process.on("message", (message: { hold: number }) => {
  hold = message.hold;
});
try {
  const member = await joinRun({ ...JSON.parse(options), serve: collectiveServer({}, say), say });
  process.send?.({ address: member.address });
  const training = new Miniature();
  await training.train(member, Number(steps), {
    onFormed: ({ rank, world, generation }) => process.send?.({ formed: { rank, world, generation } }),
    async onStep() {
      process.send?.({ step: training.step });
      while (training.step >= hold) await once(process, "message");
    },
    onLost: (error) => process.send?.({ lost: toErrorRecord(error) }),
  });
  process.send?.({ digest: createHash("sha256").update(training.weights).digest("hex") });
  await member.close();
} catch (error) {
  process.send?.({ error: toErrorRecord(error) });
}
process.disconnect();
