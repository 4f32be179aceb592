// Report: the verdicts on a manifest's rows, counted by status.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VitrineError } from "../../runtime/errors.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { judge } from "./judge.js";
import { type ManifestRow, STATUSES } from "./manifest.js";

export interface ConformanceReport {
  passed: number;
  failed: number;
  byStatus: Record<string, { passed: number; failed: number }>;
  failures: { file: string; status: string; got: string }[];
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

/** Judges every row; file names are relative to `root`. */
export function runConformance(module: ImageModule, root: string, rows: ManifestRow[]): ConformanceReport {
  const empty = () => ({ passed: 0, failed: 0 });
  const byStatus = Object.fromEntries(
    STATUSES.filter((status) => rows.some((row) => row.status === status)).map((status) => [status, empty()]),
  );
  const report: ConformanceReport = { ...empty(), byStatus, failures: [] };
  for (const row of rows) {
    const verdict = judge(module, row, readFileOf(row, root));
    const counts = byStatus[row.status] as ReturnType<typeof empty>;
    report[verdict.passed ? "passed" : "failed"]++;
    counts[verdict.passed ? "passed" : "failed"]++;
    if (!verdict.passed) report.failures.push({ file: row.file, status: row.status, got: verdict.got });
  }
  return report;
}
