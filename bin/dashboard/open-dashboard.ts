// Open dashboard: the server of runs with the built page, for the commands that show them.

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isLocalAddress, portOf } from "../../proto/address.js";
import { isVitrineError } from "../../runtime/errors.js";
import { type DashboardServer, startDashboard } from "../../server/dashboard/dashboard-server.js";
import type { ObservedRuns } from "../../server/dashboard/observed-run.js";
import { createPageHandler, PAGE_HEADERS } from "../../server/page/page-handler.js";
import { LiveRun } from "./live-run.js";
import { createRunList } from "./run-list.js";
import { SavedRun } from "./saved-run.js";

/** Compiled to dist/bin/dashboard/; the page is in dist/app. */
const APP = fileURLToPath(new URL("../../app", import.meta.url));

export const DASHBOARD_ADDRESS = "127.0.0.1:8090";

/** Without `listen`, the usual port or a free one. Throws what `startDashboard` throws. */
export async function openDashboard(
  runs: ObservedRuns,
  listen: string | undefined,
  flag: string,
): Promise<DashboardServer> {
  const page = createPageHandler(APP, new Map(), "dashboard");
  const options = { runs, page, headers: PAGE_HEADERS, flag };
  try {
    return await startDashboard({ ...options, listen: listen ?? DASHBOARD_ADDRESS });
  } catch (error) {
    const isTaken = isVitrineError(error) && error.code === "network/address-in-use";
    if (listen !== undefined || !isTaken) throw error;
    return startDashboard({ ...options, listen: "127.0.0.1:0" });
  }
}

/** Lines about where the dashboard is. They have its token: they are printed, and not kept in a file. */
export function dashboardLines({ address, link }: DashboardServer): string[] {
  const bare = address.replace(/^http:\/\//, "");
  if (isLocalAddress(bare)) return [`dashboard: ${link}`];
  const port = portOf(bare);
  return [
    `dashboard: ${link}`,
    `warning: ${bare} is reachable from other machines without TLS: anyone on the way can read the token. ` +
      `Through \`ssh -L ${port}:127.0.0.1:${port}\`, 127.0.0.1 is enough`,
  ];
}

export interface LiveDashboard {
  run: LiveRun;
  server: DashboardServer;
}

/** `folder`: RUN, beside which other runs are shown as well. `stop`: asks the run to end as Ctrl-C does. */
export async function openLiveDashboard(
  folder: string,
  listen: string | undefined,
  stop: () => void,
): Promise<LiveDashboard> {
  const run = new LiveRun(folder, stop);
  const runs = createRunList({
    live: run,
    runs: [],
    parents: [dirname(resolve(folder))],
    // Nobody evaluates their models here: that would take time from the training.
    open: (id, path) => new SavedRun(id, path),
  });
  return { run, server: await openDashboard(runs, listen, "--dashboard") };
}
