// Operation: what augmentation does to pixels, and the record in which the host says so. Read by both compilers.

export enum Operation {
  AutoContrast = 0,
  Equalize = 1,
  Invert = 2,
  /** Argument: top bits to keep, 0 to 8. */
  Posterize = 3,
  /** Argument: threshold; values at or above it are inverted. */
  Solarize = 4,
  /** Argument: what is added to values below 128. */
  SolarizeAdd = 5,
  /** Argument: factor, 1 = unchanged. */
  Brightness = 6,
  Contrast = 7,
  Color = 8,
  Sharpness = 9,
  /** Arguments: a, b, c, d, e, f of x' = a·x + b·y + c, y' = d·x + e·y + f, from output to input. */
  AffineBicubic = 10,
  AffineBilinear = 11,
  /** Arguments: quarter turns counter-clockwise, 1 to 3; 1 and 3 of a square only. */
  Turn = 12,
  /** Argument: radius in pixels, the standard deviation of the bell that is approximated. */
  GaussianBlur = 13,
}

/** f64 per operation: its number, then up to six arguments. */
export const OPERATION_FIELDS = 7;
