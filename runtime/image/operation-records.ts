// Operation records: the numbers in which the image module reads augmentation operations.

import { OPERATION_FIELDS, Operation } from "../../assembly/image/contract.js";
import type { AugmentOperation } from "../draw/draw.js";
import type { DrawMath } from "../draw/random.js";
import { quote, VitrineError } from "../errors.js";
import type { FilterName } from "./input-transform.js";

interface RecordOptions {
  /** Size of the picture that the operations are applied to. */
  width: number;
  height: number;
  /** `bicubic` or anything else for bilinear; an operation may override it. */
  filter: FilterName;
  /** Sine and cosine that are the same on every machine. */
  math: DrawMath;
}

type Matrix = [a: number, b: number, c: number, d: number, e: number, f: number];

/** Radius in pixels; beyond it the sums of the box filter would overflow 32 bits. */
const LARGEST_BLUR = 1000;

/** Operations whose record is the number and at most one unchanged argument. */
const PLAIN = new Map<string, Operation>(
  Object.entries({
    AutoContrast: Operation.AutoContrast,
    Equalize: Operation.Equalize,
    Invert: Operation.Invert,
    Posterize: Operation.Posterize,
    PosterizeIncreasing: Operation.Posterize,
    PosterizeOriginal: Operation.Posterize,
    Solarize: Operation.Solarize,
    SolarizeIncreasing: Operation.Solarize,
    SolarizeAdd: Operation.SolarizeAdd,
    Brightness: Operation.Brightness,
    BrightnessIncreasing: Operation.Brightness,
    Contrast: Operation.Contrast,
    ContrastIncreasing: Operation.Contrast,
    Color: Operation.Color,
    ColorIncreasing: Operation.Color,
    Sharpness: Operation.Sharpness,
    SharpnessIncreasing: Operation.Sharpness,
  }),
);

/** Python's round(x, 15). */
function round15(x: number): number {
  return Number(x.toFixed(15));
}

/** Rotation about the center by `degrees` in 0 … 360, from output to input. Pillow: Image.rotate. */
function rotation(degrees: number, { width, height, math }: RecordOptions): Matrix {
  const angle = -(degrees * (Math.PI / 180));
  const cosine = round15(math.cos(angle));
  const sine = round15(math.sin(angle));
  const x = width / 2;
  const y = height / 2;
  const back = round15(-math.sin(angle));
  return [cosine, sine, cosine * -x + sine * -y + 0 + x, back, cosine, back * -x + cosine * -y + 0 + y];
}

/** Python's % for a float and a positive modulus. */
function modulo(value: number, modulus: number): number {
  const rest = value % modulus;
  return rest < 0 ? rest + modulus : rest;
}

function geometry({ name, argument, filter }: AugmentOperation, options: RecordOptions): number[] | null {
  const affine =
    (filter ?? options.filter) === "bicubic" ? Operation.AffineBicubic : Operation.AffineBilinear;
  const { width, height } = options;
  switch (name) {
    case "ShearX":
      return [affine, 1, argument, 0, 0, 1, 0];
    case "ShearY":
      return [affine, 1, 0, 0, argument, 1, 0];
    case "TranslateX":
      return [affine, 1, 0, argument, 0, 1, 0];
    case "TranslateY":
      return [affine, 1, 0, 0, 0, 1, argument];
    case "TranslateXRel":
      return [affine, 1, 0, argument * width, 0, 1, 0];
    case "TranslateYRel":
      return [affine, 1, 0, 0, 0, 1, argument * height];
    case "Rotate": {
      const degrees = modulo(argument, 360);
      const quarters = degrees / 90;
      if (quarters === 0 || quarters === 4) return [];
      if (quarters === 2 || (width === height && Number.isInteger(quarters)))
        return [Operation.Rotate90, quarters];
      return [affine, ...rotation(degrees, options)];
    }
    default:
      return null;
  }
}

/**
 * The numbers of one operation, at most OPERATION_FIELDS; none if it changes no pixel. Throws
 * `image/unknown-operation`, `image/bad-argument`.
 */
function recordOf(operation: AugmentOperation, options: RecordOptions): number[] {
  const { name, argument } = operation;
  if (!Number.isFinite(argument))
    throw new VitrineError(
      "image/bad-argument",
      `augmentation operation ${quote(name)} has argument ${argument}`,
    );
  const plain = PLAIN.get(name);
  if (plain === Operation.Posterize) {
    if (argument < 0)
      throw new VitrineError("image/bad-argument", `${name} keeps 0 to 8 bits, got ${argument}`);
    return argument >= 8 ? [] : [plain, argument];
  }
  if (plain !== undefined) return [plain, argument];
  if (name === "Grayscale") return [Operation.Color, 0];
  if (name === "GaussianBlur") {
    if (argument < 0 || argument > LARGEST_BLUR)
      throw new VitrineError(
        "image/bad-argument",
        `${name} takes a radius of 0 to ${LARGEST_BLUR} pixels, got ${argument}`,
      );
    return argument === 0 ? [] : [Operation.GaussianBlur, argument];
  }
  const record = geometry(operation, options);
  if (record !== null) return record;
  throw new VitrineError("image/unknown-operation", `no augmentation operation is called "${quote(name)}"`, {
    details: { name },
  });
}

/** Operations → f64 records of OPERATION_FIELDS numbers, in order; operations that change nothing are omitted. */
export function operationRecords(
  operations: readonly AugmentOperation[],
  options: RecordOptions,
): number[][] {
  return operations
    .map((operation) => recordOf(operation, options))
    .filter((record) => record.length > 0)
    .map((record) => [...record, ...new Array<number>(OPERATION_FIELDS - record.length).fill(0)]);
}
