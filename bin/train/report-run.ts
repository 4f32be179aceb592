// Report run: RUN/report.html at the end of a training.

import { join } from "node:path";
import { quote } from "../../runtime/errors.js";
import type { ReportSources } from "../report/gather.js";
import { REPORT_IMAGES } from "../report/reported-run.js";

/**
 * Writes RUN/report.html about a finished run and returns its path. The run is complete without it: what goes wrong is
 * a line, and null.
 */
export async function reportRun(
  out: string,
  sources: ReportSources,
  say: (line: string) => void,
): Promise<string | null> {
  const path = join(out, "report.html");
  try {
    // Plotting takes a quarter of a second to load, which the start of a run should not wait for.
    const { makeReport } = await import("../report/make-report.js");
    await makeReport({ runs: [out], out: path, mostImages: REPORT_IMAGES, sources });
    say(`report: ${quote(path)}`);
    return path;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    say(`no report was written (vitrine report ${quote(out)} tries again): ${quote(text)}`);
    return null;
  }
}
