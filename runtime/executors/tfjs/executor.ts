// The tfjs executor: the same graphs with the operations of a tfjs backend, for comparison, for code that uses tfjs
// tensors, and for CUDA. Float32 throughout; every operation starts its own kernels.

import type { PlanOptions, Program } from "../../graph/program.js";
import type { GpuDevice } from "../../host/environment-types.js";
import type { Store, StoreLayout } from "../device-store.js";
import type { Executable, Executor } from "../executor.js";
import type { Backend } from "./backend.js";
import { TfjsExecutable } from "./executable.js";
import { openBackend, type TfjsOptions } from "./open-backend.js";
import { Scalars } from "./operands.js";
import { TfjsStore } from "./store.js";

export class TfjsExecutor implements Executor {
  readonly device: string;
  readonly description: string;
  readonly fusedMultiplyAdd: boolean;
  readonly backend: Backend;
  readonly #scalars: Scalars;

  constructor(device: string, backend: Backend) {
    this.device = device;
    this.description = `${device}: ${backend.description}, float32`;
    this.fusedMultiplyAdd = backend.fusedMultiplyAdd;
    this.backend = backend;
    this.#scalars = new Scalars(backend.tf);
  }

  /**
   * tfjs does not report how much memory there is, and has no arena: limits are checked tensor by tensor.
   */
  get capabilities(): PlanOptions {
    return {
      fuses: new Set(["linear-gelu", "linear-residual"]),
      alignmentBytes: 4,
      limitBytes: Number.POSITIVE_INFINITY,
    };
  }

  get gpu(): GpuDevice | undefined {
    return this.backend.gpu;
  }

  createStore(layout: StoreLayout): Store {
    return new TfjsStore(this.backend, layout);
  }

  async compile(program: Program, stores: ReadonlyMap<string, Store>): Promise<Executable> {
    return new TfjsExecutable(this.backend, this.#scalars, program, stores);
  }

  async dispose(): Promise<void> {
    this.#scalars.dispose();
    this.backend.close();
  }
}

/**
 * An executor on the tfjs backend that `device` names: `tfjs:cpu`, `tfjs:webgpu`, `tfjs:tensorflow`. Throws
 * `device/unknown` for another one, `device/unavailable` where its packages are not installed or do not run here.
 */
export async function createTfjsExecutor(device: string, options: TfjsOptions = {}): Promise<Executor> {
  return new TfjsExecutor(device, await openBackend(device, options));
}
