// Commands: a program's dispatches with their pipelines and bind groups, made once and encoded again for every run.

import type { Device } from "./device.js";
import { alignBinding, BINDING_ALIGNMENT, BufferUsage, type Slice } from "./device.js";
import { type Dispatch, type Grid, variantOf } from "./dispatch.js";
import type { Kernel, Kernels } from "./kernels.js";
import { operandBindings } from "./kernels.js";
import { type Tier, tierConstants } from "./tier.js";

interface Command {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  grid: Grid;
}

/** More operands than any kernel has. */
const MOST_OPERANDS = 16;
/** More bytes than any kernel's Params. */
const PARAMS_BYTES = BINDING_ALIGNMENT;

export class Commands {
  readonly #commands: readonly Command[];
  readonly #buffers: readonly GPUBuffer[];
  readonly #device: Device;

  private constructor(device: Device, commands: readonly Command[], buffers: readonly GPUBuffer[]) {
    this.#device = device;
    this.#commands = commands;
    this.#buffers = buffers;
  }

  /** Makes the pipelines that are not there yet and, at once, everything else. Throws `internal/…`. */
  static async prepare(
    device: Device,
    kernels: Kernels,
    program: string,
    dispatches: readonly Dispatch[],
    tier: Tier,
  ): Promise<Commands> {
    const shared = tierConstants(tier);
    const variants = dispatches.map((dispatch) => variantOf(dispatch, shared));
    const loaded = await kernels.load(variants);
    const numbers = device.createBuffer(
      PARAMS_BYTES * dispatches.length,
      `the numbers of ${program}`,
      BufferUsage.uniform | BufferUsage.copyDestination,
    );
    const absent = device.createBuffer(BINDING_ALIGNMENT * MOST_OPERANDS, "operands that are absent");
    device.gpu.queue.writeBuffer(numbers, 0, packNumbers(dispatches));
    const commands = dispatches.map((dispatch, i) => {
      const { pipeline, layout } = loaded[i] as Kernel;
      const params = { buffer: numbers, offset: i * PARAMS_BYTES, bytes: paramsBytes(dispatch) };
      const merged = variants[i]?.aliases ?? new Map<string, string>();
      const entries = bindGroupEntries(dispatch, merged, params, absent, shared);
      const bindGroup = device.gpu.createBindGroup({ label: dispatch.kernel, layout, entries });
      return { pipeline, bindGroup, grid: dispatch.grid };
    });
    return new Commands(device, commands, [numbers, absent]);
  }

  get count(): number {
    return this.#commands.length;
  }

  /** All dispatches as one pass, which may be timed. */
  encode(encoder: GPUCommandEncoder, timed?: Pick<GPUComputePassDescriptor, "timestampWrites">): void {
    const pass = encoder.beginComputePass(timed);
    let current: GPUComputePipeline | undefined;
    for (const { pipeline, bindGroup, grid } of this.#commands) {
      if (pipeline !== current) pass.setPipeline(pipeline);
      current = pipeline;
      pass.setBindGroup(0, bindGroup);
      startGrid(pass, grid);
    }
    pass.end();
  }

  dispose(): void {
    for (const buffer of this.#buffers) this.#device.destroyBuffer(buffer);
  }
}

/** An argument that crosses into the driver's binding costs the host 40 ns; those behind the last that is not 1 need not. */
function startGrid(pass: GPUComputePassEncoder, [across, down, deep]: Grid): void {
  if (deep !== 1) pass.dispatchWorkgroups(across, down, deep);
  else if (down !== 1) pass.dispatchWorkgroups(across, down);
  else pass.dispatchWorkgroups(across);
}

/** Params are padded to a multiple of 16 bytes, as uniform structs are in some back ends. */
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

/** Every operand of the kernel but those that are one with another; absent ones get a place of their own. */
function bindGroupEntries(
  { kernel, constants = {}, operands }: Dispatch,
  merged: ReadonlyMap<string, string>,
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
    if (merged.has(name)) continue;
    const nothing = { buffer: absent, offset: alignBinding(binding * BINDING_ALIGNMENT), bytes: 16 };
    entries.push(entry(binding, operands[name] ?? nothing));
  }
  return entries;
}
