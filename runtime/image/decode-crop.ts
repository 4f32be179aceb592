// Crop-aware decode: a rectangle of a JPEG picture, without the work for the pixels around it.

import type { Box } from "../draw/draw.js";
import { blockSide, DEFAULT_PIXEL_LIMIT, type DecodeOptions, requireBytes } from "./decode.js";
import type { ImageModule } from "./image-module.js";

export interface DecodedCrop {
  /** The crop's size. */
  width: number;
  height: number;
  /** uint8 [height, width, 3], row-major RGB. */
  data: Uint8Array;
  /** Size of the whole picture at `scale`. */
  pictureWidth: number;
  pictureHeight: number;
}

/**
 * Decodes the pixels of `crop`, which lies in the picture as stored, at `scale`; it is not turned: the same bytes as decoding everything and cutting them out. Outside the crop's
 * minimum coded units only code lengths are read, and reading stops below the crop's last row: damage behind it goes
 * unnoticed, except that a file without its end marker is read to the end, to tell a truncated one. Throws what `decode` throws, and `image/bad-argument` for a crop outside the picture.
 */
export function decodeCrop(
  module: ImageModule,
  bytes: Uint8Array,
  crop: Box,
  options: Omit<DecodeOptions, "orient"> = {},
): DecodedCrop {
  requireBytes(bytes, options.name);
  const { left, top, width, height } = crop;
  return module.run(options.name, (call) => {
    const { exports } = call;
    call.input(bytes);
    const limit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT;
    const partial = options.partial === true ? 1 : 0;
    const rows = call.receiveRows(() => width * height * 3, options.into);
    call.check(
      exports.decodeJpegWindow(
        bytes.length,
        limit,
        partial,
        blockSide(options.scale),
        left,
        top,
        width,
        height,
        1,
      ),
    );
    return {
      width,
      height,
      data: rows.data,
      pictureWidth: exports.pictureWidth(),
      pictureHeight: exports.pictureHeight(),
    };
  });
}
