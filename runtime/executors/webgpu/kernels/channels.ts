// Channels: the passes of squeeze-and-excitation over feature maps [B,…,C], which compute or apply one number per
// channel.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import { type Dispatch, elementGrid, foldedGrid } from "../dispatch.js";
import type { Operands } from "../operands.js";

const CHANNELS_PER_GROUP = 16;

/** Pixels and channels. */
function sizes(at: Operands, map: TensorId): [number, number] {
  const channels = at.axis(map, -1);
  return [at.perSample(map) / channels, channels];
}

export function globalAveragePool(
  { reads, writes }: OperationOf<"globalAveragePool">,
  at: Operands,
): Dispatch {
  const [pixels, channels] = sizes(at, reads.x);
  const samples = at.axis(reads.x, 0);
  const [down, folds] = foldedGrid(samples);
  return {
    kernel: "global-average-pool",
    operands: { x: at.at(reads.x), y: at.at(writes.y) },
    numbers: [samples, pixels, channels],
    grid: [Math.ceil(channels / CHANNELS_PER_GROUP), down, folds],
  };
}

export function globalAveragePoolBackward(
  { reads, writes }: OperationOf<"globalAveragePoolBackward">,
  at: Operands,
): Dispatch {
  const count = at.count(writes.dx);
  return {
    kernel: "global-average-pool-backward",
    operands: { dy: at.at(reads.dy), dx: at.at(writes.dx) },
    numbers: [count, ...sizes(at, writes.dx)],
    grid: elementGrid(count),
  };
}

export function scaleChannels({ reads, writes }: OperationOf<"scaleChannels">, at: Operands): Dispatch {
  const [pixels, channels] = sizes(at, reads.x);
  const vectors = channels % 4 === 0;
  const width = vectors ? 4 : 1;
  const count = at.count(reads.x) / width;
  return {
    kernel: "scale-channels",
    constants: { VECTORS: vectors ? 1 : 0 },
    operands: { x: at.at(reads.x), scale: at.at(reads.scale), y: at.at(writes.y) },
    numbers: [count, pixels, channels / width],
    grid: elementGrid(count),
  };
}

export function scaleChannelsGradient(
  { reads, writes }: OperationOf<"scaleChannelsGradient">,
  at: Operands,
): Dispatch {
  const rows = at.count(writes.dScale);
  return {
    kernel: "scale-channels-gradient",
    operands: { dy: at.at(reads.dy), x: at.at(reads.x), dScale: at.at(writes.dScale) },
    numbers: [rows, ...sizes(at, reads.x)],
    grid: foldedGrid(rows),
  };
}
