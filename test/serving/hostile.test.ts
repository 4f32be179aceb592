// Hostile requests: every attack, at a size for tests, gets one of its errors, and another client is answered all the while.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryOf, resetPeak } from "../../bench/serve/process-figures.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { makeTinyModel, TINY } from "../inference/tiny-model.js";
import { attacks } from "./hostile/attacks.js";
import { startVictim } from "./hostile/victim.js";

const SIZES = {
  bombBytes: 2 ** 27,
  side: 3000,
  elements: 5000,
  emptyElements: 2_000_000,
  outputs: 100_000,
  connections: 200,
};

/** What refusing may take, whatever the attack: a message of 8 MB, and a picture of 9 megapixels in a decode thread. */
const MOST_MB = 300;

test("no attack gets another answer than its error, stops another client, or takes much memory", async () => {
  const tiny = makeTinyModel();
  const command = runCommand("serve", "--model", tiny.folder, "--listen", "127.0.0.1:0", "--device", "wasm");
  try {
    const server = { address: await addressOf(command), model: "tiny" };
    const pid = command.child.pid!;
    const victim = startVictim(server, TINY.imageSize);
    // What a process has at most, Linux alone says.
    const isMeasured = process.platform === "linux";
    const base = isMeasured ? memoryOf(pid).now : 0;
    if (isMeasured) resetPeak(pid);
    for (const { name, allowed, prepare } of attacks(SIZES)) {
      assert.match(await prepare(server)(), allowed, name);
      const { peak } = isMeasured ? memoryOf(pid) : { peak: 0 };
      assert.ok(peak < base + MOST_MB, `${name}: ${base} → ${peak} MB`);
    }
    assert.ok(victim.latencies().length > 0);
    await victim.stop();
    assert.equal([...victim.errors()], []);
  } finally {
    command.child.kill("SIGKILL");
    tiny.remove();
  }
});

test.run();
