// Key map: Hugging Face's tensor names of a ViT or DeiT → those of timm and facebook's deit.
//
// timm's `attn.qkv` holds query, key and value as consecutive rows; Hugging Face keeps them apart.

import { quote, VitrineError } from "../../errors.js";
import { formatShape } from "../../graph/tensor.js";
import type { NamedTensor, TensorMap } from "../../weights/tensor-map.js";

/** Parts outside the blocks, below `vit.` or `deit.`. */
const STEM: readonly [huggingFace: string, timm: string][] = [
  ["embeddings.cls_token", "cls_token"],
  ["embeddings.position_embeddings", "pos_embed"],
  ["embeddings.distillation_token", "dist_token"],
  ["embeddings.patch_embeddings.projection.weight", "patch_embed.proj.weight"],
  ["embeddings.patch_embeddings.projection.bias", "patch_embed.proj.bias"],
  ["layernorm.weight", "norm.weight"],
  ["layernorm.bias", "norm.bias"],
];

/** Layers inside `encoder.layer.N` and `blocks.N`. */
const BLOCK: readonly [huggingFace: string, timm: string][] = [
  ["layernorm_before", "norm1"],
  ["attention.output.dense", "attn.proj"],
  ["layernorm_after", "norm2"],
  ["intermediate.dense", "mlp.fc1"],
  ["output.dense", "mlp.fc2"],
];

const HEADS: readonly [huggingFace: string, timm: string][] = [
  ["classifier", "head"],
  ["cls_classifier", "head"],
  ["distillation_classifier", "head_dist"],
];

/** Tensors of a file that no classifier uses. */
const UNUSED = /^(pooler\.|embeddings\.mask_token$)/;
const PREFIX = /^(vit|deit)\./;
const LAYER = /^encoder\.layer\.(\d+)\.(.+)\.(weight|bias)$/;
const PROJECTION = /^attention\.attention\.(query|key|value)$/;
const PARTS = ["query", "key", "value"] as const;

function isHuggingFace(tensors: TensorMap): boolean {
  return Array.from(tensors.keys()).some((name) => PREFIX.test(name));
}

function unknownName(name: string, subject: string): VitrineError {
  const text = `${subject}: tensor "${quote(name)}" is not part of a DeiT or ViT`;
  return new VitrineError("weights/unknown-tensor", text, { details: { file: subject, tensor: name } });
}

/**
 * The timm name for a Hugging Face name; undefined if there is none, or if the tensor is one of the three parts of
 * `qkv`.
 */
function timmName(name: string): string | undefined {
  const head = HEADS.find(([from]) => name === `${from}.weight` || name === `${from}.bias`);
  if (head) return head[1] + name.slice(head[0].length);
  const inner = name.replace(PREFIX, "");
  const stem = STEM.find(([from]) => inner === from);
  if (stem) return stem[1];
  const [, index, layer, kind] = LAYER.exec(inner) ?? [];
  const block = BLOCK.find(([from]) => layer === from);
  return block && `blocks.${index}.${block[1]}.${kind}`;
}

/** query, key and value [dim, …] → [3·dim, …]. Throws `weights/shape` where one is missing or of another shape. */
function joinProjections(name: string, parts: Map<string, NamedTensor>, subject: string): NamedTensor {
  const [query, key, value] = PARTS.map((part) => parts.get(part));
  if (
    !query ||
    !key ||
    !value ||
    key.data.length !== query.data.length ||
    value.data.length !== query.data.length
  ) {
    const found = Array.from(parts, ([part, { shape }]) => `${part} ${formatShape(shape)}`).join(", ");
    const text = `${subject}: ${name} needs query, key and value of the same shape, got ${found}`;
    throw new VitrineError("weights/shape", text, { details: { file: subject, tensor: name } });
  }
  const data = new Float32Array(3 * query.data.length);
  [query, key, value].forEach((part, place) => {
    data.set(part.data, place * query.data.length);
  });
  return { shape: [3 * query.shape[0], ...query.shape.slice(1)], data };
}

/**
 * Tensors under either naming → the same values under timm's names. `subject` names the file in errors. Throws
 * `weights/unknown-tensor`, and `weights/shape` where a projection is incomplete.
 */
export function toTimmNames(tensors: TensorMap, subject: string): TensorMap {
  if (!isHuggingFace(tensors)) return tensors;
  const renamed: TensorMap = new Map();
  const projections = new Map<string, Map<string, NamedTensor>>();
  for (const [name, tensor] of tensors) {
    const inner = name.replace(PREFIX, "");
    if (UNUSED.test(inner)) continue;
    const [, index, layer, kind] = LAYER.exec(inner) ?? [];
    const part = PROJECTION.exec(layer ?? "")?.[1];
    const target = part === undefined ? timmName(name) : `blocks.${index}.attn.qkv.${kind}`;
    if (target === undefined) throw unknownName(name, subject);
    if (part === undefined) renamed.set(target, tensor);
    else projections.set(target, (projections.get(target) ?? new Map()).set(part, tensor));
  }
  for (const [name, parts] of projections) renamed.set(name, joinProjections(name, parts, subject));
  return renamed;
}
