// Key map: Hugging Face's tensor names of a ViT or DeiT ↔ those of timm and facebook's deit.
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

/** The heads of a ViT, and those of a distilled DeiT. */
const PLAIN_HEADS: readonly [huggingFace: string, timm: string][] = [["classifier", "head"]];
const DISTILLED_HEADS: readonly [huggingFace: string, timm: string][] = [
  ["cls_classifier", "head"],
  ["distillation_classifier", "head_dist"],
];
const HEADS = [...PLAIN_HEADS, ...DISTILLED_HEADS];

/** A DeiT with a distillation token that no head reads, DeiTForImageClassification; here the token is a register. */
const UNREAD_TOKEN = ["embeddings.distillation_token", "reg_token"] as const;

/** Tensors of a file that no classifier uses. */
const UNUSED = /^(pooler\.|embeddings\.mask_token$|mask_token$)/;
/** Parts of self-supervised pre-training (MAE's decoder, DINO's projection) and of a removed head. */
const PRETRAINING = /^(decoder|head\.(mlp|last_layer)\.|(dino|ibot)_head\.|pre_logits\.)/;
const PREFIX = /^(vit|deit)\./;
/** Starts of the names in a file of a backbone alone. */
const BACKBONE = /^(embeddings\.|encoder\.layer\.)/;
/** facebook's names of LayerScale's factors in DeiT III. */
const FACEBOOK_SCALE = /^(blocks\.\d+)\.gamma_([12])$/;
const LAYER = /^encoder\.layer\.(\d+)\.(.+)\.(weight|bias)$/;
const PROJECTION = /^attention\.attention\.(query|key|value)$/;
const PARTS = ["query", "key", "value"] as const;

function isHuggingFace(tensors: TensorMap): boolean {
  return Array.from(tensors.keys()).some((name) => PREFIX.test(name) || BACKBONE.test(name));
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

/** What other vision transformers have, as `start of a tensor's name` → what it is. */
const OTHER_PARTS: readonly [pattern: RegExp, part: string][] = [
  [/^pre_logits\./, "a tanh layer before the head (ViT of 2020; augreg's ViT has none)"],
  [/^norm_pre\.|^pre_layrnorm\./, "a norm before the blocks (CLIP)"],
  [/\.attn\.[qk]_norm\./, "normalized queries and keys"],
  [/\.attn\.(q|v)_bias$|relative_position/, "BEiT's attention"],
  [/\.attn\.norm\.|\.mlp\.norm\./, "norms inside attention or MLP (EVA-02)"],
  [/\.mlp\.(w12|w3|fc1_[gx])\./, "a gated MLP (SwiGLU)"],
  [/^attn_pool\./, "attention pooling (SigLIP)"],
  [/\.(attn1|mlp1|gamma_\d_\d)\b/, "parallel blocks"],
  [/^patch_embed\.(backbone|proj\.\d)/, "a convolutional stem"],
];

/** Throws `weights/unknown-tensor` naming the part of another architecture that a tensor belongs to. */
function checkParts(tensors: TensorMap, subject: string): void {
  for (const name of tensors.keys()) {
    const part = OTHER_PARTS.find(([pattern]) => pattern.test(name))?.[1];
    if (part === undefined) continue;
    const text =
      `${subject}: tensor "${quote(name)}" belongs to ${part}, which is not computed here; ` +
      "allowed: DeiT, DeiT III, and ViT with its linear head";
    throw new VitrineError("weights/unknown-tensor", text, { details: { file: subject, tensor: name } });
  }
}

/** Names of facebook's and timm's files → timm's. */
function plainNames(tensors: TensorMap): TensorMap {
  return new Map(
    Array.from(tensors, ([name, tensor]) => [name.replace(FACEBOOK_SCALE, "$1.ls$2.gamma"), tensor]),
  );
}

/**
 * Tensors under any of the known namings → the same values under timm's names. The distillation token of a model with
 * one head (DeiTForImageClassification) becomes a register: it takes part in attention and no head reads it. A backbone
 * without a head loses the parts of its pre-training. `subject`
 * names the file in errors. Throws `weights/unknown-tensor`, also for parts of other architectures by name, and
 * `weights/shape` where a projection is incomplete.
 */
export function toTimmNames(tensors: TensorMap, subject: string): TensorMap {
  const used = new Map([...tensors].filter(([name]) => !UNUSED.test(name)));
  const hasHead = HEADS.flat().some((head) => used.has(`${head}.weight`));
  if (!hasHead) for (const name of used.keys()) if (PRETRAINING.test(name)) used.delete(name);
  const named = isHuggingFace(used) ? fromHuggingFace(used, subject) : plainNames(used);
  checkParts(named, subject);
  const token = named.get("dist_token");
  if (!token || named.has("head_dist.weight")) return named;
  named.delete("dist_token");
  return named.set("reg_token", token);
}

function fromHuggingFace(tensors: TensorMap, subject: string): TensorMap {
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

const TIMM_LAYER = /^(blocks\.(\d+)\.)?(.+)\.(weight|bias)$/;
const QKV = /^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/;

/** Classes of transformers for models of this kind. */
export type HuggingFaceClass =
  | "DeiTForImageClassificationWithTeacher"
  | "DeiTForImageClassification"
  | "ViTForImageClassification";

/** The Hugging Face name for a timm name that is not of `qkv`; undefined if the class has none. */
function huggingFaceName(name: string, className: HuggingFaceClass, prefix: string): string | undefined {
  if (className === "DeiTForImageClassification" && name === UNREAD_TOKEN[1]) return prefix + UNREAD_TOKEN[0];
  const stem = STEM.find(([, timm]) => name === timm);
  if (stem) return prefix + stem[0];
  const [, , index, layer, kind] = TIMM_LAYER.exec(name) ?? [];
  const heads = className === "DeiTForImageClassificationWithTeacher" ? DISTILLED_HEADS : PLAIN_HEADS;
  const head = index === undefined && heads.find(([, timm]) => layer === timm);
  if (head) return `${head[0]}.${kind}`;
  const block = index !== undefined && BLOCK.find(([, timm]) => layer === timm);
  return block ? `${prefix}encoder.layer.${index}.${block[0]}.${kind}` : undefined;
}

/**
 * Tensors under timm's names → the same values under the names of a class of transformers. Throws `export/unsupported`
 * for a tensor that the class does not have.
 */
export function toHuggingFaceNames(tensors: TensorMap, className: HuggingFaceClass): TensorMap {
  const prefix = className.startsWith("DeiT") ? "deit." : "vit.";
  const renamed: TensorMap = new Map();
  for (const [name, tensor] of tensors) {
    const [, index, kind] = QKV.exec(name) ?? [];
    if (index === undefined) {
      const target = huggingFaceName(name, className, prefix);
      if (target === undefined) throw noCounterpart(name, className);
      renamed.set(target, tensor);
      continue;
    }
    const { shape, data } = tensor;
    const third = data.length / 3;
    for (const [place, part] of PARTS.entries())
      renamed.set(`${prefix}encoder.layer.${index}.attention.attention.${part}.${kind}`, {
        shape: [shape[0] / 3, ...shape.slice(1)],
        data: data.subarray(place * third, (place + 1) * third),
      });
  }
  return renamed;
}

function noCounterpart(name: string, className: string): VitrineError {
  const text = `tensor "${quote(name)}" has no counterpart in transformers' ${className}; allowed: timm, pth, onnx`;
  return new VitrineError("export/unsupported", text, { details: { format: "hf", tensor: name } });
}
