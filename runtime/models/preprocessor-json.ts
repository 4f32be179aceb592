// Preprocessor JSON: the input that a Hugging Face model expects, as the preprocessor_config.json beside its config.json
// states it.

import type { ClassifierConfig } from "./config.js";
import { defined, type Fields, isChannels, isFields, parseFields } from "./config-fields.js";

/** A side: 224, {shortest_edge: 224}, or {height: 224, width: 224}; undefined for any other form. */
function side(value: unknown): number | undefined {
  const fields = isFields(value) ? value : {};
  const square = fields.height === fields.width ? fields.height : undefined;
  const number = typeof value === "number" ? value : (fields.shortest_edge ?? square);
  return typeof number === "number" && Number.isInteger(number) && number > 0 ? number : undefined;
}

/** The ratio for which ⌊crop / ratio⌋ is `resized`, whatever the division's last bit. */
function ratioOf(crop: number, resized: number): number {
  const ratio = crop / resized;
  return Math.trunc(crop / ratio) === resized ? ratio : crop / (resized + 0.5);
}

/**
 * Mean, standard deviation and crop ratio, where the file gives them in a form that is known. `subject` names the file
 * in errors. Throws `model/config` where the text is not a JSON object.
 */
export function readPreprocessorJson(text: string, subject: string): Partial<ClassifierConfig> {
  const fields = parseFields(text, subject);
  const [resized, crop] = [side(fields.size), side(fields.crop_size)];
  const crops =
    fields.do_center_crop !== false && resized !== undefined && crop !== undefined && crop <= resized;
  const channels = (value: unknown) => (isChannels(value) ? value : undefined);
  return defined<ClassifierConfig>({
    mean: fields.do_normalize === false ? [0, 0, 0] : channels(fields.image_mean),
    std: fields.do_normalize === false ? [1, 1, 1] : channels(fields.image_std),
    cropRatio: crops ? ratioOf(crop, resized) : fields.do_center_crop === false ? 1 : undefined,
  });
}

/** PIL.Image.BICUBIC. */
const BICUBIC = 3;

/**
 * The evaluation's input in the terms of transformers. Of its image processors CLIP's resizes the short side and keeps
 * the shape of the picture; those of ViT and DeiT take a height and a width, which distorts it.
 */
export function preprocessorFields({ imageSize, mean, std, cropRatio }: ClassifierConfig): Fields {
  return {
    image_processor_type: "CLIPImageProcessor",
    do_convert_rgb: true,
    do_resize: true,
    size: { shortest_edge: Math.trunc(imageSize / cropRatio) },
    resample: BICUBIC,
    do_center_crop: true,
    crop_size: { height: imageSize, width: imageSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}
