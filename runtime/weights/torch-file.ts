// Torch file: the tensors of a file that torch.save wrote, as a zip archive (since PyTorch 1.6) or as consecutive
// pickles (before, or with _use_new_zipfile_serialization=False). torch/serialization.py describes both.
//
// Every size, count and offset is compared with the bytes of the file before memory is taken for it.

import { quote, VitrineError } from "../errors.js";
import { readPickle } from "./pickle.js";
import { type StoredTensor, typedData } from "./safetensors.js";
import { ELEMENT_BYTES } from "./safetensors-header.js";
import {
  type FloatDtype,
  refuse,
  rulesOf,
  STORAGES,
  storageOf,
  type TorchStorage,
  TorchTensor,
} from "./torch-objects.js";
import { readZip } from "./zip.js";

/** Tensors may share a storage, as tied weights do, but not so often that a small file fills the memory. */
const SHARING_LIMIT = 2;

interface TorchFile {
  value: unknown;
  /** The bytes of a storage. */
  bytes(storage: TorchStorage): Uint8Array;
}

function checkLength(storage: TorchStorage, bytes: number, subject: string): void {
  const wanted = storage.length * STORAGES[storage.kind].bytes;
  if (wanted === bytes) return;
  const text = `storage "${quote(storage.key)}" of ${storage.length} elements takes ${wanted} bytes, the file has ${bytes}`;
  throw refuse(subject, text);
}

const PICKLE = "data.pkl";

function openZip(bytes: Uint8Array, subject: string): TorchFile {
  const entries = readZip(bytes, subject);
  const names = [...entries.keys()].filter((name) => name === PICKLE || name.endsWith(`/${PICKLE}`));
  if (names.length !== 1) throw refuse(subject, `a zip archive, but not of torch.save: no single ${PICKLE}`);
  const folder = names[0].slice(0, -PICKLE.length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order) === "big")
    throw refuse(subject, "written on a big-endian machine");
  if (entries.has(`${folder}constants.pkl`))
    throw refuse(subject, "a TorchScript program; save its tensors: torch.save(model.state_dict(), FILE)");
  const { value } = readPickle(entries.get(names[0]) as Uint8Array, 0, rulesOf(subject));
  return {
    value,
    bytes(storage) {
      const data = entries.get(`${folder}data/${storage.key}`);
      if (!data) throw refuse(subject, `storage "${quote(storage.key)}" is missing`);
      checkLength(storage, data.length, subject);
      return data;
    },
  };
}

/** torch.serialization.MAGIC_NUMBER and PROTOCOL_VERSION of the form before zip archives. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

function openLegacy(bytes: Uint8Array, subject: string): TorchFile {
  const rules = rulesOf(subject);
  const sizes = new Map<string, number>();
  const persistent = (id: unknown): TorchStorage => {
    const storage = storageOf(id, subject);
    sizes.set(storage.key, STORAGES[storage.kind].bytes);
    return storage;
  };
  let place = 0;
  const next = (): unknown => {
    const { value, end } = readPickle(bytes, place, { ...rules, persistent });
    place = end;
    return value;
  };
  if (next() !== MAGIC) throw refuse(subject, "a pickle, but not of torch.save: its magic number is missing");
  if (next() !== LEGACY_VERSION) throw refuse(subject, "an unknown version of PyTorch's format");
  const system = next();
  if (system instanceof Map && system.get("little_endian") === false)
    throw refuse(subject, "written on a big-endian machine");
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw refuse(subject, "the list of storages is missing");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const storages = new Map<string, Uint8Array>();
  for (const key of keys) {
    const size = sizes.get(key);
    if (size === undefined || storages.has(key))
      throw refuse(subject, `storage "${quote(String(key))}" is unknown`);
    const count = bytes.length - place < 8 ? null : view.getBigUint64(place, true);
    if (count === null || count > BigInt(Math.floor((bytes.length - place - 8) / size)))
      throw refuse(subject, `storage "${quote(key)}" exceeds the file: it may be truncated`);
    const end = place + 8 + Number(count) * size;
    storages.set(key, bytes.subarray(place + 8, end));
    place = end;
  }
  return {
    value,
    bytes(storage) {
      const data = storages.get(storage.key);
      if (!data) throw refuse(subject, `storage "${quote(storage.key)}" is missing`);
      checkLength(storage, data.length, subject);
      return data;
    },
  };
}

/** Keys that training scripts keep a model's tensors under, and those of its moving average. */
const MODEL_KEYS = ["model", "state_dict", "module", "teacher"];
const AVERAGE_KEYS = ["model_ema", "state_dict_ema"];
const NESTING_LIMIT = 4;

type Dict = Map<unknown, unknown>;

function holdsTensors(dict: Dict): boolean {
  for (const value of dict.values()) if (value instanceof TorchTensor) return true;
  return false;
}

