// Sample data set: it can be learned, but not from colors or thumbnails alone, and it is the same everywhere.

import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  randomForSamples,
  SAMPLE_COUNTS,
  SHAPE_CLASSES,
  samplePicture,
} from "../../bin/sample-data/sample-set.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";

interface Features {
  label: number;
  meanColor: Float64Array;
  thumbnail: Float64Array;
}

const CELL = 8;

/** Mean of each channel, and mean brightness of 8 × 8 cells. */
function features(label: number, pixels: Uint8Array, side: number): Features {
  const meanColor = new Float64Array(3);
  const thumbnail = new Float64Array(CELL * CELL);
  const scale = side / CELL;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const at = 3 * (y * side + x);
      const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]];
      meanColor[0]! += red / (side * side);
      meanColor[1]! += green / (side * side);
      meanColor[2]! += blue / (side * side);
      const cell = Math.floor(y / scale) * CELL + Math.floor(x / scale);
      thumbnail[cell]! += (0.299 * red + 0.587 * green + 0.114 * blue) / (scale * scale);
    }
  }
  return { label, meanColor, thumbnail };
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + (value - b[index]) ** 2, 0);
}

/** Label of the candidate nearest to `wanted`. */
function nearest(wanted: Float64Array, candidates: { label: number; at: Float64Array }[]): number {
  let best = { label: -1, distance: Number.POSITIVE_INFINITY };
  for (const { label, at } of candidates) {
    const distance = squaredDistance(wanted, at);
    if (distance < best.distance) best = { label, distance };
  }
  return best.label;
}

const shapes = [...SHAPE_CLASSES];
const digests: Record<string, string> = {};
let train: Features[] = [];
let val: Features[] = [];

test.before(async () => {
  const random = await randomForSamples();
  const module = await createImageModule(nodeHost());
  const draw = async (split: "train" | "val"): Promise<Features[]> => {
    const hash = createHash("sha256");
    const all: Features[] = [];
    for (const [label, [, shape]] of shapes.entries()) {
      for (let index = 0; index < SAMPLE_COUNTS[split]; index++) {
        const bytes = await samplePicture(shape, random(split, label, index));
        hash.update(bytes);
        const { data, width } = decode(module, bytes);
        all.push(features(label, data, width));
      }
    }
    digests[split] = hash.digest("hex");
    return all;
  };
  train = await draw("train");
  val = await draw("val");
});

test("the nearest centroid of mean colors scores at most 15%", () => {
  const centroids = shapes.map((_, label) => {
    const members = train.filter((sample) => sample.label === label);
    const at = new Float64Array(3).map((_, channel) =>
      members.reduce((sum, sample) => sum + sample.meanColor[channel] / members.length, 0),
    );
    return { label, at };
  });
  const right = val.filter((sample) => nearest(sample.meanColor, centroids) === sample.label).length;
  assert.ok(right / val.length <= 0.15, `scores ${right} of ${val.length}`);
});

test("the nearest neighbor on 8×8 gray thumbnails scores at most 35%", () => {
  const candidates = train.map(({ label, thumbnail }) => ({ label, at: thumbnail }));
  const right = val.filter((sample) => nearest(sample.thumbnail, candidates) === sample.label).length;
  assert.ok(right / val.length <= 0.35, `scores ${right} of ${val.length}`);
});

test("the pictures are the same bytes on every machine and every Node", () => {
  assert.equal(digests, EXPECTED);
});

/** SHA-256 over all files of a split, classes and indices in order. */
const EXPECTED = {
  train: "1bf55cf453eef6abfc6ec3bb81ad9567d8a09985e7d8aa184927a4d72e4e71de",
  val: "c7a609197e359230963431616601510f8e4e95844694f5436430acedf52895cf",
};

test.run();
