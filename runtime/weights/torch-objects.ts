// Torch objects: what the pickle of a checkpoint may build: storages, tensors as views of them, and what is carried along
// without a meaning. Nothing else of Python is called.

import { VitrineError } from "../errors.js";
import { Inert, type PickleGlobal, type PickleRules } from "./pickle.js";

/** PyTorch's storage class → our type; null where weights are never kept in it. */
export const STORAGES: Readonly<Record<string, { dtype: FloatDtype | null; bytes: number }>> = {
  DoubleStorage: { dtype: "F64", bytes: 8 },
  FloatStorage: { dtype: "F32", bytes: 4 },
  HalfStorage: { dtype: "F16", bytes: 2 },
  BFloat16Storage: { dtype: "BF16", bytes: 2 },
  LongStorage: { dtype: null, bytes: 8 },
  IntStorage: { dtype: null, bytes: 4 },
  ShortStorage: { dtype: null, bytes: 2 },
  CharStorage: { dtype: null, bytes: 1 },
  ByteStorage: { dtype: null, bytes: 1 },
  BoolStorage: { dtype: null, bytes: 1 },
};

export type FloatDtype = "F64" | "F32" | "F16" | "BF16";

/** Carried along without a meaning: arguments of the script, random states, metrics as NumPy scalars. */
const INERT = [
  "argparse.Namespace",
  "_codecs.encode",
  "numpy.dtype",
  "numpy.ndarray",
  ...["numpy.core", "numpy._core"].flatMap((core) => [
    `${core}.multiarray.scalar`,
    `${core}.multiarray._reconstruct`,
  ]),
  "torch.device",
  "torch.Size",
  ...["float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool"].map(
    (dtype) => `torch.${dtype}`,
  ),
];

export class TorchStorage {
  readonly kind: string;
  readonly key: string;
  /** Elements that the pickle claims. */
  readonly length: number;

  constructor(kind: string, key: string, length: number) {
    this.kind = kind;
    this.key = key;
    this.length = length;
  }
}

/** A view of a storage: offset and strides in elements. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: number[];
  readonly strides: number[];

  constructor(storage: TorchStorage, offset: number, shape: number[], strides: number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  get elements(): number {
    return this.shape.reduce((product, axis) => product * axis, 1);
  }

  /** Whether the elements are consecutive in the storage. */
  get contiguous(): boolean {
    let expected = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      if (this.shape[axis] !== 1 && this.strides[axis] !== expected) return false;
      expected *= this.shape[axis];
    }
    return true;
  }
}

const AXES_LIMIT = 16;

export function refuse(subject: string, what: string): VitrineError {
  return new VitrineError("weights/torch", `${subject}: ${what}`, { details: { file: subject } });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The arguments of torch._utils._rebuild_tensor_v2 → a view that is inside of its storage. */
function rebuildTensor([storage, offset, shape, strides]: readonly unknown[], subject: string): TorchTensor {
  if (!(storage instanceof TorchStorage)) throw refuse(subject, "a tensor without a storage");
  const counts = (list: unknown): list is number[] => Array.isArray(list) && list.every(isCount);
  if (!isCount(offset) || !counts(shape) || !counts(strides) || shape.length !== strides.length)
    throw refuse(subject, "a tensor's offset, shape or strides are not whole numbers");
  if (shape.length > AXES_LIMIT) throw refuse(subject, `a tensor of ${shape.length} axes`);
  const tensor = new TorchTensor(storage, offset, shape, strides);
  const { elements } = tensor;
  const last = shape.reduce((sum, axis, i) => sum + (axis - 1) * strides[i], offset);
  const inside = elements === 0 ? offset <= storage.length : last < storage.length;
  if (inside && elements <= storage.length) return tensor;
  const view = `[${shape.join(", ")}] with strides [${strides.join(", ")}] at ${offset}`;
  throw refuse(subject, `a tensor ${view} exceeds the ${storage.length} elements of its storage`);
}

/** The globals that a checkpoint may name. */
function allowedGlobals(subject: string): Map<string, PickleGlobal> {
  const allowed = new Map<string, PickleGlobal>();
  const allow = (name: string, call: PickleGlobal["call"]) => allowed.set(name, { name, call });
  for (const name of INERT) allow(name, () => new Inert(name));
  for (const kind of Object.keys(STORAGES)) allow(`torch.${kind}`, () => new Inert(kind));
  allow("collections.OrderedDict", () => new Map());
  for (const name of ["_rebuild_tensor", "_rebuild_tensor_v2"])
    allow(`torch._utils.${name}`, (args) => rebuildTensor(args, subject));
  for (const name of ["_rebuild_parameter", "_rebuild_parameter_with_state"])
    allow(`torch._utils.${name}`, ([tensor]) => tensor);
  return allowed;
}

export function storageOf(id: unknown, subject: string): TorchStorage {
  if (!Array.isArray(id) || id[0] !== "storage") throw refuse(subject, "a persistent id of an unknown form");
  const [, type, key, , length] = id as unknown[];
  const name = (type as Partial<PickleGlobal> | null)?.name;
  const kind = typeof name === "string" ? name.replace(/^torch\./, "") : "";
  if (!Object.hasOwn(STORAGES, kind) || typeof key !== "string" || !isCount(length))
    throw refuse(subject, "a storage without a known type, a key or a length");
  if (Array.isArray(id[5]))
    throw refuse(subject, "a storage that is part of another; save it again with PyTorch 1.6");
  return new TorchStorage(kind, key, length);
}

export function rulesOf(subject: string): PickleRules {
  const allowed = allowedGlobals(subject);
  return {
    subject,
    global: (name) => allowed.get(name),
    persistent: (id) => storageOf(id, subject),
  };
}
