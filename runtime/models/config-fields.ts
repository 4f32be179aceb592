// Config fields: values of a config.json, checked one by one. Each family's reader is made of these.

import { VitrineError } from "../errors.js";

export type Fields = Record<string, unknown>;

/** The error for a field that is not as it must be. */
export function refuse(subject: string, field: string, got: unknown, allowed: string): VitrineError {
  const text = `${subject}: ${field} is ${JSON.stringify(got)}; allowed: ${allowed}`;
  return new VitrineError("model/config", text, { details: { file: subject, field } });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws `model/config` where the text is no JSON object. */
export function parseFields(text: string, subject: string): Fields {
  try {
    const parsed: unknown = JSON.parse(text);
    if (isFields(parsed)) return parsed;
  } catch {
    // Said below, with the other files that hold no object.
  }
  throw new VitrineError("model/config", `${subject}: no JSON object`, { details: { file: subject } });
}

/** Undefined where the field is absent. Throws `model/config` where it is no number above 0. */
export function positiveNumber(fields: Fields, field: string, subject: string): number | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !(value > 0) || !Number.isFinite(value))
    throw refuse(subject, field, value, "a number above 0");
  return value;
}

/** A side may be given as [height, width] of a square. */
export function wholeNumber(fields: Fields, field: string, subject: string): number | undefined {
  const given = fields[field];
  const square = Array.isArray(given) && given.length === 2 && given[0] === given[1];
  const value = positiveNumber(square ? { [field]: given[0] } : fields, field, subject);
  if (value !== undefined && !Number.isSafeInteger(value))
    throw refuse(subject, field, given, "a whole number");
  return value;
}

/** A number a color. */
export function channels(
  fields: Fields,
  field: string,
  subject: string,
): [number, number, number] | undefined {
  const value = fields[field];
  if (value === undefined) return undefined;
  const valid = Array.isArray(value) && value.length === 3 && value.every((entry) => Number.isFinite(entry));
  if (!valid) throw refuse(subject, field, value, "three numbers");
  return value as [number, number, number];
}

/** Hugging Face fills in `LABEL_0` … where nobody gave names. */
const UNNAMED = /^LABEL_\d+$/;

/** Class names in index order; undefined where the file names none. */
export function readLabels(fields: Fields, subject: string): string[] | undefined {
  const given = fields.id2label;
  if (given === undefined || given === null) return undefined;
  if (!isFields(given)) throw refuse(subject, "id2label", given, "an object of index and name");
  const count = Object.keys(given).length;
  const labels = Array.from({ length: count }, (_, index) => given[String(index)]);
  if (!labels.every((label) => typeof label === "string"))
    throw refuse(
      subject,
      "id2label",
      Object.keys(given).slice(0, 5),
      `a name for each index from 0 to ${count - 1}`,
    );
  if (count === 0 || labels.every((label) => UNNAMED.test(label as string))) return undefined;
  return labels as string[];
}

/** Hugging Face's two tables between index and name. */
export function labelFields(labels: readonly string[]): Fields {
  return {
    id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
  };
}
