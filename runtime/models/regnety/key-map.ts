// Key map: the tensor names of transformers' RegNetForImageClassification ↔ those of timm.

import { quote, VitrineError } from "../../errors.js";
import type { TensorMap } from "../../weights/tensor-map.js";

/** Parts of a block. */
const PARTS: readonly [huggingFace: string, timm: string][] = [
  ["layer.0", "conv1"],
  ["layer.1", "conv2"],
  ["layer.2.attention.0", "se.fc1"],
  ["layer.2.attention.2", "se.fc2"],
  ["layer.3", "conv3"],
  ["shortcut", "downsample"],
];

const [STEM, HEAD] = [
  ["embedder.embedder", "stem"],
  ["classifier.1", "head.fc"],
] as const;

/** Layers inside a convolution with its batch norm; squeeze-and-excitation and the head have none. */
const LAYERS: readonly [huggingFace: string, timm: string][] = [
  [".convolution.", ".conv."],
  [".normalization.", ".bn."],
];

/** Of a backbone alone, names have no prefix. */
const PREFIX = /^regnet\./;
const HUGGING_FACE_STEM = /^(regnet\.)?embedder\.embedder\.convolution\.weight$/;
const BLOCK = /^encoder\.stages\.(\d+)\.layers\.(\d+)\.((?:layer\.\d+(?:\.attention\.\d+)?|shortcut))(\..+)$/;
const TIMM_BLOCK = /^s(\d+)\.b(\d+)\.(conv\d|se\.fc\d|downsample)(\..+)$/;
const KIND = /^\.((conv|bn)\.)?(weight|bias|running_mean|running_var|num_batches_tracked)$/;

/** Whether tensors of these names are transformers' RegNet. */
export function isHuggingFace(names: Iterable<string>): boolean {
  return [...names].some((name) => HUGGING_FACE_STEM.test(name));
}

function timmName(name: string): string | undefined {
  const inner = name.replace(PREFIX, "");
  const [, stage, layer, part, kind] = BLOCK.exec(inner) ?? [];
  const own = PARTS.find(([from]) => from === part)?.[1];
  const outer = [STEM, HEAD].find(([from]) => inner.startsWith(`${from}.`));
  let rest: string;
  let start: string;
  if (own !== undefined) [start, rest] = [`s${Number(stage) + 1}.b${Number(layer) + 1}.${own}`, kind];
  else if (outer) [start, rest] = [outer[1], inner.slice(outer[0].length)];
  else return undefined;
  for (const [from, to] of LAYERS) rest = rest.replace(from, to);
  return KIND.test(rest) ? start + rest : undefined;
}

/** transformers' names → timm's. Throws `weights/unknown-tensor`. */
export function fromHuggingFaceNames(tensors: TensorMap, subject: string): TensorMap {
  return new Map(
    Array.from(tensors, ([name, tensor]) => {
      const own = timmName(name);
      if (own !== undefined) return [own, tensor];
      const text = `${subject}: tensor "${quote(name)}" is not part of a RegNetY`;
      throw new VitrineError("weights/unknown-tensor", text, { details: { file: subject, tensor: name } });
    }),
  );
}

function huggingFaceName(name: string): string {
  const [, stage, block, part, kind] = TIMM_BLOCK.exec(name) ?? [];
  const own = PARTS.find(([, timm]) => timm === part)?.[0];
  const isHead = name.startsWith(`${HEAD[1]}.`);
  const [from, to] = isHead ? HEAD : STEM;
  let renamed =
    own === undefined
      ? (isHead ? "" : "regnet.") + from + name.slice(to.length)
      : `regnet.encoder.stages.${Number(stage) - 1}.layers.${Number(block) - 1}.${own}${kind}`;
  for (const [other, timm] of LAYERS) renamed = renamed.replace(timm, other);
  return renamed;
}

/** timm's names of a whole model → transformers'. */
export function toHuggingFaceNames(tensors: TensorMap): TensorMap {
  return new Map(Array.from(tensors, ([name, tensor]) => [huggingFaceName(name), tensor]));
}
