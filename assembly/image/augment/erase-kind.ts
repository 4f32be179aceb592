// Erase kind: what a rectangle is overwritten with. Read by both compilers.

export enum EraseKind {
  /** A normal draw for every value. */
  Pixel = 0,
  /** One normal draw per channel for the whole rectangle. */
  Random = 1,
  /** The mean color: 0 of the normalized image. */
  Const = 2,
}
