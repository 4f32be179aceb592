// vitrine report: one HTML file about a run, or about several beside each other.

import { join } from "node:path";
import type { Command } from "commander";
import { connectData } from "../../client/node/index.js";
import { VitrineError } from "../../runtime/errors.js";
import { isInBucket } from "../bucket-copy.js";
import { localRun } from "../bucket-run.js";
import { action, printJson, withExamples } from "../command-line.js";
import { deviceOption, gpuTierOption, threadsOption } from "../model-options.js";
import { wholeNumber, workersOption } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import type { ReportSources } from "../report/gather.js";
import { MOST_RUNS, REPORT_IMAGES } from "../report/reported-run.js";
import { REPORT_TIMEOUT_SECONDS, reportSources } from "../report/sources.js";
import { addConnectionSecurity, type ConnectionFlags, connectionSecurity } from "../security-options.js";

interface ReportFlags extends ConnectionFlags, RemoteFlags {
  out?: string;
  val?: string;
  images: number;
  dataServer?: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  workers: number;
  json?: boolean;
}

/** Throws `usage/command-line`. */
function outOf(runs: readonly string[], out: string | undefined): string {
  if (runs.length > MOST_RUNS)
    throw new VitrineError(
      "usage/command-line",
      `report got ${runs.length} runs; allowed: at most ${MOST_RUNS}, a color each`,
    );
  if (out !== undefined && !/\.html?$/i.test(out))
    throw new VitrineError("usage/command-line", "--out takes the name of an .html file");
  const isFolder = runs.length === 1 && !isInBucket(runs[0]);
  return out ?? (isFolder ? join(runs[0], "report.html") : "report.html");
}

async function report(given: string[], flags: ReportFlags): Promise<void> {
  const out = outOf(given, flags.out);
  const runs = await Promise.all(given.map((run) => localRun(run, remoteSettings(flags))));
  const { val, images: mostImages } = flags;
  const { makeReport } = await import("../report/make-report.js");
  const { dataServer: address } = flags;
  const connect: ReportSources["connect"] =
    address === undefined
      ? undefined
      : (data) =>
          connectData({
            ...data,
            ...connectionSecurity(flags),
            address,
            timeoutSeconds: REPORT_TIMEOUT_SECONDS,
          });
  const sources = reportSources({
    ...flags,
    connect,
    security: connectionSecurity(flags),
    remote: remoteSettings(flags),
  });
  const written = await makeReport({ runs, out, mostImages, sources, ...(val !== undefined && { val }) });
  for (const note of written.notes) process.stderr.write(`${note}\n`);
  if (flags.json) printJson(written);
  else process.stdout.write(`${written.out}: ${(written.bytes / 1024).toFixed(0)} KiB\n`);
}

export function configureReport(command: Command): void {
  command
    .argument("<run...>", "what `vitrine train --out` wrote, folders or s3://…; several are compared")
    .optionsGroup("Report:")
    .option(
      "--out <file>",
      "HTML file to write (RUN/report.html; report.html for several runs, or one in a bucket)",
    )
    .option("--json", "print one line of JSON with the file, its bytes and what it lacks")
    .optionsGroup("Data:")
    .option("--val <path>", "validation data, in place of the run's own")
    .option(
      "--images <n>",
      "most validation images to evaluate, evenly spaced",
      wholeNumber("--images", { min: 1, max: 1_000_000 }),
      REPORT_IMAGES,
    )
    .option("--data-server <address>", "server of the training data, to show a batch as the model saw it")
    .addOption(workersOption())
    .optionsGroup("Device:")
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption());
  addRemoteOptions(command);
  addConnectionSecurity(command);
  command.action(action(report));
  withExamples(command, [
    ["a page about a run, in its folder", "vitrine report runs/shapes"],
    ["two runs beside each other", "vitrine report runs/a runs/b --out comparison.html"],
  ]);
}
