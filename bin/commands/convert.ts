// vitrine convert: writes a model folder whose weights take half or a quarter of the bytes.

import type { Command } from "commander";
import { WEIGHTS_FILE } from "../../runtime/host/host.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { action, withExamples } from "../command-line.js";
import { openModelSource } from "../hub-model.js";
import { dtypeOption, modelOption } from "../model-options.js";
import { checkFolderOut, sizeText, writeFolderOut } from "../write-output.js";

interface ConvertCommand {
  model: string;
  dtype: WeightDtype;
  out: string;
  force?: boolean;
  ema?: boolean;
}

async function convert({ model, dtype, out, force = false, ema = false }: ConvertCommand): Promise<void> {
  checkFolderOut(out, force);
  const stored = await readModel(await openModelSource(model), { ema });
  for (const notice of stored.notices) process.stderr.write(`${notice}\n`);
  const files = convertModel(stored, dtype);
  await writeFolderOut(out, files);
  const bytes = (files.get(WEIGHTS_FILE) as Uint8Array).length;
  process.stdout.write(`${out}: ${dtype}, ${sizeText(bytes)} of weights\n`);
}

export function configureConvert(command: Command): void {
  command
    .addOption(modelOption().makeOptionMandatory())
    .addOption(dtypeOption("new format of the weights: f32, f16, bf16 or int8").makeOptionMandatory())
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
