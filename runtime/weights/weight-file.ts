// Weight file: the tensors of a file of any kind that is read, told apart by its first bytes, under the model's own
// names.

import { quote, VitrineError } from "../errors.js";
import { readSafetensors, type SafetensorsFile, type StoredTensor } from "./safetensors.js";
import { isTorchFile, readTorchFile, type WeightFileOptions } from "./torch-file.js";

export interface WeightFile extends SafetensorsFile {
  /** What was chosen, stripped or left out, for people; each without the file's name. */
  notices: string[];
}

/** What wrappers put before a name: DataParallel, torch.compile, and modules that hold the model. */
const PREFIXES = ["module.", "_orig_mod.", "model.", "backbone."];

/** Tensors without the wrappers' prefixes, as timm's clean_state_dict. Throws `weights/duplicate-tensor`. */
function stripPrefixes(
  tensors: ReadonlyMap<string, StoredTensor>,
  subject: string,
): { tensors: Map<string, StoredTensor>; notices: string[] } {
  const stripped = new Map<string, StoredTensor>();
  const found = new Set<string>();
  for (const [name, tensor] of tensors) {
    let inner = name;
    for (let prefix = prefixOf(inner); prefix !== undefined; prefix = prefixOf(inner)) {
      inner = inner.slice(prefix.length);
      found.add(prefix);
    }
    if (stripped.has(inner)) {
      const text = `${subject}: two tensors are "${quote(inner)}" without the prefixes ${PREFIXES.join(", ")}`;
      throw new VitrineError("weights/duplicate-tensor", text, { details: { file: subject, tensor: inner } });
    }
    stripped.set(inner, tensor);
  }
  const notice = `removed from the tensors' names: ${[...found].join(", ")}`;
  return { tensors: stripped, notices: found.size > 0 ? [notice] : [] };
}

function prefixOf(name: string): string | undefined {
  return PREFIXES.find((prefix) => name.length > prefix.length && name.startsWith(prefix));
}

const POINTER = "version https://git-lfs.github.com/spec/";

function checkPointer(bytes: Uint8Array, subject: string): void {
  // A copy, as of the header (safetensors-header.ts).
  if (new TextDecoder().decode(bytes.slice(0, POINTER.length)) !== POINTER) return;
  const text = `${subject}: a Git LFS pointer, not the weights; fetch them with "git lfs pull" in its repository`;
  throw new VitrineError("weights/pointer", text, { details: { file: subject } });
}

const TORCH_ENDING = /\.(pth|pt|bin)$/;

/**
 * A safetensors or PyTorch file; prefixes `module.`, `_orig_mod.`, `model.` and `backbone.` are removed. `subject` names
 * the file in errors. Throws what `readSafetensors` and `readTorchFile` throw, and `weights/pointer` for a Git LFS
 * pointer.
 */
export function readWeightFile(
  bytes: Uint8Array,
  subject: string,
  options: WeightFileOptions = {},
): WeightFile {
  checkPointer(bytes, subject);
  // The header of a safetensors file starts with {: a file of PyTorch's name without it is a pickle of any protocol.
  const isTorch = isTorchFile(bytes) || (TORCH_ENDING.test(subject) && bytes[8] !== 0x7b);
  if (isTorch) {
    const { tensors, notices } = readTorchFile(bytes, subject, options);
    const names = stripPrefixes(tensors, subject);
    return { tensors: names.tensors, metadata: {}, ignored: [], notices: [...notices, ...names.notices] };
  }
  if (options.ema) {
    const text = `${subject}: a safetensors file holds no moving average beside the weights; leave out --ema`;
    throw new VitrineError("weights/average", text, { details: { file: subject } });
  }
  const { tensors, metadata, ignored } = readSafetensors(bytes, subject, options.views);
  const names = stripPrefixes(tensors, subject);
  const notices = ignored.map((text) => `left out: ${text}`);
  return { tensors: names.tensors, metadata, ignored, notices: [...names.notices, ...notices] };
}
