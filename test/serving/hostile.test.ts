// Hostile requests: every attack, at a size for tests, gets one of its errors, and another client is answered all the while.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryOf, resetPeak } from "../../bench/serve/process-figures.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { makeTinyModel, TINY } from "../inference/tiny-model.js";
import { attacks } from "./hostile/attacks.js";
import { floods } from "./hostile/floods.js";
import { ATTACKER_TOKEN, guardedFlags, SPARE_MODEL, VICTIM_TOKEN } from "./hostile/guarded-server.js";
import { startVictim, type Victim } from "./hostile/victim.js";

const SIZES = {
  bombBytes: 2 ** 27,
  side: 3000,
  elements: 5000,
  emptyElements: 2_000_000,
  outputs: 100_000,
  connections: 200,
};

const FLOODS = {
  canceled: 1000,
  late: 30,
  urgent: 400,
  streams: 15,
  reloads: 60,
  trickled: 100,
  abandoned: 4,
  side: 3000,
};

/** What refusing may take, whatever the attack: a message of 8 MB, and a picture of 9 megapixels in a decode thread. */
const MOST_MB = 300;

test("no attack gets another answer than its error, stops another client, or takes much memory", async () => {
  const tiny = makeTinyModel();
  const work = mkdtempSync(join(tmpdir(), "vitrine-hostile-"));
  const flags = ["--listen", "127.0.0.1:0", "--device", "wasm", ...guardedFlags(work, tiny.folder)];
  const command = runCommand("serve", "--model", tiny.folder, ...flags);
  let victim: Victim | undefined;
  try {
    const server = {
      ...{ address: await addressOf(command), model: "tiny", side: TINY.imageSize },
      ...{ token: ATTACKER_TOKEN, spareModel: SPARE_MODEL },
    };
    const pid = command.child.pid!;
    victim = startVictim(server, VICTIM_TOKEN);
    // What a process has at most, Linux alone says.
    const isMeasured = process.platform === "linux";
    const base = isMeasured ? memoryOf(pid).now : 0;
    if (isMeasured) resetPeak(pid);
    for (const { name, allowed, prepare } of [...attacks(SIZES), ...floods(FLOODS)]) {
      assert.match(await prepare(server)(), allowed, name);
      const { peak } = isMeasured ? memoryOf(pid) : { peak: 0 };
      assert.ok(peak < base + MOST_MB, `${name}: ${base} → ${peak} MB`);
    }
    assert.ok(victim.latencies().length > 0);
    assert.equal([...victim.errors()], []);
  } finally {
    command.child.kill("SIGKILL");
    await victim?.stop();
    tiny.remove();
    rmSync(work, { recursive: true });
  }
});

test.run();
