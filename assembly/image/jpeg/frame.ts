// Frame: the header with the size of the picture and the sampling of its components.

import { fail } from "../call";
import { Status } from "../contract";
import { ColorSpace, component, MAX_COMPONENTS, picture, Upsampling } from "./picture";

/** libjpeg's limit on width and height. */
const MAX_SIDE: u32 = 65_500;
const JFIF_IDS: u32 = 0x010203;
const RGB_IDS: u32 = 0x524742;

/** Reads the body of SOFn. Checks only that the segment is well formed, so that frames of any kind can be described. */
export function readFrame(marker: u32, body: usize, length: usize, offset: usize): Status {
  if (length < 8) return fail(Status.CorruptSegment, offset, marker);
  const count = <u32>load<u8>(body, 5);
  picture.frame = marker;
  picture.frameOffset = <u32>offset;
  picture.precision = <u32>load<u8>(body);
  picture.height = <u32>bswap(load<u16>(body, 1));
  picture.width = <u32>bswap(load<u16>(body, 3));
  picture.componentCount = count;
  if (picture.width === 0 || picture.height === 0) return fail(Status.EmptyPicture, offset);
  if (count === 0 || length !== 8 + 3 * <usize>count) return fail(Status.CorruptSegment, offset, marker);
  for (let i: u32 = 0; i < min(count, MAX_COMPONENTS); i++) {
    const c = component(i);
    const at = body + 6 + 3 * <usize>i;
    c.id = <u32>load<u8>(at);
    c.h = <u32>load<u8>(at, 1) >> 4;
    c.v = <u32>load<u8>(at, 1) & 15;
    c.quantization = <u32>load<u8>(at, 2);
  }
  return Status.Ok;
}

/** Checks the frame and computes every size that follows from it, for a result of `side` / 8 of the file's size. */
export function prepareFrame(side: u32): Status {
  const offset = picture.frameOffset;
  const kind = statusOfKind(picture.frame);
  if (kind !== Status.Ok) return fail(kind, offset);
  if (picture.precision !== 8) return fail(Status.UnsupportedPrecision, offset, picture.precision);
  const count = picture.componentCount;
  if (count !== 1 && count !== 3 && count !== 4) return fail(Status.UnsupportedComponents, offset, count);
  if (max(picture.width, picture.height) > MAX_SIDE)
    return fail(Status.CorruptSegment, offset, picture.frame);
  picture.hMax = 1;
  picture.vMax = 1;
  for (let i: u32 = 0; i < count; i++) {
    const c = component(i);
    if (c.h === 0 || c.v === 0 || c.h > 4 || c.v > 4)
      return fail(Status.CorruptSegment, offset, picture.frame);
    c.declaredV = c.v;
    // A single component is never interleaved: its sampling factors do not affect decoding.
    if (count === 1) {
      c.h = 1;
      c.v = 1;
    }
    picture.hMax = max(picture.hMax, c.h);
    picture.vMax = max(picture.vMax, c.v);
  }
  picture.mcusAcross = (picture.width + picture.hMax * 8 - 1) / (picture.hMax * 8);
  picture.mcusDown = (picture.height + picture.vMax * 8 - 1) / (picture.vMax * 8);
  picture.colorSpace = chooseColorSpace();
  picture.side = side;
  const status = prepareComponents();
  picture.width = (picture.width * side + 7) >> 3;
  picture.height = (picture.height * side + 7) >> 3;
  return status;
}

/** The status with which a kind of frame that is not decoded is refused. */
function statusOfKind(frame: u32): Status {
  switch (frame) {
    case 0xc0:
    case 0xc1:
    case 0xc2:
      return Status.Ok;
    case 0xc3:
      return Status.UnsupportedLossless;
    case 0xc5:
    case 0xc6:
    case 0xc7:
      return Status.UnsupportedHierarchical;
    default:
      return Status.UnsupportedArithmetic;
  }
}

/** libjpeg's rules: JFIF means YCbCr; otherwise Adobe's transform decides, then the components' identifiers. */
function chooseColorSpace(): ColorSpace {
  if (picture.componentCount === 1) return ColorSpace.Gray;
  if (picture.componentCount === 4)
    return picture.sawAdobe && picture.adobeTransform !== 0 ? ColorSpace.Ycck : ColorSpace.Cmyk;
  if (picture.sawJfif) return ColorSpace.YCbCr;
  if (picture.sawAdobe) return picture.adobeTransform === 0 ? ColorSpace.Rgb : ColorSpace.YCbCr;
  const ids = (component(0).id << 16) | (component(1).id << 8) | component(2).id;
  if (ids === JFIF_IDS) return ColorSpace.YCbCr;
  return ids === RGB_IDS ? ColorSpace.Rgb : ColorSpace.YCbCr;
}

function prepareComponents(): Status {
  picture.needsContext = false;
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const c = component(i);
    c.side = chooseSide(c.h, c.v);
    c.columns = divideUp(picture.width * c.h, picture.hMax * 8);
    c.rows = divideUp(picture.height * c.v, picture.vMax * 8);
    c.width = divideUp(picture.width * c.h * c.side, picture.hMax * 8);
    c.height = divideUp(picture.height * c.v * c.side, picture.vMax * 8);
    const across = (c.h * c.side) / picture.side;
    const down = (c.v * c.side) / picture.side;
    if (picture.hMax % across !== 0 || picture.vMax % down !== 0)
      return fail(Status.UnsupportedSampling, picture.frameOffset, packedSampling());
    c.spanX = picture.hMax / across;
    c.spanY = picture.vMax / down;
    c.upsampling = chooseUpsampling(c.spanX, c.spanY, c.width);
    if (c.upsampling === Upsampling.FancyBoth || c.upsampling === Upsampling.FancyDown)
      picture.needsContext = true;
  }
  return Status.Ok;
}

function divideUp(a: u32, b: u32): u32 {
  return (a + b - 1) / b;
}

/** In a smaller result, a coarser component keeps more of its frequencies, so that it needs less upsampling. */
function chooseSide(h: u32, v: u32): u32 {
  let side = picture.side;
  while (
    side < 8 &&
    (picture.hMax * picture.side) % (h * side * 2) === 0 &&
    (picture.vMax * picture.side) % (v * side * 2) === 0
  )
    side *= 2;
  return side;
}

/** Triangle filters for 2:1; like libjpeg, replicates rows of one or two samples when they are widened. */
function chooseUpsampling(spanX: u32, spanY: u32, width: u32): Upsampling {
  if (spanX === 1 && spanY === 1) return Upsampling.Full;
  if (picture.side === 1) return Upsampling.Replicate;
  if (spanX === 2 && spanY === 1 && width > 2) return Upsampling.FancyAcross;
  if (spanX === 1 && spanY === 2) return Upsampling.FancyDown;
  if (spanX === 2 && spanY === 2 && width > 2) return Upsampling.FancyBoth;
  return Upsampling.Replicate;
}

/** Sampling factors as failure.ts unpacks them. */
function packedSampling(): f64 {
  let packed: f64 = 0;
  for (let i: u32 = 0; i < picture.componentCount; i++)
    packed = packed * 256 + <f64>((component(i).h << 4) | component(i).v);
  return packed;
}
