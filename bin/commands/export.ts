// vitrine export: a model in the formats of other projects: Hugging Face's transformers, timm, PyTorch, ONNX.

import { type Command, Option } from "commander";
import { quote, VitrineError } from "../../runtime/errors.js";
import {
  EXPORT_FORMATS,
  type ExportFormat,
  exportModel,
  isFolderFormat,
} from "../../runtime/model-files/export.js";
import { readModel, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { type FloatDtype, throughDtype } from "../../runtime/weights/weight-dtype.js";
import { action, withExamples } from "../command-line.js";
import { openModelSource } from "../hub-model.js";
import { FLOAT_DTYPES, modelOption } from "../model-options.js";
import { checkOnnxParity } from "../onnx-parity.js";
import { checkFileOut, checkFolderOut, sizeText, writeFileOut, writeFolderOut } from "../write-output.js";

interface ExportCommand {
  format: ExportFormat;
  out: string;
  dtype: FloatDtype;
  ema?: boolean;
  force?: boolean;
  check: boolean;
}

function floatDtype(text: string): FloatDtype {
  const dtype = Object.hasOwn(FLOAT_DTYPES, text) ? FLOAT_DTYPES[text] : undefined;
  if (dtype) return dtype;
  throw new VitrineError("usage/dtype", `--dtype got "${quote(text)}"; allowed: f32, f16, bf16`, {
    details: { flag: "--dtype", got: text },
  });
}

function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The model as the reader of the file has it: its weights rounded to the file's dtype. */
function asWritten(model: StoredModel, dtype: FloatDtype): StoredModel {
  return { ...model, weights: throughDtype(model.weights, dtype), matrices: new Map() };
}

async function exportCommand(path: string, options: ExportCommand): Promise<void> {
  const { format, out, dtype, ema = false, force = false } = options;
  const toFolder = isFolderFormat(format);
  if (toFolder) checkFolderOut(out, force);
  else checkFileOut(out, force, format);
  const model = await readModel(await openModelSource(path), { ema });
  for (const text of model.notices) notice(text);
  if (model.dtype === "int8") notice(`${quote(model.name)}: its int8 weights are widened`);
  const { content, notices } = exportModel(model, format, dtype);
  for (const text of notices) notice(`${format}: ${text}`);
  if (format === "onnx" && options.check)
    notice(await checkOnnxParity(content as Uint8Array, asWritten(model, dtype)));
  if (content instanceof Map) await writeFolderOut(out, content);
  else await writeFileOut(out, content);
  const bytes = content instanceof Map ? [...content.values()] : [content];
  const total = bytes.reduce((sum, { length }) => sum + length, 0);
  process.stdout.write(`${out}: ${format}, ${dtype}, ${sizeText(total)}\n`);
}

export function configureExport(command: Command): void {
  command
    .argument("<model>", modelOption().description)
    .addOption(
      new Option("--format <format>", "hf and timm write a folder, pth and onnx a file")
        .choices(EXPORT_FORMATS)
        .makeOptionMandatory(),
    )
    .requiredOption("--out <path>", "folder or file to write")
    .addOption(
      new Option("--dtype <dtype>", "number format of the weights: f32, f16 or bf16")
        .argParser(floatDtype)
        .default("float32", "f32"),
    )
    .option("--ema", "take the moving average from a PyTorch training checkpoint")
    .option("--force", "replace what --out holds")
    .option("--no-check", "onnx: do not compare with onnxruntime-node where it is installed")
    .action(action(exportCommand));
  withExamples(command, [
    ["for transformers", "vitrine export runs/shapes/best --format hf --out shapes-hf"],
    [
      "for timm, half the bytes",
      "vitrine export runs/shapes/best --format timm --dtype f16 --out shapes-timm",
    ],
    [
      "for onnxruntime, OpenVINO, TensorRT",
      "vitrine export runs/shapes/best --format onnx --out shapes.onnx",
    ],
    ["as a PyTorch checkpoint", "vitrine export runs/shapes/best --format pth --out shapes.pth"],
  ]);
}
