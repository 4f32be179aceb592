// Stop on signals: the first one is acknowledged, the copy that npm sends is the same one, and a second one ends the
// process at once.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";

const MODULE = new URL("../../bin/stop-on-signals.js", import.meta.url).href;

/** A process that never stops by itself; it says when it listens and when it was asked to stop. */
async function startProcess() {
  const script = `import { stopOnSignals } from ${JSON.stringify(MODULE)};
    stopOnSignals((line) => console.log(line), "runs/a/last");
    setInterval(() => {}, 1000);
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = once(child, "close").then(([status]) => status as number);
  const says = async (pattern: RegExp) => {
    while (!pattern.test(output)) await once(child.stdout, "data");
  };
  await says(/ready/);
  return { child, ended, says, output: () => output, errors: () => errors };
}

for (const [signal, status, words] of [
  ["SIGINT", 130, "Ctrl-C again"],
  ["SIGTERM", 143, "a second SIGTERM"],
] as const) {
  test(`${signal}: acknowledged at once; a second one ends the process with status ${status}`, async () => {
    const { child, ended, says, output, errors } = await startProcess();
    child.kill(signal);
    await says(/stopping/);
    child.kill(signal);
    const first = await Promise.race([ended, delay(500)]);
    assert.is(first, undefined, "a copy of the same signal is not a second request");
    child.kill(signal);
    assert.is(await ended, status);
    assert.is(output(), `ready\nstopping after this batch; ${words} ends at once\n`);
    assert.is(errors(), "\nvitrine: ended at once; runs/a/last holds the last checkpoint, if any\n");
  });
}

test.run();
