// Real labels: several right classes for each image, as ImageNet-ReaL (arXiv 2006.07159) gives them in real.json.

import { byCodePoint } from "../../runtime/batches/code-point-order.js";
import { quote, quoteJson, VitrineError } from "../../runtime/errors.js";
import { readWholeFileSync } from "../../runtime/host/node-files.js";

/** 50,000 images take 1 MB; a file of another kind should not fill the memory. */
const LARGEST_FILE = 256 * 2 ** 20;

/** ImageNet's validation files carry their number, which is their place in real.json. */
const IMAGENET_NAME = /^ILSVRC2012_val_(\d{8})\.\w+$/;

const HELP =
  "--real-labels takes JSON: a list with one list of classes per image, in the order of the file names, " +
  "or an object from file name to list";

export interface RealLabelsContext {
  /** Files of the data set, as it names them; undefined where they come with the images, as from a data server. */
  names: readonly string[] | undefined;
  /** Class names of the model, in index order. */
  labels: readonly string[];
  /** Class names of the data set. */
  classes: readonly string[];
  /** Class index of the data set → class index of the model. */
  classMap: Int32Array;
}

/** The valid classes of a file of the data set, as class indices of the model; empty where none is. */
export type RealLabels = (name: string) => readonly number[];

const baseName = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

function refuse(file: string, what: string): VitrineError {
  return new VitrineError("data/real-labels", `${quote(file)}: ${what}; ${HELP}`, {
    details: { path: file },
  });
}

/** The parsed file. Throws `file/not-found`, `file/unreadable`, `data/real-labels`. */
function readJson(file: string): unknown {
  const text = new TextDecoder().decode(readWholeFileSync(file, LARGEST_FILE, " (--real-labels)"));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refuse(file, `not JSON: ${quote((cause as Error).message)}`);
  }
}

/** Reads one image's classes: indices of the model, or names of its classes or of the data set's. */
function classReader(file: string, { labels, classes, classMap }: RealLabelsContext) {
  const known = new Map(labels.map((label, index) => [label, index]));
  classes.forEach((name, index) => {
    if (name !== "" && !known.has(name)) known.set(name, classMap[index]);
  });
  return (value: unknown, image: string): number[] => {
    if (!Array.isArray(value)) throw refuse(file, `the entry of ${quote(image)} is no list`);
    const indices = value.map((entry: unknown) => {
      const index = typeof entry === "string" ? known.get(entry) : entry;
      if (typeof index === "number" && Number.isInteger(index) && index >= 0 && index < labels.length)
        return index;
      const got = typeof entry === "string" ? quote(entry) : quoteJson(entry, "nothing");
      const allowed = `allowed: class indices 0 to ${labels.length - 1}, or names of classes`;
      throw refuse(file, `the entry of ${quote(image)} holds ${got}; ${allowed}`);
    });
    // A list may repeat itself; what is kept has no more entries than the model has classes.
    return [...new Set(indices)];
  };
}

/** Place in a list of `length` entries that an ImageNet file's number says; undefined for other names. */
function placeByNumber(name: string, length: number): number | undefined {
  const number = Number(IMAGENET_NAME.exec(baseName(name))?.[1] ?? 0);
  return number >= 1 && number <= length ? number - 1 : undefined;
}

/** Base name → place in the list, where the names carry no number. */
function placesInOrder(file: string, names: readonly string[], length: number): Map<string, number> {
  const files = [...new Set(names.map(baseName))];
  if (files.length < names.length)
    throw refuse(file, "a list goes by file name, but some files of the data set have the same name");
  if (files.length !== length)
    throw refuse(file, `the list has ${length} entries, the data set ${files.length} images`);
  return new Map(files.sort(byCodePoint).map((name, index) => [name, index]));
}

type EntryOf = (name: string) => unknown;

function listReader(file: string, list: readonly unknown[], names: readonly string[] | undefined): EntryOf {
  const isNumbered = names?.every((name) => placeByNumber(name, list.length) !== undefined) ?? true;
  const places = names && !isNumbered ? placesInOrder(file, names, list.length) : undefined;
  return (name) => {
    const place = places ? places.get(baseName(name)) : placeByNumber(name, list.length);
    if (place !== undefined) return list[place];
    throw refuse(
      file,
      `a list goes by the order of all file names, which a data server does not send, and ${quote(name)} is no file ` +
        "name of ImageNet with its number: give an object, or the files themselves (--data)",
    );
  };
}

function objectReader(file: string, object: object, names: readonly string[] | undefined): EntryOf {
  const entries = new Map(Object.entries(object));
  const missing = names?.filter((name) => !entries.has(name) && !entries.has(baseName(name))) ?? [];
  if (names && missing.length > 0)
    throw refuse(
      file,
      `no entry for ${missing.length} of ${names.length} images, the first is ${quote(missing[0])}`,
    );
  return (name) => {
    const entry = entries.get(name) ?? entries.get(baseName(name));
    if (entry !== undefined) return entry;
    throw refuse(file, `no entry for ${quote(name)}`);
  };
}

/**
 * Reads FILE for the images of a data set. A list is in the order of the files' names without folders; for ImageNet's
 * validation files, ILSVRC2012_val_00000001 is the first, and the data set may be a part of them. In an object, the
 * data set's name of a file (`class/file.jpg`) comes before the name without folders. Throws `file/…` and
 * `data/real-labels`, also where an image has no entry: at once where the names are known, else when it is asked for.
 */
export function readRealLabels(file: string, context: RealLabelsContext): RealLabels {
  const { names } = context;
  const parsed = readJson(file);
  const classesOf = classReader(file, context);
  if (typeof parsed !== "object" || parsed === null) throw refuse(file, "neither a list nor an object");
  const entryOf = Array.isArray(parsed) ? listReader(file, parsed, names) : objectReader(file, parsed, names);
  const found = new Map<string, number[]>();
  const validOf = (name: string): readonly number[] => {
    const known = found.get(name) ?? classesOf(entryOf(name), name);
    found.set(name, known);
    return known;
  };
  // What is wrong with the file is said before anything is computed.
  for (const name of names ?? []) validOf(name);
  return validOf;
}
