// Preprocessor JSON: how a Hugging Face model wants its pictures, from the file that lies beside its config.json.

import { VitrineError } from "../errors.js";
import type { ClassifierConfig } from "./config.js";

type Fields = Record<string, unknown>;

function parseFields(text: string, subject: string): Fields {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Fields;
  } catch {
    // Said below.
  }
  throw new VitrineError("model/config", `${subject}: no JSON object`, { details: { file: subject } });
}

/** A side: 224, {shortest_edge: 224}, or {height: 224, width: 224}; undefined for what is none of them. */
function side(value: unknown): number | undefined {
  const fields = typeof value === "object" && value !== null ? (value as Fields) : {};
  const square = fields.height === fields.width ? fields.height : undefined;
  const number = typeof value === "number" ? value : (fields.shortest_edge ?? square);
  return typeof number === "number" && Number.isInteger(number) && number > 0 ? number : undefined;
}

/** The ratio for which ⌊crop / ratio⌋ is `resized`, whatever the division's last bit. */
function ratioOf(crop: number, resized: number): number {
  const ratio = crop / resized;
  return Math.trunc(crop / ratio) === resized ? ratio : crop / (resized + 0.5);
}

function channels(value: unknown): [number, number, number] | undefined {
  const valid = Array.isArray(value) && value.length === 3 && value.every((entry) => Number.isFinite(entry));
  return valid ? (value as [number, number, number]) : undefined;
}

/** Mean, deviation and crop ratio, where the file gives them in a form that is known. Throws `model/config`. */
export function readPreprocessorJson(text: string, subject: string): Partial<ClassifierConfig> {
  const fields = parseFields(text, subject);
  const [resized, crop] = [side(fields.size), side(fields.crop_size)];
  const crops =
    fields.do_center_crop !== false && resized !== undefined && crop !== undefined && crop <= resized;
  const given: Partial<Record<keyof ClassifierConfig, unknown>> = {
    mean: fields.do_normalize === false ? [0, 0, 0] : channels(fields.image_mean),
    std: fields.do_normalize === false ? [1, 1, 1] : channels(fields.image_std),
    cropRatio: crops ? ratioOf(crop, resized) : fields.do_center_crop === false ? 1 : undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
