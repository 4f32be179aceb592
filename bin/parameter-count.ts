// Parameter count: how many values of a model training changes by gradients.

import { elementCount } from "../runtime/graph/tensor.js";
import { familyOf, type ModelConfig } from "../runtime/models/families.js";
import { isBuffer } from "../runtime/weights/tensor-map.js";

/** Counted from the family's own table of parameters; running statistics are none. */
export function trainedParameters(config: ModelConfig): number {
  const shapes = [...familyOf(config).parameters(config)].filter(([tensor]) => !isBuffer(tensor));
  return shapes.reduce((sum, [, shape]) => sum + elementCount(shape), 0);
}
