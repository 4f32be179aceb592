// DeiT folding: in inference LayerScale's factors are multiplied into the linear layer before them, whose rows they
// scale. That leaves the operations of a DeiT, which executors fuse.
//
//   weight' = factors·weight,  bias' = factors·bias,  in double, rounded once

import type { NamedTensor, TensorMap } from "../../weights/tensor-map.js";
import type { DeitConfig } from "./config.js";
import { deitParameters } from "./parameters.js";

/** The model without LayerScale, whose tensors `foldDeit` gives. */
export function foldedConfig(config: DeitConfig): DeitConfig {
  const { layerScale: _, ...folded } = config;
  return folded;
}

export function foldedParameters(config: DeitConfig): Map<string, number[]> {
  return deitParameters(foldedConfig(config));
}

/** LayerScale → the layer whose result it scales, in a block. */
const SCALED_LAYERS: readonly [scale: string, layer: string][] = [
  ["ls1", "attn.proj"],
  ["ls2", "mlp.fc2"],
];

function scaledRows({ shape, data }: NamedTensor, factors: Float32Array): NamedTensor {
  const width = data.length / factors.length;
  return { shape, data: data.map((value, i) => value * factors[Math.floor(i / width)]) };
}

/** Tensors under timm's names → those of `foldedConfig`; tensors that do not change are shared. */
export function foldDeit(config: DeitConfig, weights: TensorMap): TensorMap {
  if (config.layerScale === undefined) return weights;
  const folded = new Map(weights);
  for (let block = 0; block < config.depth; block++)
    for (const [scale, layer] of SCALED_LAYERS) {
      const name = `blocks.${block}.${scale}.gamma`;
      const { data } = weights.get(name) as NamedTensor;
      folded.delete(name);
      for (const part of [`blocks.${block}.${layer}.weight`, `blocks.${block}.${layer}.bias`]) {
        const tensor = folded.get(part);
        if (tensor) folded.set(part, scaledRows(tensor, data));
      }
    }
  return folded;
}
