// `vitrine image`: its pictures equal what the decoder and the transforms return, and its output describes the draw.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pngjs from "pngjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeDraw } from "../../bin/image/contact-sheet.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture } from "../../runtime/image/picture.js";
import { trainingInput } from "../../runtime/image/training-input.js";
import { runCommand } from "../inference/run-command.js";
import { jpegOf, syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());

interface Context {
  folder: string;
  photo: string;
  file: Uint8Array;
}

const test = suite<Context>("vitrine image");

test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-image-"));
  context.photo = join(context.folder, "photo.jpg");
  context.file = jpegOf(syntheticPicture(module.math, 3, 150, 110));
  writeFileSync(context.photo, context.file);
});

test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

async function image(
  ...args: string[]
): Promise<{ status: number | string; stdout: string; stderr: string }> {
  const command = runCommand("image", ...args);
  const status = await command.ended;
  return { status, ...command.output() };
}

/** RGB of a PNG file. */
function pixelsOf(path: string): { width: number; height: number; data: Uint8Array } {
  const { width, height, data } = pngjs.PNG.sync.read(readFileSync(path));
  return { width, height, data: Uint8Array.from(data.filter((_, at) => at % 4 < 3)) };
}

test("decode writes the decoder's pixels as PNG and as PPM", async ({ folder, photo, file }) => {
  const expected = decode(module, file);
  const png = join(folder, "whole.png");
  const { status, stdout, stderr } = await image("decode", photo, "--out", png);
  assert.is(status, 0, stderr);
  assert.match(stdout, /baseline JPEG, 150×110/);
  assert.is(Buffer.compare(pixelsOf(png).data, expected.data), 0);
  const ppm = join(folder, "half.ppm");
  assert.is((await image("decode", photo, "--out", ppm, "--scale", "1/2")).status, 0);
  const header = Buffer.from("P6\n75 55\n255\n");
  const half = decode(module, file, { scale: 0.5 });
  assert.is(Buffer.compare(readFileSync(ppm), Buffer.concat([header, half.data])), 0);
});

test("decode reads other formats by their content, keeps rows with --partial, and names its own flags", async ({
  folder,
}) => {
  const fixture = (name: string) =>
    readFileSync(new URL(`../../../test/fixtures/pictures/${name}`, import.meta.url));
  const out = join(folder, "other.png");
  const misnamed = join(folder, "webp.jpg");
  writeFileSync(misnamed, fixture("webp_lossless.webp"));
  const { status, stdout, stderr } = await image("decode", misnamed, "--out", out);
  assert.is(status, 0, stderr);
  assert.match(stdout, /webp\.jpg: WebP, 33×26\n/);
  const { data } = await decodePicture(module, fixture("webp_lossless.webp"));
  assert.is(Buffer.compare(pixelsOf(out).data, data), 0);

  const cut = join(folder, "cut.png");
  writeFileSync(cut, fixture("png_stored.png").subarray(0, 2000));
  assert.match(
    (await image("decode", cut, "--out", out)).stderr,
    /row \d+ of 30 \(--partial keeps the intact rows\)\n$/,
  );
  const partial = await image("decode", cut, "--out", out, "--partial", "--json");
  assert.ok(JSON.parse(partial.stdout).rowsDecoded > 0, partial.stderr);
  const limited = await image("decode", cut, "--out", out, "--max-pixels", "1000");
  assert.match(limited.stderr, /claims 1,200 pixels, allowed are 1,000 \(--max-pixels allows more\)\n$/);
  assert.match(
    (await image("decode", cut, "--out", out, "--scale", "1/2")).stderr,
    /--scale decodes JPEG files only/,
  );
});

