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

/** `bytes` cut where a device binds no more at once: first byte and length of each; every first is a multiple of `alignment`. */
export function pieces(
  bytes: number,
  maximumBinding: number,
  alignment = BINDING_ALIGNMENT,
): { first: number; bytes: number }[] {
  const largest = Math.floor(maximumBinding / alignment) * alignment;
  return Array.from({ length: Math.ceil(bytes / largest) }, (_, i) => ({
    first: i * largest,
    bytes: Math.min(largest, bytes - i * largest),
  }));
}
