// Striped stream: the streams of several data servers as one. Of n servers the i-th sends the batches i, i + n, i + 2n, …
// from the first one on, so that each makes a part of them and all are needed in turn. One server is the case n = 1.

import type { WireBatch } from "../../proto/batch-codec.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import type { DataStream } from "./data-connection.js";

export interface Stripe {
  address: string;
  stream: DataStream;
}

export class StripedStream {
  readonly #stripes: readonly Stripe[];
  readonly #onFailure: (address: string, error: VitrineError) => void;
  /** The stripe that the next batch comes from. */
  #turn = 0;
  #last: Stripe | null = null;
  #closed = false;

  /** `onFailure` is called with the server that failed, before `next` rejects. */
  constructor(stripes: readonly Stripe[], onFailure: (address: string, error: VitrineError) => void) {
    this.#stripes = stripes;
    this.#onFailure = onFailure;
  }

  get addresses(): string[] {
    return this.#stripes.map(({ address }) => address);
  }

  /** The server that the next batch comes from. */
  get nextAddress(): string {
    return this.#stripes[this.#turn].address;
  }

  /** The next batch. Rejects with what its stream ended with. */
  async next(): Promise<WireBatch> {
    const stripe = this.#stripes[this.#turn];
    try {
      const batch = await stripe.stream.next();
      this.#last = stripe;
      this.#turn = (this.#turn + 1) % this.#stripes.length;
      return batch;
    } catch (error) {
      if (!this.#closed && isVitrineError(error)) this.#onFailure(stripe.address, error);
      throw error;
    }
  }

  /** The consumer is done with the last batch of `next`. */
  consumed(batch: WireBatch): void {
    this.#last?.stream.consumed(batch);
  }

  close(): void {
    this.#closed = true;
    for (const { stream } of this.#stripes) stream.close();
  }
}
