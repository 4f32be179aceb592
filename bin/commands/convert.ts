// vitrine convert: writes a model folder whose weights take half or a quarter of the bytes.

import { createHash } from "node:crypto";
import type { Command } from "commander";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import {
  convertModel,
  OFFERED_DTYPES,
  type OfferedWeights,
  offeredFile,
  withOfferedWeights,
} from "../../runtime/model-files/convert.js";
import { readModel, type StoredModel } from "../../runtime/model-files/stored-model.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { action, withExamples } from "../command-line.js";
import { openModelSource } from "../hub-model.js";
import { dtypeOption, modelOption, parseOffered } from "../model-options.js";
import { checkFolderOut, sizeText, writeFolderOut } from "../write-output.js";

interface ConvertCommand {
  model: string;
  dtype: WeightDtype;
  also?: WeightDtype[];
  out: string;
  force?: boolean;
  ema?: boolean;
}

type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** Adds the weights in further formats, and the table of all of them in config.json. */
function addFormats(
  files: Files,
  stored: StoredModel,
  main: WeightDtype,
  also: readonly WeightDtype[],
): void {
  const offered = new Map<WeightDtype, OfferedWeights>();
  for (const dtype of OFFERED_DTYPES.filter((each) => each === main || also.includes(each))) {
    const file = offeredFile(dtype, main);
    const made = files.get(file) ?? convertModel(stored, dtype).get(WEIGHTS_FILE);
    const bytes = made as Uint8Array<ArrayBuffer>;
    files.set(file, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    offered.set(dtype, { file, bytes: bytes.length, sha256 });
  }
  files.set(CONFIG_FILE, withOfferedWeights(files.get(CONFIG_FILE) as Uint8Array, offered));
}

async function convert(options: ConvertCommand): Promise<void> {
  const { model, dtype, also, out, force = false, ema = false } = options;
  checkFolderOut(out, force);
  const stored = await readModel(await openModelSource(model), { ema });
  for (const notice of stored.notices) process.stderr.write(`${notice}\n`);
  const files = convertModel(stored, dtype);
  if (also) addFormats(files, stored, dtype, also);
  await writeFolderOut(out, files);
  const bytes = (files.get(WEIGHTS_FILE) as Uint8Array).length;
  process.stdout.write(`${out}: ${dtype}, ${sizeText(bytes)} of weights\n`);
}

export function configureConvert(command: Command): void {
  command
    .addOption(modelOption().makeOptionMandatory())
    .addOption(dtypeOption("new format of the weights: f32, f16, bf16 or int8").makeOptionMandatory())
    .option(
      "--also <dtypes>",
      "further formats beside it, from which a page downloads one by the visitor's connection: f32, f16, int8",
      (text: string) => parseOffered("--also", text),
    )
    .requiredOption("--out <folder>", "model folder to write")
    .option("--ema", "take the moving average from a PyTorch training checkpoint")
    .option("--force", "replace the model in an existing folder")
    .action(action(convert));
  withExamples(command, [
    ["half the bytes", "vitrine convert --model runs/shapes/best --dtype f16 --out shapes-f16"],
    ["a quarter of the bytes", "vitrine convert --model model.safetensors --dtype int8 --out model-int8"],
    ["for a page", "vitrine convert --model m.safetensors --dtype f32 --also f16,int8 --out page"],
    ["the average of a checkpoint", "vitrine convert --model checkpoint.pth --ema --dtype f32 --out average"],
  ]);
}
