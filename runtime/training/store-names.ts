// Store names: the stores of a training, besides `weights` and `buffers`.

export const GRADIENTS = "gradients";
export const FIRST_MOMENT = "firstMoment";
export const SECOND_MOMENT = "secondMoment";
export const AVERAGE = "ema";
/** The average of the running statistics in `buffers`. */
export const AVERAGE_BUFFERS = "emaBuffers";
