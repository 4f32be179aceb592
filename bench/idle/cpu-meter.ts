// Meter: loaded into a server before its own code (node --import), it answers "cpu" on the parent's channel with the
// processor time of the whole process so far, in microseconds.

import { isMainThread } from "node:worker_threads";

if (isMainThread && process.send) {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ microseconds: user + system });
  });
  // The channel alone keeps no server alive.
  process.channel?.unref();
}
