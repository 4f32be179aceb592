// Conformance: every file of a manifest compared with libjpeg-turbo's result. `npm run conformance -- jpeg --root DIR
// --manifest FILE.jsonl [--json]`; exit status 1 where a file fails. `npm run conformance -- crops --root DIR
// [--crops 100000] [--seed S] [--json]`: crop-aware decode on random crops. `npm run conformance -- devices --model
// MODEL --data DATA [--devices wasm,webgpu] [--gpu-tier TIER] [--json]`: first five classes. `npm run conformance -- pictures --root DIR
// [--json]`: files of other formats, compared with Pillow's result. `npm run conformance -- served --root DIR --expected
// FILE.jsonl --model MODEL [--json]`: photographs through a server. `npm run conformance -- browser --root DIR --model
// MODEL [--device webgpu] [--json]`: photographs in a page. `npm run conformance -- batches`: batches made in every way.

import { join } from "node:path";
import { Command } from "commander";
import { wholeNumber } from "../../bin/options.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { generator } from "../image/jpeg-fixtures.js";
import { registerBatches } from "./batches.js";
import { runCrops } from "./crops.js";
import { registerDevices } from "./devices.js";
import { registerInBrowser } from "./in-browser.js";
import { readManifest } from "./manifest.js";
import { readPictureRows, runPictures } from "./pictures.js";
import { type ConformanceReport, runConformance } from "./report.js";
import { registerServed } from "./served.js";

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
  program
    .command("crops")
    .description("compare crop-aware decode with decode-then-crop on random crops of every file that decodes")
    .requiredOption("--root <folder>", "folder of .jpg files, folders in it included")
    .option("--crops <n>", "crops in all", wholeNumber("--crops", { min: 1 }), 100_000)
    .option("--seed <s>", "seed of the crops", wholeNumber("--seed", { min: 1 }), 1)
    .option("--json", "print one line of JSON")
    .action(async (options: { root: string; crops: number; seed: number; json?: boolean }) => {
      const module = await createImageModule(nodeHost());
      const report = runCrops(module, options.root, options.crops, generator(options.seed));
      const { crops, files, partialFiles, refused, failures } = report;
      if (options.json) console.log(JSON.stringify(report));
      else {
        for (const { file, box, got } of failures) console.log(`failed: ${file} ${box}: ${got}`);
        const kinds = `${files} files, ${partialFiles} of them in part; ${refused} refused`;
        console.log(`${crops - failures.length} of ${crops} crops equal (${kinds})`);
      }
      if (failures.length > 0 || files === 0) process.exitCode = 1;
    });
  program
    .command("pictures")
    .description(
      "decode every file of a manifest of test/fixtures/pictures/make.py and compare with Pillow's result",
    )
    .requiredOption("--root <folder>", "folder with the files and manifest.jsonl")
    .option("--json", "print one line of JSON")
    .action(async (options: { root: string; json?: boolean }) => {
      const module = await createImageModule(nodeHost());
      const rows = readPictureRows(join(options.root, "manifest.jsonl"));
      const report = await runPictures(module, options.root, rows);
      if (options.json) console.log(JSON.stringify(report));
      else {
        for (const { file, status, got } of report.failures)
          console.log(`failed: ${file} (${status}): ${got}`);
        console.log(`${report.passed} passed, ${report.failed} failed`);
      }
      if (report.failed > 0 || rows.length === 0) process.exitCode = 1;
    });
  registerDevices(program);
  registerServed(program);
  registerInBrowser(program);
  registerBatches(program);
  await program.parseAsync(process.argv);
}

try {
  await main();
} catch (error) {
  console.error(isVitrineError(error) ? `${error.code}: ${error.message}` : String(error));
  process.exitCode = 1;
}
