// Chance for the host: the generator and the functions that turn its words into numbers.

export { drawBuffer, drawBufferValues, fillNormals, fillUniforms } from "./bulk";
export { cosine, exponential, logarithm, power, sine } from "./elementary";
export { philox, philoxWords } from "./philox";
