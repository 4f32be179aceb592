// Renderers: the peak memory of a page, from the processes of Chromium that have begun with it. On Linux.

import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { memoryOf } from "../serve/process-figures.js";

export async function rendererPids(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

/** MB of the largest of the processes; NaN where none is left, and on other systems. */
export function peakOf(pids: readonly number[]): number {
  const peaks = pids.filter((pid) => existsSync(`/proc/${pid}/status`)).map((pid) => memoryOf(pid).peak);
  return peaks.length > 0 ? Math.max(...peaks) : Number.NaN;
}
