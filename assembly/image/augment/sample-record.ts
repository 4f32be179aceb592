// Sample record: where in Region.Parameters the host writes a sample's draw, in f64. Read by both compilers.

export enum SampleField {
  CropTop = 0,
  CropLeft = 1,
  CropHeight = 2,
  CropWidth = 3,
  /** 1 = mirrored left to right. */
  Flip = 4,
  /** Side of the square output. */
  Size = 5,
  /** A number of resize/filter.ts. */
  Filter = 6,
  /** Philox key and counter of the erase noise. */
  SeedLow = 7,
  SeedHigh = 8,
  Index = 9,
  Epoch = 10,
  Tag = 11,
  /** Erase rectangles, five numbers each: kind, top, left, height, width. */
  EraseCount = 12,
  /** Records of operation.ts behind the rectangles. */
  OperationCount = 13,
  /** First number of the first rectangle. */
  Erasing = 14,
}

export const ERASE_FIELDS = 5;