test("augment writes the sample that training would see, and its draw", async ({ folder, photo, file }) => {
  const out = join(folder, "sample.png");
  const flags = ["--size", "64", "--seed", "5", "--epoch", "2", "--index", "7"];
  const changed = [
    "--aa",
    "v0",
    "--reprob",
    "1",
    "--recount",
    "3",
    "--remode",
    "const",
    "--scale",
    "0.2,0.5",
  ];
  const { status, stdout, stderr } = await image(
    "augment",
    photo,
    "--out",
    out,
    ...flags,
    ...changed,
    "--json",
  );
  assert.is(status, 0, stderr);
  const recipe: AugmentationRecipe = {
    ...DEIT_RECIPE,
    size: 64,
    autoAugment: "v0",
    scale: [0.2, 0.5],
    eraseProbability: 1,
    eraseCount: 3,
    eraseMode: "const",
  };
  const key = { seed: 5, epoch: 2, index: 7, repeat: 0 };
  const draw = drawSample(module.math, key, { width: 150, height: 110 }, recipe);
  assert.equal(JSON.parse(stdout).draw, JSON.parse(JSON.stringify(draw)));
  assert.is(Buffer.compare(pixelsOf(out).data, trainingInput(module, file, draw, { size: 64 })), 0);
});

test("preview shows samples side by side, starting with sample 0", async ({ folder, photo, file }) => {
  const out = join(folder, "sheet.png");
  const flags = ["--size", "96", "--columns", "3", "--rows", "2", "--recipe", "deit3", "--seed", "1"];
  const { status, stdout, stderr } = await image("preview", photo, "--out", out, ...flags);
  assert.is(status, 0, stderr);
  assert.match(stdout, /5 samples of .*recipe deit3, seed 1/);
  const sheet = pixelsOf(out);
  assert.is(sheet.width, 14 + 3 * 110);
  const recipe = { ...DEIT_RECIPE, size: 96, autoAugment: "3a", eraseProbability: 0 };
  const key = { seed: 1, epoch: 0, index: 0, repeat: 0 };
  const draw = drawSample(module.math, key, { width: 150, height: 110 }, recipe);
  const sample = trainingInput(module, file, draw, { size: 96 });
  for (let y = 0; y < 96; y++) {
    const from = ((14 + y) * sheet.width + 14 + 110) * 3;
    const row = sheet.data.subarray(from, from + 96 * 3);
    assert.is(Buffer.compare(row, sample.subarray(y * 96 * 3, (y + 1) * 96 * 3)), 0, `row ${y}`);
  }
});

test("captions name the operations and their effects", () => {
  const draw = {
    crop: { top: 0, left: 0, width: 50, height: 50 },
    flip: true,
    filter: "bilinear" as const,
    operations: [
      { name: "PosterizeIncreasing", argument: 1 },
      { name: "Rotate", argument: -27 },
      { name: "TranslateXRel", argument: 0.405 },
      { name: "GaussianBlur", argument: 1.25 },
    ],
    erase: [{ top: 0, left: 0, width: 10, height: 20, mode: "pixel" as const }],
    key: { seed: 0, epoch: 0, index: 0, repeat: 0 },
  };
  assert.equal(describeDraw(draw, { width: 100, height: 100 }, 40), [
    "crop 25% flip bilin",
    "Posterize 1 bit",
    "Rotate -27°",
    "TranslateX +41%",
    "Blur 1.25 px",
    "erase 13%",
  ]);
});

test("a mistake is reported in one line, and nothing is written", async ({ folder, photo }) => {
  const cases: [string[], RegExp][] = [
    [["decode", photo, "--out", "x.gif"], /usage\/bad-option: --out x\.gif.*\.png/],
    [["decode", join(folder, "none.jpg"), "--out", "x.png"], /file\/not-found: .*none\.jpg/],
    [["augment", photo, "--out", "x.png", "--aa", "rand-q3"], /usage\/bad-option: .*"rand-q3".*--aa/],
    [["preview", photo, "--out", join(folder, "no", "x.png")], /file\/unwritable/],
  ];
  for (const [args, expected] of cases) {
    const { status, stderr } = await image(...args);
    assert.is(status, 1);
    assert.match(stderr.trimEnd(), expected);
    assert.not.match(stderr.trimEnd(), /\n/);
  }
});

test.run();
