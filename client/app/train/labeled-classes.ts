// Labeled classes: the pictures that the visitor brings, by the class that each is of.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { LabeledPicture } from "../../browser/train/contract.js";
import type { Arrival } from "../exchange/arrivals.js";

/** A class with its pictures; replaced, never changed. */
export interface LabeledClass {
  id: number;
  /** As the visitor types it; may be empty or like another's for a moment. */
  name: string;
  pictures: readonly OwnPicture[];
}

export interface OwnPicture {
  id: number;
  file: File;
  /** Unlike those of the others of its class. */
  name: string;
}

/** A page keeps thumbnails of them; more come in a data set of `vitrine train`. */
const MOST_PICTURES = 2000;
/** Of each class, every fifth picture is held back to check the model, where there are so many. */
const LEAST_TO_HOLD_BACK = 5;

/** `photo.jpg` → `photo-2.jpg` where there is one already. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  const plain = name.replace(/^\.+|[/\0]/g, "") || "picture";
  if (!taken.has(plain)) return plain;
  const dot = plain.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, ""];
  for (let count = 2; ; count++)
    if (!taken.has(`${stem}-${count}${ending}`)) return `${stem}-${count}${ending}`;
}

export class LabeledClasses {
  #nextId = 1;
  readonly #classes = signal<readonly LabeledClass[]>([]);

  constructor() {
    this.addClass();
    this.addClass();
  }

  get classes(): ReadonlySignal<readonly LabeledClass[]> {
    return this.#classes;
  }

  addClass(name = ""): number {
    const id = this.#nextId++;
    this.#classes.value = [...this.#classes.value, { id, name, pictures: [] }];
    return id;
  }

  removeClass(id: number): void {
    this.#classes.value = this.#classes.value.filter((one) => one.id !== id);
  }

  rename(id: number, name: string): void {
    this.#change(id, (one) => ({ ...one, name }));
  }

  removePicture(id: number, picture: number): void {
    this.#change(id, (one) => ({ ...one, pictures: one.pictures.filter((each) => each.id !== picture) }));
  }

  /** Adds pictures to a class; returns how many there was no room for. */
  add(id: number, files: readonly File[]): number {
    const total = this.#classes.value.reduce((sum, { pictures }) => sum + pictures.length, 0);
    const taken = files.slice(0, Math.max(0, MOST_PICTURES - total));
    this.#change(id, (one) => {
      const names = new Set(one.pictures.map(({ name }) => name));
      const more = taken.map((file): OwnPicture => {
        const name = freeName(file.name, names);
        names.add(name);
        return { id: this.#nextId++, file, name };
      });
      return { ...one, pictures: [...one.pictures, ...more] };
    });
    return files.length - taken.length;
  }

  /** Pictures of folders go to the classes of the folders' names; others to the first class without pictures. */
  receive(arrivals: readonly Arrival[]): number {
    const byFolder = new Map<string | undefined, File[]>();
    for (const { file, folder } of arrivals) byFolder.set(folder, [...(byFolder.get(folder) ?? []), file]);
    let left = 0;
    for (const [folder, files] of byFolder) left += this.add(this.#classFor(folder), files);
    return left;
  }

  #classFor(folder: string | undefined): number {
    const classes = this.#classes.value;
    if (folder === undefined) return (classes.find(isEmpty) ?? classes.at(-1))?.id ?? this.addClass();
    const named = classes.find(({ name }) => name.trim() === folder);
    if (named) return named.id;
    const unused = classes.find((one) => isEmpty(one) && one.name.trim() === "");
    if (!unused) return this.addClass(folder);
    this.rename(unused.id, folder);
    return unused.id;
  }

  #change(id: number, change: (one: LabeledClass) => LabeledClass): void {
    this.#classes.value = this.#classes.value.map((one) => (one.id === id ? change(one) : one));
  }
}

const isEmpty = ({ pictures }: LabeledClass): boolean => pictures.length === 0;

/** What is still missing before the pictures can be trained on, in a visitor's words; undefined where nothing is. */
export function missing(classes: readonly LabeledClass[]): string | undefined {
  const used = classes.filter((one) => !isEmpty(one));
  if (used.length < 2) return "Two classes with pictures are needed.";
  const few = used.find(({ pictures }) => pictures.length < 2);
  if (few) return `“${few.name || "A class"}” needs another picture.`;
  const names = used.map(({ name }) => name.trim());
  if (names.includes("")) return "Every class needs a name.";
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `Two classes are named “${twice}”.`;
  const wrong = names.find((name) => name.startsWith(".") || name.includes("/"));
  return wrong === undefined
    ? undefined
    : `“${wrong}” cannot be a name: leave out dots at the start, and slashes.`;
}

export interface SplitPictures {
  pictures: LabeledPicture[];
  validation: LabeledPicture[];
}

/** Every fifth picture of a class is held back, where it has five. */
export function splitPictures(classes: readonly LabeledClass[]): SplitPictures {
  const split: SplitPictures = { pictures: [], validation: [] };
  for (const { name, pictures } of classes)
    for (const [index, picture] of pictures.entries()) {
      const holdsBack = pictures.length >= LEAST_TO_HOLD_BACK && index % 5 === 4;
      const labeled = { picture: picture.file, label: name.trim(), name: picture.name };
      (holdsBack ? split.validation : split.pictures).push(labeled);
    }
  return split;
}
