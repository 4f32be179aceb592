// vitrine image: decodes and augments one photo, to look at the result.

import { type Command, Option } from "commander";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { escapeControls, quote, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { withAdvice } from "../../runtime/image/advice.js";
import { type DecodedImage, type DecodeScale, decode, readHeader } from "../../runtime/image/decode.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { decodePicture, type PictureHeader, readPictureHeader } from "../../runtime/image/picture.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { recipeFrom, SAMPLE_OPTIONS } from "../../trainer/core/augmentation-options.js";
import { action, printJson, readPhoto, withExamples } from "../command-line.js";
import { contactSheet, describeDraw } from "../image/contact-sheet.js";
import { requireFormat, writePicture } from "../image/write-picture.js";
import { MAX_PIXELS_ADVICE, maxPixelsOption, wholeNumber } from "../options.js";
import { addTrainerOptions, givenOptions } from "../trainer-flags.js";

/** Augmentation of DeiT (arXiv 2012.12877) and DeiT III (arXiv 2204.07118). `plain`: crop and flip alone. */
const RECIPES = {
  deit: DEIT_RECIPE,
  deit3: { ...DEIT_RECIPE, autoAugment: "3a", eraseProbability: 0 },
  plain: { ...DEIT_RECIPE, autoAugment: null, colorJitter: 0, eraseProbability: 0 },
} satisfies Record<string, AugmentationRecipe>;

type RecipeName = keyof typeof RECIPES;

interface PhotoFlags {
  out: string;
  orient: boolean;
  partial?: boolean;
  maxPixels: number;
}

interface DecodeFlags extends PhotoFlags {
  scale: string;
  json?: boolean;
}

interface SampleFlags extends PhotoFlags {
  recipe: RecipeName;
  size: number;
  seed: number;
  epoch: number;
}

interface AugmentFlags extends SampleFlags {
  index: number;
  repeat: number;
  json?: boolean;
}

interface PreviewFlags extends SampleFlags {
  columns: number;
  rows: number;
}

interface Photo {
  module: ImageModule;
  file: Uint8Array;
  header: PictureHeader;
  image: DecodedImage;
}

const ADVICE = { ...MAX_PIXELS_ADVICE, partial: "--partial keeps the intact rows" };

/** `--scale` as a person writes it. */
const SCALES: Record<string, DecodeScale> = { "1": 1, "1/2": 0.5, "1/4": 0.25, "1/8": 0.125 };

/** An output format that cannot be written is refused before anything is decoded. */
async function openPhoto(
  path: string,
  { out, orient, partial = false, maxPixels: pixelLimit }: PhotoFlags,
  scale: DecodeScale = 1,
): Promise<Photo> {
  requireFormat(out);
  const file = await readPhoto(path);
  const module = await createImageModule(nodeHost());
  const options = { name: path, orient, partial, pixelLimit };
  try {
    const header = readPictureHeader(module, file, options);
    if (scale !== 1 && header.format !== "JPEG")
      throw new VitrineError(
        "usage/bad-option",
        `--scale decodes JPEG files only; ${quote(path)} is ${header.format}`,
      );
    const image =
      scale === 1 ? await decodePicture(module, file, options) : decode(module, file, { ...options, scale });
    return { module, file, header, image };
  } catch (error) {
    throw withAdvice(error, ADVICE);
  }
}

function say(text: string): void {
  process.stdout.write(`${escapeControls(text)}\n`);
}

async function runDecode(path: string, flags: DecodeFlags): Promise<void> {
  const { module, file, header, image } = await openPhoto(path, flags, SCALES[flags.scale]);
  await writePicture(flags.out, image);
  const { format, orientation } = header;
  const jpeg = format === "JPEG" ? readHeader(module, file, { name: path }) : undefined;
  const { width, height, rowsDecoded } = image;
  if (flags.json) {
    printJson({
      file: path,
      out: flags.out,
      width,
      height,
      rowsDecoded,
      header: { format, ...(jpeg ?? header) },
    });
    return;
  }
  const oriented = flags.orient && orientation > 1 ? `, EXIF orientation ${orientation}` : "";
  const kind = jpeg ? `${jpeg.frame} JPEG` : format;
  const sampling = jpeg ? `, sampling ${jpeg.sampling}` : "";
  say(`${path}: ${kind}, ${header.width}×${header.height}${sampling}${oriented}`);
  say(`${flags.out}: ${width}×${height}`);
}

function recipeOf({ recipe, size }: SampleFlags, command: Command): AugmentationRecipe {
  return recipeFrom({ ...RECIPES[recipe], size }, givenOptions(command, SAMPLE_OPTIONS));
}

async function runAugment(path: string, flags: AugmentFlags, command: Command): Promise<void> {
  const { module, image } = await openPhoto(path, flags);
  const { size, seed, epoch, index, repeat } = flags;
  const recipe = recipeOf(flags, command);
  const draw = drawSample(module.math, { seed, epoch, index, repeat }, image, recipe);
  const data = trainingInputOfPixels(module, image, draw, { size });
  await writePicture(flags.out, { width: size, height: size, data });
  if (flags.json) printJson({ file: path, out: flags.out, draw });
  else say(`${flags.out}: ${describeDraw(draw, image, size).join(", ")}`);
}

async function runPreview(path: string, flags: PreviewFlags, command: Command): Promise<void> {
  const { module, image } = await openPhoto(path, flags);
  const { seed, epoch, columns, rows } = flags;
  const recipe = recipeOf(flags, command);
  const sheet = contactSheet(module, image, { recipe, seed, epoch, columns, rows });
  await writePicture(flags.out, sheet);
  say(`${flags.out}: ${columns * rows - 1} samples of ${path}, recipe ${flags.recipe}, seed ${seed}`);
}

function photoCommand(image: Command, name: string, what: string): Command {
  return image
    .command(name)
    .description(what)
    .argument("<photo>", "picture file: JPEG, PNG, …")
    .optionsGroup("Picture:")
    .requiredOption("--out <file>", "picture to write: .png, .ppm or .jpg")
    .option("--no-orient", "ignore the EXIF orientation (as training does)")
    .option("--partial", "of a truncated or damaged file, keep the rows that can be decoded")
    .addOption(maxPixelsOption("a larger one is refused"));
}

function sampleCommand(image: Command, name: string, what: string): Command {
  const command = photoCommand(image, name, what)
    .optionsGroup("Sample:")
    .option("--size <pixels>", "size of a sample", wholeNumber("--size", { min: 1 }), DEIT_RECIPE.size)
    .option("--seed <s>", "seed of the augmentation", wholeNumber("--seed", { min: 0 }), 0)
    .option("--epoch <e>", "epoch, from 0", wholeNumber("--epoch", { min: 0 }), 0)
    .optionsGroup("Augmentation:")
    .addOption(
      new Option("--recipe <name>", "augmentation recipe").choices(Object.keys(RECIPES)).default("deit"),
    );
  addTrainerOptions(command, SAMPLE_OPTIONS);
  return command;
}

export function configureImage(image: Command): void {
  const decoding = photoCommand(
    image,
    "decode",
    "decode a picture, byte for byte as libjpeg-turbo and Pillow do",
  )
    .addOption(
      new Option("--scale <fraction>", "decode a JPEG at a fraction of the size, as libjpeg's scale_num does")
        .choices(Object.keys(SCALES))
        .default("1"),
    )
    .option("--json", "print one line of JSON with the header")
    .action(action(runDecode));
  const augmenting = sampleCommand(image, "augment", "make one training sample and print its augmentation")
    .optionsGroup("Sample:")
    .option("--index <i>", "index of the image in its data set", wholeNumber("--index", { min: 0 }), 0)
    .option("--repeat <r>", "repeat of the image in its epoch", wholeNumber("--repeat", { min: 0 }), 0)
    .option("--json", "print one line of JSON with the draw")
    .action(action(runAugment));
  const previewing = sampleCommand(image, "preview", "write a contact sheet of augmented samples of a photo")
    .optionsGroup("Picture:")
    .option("--columns <n>", "samples per row", wholeNumber("--columns", { min: 1 }), 5)
    .option("--rows <n>", "rows of samples", wholeNumber("--rows", { min: 1 }), 4)
    .action(action(runPreview));
  withExamples(image, [
    ["a contact sheet of DeiT's augmentation", "vitrine image preview photo.jpg --out sheet.png"],
    ["decode to PNG", "vitrine image decode photo.jpg --out photo.png"],
  ]);
  withExamples(decoding, [
    ["decode to PNG", "vitrine image decode photo.jpg --out photo.png"],
    [
      "the header, and a picture at an eighth of the size",
      "vitrine image decode photo.jpg --out small.ppm --scale 1/8 --json",
    ],
  ]);
  withExamples(augmenting, [
    ["one sample of DeiT's recipe", "vitrine image augment photo.jpg --out sample.png"],
    [
      "another sample, of DeiT III's",
      "vitrine image augment photo.jpg --out sample.png --recipe deit3 --index 7",
    ],
  ]);
  withExamples(previewing, [
    ["twenty pictures", "vitrine image preview photo.jpg --out sheet.png"],
    [
      "RandAugment alone, stronger",
      "vitrine image preview photo.jpg --out sheet.png --recipe plain --aa rand-m15",
    ],
  ]);
}
