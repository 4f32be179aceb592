// Tensor map: named float32 tensors, as a safetensors file holds them.

export interface NamedTensor {
  /** Axes in PyTorch's order, the last one contiguous. */
  shape: number[];
  /** Row-major, as many values as the product of `shape`. */
  data: Float32Array;
}

/** Tensor name → tensor, in the order of timm's state_dict where a model gives it. */
export type TensorMap = Map<string, NamedTensor>;
