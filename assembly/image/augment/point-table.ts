// Point tables: operations that map each byte by its value alone, Pillow's ImageOps and ImageEnhance, as tables of 256
// bytes per channel.

/** u8 [3, 256]: the table being built; u32 [3, 256]: the number of occurrences of each value. */
const table: usize = memory.data(768, 16);
const histogram: usize = memory.data(3072, 16);

function put(channel: i32, value: i32, result: i32): void {
  store<u8>(table + <usize>(channel << 8) + <usize>value, <u8>result);
}

function putAll(value: i32, result: i32): void {
  for (let channel = 0; channel < 3; channel++) put(channel, value, result);
}

function occurrences(channel: i32, value: i32): u32 {
  return load<u32>(histogram + ((<usize>((channel << 8) + value)) << 2));
}

function countValues(pixels: usize, count: i32): void {
  memory.fill(histogram, 0, 3072);
  for (let i = 0; i < count; i++) {
    for (let channel: usize = 0; channel < 3; channel++) {
      const at = histogram + ((channel << 8) << 2) + ((<usize>load<u8>(pixels + channel)) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
    pixels += 3;
  }
}

/** Rescales each channel to 0 … 255. ImageOps.autocontrast, cutoff 0. */
export function fillAutoContrast(pixels: usize, count: i32): void {
  countValues(pixels, count);
  for (let channel = 0; channel < 3; channel++) {
    let low = 0;
    while (low < 255 && occurrences(channel, low) === 0) low++;
    let high = 255;
    while (high > 0 && occurrences(channel, high) === 0) high--;
    const scale = 255.0 / <f64>(high - low);
    const offset = -(<f64>low) * scale;
    for (let value = 0; value < 256; value++) {
      if (high <= low) put(channel, value, value);
      else put(channel, value, min(max(<i32>(<f64>value * scale + offset), 0), 255));
    }
  }
}

/** Makes the values of each channel equally frequent. ImageOps.equalize. */
export function fillEqualize(pixels: usize, count: i32): void {
  countValues(pixels, count);
  for (let channel = 0; channel < 3; channel++) {
    let highest = 255;
    while (highest > 0 && occurrences(channel, highest) === 0) highest--;
    // With a single value, no pixel is outside the highest bin, so the step is 0 there too.
    const step = (<u32>count - occurrences(channel, highest)) / 255;
    let before = step >> 1;
    for (let value = 0; value < 256; value++) {
      if (step === 0) put(channel, value, value);
      else put(channel, value, <i32>min<u32>(before / step, 255));
      before += occurrences(channel, value);
    }
  }
}

export function fillInvert(): void {
  for (let value = 0; value < 256; value++) putAll(value, 255 - value);
}

export function fillPosterize(bits: i32): void {
  const mask = ~((1 << (8 - bits)) - 1);
  for (let value = 0; value < 256; value++) putAll(value, value & mask);
}

export function fillSolarize(threshold: i32): void {
  for (let value = 0; value < 256; value++) putAll(value, value < threshold ? value : 255 - value);
}

/** timm's solarize_add with its threshold of 128. */
export function fillSolarizeAdd(add: i32): void {
  for (let value = 0; value < 256; value++) putAll(value, value < 128 ? min(255, value + add) : value);
}

/** Blends with black. ImageEnhance.Brightness. */
export function fillBrightness(factor: f32): void {
  for (let value = 0; value < 256; value++) putAll(value, blendByte(0, value, factor));
}

/** Blends with the gray of the picture's mean luma. ImageEnhance.Contrast. */
export function fillContrast(pixels: usize, count: i32, factor: f32): void {
  let sum: u64 = 0;
  for (let i = 0; i < count; i++) {
    sum += <u64>luma(pixels);
    pixels += 3;
  }
  const mean = <i32>(<f64>sum / <f64>count + 0.5);
  for (let value = 0; value < 256; value++) putAll(value, blendByte(mean, value, factor));
}

/** Pillow's L of an RGB pixel: weights of ITU-R 601-2 in 16-bit fixed point. */
export function luma(pixel: usize): i32 {
  const red = <i32>load<u8>(pixel);
  const green = <i32>load<u8>(pixel, 1);
  const blue = <i32>load<u8>(pixel, 2);
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/** Replaces each value of u8 [count, 3] at `pixels` by its table entry. */
export function applyTable(pixels: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<u8>(pixels, load<u8>(table + <usize>load<u8>(pixels)));
    store<u8>(pixels, load<u8>(table + <usize>load<u8>(pixels, 1), 256), 1);
    store<u8>(pixels, load<u8>(table + <usize>load<u8>(pixels, 2), 512), 2);
    pixels += 3;
  }
}

/**
 * from + factor · (to − from) in float, truncated; outside 0 … 1 the factor extrapolates and the result is clipped.
 * This is Pillow's Image.blend, on which ImageEnhance is built.
 */
export function blendByte(from: i32, to: i32, factor: f32): i32 {
  if (factor === 0.0) return from;
  if (factor === 1.0) return to;
  const value = <f32>from + factor * <f32>(to - from);
  return <i32>min<f32>(max<f32>(value, 0.0), 255.0);
}
