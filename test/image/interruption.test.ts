// Interruption: a long call asks its host whether the result is still wanted, in every stage that grows with the picture;
// what the host throws ends the call, and the next one is right.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { decodePicture } from "../../runtime/image/picture.js";
import { fixture } from "./jpeg-fixtures.js";

const MIB = 1 << 20;
const PICTURES = fileURLToPath(new URL("../../../test/fixtures/pictures/", import.meta.url));
const picture = (name: string): Uint8Array => readFileSync(`${PICTURES}${name}`);

interface Stage {
  name: string;
  /** Bytes of pixels that a call goes through at least. */
  bytes: number;
  call(module: ImageModule): Uint8Array | Promise<Uint8Array>;
}

const plain = await createImageModule(nodeHost());

function jpegStage(name: string, file: string, passes: number): Stage {
  const bytes = fixture(file);
  const { width, height } = decode(plain, bytes);
  return { name, bytes: width * height * 3 * passes, call: (module) => decode(module, bytes).data };
}

async function pngStage(name: string, file: string, orient: boolean, passes: number): Promise<Stage> {
  const bytes = picture(file);
  const { width, height } = await decodePicture(plain, bytes);
  const call = async (module: ImageModule) => (await decodePicture(module, bytes, { orient })).data;
  return { name, bytes: width * height * 3 * passes, call };
}

const drawn = { width: 300, height: 200, data: new Uint8Array(300 * 200 * 3).map((_, i) => i * 7) };

const STAGES: readonly Stage[] = [
  jpegStage("a sequential JPEG file", "420_shapes", 1),
  // Its scans visit each block several times.
  jpegStage("a progressive JPEG file", "progressive_444_noise", 4),
  await pngStage("a PNG file", "png_2_8.png", false, 1),
  await pngStage("a PNG file that is turned upright", "png_exif_6.png", true, 2),
  {
    name: "resizing pixels",
    bytes: drawn.data.length,
    call: (module) => evaluationInputOfPixels(module, drawn, { size: 200, cropRatio: 1 }),
  },
];

for (const { name, bytes, call } of STAGES)
  test(`${name}: the host is asked once in each MiB, and what it throws ends the call`, async () => {
    let asked = 0;
    let reason: Error | undefined;
    const onWork = () => {
      asked++;
      if (reason) throw reason;
    };
    const module = await createImageModule(nodeHost(), { onWork });
    const want = await call(plain);
    const calls = Math.ceil((8 * MIB) / bytes);
    for (let i = 0; i < calls; i++) await call(module);
    assert.ok(asked >= 7, `asked ${asked} times in 8 MiB`);
    reason = new Error("no longer wanted");
    let thrown: unknown;
    for (let i = 0; i < calls && !thrown; i++)
      try {
        await call(module);
      } catch (error) {
        thrown = error;
      }
    assert.is(thrown, reason);
    assert.is(module.memoryBytes(), 0);
    reason = undefined;
    assert.equal(await call(module), want);
  });

test.run();
