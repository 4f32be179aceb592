// vitrine convert: writes a model folder whose weights take half or a quarter of the bytes.

import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Command } from "commander";
import { quote, VitrineError } from "../../runtime/errors.js";
import { WEIGHTS_FILE } from "../../runtime/host/host.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { commitFolder, DISK } from "../../trainer/checkpoint/commit-folder.js";
import { action, withExamples } from "../command-line.js";
import { dtypeOption, modelOption } from "../model-options.js";

interface ConvertCommand {
  model: string;
  dtype: WeightDtype;
  out: string;
  force?: boolean;
  ema?: boolean;
}

/** Throws `file/exists` unless `out` is free, an empty folder, or a folder that may be overwritten. */
function checkTarget(out: string, force: boolean): void {
  if (!existsSync(out)) return;
  const details = { path: out };
  if (!statSync(out).isDirectory())
    throw new VitrineError("file/exists", `--out ${quote(out)} is a file: give a folder`, { details });
  if (force || readdirSync(out).length === 0) return;
  const text = `--out ${quote(out)} is not empty: choose another, or add --force to replace the model in it`;
  throw new VitrineError("file/exists", text, { details });
}

async function convert({ model, dtype, out, force = false, ema = false }: ConvertCommand): Promise<void> {
  checkTarget(out, force);
  const stored = await readModel(nodeModelSource(model), { ema });
  for (const notice of stored.notices) process.stderr.write(`${notice}\n`);
  const files = convertModel(stored, dtype);
  const folder = resolve(out);
  await DISK.makeFolder(dirname(folder));
  await commitFolder(DISK, dirname(folder), basename(folder), files);
  const bytes = (files.get(WEIGHTS_FILE) as Uint8Array).length;
  process.stdout.write(`${out}: ${dtype}, ${(bytes / 1e6).toFixed(1)} MB of weights\n`);
}

export function configureConvert(command: Command): void {
  command
    .addOption(modelOption().makeOptionMandatory())
    .addOption(dtypeOption("new format of the weights: f32, f16 or int8").makeOptionMandatory())
    .requiredOption("--out <folder>", "model folder to write")
    .option("--ema", "take the moving average from a PyTorch training checkpoint")
    .option("--force", "replace the model in an existing folder")
    .action(action(convert));
  withExamples(command, [
    ["half the bytes", "vitrine convert --model runs/shapes/best --dtype f16 --out shapes-f16"],
    ["a quarter of the bytes", "vitrine convert --model model.safetensors --dtype int8 --out model-int8"],
    ["the average of a checkpoint", "vitrine convert --model checkpoint.pth --ema --dtype f32 --out average"],
  ]);
}
