// Conformance: every file of a manifest against what libjpeg-turbo makes of it.
// `npm run conformance -- jpeg --root DIR --manifest FILE.jsonl [--json]`; exit status 1 where a file fails.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { judge } from "./judge.js";
import { type ManifestRow, readManifest, STATUSES } from "./manifest.js";

export interface ConformanceReport {
  passed: number;
  failed: number;
  skipped: number;
  byStatus: Record<string, { passed: number; failed: number; skipped: number }>;
  failures: { file: string; status: string; got: string }[];
  /** Rows of kinds that are refused by name for now, by reason. */
  skippedReasons: Record<string, number>;
}

function readFileOf(row: ManifestRow, root: string): Uint8Array {
  const path = join(root, row.file);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new VitrineError(
      "file/not-found",
      `${path}: cannot be read; --root is the folder of the manifest's files`,
      {
        cause,
      },
    );
  }
}

/** Judges every row; files lie below `root`. */
export function runConformance(module: ImageModule, root: string, rows: ManifestRow[]): ConformanceReport {
  const empty = () => ({ passed: 0, failed: 0, skipped: 0 });
  const byStatus = Object.fromEntries(
    STATUSES.filter((status) => rows.some((row) => row.status === status)).map((status) => [status, empty()]),
  );
  const report: ConformanceReport = { ...empty(), byStatus, failures: [], skippedReasons: {} };
  for (const row of rows) {
    const verdict = judge(module, row, readFileOf(row, root));
    const counts = byStatus[row.status] as ReturnType<typeof empty>;
    report[verdict.outcome]++;
    counts[verdict.outcome]++;
    if (verdict.outcome === "failed")
      report.failures.push({ file: row.file, status: row.status, got: verdict.got });
    if (verdict.outcome === "skipped")
      report.skippedReasons[verdict.got] = (report.skippedReasons[verdict.got] ?? 0) + 1;
  }
  return report;
}

function print(report: ConformanceReport, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  for (const [status, counts] of Object.entries(report.byStatus))
    console.log(
      `${status.padEnd(8)} ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
    );
  for (const failure of report.failures)
    console.log(`failed: ${failure.file} (${failure.status}): ${failure.got}`);
  for (const [reason, count] of Object.entries(report.skippedReasons))
    console.log(`skipped: ${count} ${reason}`);
  console.log(`${report.passed} passed, ${report.failed} failed`);
}

async function main(): Promise<void> {
  const program = new Command("conformance");
  program
    .command("jpeg")
    .description("decode every file of a manifest and compare with libjpeg-turbo's result")
    .requiredOption("--root <folder>", "folder that the manifest's file names start from")
    .requiredOption("--manifest <file>", "JSON lines: file, status, rgb_sha256, …")
    .option("--json", "print one line of JSON")
    .action(async (options: { root: string; manifest: string; json?: boolean }) => {
      const module = await createImageModule(nodeHost());
      const report = runConformance(module, options.root, readManifest(options.manifest));
      print(report, options.json === true);
      if (report.failed > 0) process.exitCode = 1;
    });
  await program.parseAsync(process.argv);
}

if (process.argv[1]?.endsWith("run.js")) {
  try {
    await main();
  } catch (error) {
    console.error(isVitrineError(error) ? `${error.code}: ${error.message}` : String(error));
    process.exitCode = 1;
  }
}
