// Buffers: the usages of WebGPU buffers by name, and the alignment of what is bound.

/** As GPUBufferUsage has them; Node has no such global. */
export const BufferUsage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyDestination: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

/** GPUMapMode.READ. */
export const MAP_READ = 0x1;

/** Storage that programs work in: written from outside, read back. */
export const WORKING_USAGE = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyDestination;

/** What every WebGPU device takes as the offset of a binding; many take less. */
export const BINDING_ALIGNMENT = 256;

export function alignBinding(bytes: number): number {
  return Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

/** A piece of a buffer, as a bind group takes it. */
export interface Slice {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  /** Whether its values are float16. */
  readonly half?: boolean;
}
