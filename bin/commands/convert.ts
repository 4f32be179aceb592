// vitrine convert: a model's weights in half or a quarter of the bytes, as a model folder.

import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Command } from "commander";
import { VitrineError } from "../../runtime/errors.js";
import { WEIGHTS_FILE } from "../../runtime/host/model-source.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { openClassifier } from "../../runtime/model-files/read-model.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { commitFolder } from "../../trainer/checkpoint/commit-folder.js";
import { DISK } from "../../trainer/checkpoint/durable-files.js";
import { action } from "../command-line.js";
import { dtypeOption, modelOption } from "../model-options.js";

interface ConvertCommand {
  model: string;
  dtype: WeightDtype;
  out: string;
  force?: boolean;
}

/** Throws `file/exists` for anything that is there, unless it is a folder and may be written over. */
function checkTarget(out: string, force: boolean): void {
  if (!existsSync(out)) return;
  const details = { path: out };
  if (!statSync(out).isDirectory())
    throw new VitrineError("file/exists", `--out ${out} is a file; a model folder is written`, { details });
  if (force || readdirSync(out).length === 0) return;
  const text = `--out ${out} is there already and not empty: choose another, or --force to replace its model`;
  throw new VitrineError("file/exists", text, { details });
}

async function convert({ model, dtype, out, force = false }: ConvertCommand): Promise<void> {
  checkTarget(out, force);
  const files = convertModel(await openClassifier(nodeModelSource(model)), dtype);
  const folder = resolve(out);
  await DISK.makeFolder(dirname(folder));
  await commitFolder(DISK, dirname(folder), basename(folder), files);
  const bytes = (files.get(WEIGHTS_FILE) as Uint8Array).length;
  process.stdout.write(`${out}: ${dtype}, ${(bytes / 1e6).toFixed(1)} MB of weights\n`);
}

export function registerConvert(program: Command): void {
  program
    .command("convert")
    .description("write a model's weights as float16 (half the bytes) or int8 (a quarter)")
    .addOption(modelOption().makeOptionMandatory())
    .addOption(dtypeOption("what the weights become: f32, f16 or int8").makeOptionMandatory())
    .requiredOption("--out <folder>", "model folder to write")
    .option("--force", "replace the model of a folder that is there")
    .action(action(convert));
}
