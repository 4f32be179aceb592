// Download lock: of several processes that want the same file, one downloads it and the others wait.
//
// The lock is a file whose modification time its holder renews; one that was not renewed for a while belongs to a process
// that is gone. A holder that only slept does no harm when it wakes: both write the same bytes at the same places, and
// the checksum decides at the end.

import { open, rm, stat, utimes } from "node:fs/promises";
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
      await (await open(path, "wx")).close();
      return hold(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_MS) {
      await rm(path, { force: true });
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await delay(POLL_MS);
  }
  return null;
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
