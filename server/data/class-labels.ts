// Class labels: labels as texts, indices or names throughout, become class indices.

import { byCodePoint } from "../../runtime/batches/code-point-order.js";
import { quote, type VitrineError } from "../../runtime/errors.js";
import { LONGEST_LABEL } from "../../runtime/models/labels.js";

/** A larger index is treated as a mistake: each class costs a row of the classification head. */
export const MAX_CLASSES = 1_000_000;

/** "1.0" is what pandas writes for 1 in a column with a gap. */
const INTEGER = /^[+-]?\d+(\.0*)?$/;
const NUMBER = /^[+-]?\d+\.\d+$/;

/** "1" and "1.0" are the same class. */
export function isSameLabel(a: string, b: string): boolean {
  return a === b || (INTEGER.test(a) && INTEGER.test(b) && Number(a) === Number(b));
}

/** What is wrong with a label by itself, or undefined. */
export function labelFault(label: string): string | undefined {
  if (label === "") return "an empty label";
  if (label.length > LONGEST_LABEL)
    return `a label of ${label.length.toLocaleString("en-US")} characters; allowed: ${LONGEST_LABEL}`;
  if (NUMBER.test(label) && !INTEGER.test(label))
    return `the label ${label}; allowed: whole numbers, or names`;
  return undefined;
}

/** Makes the error for a label that is seen somewhere: "line 3" `has …`. */
export type LabelError = (where: string, has: string) => VitrineError;

/** Labels as numbers in the order in which they were first seen. */
export class ClassLabels {
  readonly texts: string[] = [];
  readonly #error: LabelError;
  readonly #numbers = new Map<string, number>();
  /** Where each was first seen. */
  readonly #places: string[] = [];
  /** Samples whose label is an index, and all. */
  #numbered = 0;
  #samples = 0;

  constructor(error: LabelError) {
    this.#error = error;
  }

  /** Number of a label without a fault of its own. */
  numberOf(label: string, where: string): number {
    this.#samples++;
    if (INTEGER.test(label)) this.#numbered++;
    const known = this.#numbers.get(label);
    if (known !== undefined) return known;
    const number = this.texts.length;
    // Names, or indices in two spellings.
    if (number >= 2 * MAX_CLASSES)
      throw this.#error(where, `one label too many; allowed: ${MAX_CLASSES} classes`);
    this.#numbers.set(label, number);
    this.texts.push(label);
    this.#places.push(where);
    return number;
  }

  /**
   * Class index of each number, and the class names, empty where labels are indices and there is no `name` for them.
   * Throws where indices and names are mixed, or an index is out of range.
   */
  classes(names: readonly string[] = []): { indices: number[]; classes: string[] } {
    if (this.#numbered === 0) {
      const classes = [...this.texts].sort(byCodePoint);
      const index = new Map(classes.map((name, i) => [name, i]));
      return { classes, indices: this.texts.map((text) => index.get(text) as number) };
    }
    if (this.#numbered !== this.#samples) {
      const named = this.texts.findIndex((text) => !INTEGER.test(text));
      throw this.#error(
        this.#places[named],
        `the class name "${quote(this.texts[named])}" where ${this.#numbered} others have an index`,
      );
    }
    const most = names.length > 0 ? names.length : MAX_CLASSES;
    const indices = this.texts.map((text, number) => {
      const value = Number(text);
      if (value >= 0 && value < most) return value;
      throw this.#error(this.#places[number], `class index ${quote(text)}; allowed: 0 to ${most - 1}`);
    });
    if (names.length > 0) return { indices, classes: [...names] };
    const largest = indices.reduce((a, b) => Math.max(a, b), 0);
    return { indices, classes: new Array<string>(largest + 1).fill("") };
  }
}

/** Numbers that grow as they are added. */
export class Numbers {
  #values = new Int32Array(1 << 10);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index];
  }

  /** In memory that threads share. */
  mapped(value: (number: number) => number): Int32Array {
    const mapped = new Int32Array(new SharedArrayBuffer(4 * this.length));
    for (let i = 0; i < this.length; i++) mapped[i] = value(this.#values[i]);
    return mapped;
  }
}
