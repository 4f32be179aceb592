// Make report: runs in, one HTML file out.

import { rename, rm, writeFile } from "node:fs/promises";
import { quote, VitrineError } from "../../runtime/errors.js";
import { type GatherOptions, gatherRun } from "./gather.js";
import { comparisonPage, runPage } from "./page.js";
import { PictureBudget } from "./pictures.js";
import type { ReportedRun } from "./reported-run.js";

export interface ReportRequest extends Omit<GatherOptions, "mostMistakes" | "runtime"> {
  /** Folders of one run or several. */
  runs: readonly string[];
  /** The HTML file; an existing one is replaced. */
  out: string;
}

const MISTAKES_OF_ONE = 12;
const MISTAKES_OF_SEVERAL = 6;

export interface WrittenReport {
  out: string;
  bytes: number;
  /** What is missing in it, and why. */
  notes: string[];
}

/** What the page is drawn from. The device is closed again. */
async function pageOf({
  runs,
  sources,
  ...limits
}: ReportRequest): Promise<{ text: string; notes: string[] }> {
  const runtime = await sources.openRuntime();
  try {
    const mostMistakes = runs.length === 1 ? MISTAKES_OF_ONE : MISTAKES_OF_SEVERAL;
    const options = { ...limits, sources, runtime, mostMistakes };
    const reported: ReportedRun[] = [];
    for (const path of runs) reported.push(await gatherRun(path, options));
    const pictures = new PictureBudget(runtime.image);
    const isOne = reported.length === 1;
    const text = await (isOne ? runPage(reported[0], pictures) : comparisonPage(reported, pictures));
    return { text, notes: reported.flatMap(({ notes }) => notes) };
  } finally {
    await runtime.dispose();
  }
}

/** Throws what `gatherRun` and the device throw, and `file/unwritable`. Nothing partial is left under `out`. */
export async function makeReport(request: ReportRequest): Promise<WrittenReport> {
  const { out } = request;
  const { text, notes } = await pageOf(request);
  const next = `${out}.next`;
  try {
    await writeFile(next, text);
    await rename(next, out);
  } catch (cause) {
    await rm(next, { force: true });
    throw new VitrineError("file/unwritable", `${quote(out)}: ${quote((cause as Error).message)}`, { cause });
  }
  return { out, bytes: Buffer.byteLength(text), notes };
}
