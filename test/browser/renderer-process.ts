// Renderer process: what /proc tells of the process that runs a page, for tests of its memory and threads. Linux only.

import { readdirSync, readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";

export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1000;
}

/** Of several renderers, the one that holds the page's workers is the largest. */
export async function rendererPid(browser: Browser, page: Page): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  await page.bringToFront();
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  return renderers.sort((a, b) => residentMb(b) - residentMb(a))[0] as number;
}

/** Threads of the process's workers, those that were ended and still compute among them. */
export function workerThreads(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).filter((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").startsWith("DedicatedWorker");
    } catch {
      // It has ended since.
      return false;
    }
  });
}
