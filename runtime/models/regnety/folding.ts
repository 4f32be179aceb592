// RegNetY folding: in inference a batch norm is a factor and a shift per channel, which are multiplied into the
// convolution before it. That halves the passes over feature maps.
//
//   weight' = weight·γ/√(variance + ε),  bias' = β − mean·γ/√(variance + ε),  in double, rounded once
//
// A model in training is folded by the operation `foldBatchNorm` to the same bits; ε is float32 as in its kernel.

import type { NamedTensor, TensorMap } from "../../weights/tensor-map.js";
import type { RegnetyConfig } from "./config.js";
import { channelsLastShape, regnetyParameters, regnetyUnits, toChannelsLast } from "./parameters.js";

/** Name → shape, channels last, of the tensors that `foldRegnety` gives. */
export function foldedParameters(config: RegnetyConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  for (const [name, shape] of regnetyParameters(config)) {
    if (name.endsWith(".bn.bias")) shapes.set(name.replace(/bn\.bias$/, "conv.bias"), shape);
    else if (!name.includes(".bn.")) shapes.set(name, channelsLastShape(shape));
  }
  return shapes;
}

/** Tensors under timm's names → those of the folded network: every convolution has a bias, there is no batch norm. */
export function foldRegnety(config: RegnetyConfig, weights: TensorMap): TensorMap {
  const folded: TensorMap = new Map();
  for (const [name, tensor] of weights) if (!name.includes(".bn.")) folded.set(name, toChannelsLast(tensor));
  const epsilon = Math.fround(config.batchNormEpsilon);
  for (const { name, outputs } of regnetyUnits(config)) {
    const statistics = (part: string) => (weights.get(`${name}.bn.${part}`) as NamedTensor).data;
    const [gamma, beta] = [statistics("weight"), statistics("bias")];
    const [mean, variance] = [statistics("running_mean"), statistics("running_var")];
    const { shape, data } = folded.get(`${name}.conv.weight`) as NamedTensor;
    const scaled = new Float32Array(data.length);
    const bias = new Float32Array(outputs);
    const values = data.length / outputs;
    for (let o = 0; o < outputs; o++) {
      const factor = gamma[o] / Math.sqrt(variance[o] + epsilon);
      bias[o] = beta[o] - mean[o] * factor;
      for (let i = o * values; i < (o + 1) * values; i++) scaled[i] = data[i] * factor;
    }
    folded.set(`${name}.conv.weight`, { shape, data: scaled });
    folded.set(`${name}.conv.bias`, { shape: [outputs], data: bias });
  }
  return folded;
}
