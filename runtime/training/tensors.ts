// Tensors of a training: the parameters, which have gradients, and the running statistics of batch norm, which have
// none, in the layout of their stores.

import type { Store } from "../executors/device-store.js";
import type { ModelFamily } from "../models/family.js";
import {
  checkShapes,
  isBuffer,
  type NamedTensor,
  type ParameterShapes,
  type TensorMap,
} from "../weights/tensor-map.js";
import type { TrainingOptions } from "./contract.js";

/** The architecture that is trained. */
export type TrainedFamily = ModelFamily<TrainingOptions["config"]>;

/** A state of the parameters and, where it includes them, of the running statistics. */
export interface StateStores {
  parameters: Store;
  buffers?: Store | undefined;
}

/** The shapes of a model's tensors, and the way between files and stores. */
export class TrainedTensors {
  /** Name → shape in the stores. */
  readonly parameters: ParameterShapes;
  readonly buffers: ParameterShapes;
  /** Name → shape with PyTorch's axes, in timm's order. */
  readonly #shapes: ParameterShapes;
  readonly #family: TrainedFamily["training"];

  /** Throws `model/config`. */
  constructor(family: TrainedFamily, config: TrainingOptions["config"]) {
    this.#family = family.training;
    this.#shapes = family.parameters(config);
    const stored = (wanted: boolean): ParameterShapes =>
      new Map(
        [...this.#shapes]
          .filter(([name]) => isBuffer(name) === wanted)
          .map(([name, shape]) => [name, family.training.storedShape(shape)]),
      );
    this.parameters = stored(false);
    this.buffers = stored(true);
  }

  /** Copies a state in. Throws `weights/…` where the tensors are not the model's. */
  write({ parameters, buffers }: StateStores, tensors: TensorMap): void {
    const storeOf = (name: string) => (isBuffer(name) ? buffers : parameters);
    const wanted = new Map([...this.#shapes].filter(([name]) => storeOf(name)));
    checkShapes(tensors, wanted, "weights");
    for (const name of wanted.keys()) {
      const { data } = this.#family.toStored(tensors.get(name) as NamedTensor);
      storeOf(name)?.write(name, data);
    }
  }

  /** Copies a state out, in timm's order with PyTorch's axes. */
  async read({ parameters, buffers }: StateStores): Promise<TensorMap> {
    const tensors: TensorMap = new Map();
    for (const [name, shape] of this.#shapes) {
      const store = isBuffer(name) ? buffers : parameters;
      if (store) tensors.set(name, this.#family.fromStored(await store.read(name), shape));
    }
    return tensors;
  }
}
