// vitrine image: what the decoder and the augmentation make of one photograph, for people who want to look.

import { type Command, Option } from "commander";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { nodeHost } from "../../runtime/host/node.js";
import { type DecodedImage, type DecodeScale, decode, readHeader } from "../../runtime/image/decode.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { action, printJson } from "../command-line.js";
import { contactSheet } from "../image/contact-sheet.js";
import { describeDraw } from "../image/describe-draw.js";
import { RECIPE_NAMES, RECIPES, type RecipeName } from "../image/recipes.js";
import { requireFormat, writePicture } from "../image/write-picture.js";
import { wholeNumber } from "../number-option.js";
import { readPhoto } from "../read-photo.js";
import { addRecipeOptions, type RecipeFlags, recipeFrom } from "../recipe-options.js";

interface PhotoFlags {
  out: string;
  orient: boolean;
  partial?: boolean;
}

interface DecodeFlags extends PhotoFlags {
  scale: string;
  json?: boolean;
}

interface SampleFlags extends PhotoFlags, RecipeFlags {
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
  image: DecodedImage;
}

/** `--scale` as a person writes it. */
const SCALES: Record<string, DecodeScale> = { "1": 1, "1/2": 0.5, "1/4": 0.25, "1/8": 0.125 };

/** What cannot be written is said before anything is decoded. */
async function openPhoto(
  path: string,
  { out, orient, partial = false }: PhotoFlags,
  scale: DecodeScale = 1,
): Promise<Photo> {
  requireFormat(out);
  const file = await readPhoto(path);
  const module = await createImageModule(nodeHost());
  return { module, file, image: decode(module, file, { name: path, orient, partial, scale }) };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function runDecode(path: string, flags: DecodeFlags): Promise<void> {
  const { module, file, image } = await openPhoto(path, flags, SCALES[flags.scale]);
  await writePicture(flags.out, image);
  const header = readHeader(module, file, { name: path });
  const { width, height, rowsDecoded } = image;
  if (flags.json) {
    printJson({ file: path, out: flags.out, width, height, rowsDecoded, header });
    return;
  }
  const turned = flags.orient && header.orientation > 1 ? `, EXIF orientation ${header.orientation}` : "";
  say(
    `${path}: ${header.frame} JPEG, ${header.width}×${header.height}, sampling ${header.sampling}${turned}`,
  );
  say(`${flags.out}: ${width}×${height}`);
}

async function runAugment(path: string, flags: AugmentFlags): Promise<void> {
  const { module, image } = await openPhoto(path, flags);
  const { size, seed, epoch, index, repeat } = flags;
  const recipe = recipeFrom({ ...RECIPES[flags.recipe], size }, flags);
  const draw = drawSample(module.math, { seed, epoch, index, repeat }, image, recipe);
  const data = trainingInputOfPixels(module, image, draw, { size });
  await writePicture(flags.out, { width: size, height: size, data });
  if (flags.json) printJson({ file: path, out: flags.out, draw });
  else say(`${flags.out}: ${describeDraw(draw, image, size).join(", ")}`);
}

async function runPreview(path: string, flags: PreviewFlags): Promise<void> {
  const { module, image } = await openPhoto(path, flags);
  const { size, seed, epoch, columns, rows } = flags;
  const recipe = recipeFrom({ ...RECIPES[flags.recipe], size }, flags);
  const sheet = contactSheet(module, image, { recipe, seed, epoch, columns, rows });
  await writePicture(flags.out, sheet);
  say(`${flags.out}: ${columns * rows - 1} samples of ${path}, recipe ${flags.recipe}, seed ${seed}`);
}

const whole = (flag: string, min: number) => wholeNumber(flag, { min });

function photoCommand(image: Command, name: string, what: string): Command {
  return image
    .command(name)
    .description(what)
    .argument("<photo>", "JPEG file")
    .requiredOption("--out <file>", "where the result goes: .png, .ppm or .jpg")
    .option("--no-orient", "leave rows and columns as they are stored (as training does)")
    .option("--partial", "keep what a truncated or damaged file still holds");
}

function sampleCommand(image: Command, name: string, what: string): Command {
  const command = photoCommand(image, name, what)
    .addOption(new Option("--recipe <name>", "whose augmentation").choices(RECIPE_NAMES).default("deit"))
    .option("--size <pixels>", "side of a sample", whole("--size", 1), DEIT_RECIPE.size)
    .option("--seed <s>", "seed of the draws", whole("--seed", 0), 0)
    .option("--epoch <e>", "epoch, from 0", whole("--epoch", 0), 0);
  return addRecipeOptions(command);
}

export function registerImage(program: Command): void {
  const image = program
    .command("image")
    .description("decode and augment a photograph, to look at the result");
  photoCommand(image, "decode", "decode a photograph, byte for byte as libjpeg-turbo does")
    .addOption(
      new Option("--scale <fraction>", "decode to a fraction of the size, from fewer frequencies")
        .choices(Object.keys(SCALES))
        .default("1"),
    )
    .option("--json", "print one line of JSON with what the header says")
    .action(action(runDecode));
  sampleCommand(image, "augment", "make one training sample of a photograph and say what was done")
    .option("--index <i>", "number of the image in its data set: part of the key", whole("--index", 0), 0)
    .option("--repeat <r>", "which repeat of the image: part of the key", whole("--repeat", 0), 0)
    .option("--json", "print one line of JSON with the draw")
    .action(action(runAugment));
  sampleCommand(image, "preview", "write a contact sheet of what a recipe does to a photograph")
    .option("--columns <n>", "pictures in a row", whole("--columns", 1), 5)
    .option("--rows <n>", "rows of pictures", whole("--rows", 1), 4)
    .action(action(runPreview));
}
