// Run folders: the model folders in RUN.

/** The run as it stopped, from which it continues. */
export const LAST = "last";
/** The model of its best epoch. */
export const BEST = "best";
