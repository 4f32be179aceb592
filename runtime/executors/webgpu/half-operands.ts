// Half operands: what the float16 tier keeps in float16, in the words of the graph's operations.
//
// As torch.autocast has it: what goes into products and comes out of them is half, and with it a convolutional network's feature
// maps; a transformer's residual stream with its gradient, statistics, logits and losses are float32, as are all sums. Kernels
// read and write either by their operands' types.

import type { Operation } from "../../graph/catalog.js";

export function halfOperands(operation: Operation): readonly string[] {
  switch (operation.type) {
    case "patchifyBytes":
    case "patchifyImage":
    case "assembleTokens":
      return ["patches"];
    case "assembleTokensBackward":
      return ["dPatches"];
    case "linear":
      // With a residual y is a transformer's stream, or behind a ReLU a feature map.
      if (operation.reads.residual === undefined) return ["x", "y"];
      return operation.attributes.relu ? ["x", "residual", "y"] : ["x"];
    case "linearInputGradient":
      return ["dy", "dx", "hidden"];
    case "linearWeightGradient":
    case "geluBackward":
      return ["dy", "x", "dx"];
    case "layerNorm":
      return ["y"];
    case "layerNormBackward":
      return ["dy"];
    case "attention":
      return ["qkv", "out"];
    case "attentionBackward":
      return ["dOut", "qkv", "out", "dQkv"];
    case "gelu":
    case "conv2d":
    case "relu":
    case "scaleChannels":
      return ["x", "y"];
    case "globalAveragePool":
      return ["x"];
    case "residual":
      return ["x", "branch", "y"];
    default:
      return [];
  }
}
