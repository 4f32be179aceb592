// Sums: the arithmetic of a reduction, one segment at a time. A sum starts from 0 and takes the terms in order, so that
// its bits are those of one process that adds the same terms; x + 0 and 0 + x differ where x is −0.

import { Element } from "../../../proto/collective-codec.js";
import {
  bfloatsToFloats,
  floatsToBfloats,
  floatsToHalves,
  halvesToFloats,
} from "../../../runtime/weights/half-float.js";

export type Values = Float32Array | Float64Array;

/** sum[i] = 0 + term[at + i]; they may be the same array. */
export function startSum(sum: Values, term: Values, at: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] = 0 + term[at + i];
}

/** sum[i] = (sum[i] + terms[0][at + i]) + …, each rounded to the type of the sum. */
export function addTerms(sum: Values, terms: readonly Values[], at: number): void {
  for (const term of terms) for (let i = 0; i < sum.length; i++) sum[i] += term[at + i];
}

/** A view of aligned bytes, or a copy of others. */
function aligned(bytes: Uint8Array, width: number): Uint8Array {
  return bytes.byteOffset % width === 0 ? bytes : bytes.slice();
}

function wholeFloats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function wholeHalves(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
}

/** The values of a payload: float32 and float64 where they are, if the memory is aligned. */
export function readValues(element: Element, payload: Uint8Array): Values {
  switch (element) {
    case Element.ELEMENT_FLOAT32:
      return wholeFloats(aligned(payload, 4));
    case Element.ELEMENT_FLOAT64: {
      const bytes = aligned(payload, 8);
      return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    }
    case Element.ELEMENT_FLOAT16:
      return halvesToFloats(wholeHalves(aligned(payload, 2)));
    case Element.ELEMENT_BFLOAT16:
      return bfloatsToFloats(wholeHalves(aligned(payload, 2)));
  }
}

/** Writes values as the transport has them, rounded where it is narrower. */
export function writeValues(element: Element, payload: Uint8Array, values: Values): void {
  if (element === Element.ELEMENT_FLOAT16 || element === Element.ELEMENT_BFLOAT16) {
    const convert = element === Element.ELEMENT_FLOAT16 ? floatsToHalves : floatsToBfloats;
    const halves = convert(values as Float32Array);
    payload.set(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength));
    return;
  }
  payload.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
