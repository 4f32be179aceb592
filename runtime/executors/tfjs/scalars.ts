// Scalars: numbers that operations need again and again, as tensors that are made once.

import type { Tensor, Tfjs } from "./tfjs.js";

export class Scalars {
  readonly #tf: Tfjs;
  readonly #tensors = new Map<number, Tensor>();

  constructor(tf: Tfjs) {
    this.#tf = tf;
  }

  get(value: number): Tensor {
    const known = this.#tensors.get(value);
    if (known) return known;
    const made = this.#tf.keep(this.#tf.scalar(value));
    this.#tensors.set(value, made);
    return made;
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}
