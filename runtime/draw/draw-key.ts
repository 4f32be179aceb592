// Draw key: the place in a training run that a random decision belongs to. Every draw is a pure function of it.

/** Identifies one stream of random numbers; the drawing function adds a domain tag. */
export interface DrawKey {
  /** 0 … 2⁵³ − 1. */
  seed: number;
  /** 0 … 2³² − 1. */
  epoch: number;
  /** Of the image in its data set, or of the batch in its epoch; 0 … 2³² − 1. */
  index: number;
  /** Number of the repeat (repeated augmentation), 0 … 2²⁴ − 1. */
  repeat: number;
}
