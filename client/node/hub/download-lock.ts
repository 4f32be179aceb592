// Download lock: of several processes that want the same file, one downloads it and the others wait.
//
// The lock is a file that names its holder's process, and whose modification time the holder renews: one of a process of
// this machine that is gone, or that was not renewed for a while, is taken over. A holder that only slept does no harm when it wakes: both write the same bytes at the same places, and
// the checksum decides at the end.

import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

const RENEWAL_MS = 3_000;
const STALE_MS = 20_000;
const POLL_MS = 200;

/**
 * Waits until the lock is held, or until `isDone` says that there is nothing left to do. Returns the function that
 * releases it; null where there is nothing to do. `onWait` is called once if another process holds it.
 */
export async function lockDownload(
  path: string,
  isDone: () => Promise<boolean>,
  onWait: () => void,
): Promise<(() => Promise<void>) | null> {
  let waited = false;
  while (!(await isDone())) {
    try {
      await writeFile(path, `${process.pid} ${hostname()}`, { flag: "wx" });
      return hold(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (await isAbandoned(path)) {
      await rm(path, { force: true });
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await delay(POLL_MS);
  }
  return null;
}

/** Whether a process of this machine runs; another user's does, too. */
function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (age > STALE_MS) return true;
  const [, pid, host] = /^(\d+) (.+)$/.exec(await readFile(path, "utf8").catch(() => "")) ?? [];
  return host === hostname() && !runs(Number(pid));
}

function hold(path: string): () => Promise<void> {
  const renewal = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, RENEWAL_MS);
  renewal.unref();
  return async () => {
    clearInterval(renewal);
    await rm(path, { force: true });
  };
}
