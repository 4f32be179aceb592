// Compute pass: a program's dispatches with their pipelines and bind groups, made once and encoded for every run.

import { BINDING_ALIGNMENT, BufferUsage, type Device, type Slice } from "./device.js";
import type { Dispatch, Grid } from "./dispatch.js";
import { type Kernels, operandBindings, variantOf } from "./kernels.js";
import { type Tier, tierConstants } from "./tier.js";

/** What passes are made with; `device` and `kernels` belong to the executor. */
export interface PassContext {
  device: Device;
  kernels: Kernels;
  tier: Tier;
}

interface Command {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  grid: Grid;
}

/** At least as many operands as any kernel has. */
const MAX_OPERANDS = 16;
/** At least as many bytes as any kernel's Params. */
const PARAMS_BYTES = BINDING_ALIGNMENT;

export class ComputePass {
  readonly #device: Device;
  readonly #commands: readonly Command[];
  readonly #buffers: readonly GPUBuffer[];

  private constructor(device: Device, commands: readonly Command[], buffers: readonly GPUBuffer[]) {
    this.#device = device;
    this.#commands = commands;
    this.#buffers = buffers;
  }

  /** Compiles the pipelines that are missing, concurrently. `name` labels the buffers. Throws `internal/…`. */
  static async prepare(
    { device, kernels, tier }: PassContext,
    name: string,
    dispatches: readonly Dispatch[],
  ): Promise<ComputePass> {
    const shared = tierConstants(tier);
    const variants = dispatches.map((dispatch) => variantOf(dispatch, shared));
    const loaded = await kernels.load(variants);
    const numbers = device.createBuffer(
      PARAMS_BYTES * dispatches.length,
      `the numbers of ${name}`,
      BufferUsage.uniform | BufferUsage.copyDestination,
    );
    const absent = device.createBuffer(BINDING_ALIGNMENT * MAX_OPERANDS, "absent operands");
    device.gpu.queue.writeBuffer(numbers, 0, packNumbers(dispatches));
    const commands = dispatches.map((dispatch, i) => {
      const { pipeline, layout } = loaded[i];
      const params = { buffer: numbers, offset: i * PARAMS_BYTES, bytes: paramsBytes(dispatch) };
      const entries = bindGroupEntries(dispatch, variants[i].aliases, params, absent, shared);
      const bindGroup = device.gpu.createBindGroup({ label: dispatch.kernel, layout, entries });
      return { pipeline, bindGroup, grid: dispatch.grid };
    });
    return new ComputePass(device, commands, [numbers, absent]);
  }

  /** Number of dispatches. */
  get count(): number {
    return this.#commands.length;
  }

  /** Encodes all dispatches as one pass, with timestamps where they are requested. */
  encode(encoder: GPUCommandEncoder, timed?: Pick<GPUComputePassDescriptor, "timestampWrites">): void {
    const pass = encoder.beginComputePass(timed);
    let current: GPUComputePipeline | undefined;
    for (const { pipeline, bindGroup, grid } of this.#commands) {
      if (pipeline !== current) pass.setPipeline(pipeline);
      current = pipeline;
      pass.setBindGroup(0, bindGroup);
      dispatchGrid(pass, grid);
    }
    pass.end();
  }

  dispose(): void {
    for (const buffer of this.#buffers) this.#device.destroyBuffer(buffer);
  }
}

/** Every argument that is passed to the driver's binding costs the host 40 ns; trailing 1s are the default. */
function dispatchGrid(pass: GPUComputePassEncoder, [across, down, deep]: Grid): void {
  if (deep !== 1) pass.dispatchWorkgroups(across, down, deep);
  else if (down !== 1) pass.dispatchWorkgroups(across, down);
  else pass.dispatchWorkgroups(across);
}

/** Params are padded to a multiple of 16 bytes, as some back ends pad uniform structs. */
function paramsBytes({ numbers }: Dispatch): number {
  return Math.ceil((4 * numbers.length) / 16) * 16;
}

function packNumbers(dispatches: readonly Dispatch[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array((PARAMS_BYTES / 4) * dispatches.length);
  dispatches.forEach(({ numbers }, i) => {
    words.set(numbers, (i * PARAMS_BYTES) / 4);
  });
  return words;
}

/** Every operand of the kernel except aliased ones; each absent operand gets its own slice of `absent`. */
function bindGroupEntries(
  { kernel, constants = {}, operands }: Dispatch,
  aliases: ReadonlyMap<string, string>,
  params: Slice,
  absent: GPUBuffer,
  tier: Readonly<Record<string, number>>,
): GPUBindGroupEntry[] {
  const entry = (binding: number, { buffer, offset, bytes }: Slice): GPUBindGroupEntry => ({
    binding,
    resource: { buffer, offset, size: bytes },
  });
  const entries = [entry(0, params)];
  for (const [name, binding] of operandBindings({ kernel, constants: { ...tier, ...constants } })) {
    if (aliases.has(name)) continue;
    const nothing = { buffer: absent, offset: binding * BINDING_ALIGNMENT, bytes: 16 };
    entries.push(entry(binding, operands[name] ?? nothing));
  }
  return entries;
}