/** The dict with the tensors, and the keys that lead there. */
function findTensors(root: unknown, average: boolean, subject: string): { dict: Dict; path: string[] } {
  const path: string[] = [];
  let dict = root;
  while (dict instanceof Map && !holdsTensors(dict) && path.length < NESTING_LIMIT) {
    const parent: Dict = dict;
    const keys = average ? [...AVERAGE_KEYS, ...MODEL_KEYS] : [...MODEL_KEYS, ...AVERAGE_KEYS];
    const key = keys.find((name) => parent.get(name) instanceof Map);
    if (key === undefined) break;
    path.push(key);
    dict = parent.get(key);
  }
  if (dict instanceof Map && holdsTensors(dict)) {
    if (!average || path.some((key) => AVERAGE_KEYS.includes(key))) return { dict, path };
    const text = `${subject}: the file holds no moving average (${AVERAGE_KEYS.join(", ")}); leave out --ema`;
    throw new VitrineError("weights/average", text, { details: { file: subject } });
  }
  const keys = root instanceof Map ? [...root.keys()].filter((key) => typeof key === "string") : [];
  const found = keys.length > 0 ? `its keys are ${quote(keys.slice(0, 20).join(", "))}` : "it is no dict";
  throw refuse(
    subject,
    `no tensors by name: ${found}; allowed: a state_dict, or one under ${MODEL_KEYS.join(", ")}`,
  );
}

/** Elements in row-major order, wherever the strides have them. */
function gather({ shape, strides, offset, elements }: TorchTensor, source: Uint8Array, size: number) {
  const bytes = new Uint8Array(elements * size);
  const index = shape.map(() => 0);
  let from = offset;
  for (let element = 0; element < elements; element++) {
    for (let i = 0; i < size; i++) bytes[element * size + i] = source[from * size + i];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return bytes;
}

function copyTensor(tensor: TorchTensor, source: Uint8Array, dtype: FloatDtype): StoredTensor {
  const { shape, offset, elements } = tensor;
  const size = ELEMENT_BYTES[dtype];
  const bytes = tensor.contiguous
    ? new Uint8Array(source.subarray(offset * size, (offset + elements) * size))
    : gather(tensor, source, size);
  return { dtype, shape: [...shape], data: typedData(dtype, bytes) };
}

/** How a file of weights is read. */
export interface WeightFileOptions {
  /** Read the moving average of the weights, from `model_ema` or `state_dict_ema`. Default false. */
  ema?: boolean;
  /**
   * Tensors of a safetensors file are parts of its bytes where their alignment allows it: half the memory, for callers
   * that change neither. Default false: copies.
   */
  views?: boolean;
}

export interface TorchTensors {
  /** In the order of the state_dict. */
  tensors: Map<string, StoredTensor>;
  /** What was chosen where the file offers a choice, for people. */
  notices: string[];
}

/** Whether bytes start as a file of torch.save: a zip archive, or a pickle of protocol 2 and above. */
export function isTorchFile(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return (a === 0x50 && b === 0x4b && c === 3 && d === 4) || (a === 0x80 && b >= 2 && b <= 5);
}

/**
 * The floating-point tensors of a .pth, .pt or .bin file; integer tensors, such as batch counters, are omitted. A
 * state_dict may be nested under `model`, `state_dict`, `module`, or DINO's `teacher`. `subject` names the file in errors. Throws
 * `weights/torch` where the file is damaged, `weights/pickle-global` where it names anything beyond tensors and plain
 * data, `weights/average` where `ema` is asked for and absent.
 */
export function readTorchFile(
  bytes: Uint8Array,
  subject: string,
  { ema = false }: WeightFileOptions = {},
): TorchTensors {
  const file = bytes[0] === 0x50 ? openZip(bytes, subject) : openLegacy(bytes, subject);
  const { dict, path } = findTensors(file.value, ema, subject);
  const tensors = new Map<string, StoredTensor>();
  let total = 0;
  for (const [name, tensor] of dict) {
    if (typeof name !== "string" || !(tensor instanceof TorchTensor)) continue;
    const { dtype, bytes: size } = STORAGES[tensor.storage.kind];
    if (dtype === null) continue;
    const source = file.bytes(tensor.storage);
    total += tensor.elements * size;
    if (total > SHARING_LIMIT * bytes.length)
      throw refuse(
        subject,
        `its tensors take more than ${SHARING_LIMIT} times the file: too many share a storage`,
      );
    tensors.set(name, copyTensor(tensor, source, dtype));
  }
  return { tensors, notices: path.length > 0 ? [pathNotice(path, file.value as Dict, ema)] : [] };
}

function pathNotice(path: readonly string[], root: Dict, ema: boolean): string {
  const average = ema
    ? undefined
    : AVERAGE_KEYS.find((key) => !path.includes(key) && root.get(key) instanceof Map);
  const other =
    average === undefined
      ? ""
      : `; "${average}" holds their moving average, which vitrine convert --ema reads`;
  return `the weights are those of ${path.map((key) => `"${key}"`).join(" → ")}${other}`;
}
