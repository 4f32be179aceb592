// DeiT folding: in inference LayerScale's factors are multiplied into the linear layer before them, whose rows they
// scale. That leaves the operations of a DeiT, which executors fuse.
//
//   weight' = factors·weight,  bias' = factors·bias,  in double, rounded once

import { VitrineError } from "../../errors.js";
import type { Int8Matrix } from "../../weights/int8-matrix.js";
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

/** The scales of int8 matrices times the factors: their rows are the layer's outputs. */
export function foldMatrices(
  config: DeitConfig,
  weights: TensorMap,
  matrices: ReadonlyMap<string, Int8Matrix>,
): ReadonlyMap<string, Int8Matrix> {
  if (config.layerScale === undefined) return matrices;
  const folded = new Map(matrices);
  for (let block = 0; block < config.depth; block++)
    for (const [scale, layer] of SCALED_LAYERS) {
      const name = `blocks.${block}.${layer}.weight`;
      const matrix = matrices.get(name);
      const factors = weights.get(`blocks.${block}.${scale}.gamma`)?.data;
      if (matrix && factors)
        folded.set(name, { ...matrix, scales: matrix.scales.map((value, row) => value * factors[row]) });
    }
  return folded;
}

/**
 * Tensors under timm's names → those of `foldedConfig`; tensors that do not change are shared. Throws
 * `weights/missing-tensor`.
 */
export function foldDeit(config: DeitConfig, weights: TensorMap): TensorMap {
  if (config.layerScale === undefined) return weights;
  const folded = new Map(weights);
  for (let block = 0; block < config.depth; block++)
    for (const [scale, layer] of SCALED_LAYERS) {
      const name = `blocks.${block}.${scale}.gamma`;
      const factors = weights.get(name);
      if (!factors)
        throw new VitrineError("weights/missing-tensor", `weights: tensor "${name}" is missing`, {
          details: { tensor: name },
        });
      folded.delete(name);
      for (const part of [`blocks.${block}.${layer}.weight`, `blocks.${block}.${layer}.bias`]) {
        const tensor = folded.get(part);
        if (tensor) folded.set(part, scaledRows(tensor, factors.data));
      }
    }
  return folded;
}
