// Conformance: every file of a manifest against what libjpeg-turbo makes of it.
// `npm run conformance -- jpeg --root DIR --manifest FILE.jsonl [--json]`; exit status 1 where a file fails.

import { Command } from "commander";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { readManifest } from "./manifest.js";
import { type ConformanceReport, runConformance } from "./report.js";

function print(report: ConformanceReport, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  for (const [status, counts] of Object.entries(report.byStatus))
    console.log(`${status.padEnd(8)} ${counts.passed} passed, ${counts.failed} failed`);
  for (const failure of report.failures)
    console.log(`failed: ${failure.file} (${failure.status}): ${failure.got}`);
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

try {
  await main();
} catch (error) {
  console.error(isVitrineError(error) ? `${error.code}: ${error.message}` : String(error));
  process.exitCode = 1;
}
