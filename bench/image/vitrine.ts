// Vitrine as a peer: node vitrine.js LIST

import { nodeHost } from "../../runtime/host/node.js";
import {
  createImageModule,
  DEIT_RECIPE,
  type DecodeScale,
  decode,
  decodeCrop,
  drawSample,
  readHeader,
  resize,
  trainingInput,
} from "../../runtime/image/index.js";
import { type Entry, readList, serve } from "./peer.js";

const SIZE = DEIT_RECIPE.size;
const SCALES: readonly DecodeScale[] = [0.125, 0.25, 0.5, 1];

const entries = readList(process.argv[2] as string);
const module = await createImageModule(nodeHost());
let largest = 0;
for (const { bytes } of entries) {
  const { width, height } = readHeader(module, bytes);
  largest = Math.max(largest, width * height * 3);
}
// Reused, as native.c reuses its own.
const pixels = new Uint8Array(largest);
const output = new Uint8Array(SIZE * SIZE * 3);
let passes = 0;

/** The draw is timed too, as Pillow's side draws as well. Every pass has its own draws. */
function train({ bytes }: Entry, index: number): void {
  const header = readHeader(module, bytes);
  const key = { seed: 0, epoch: passes, index: index, repeat: 0 };
  if (index === 0) passes++;
  trainingInput(module, bytes, drawSample(module.math, key, header, DEIT_RECIPE), {
    size: SIZE,
    into: output,
  });
}

/** The smallest scale at which the crop is still as large as the network's input, then the resize. */
function scaledCrop({ bytes, crop }: Entry): void {
  const scale = SCALES.find((each) => Math.min(crop.width, crop.height) * each >= SIZE) ?? 1;
  const box = {
    left: Math.floor(crop.left * scale),
    top: Math.floor(crop.top * scale),
    width: Math.floor(crop.width * scale),
    height: Math.floor(crop.height * scale),
  };
  const { width, height, data } = decodeCrop(module, bytes, box, { scale, into: pixels });
  resize(module, { width, height, data }, { width: SIZE, height: SIZE, filter: "bicubic", into: output });
}

await serve(`vitrine, Node ${process.version}`, entries, {
  jobs: {
    decode: ({ bytes }) => decode(module, bytes, { into: pixels }),
    crop: ({ bytes, crop }) => decodeCrop(module, bytes, crop, { into: pixels }),
    train,
    scaled: scaledCrop,
  },
  pixels: ({ bytes }) => decode(module, bytes).data,
});
