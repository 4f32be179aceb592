// Image columns: which columns of a Parquet file are pictures and labels, and the names of the classes, as the Hugging
// Face library `datasets` writes them.

import type { FileMetaData, SchemaTree } from "hyparquet";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { LONGEST_LABEL } from "../../../runtime/models/labels.js";
import { MAX_CLASSES } from "../class-labels.js";

export interface ImageColumns {
  /** Column of the pictures: bytes, or {bytes, path}. */
  image: string;
  isStruct: boolean;
  label: string;
  /** Class names in index order; empty where the file has none. */
  classNames: string[];
}

interface Feature {
  _type?: unknown;
  names?: unknown;
}

const IMAGE_NAMES = ["image", "img", "picture", "photo", "bytes"];
const LABEL_NAMES = ["label", "labels", "fine_label", "class", "category"];

export const badParquet = (path: string, what: string, cause?: unknown): VitrineError =>
  new VitrineError("data/parquet", `${quote(path)}: ${what}`, { details: { path }, cause });

/** Column → feature, from the footer's key "huggingface"; empty where it is absent or of another form. */
function readFeatures({ key_value_metadata: pairs = [] }: FileMetaData): Map<string, Feature> {
  const text = pairs.find(({ key }) => key === "huggingface")?.value;
  try {
    const { info } = JSON.parse(text ?? "{}") as { info?: { features?: Record<string, Feature> } };
    return new Map(Object.entries(info?.features ?? {}));
  } catch {
    return new Map();
  }
}

const isBytes = ({ children, element }: SchemaTree): boolean =>
  children.length === 0 && element.type === "BYTE_ARRAY" && element.repetition_type !== "REPEATED";

const isText = (column: SchemaTree): boolean =>
  isBytes(column) &&
  (column.element.converted_type === "UTF8" || column.element.logical_type?.type === "STRING");

const isInteger = ({ children, element }: SchemaTree): boolean =>
  children.length === 0 &&
  (element.type === "INT32" || element.type === "INT64") &&
  element.repetition_type !== "REPEATED";

/** A structure with `bytes`, which is not a list. */
const isStruct = ({ children, element }: SchemaTree): boolean =>
  element.repetition_type !== "REPEATED" &&
  element.converted_type === undefined &&
  children.some((child) => child.element.name === "bytes" && isBytes(child)) &&
  children.every(isBytes);

function classNamesOf(path: string, label: string, names: unknown): string[] {
  if (names === undefined) return [];
  const isName = (name: unknown): boolean => typeof name === "string" && name.length <= LONGEST_LABEL;
  if (!Array.isArray(names) || names.length > MAX_CLASSES || !names.every(isName))
    throw badParquet(path, `the class names of column ${quote(label)} are no list of names`);
  return names as string[];
}

/** Throws `data/parquet` where there is no column of either kind, or several. */
export function imageColumns(path: string, metadata: FileMetaData, schema: SchemaTree): ImageColumns {
  const features = readFeatures(metadata);
  const columns = schema.children;
  const choose = (what: string, fits: (column: SchemaTree) => boolean, type: string, names: string[]) => {
    const possible = columns.filter(fits);
    const ofType = possible.filter(({ element }) => features.get(element.name)?._type === type);
    const among = ofType.length > 0 ? ofType : possible;
    const named = names.flatMap((name) => among.filter(({ element }) => element.name === name));
    const found = named[0] ?? (ofType.length === 1 ? ofType[0] : undefined);
    if (found) return found;
    const all = columns.map(({ element }) => quote(element.name)).join(", ");
    throw badParquet(path, `no column of ${what}; allowed names: ${names.join(", ")}; columns: ${all}`);
  };
  const image = choose(
    "pictures (bytes, or a structure with bytes and path)",
    (column) => isStruct(column) || (isBytes(column) && !isText(column)),
    "Image",
    IMAGE_NAMES,
  );
  const label = choose(
    "labels (integers or text)",
    (column) => isInteger(column) || isText(column),
    "ClassLabel",
    LABEL_NAMES,
  ).element.name;
  return {
    image: image.element.name,
    isStruct: image.children.length > 0,
    label,
    classNames: classNamesOf(path, label, features.get(label)?.names),
  };
}
