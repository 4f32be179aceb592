// vitrine dashboard: a page of training runs, finished or in progress, beside each other.

import type { Command } from "commander";
import { quote, VitrineError } from "../../runtime/errors.js";
import { runUntilSignal } from "../../server/drain.js";
import { localRun } from "../bucket-run.js";
import { action, withExamples } from "../command-line.js";
import { DASHBOARD_ADDRESS, dashboardLines, openDashboard } from "../dashboard/open-dashboard.js";
import { createRunList, isRun, runsIn } from "../dashboard/run-list.js";
import { mistakeFinder } from "../dashboard/saved-mistakes.js";
import { SavedRun } from "../dashboard/saved-run.js";
import { deviceOption, gpuTierOption, threadsOption } from "../model-options.js";
import { workersOption } from "../options.js";
import { reportSources } from "../report/sources.js";

interface DashboardFlags {
  listen?: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  workers: number;
}

/** Throws `checkpoint/missing` for a folder that is no run and has none. */
function checkFolders(folders: readonly string[]): void {
  const empty = folders.find((folder) => !isRun(folder) && runsIn(folder).length === 0);
  if (empty === undefined) return;
  throw new VitrineError(
    "checkpoint/missing",
    `${quote(empty)}: no run, and no folder of runs; give what \`vitrine train --out\` wrote, or the folder around it`,
    { details: { path: empty } },
  );
}

async function dashboard(given: string[], { listen, ...flags }: DashboardFlags): Promise<void> {
  const folders = await Promise.all(given.map((run) => localRun(run, {})));
  checkFolders(folders);
  const findMistakes = mistakeFinder(reportSources(flags));
  const runs = createRunList({
    runs: folders.filter(isRun),
    parents: folders.filter((folder) => !isRun(folder)),
    open: (id, folder) => new SavedRun(id, folder, findMistakes),
  });
  const server = await openDashboard(runs, listen, "--listen");
  const announce = () => {
    for (const line of dashboardLines(server)) process.stdout.write(`${line}\n`);
    process.stdout.write(`listening on ${server.address}\n`);
  };
  await runUntilSignal(() => server.close(), announce);
}

export function configureDashboard(command: Command): void {
  command
    .argument(
      "[run...]",
      "folders that `vitrine train --out` wrote, or folders of such folders, or s3://… as it is now",
      ["runs"],
    )
    .optionsGroup("Server:")
    .option(
      "--listen <host:port>",
      `address to listen on; port 0 picks a free port (default: ${DASHBOARD_ADDRESS}, or a free port where that is taken)`,
    )
    .optionsGroup("Mistakes of a run, which are computed when they are asked for:")
    .addOption(workersOption())
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption());
  command.action(action(dashboard));
  withExamples(command, [
    ["all runs of this folder", "vitrine dashboard runs"],
    ["two of them", "vitrine dashboard runs/a runs/b --listen 127.0.0.1:0"],
  ]);
}
