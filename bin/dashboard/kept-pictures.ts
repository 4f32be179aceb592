// Kept pictures: the pixels behind what a page shows, as JPEG files that are encoded when someone asks for them.

import { encodeRgbJpeg } from "../image/write-picture.js";

const QUALITY = 90;

interface Kept {
  number: number;
  /** Side of the pictures in pixels. */
  size: number;
  /** uint8 [size, size, 3] each. */
  pixels: readonly Uint8Array[];
  encoded: Map<number, Promise<Uint8Array>>;
}

export class KeptPictures {
  readonly #kept: Kept[] = [];
  readonly #most: number;

  /** `most`: lists that are kept, so that a page that is a little late still gets its pictures. */
  constructor(most = 2) {
    this.#most = most;
  }

  keep(number: number, size: number, pixels: readonly Uint8Array[]): void {
    this.#kept.push({ number, size, pixels, encoded: new Map() });
    if (this.#kept.length > this.#most) this.#kept.shift();
  }

  /** Null for what is no longer kept. */
  async file(number: number, place: number): Promise<Uint8Array | null> {
    const kept = this.#kept.find((one) => one.number === number);
    const data = kept?.pixels[place];
    if (!kept || !data) return null;
    const { size, encoded } = kept;
    const file = encoded.get(place) ?? encodeRgbJpeg({ width: size, height: size, data }, QUALITY);
    encoded.set(place, file);
    return file;
  }
}
