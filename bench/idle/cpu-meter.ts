// CPU meter: loaded into a server before its own code (node --import). It answers any message on the parent's channel with
// the CPU time of the whole process so far, in microseconds.

import { isMainThread } from "node:worker_threads";

if (isMainThread && process.send) {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ microseconds: user + system });
  });
  // The channel must not keep the server alive.
  process.channel?.unref();
}
