// Data stream: one StreamBatches call as a queue of received batches. What it holds never exceeds its credit.

import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { WireBatch } from "../../proto/batch-codec.js";
import { batchCost } from "../../proto/credits.js";
import type { OpenRequest, StreamRequest } from "../../proto/data-service.js";
import { VitrineError } from "../../runtime/errors.js";
import type { DataConnection } from "./data-connection.js";

export class DataStream {
  private readonly call: ClientDuplexStream<StreamRequest, WireBatch>;
  private readonly received: WireBatch[] = [];
  /** Why nothing more will come. */
  private failure: VitrineError | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly connection: DataConnection,
    open: OpenRequest,
  ) {
    this.call = connection.stream();
    this.call.on("data", (batch: WireBatch) => {
      this.received.push(batch);
      this.wake?.();
    });
    this.call.on("error", (error: ServiceError) => this.fail(connection.errorOf(error)));
    this.call.on("end", () =>
      this.fail(new VitrineError("network/unavailable", "the server ended the stream")),
    );
    this.call.write({ open });
  }

  /** The next batch, also one that came before the stream failed. Rejects with what the stream ended with. */
  async next(): Promise<WireBatch> {
    for (;;) {
      const batch = this.received.shift();
      if (batch) return batch;
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Gives the batch's credit back: the consumer is done with it. */
  consumed({ count, size }: { count: number; size: number }): void {
    if (this.failure === null) this.call.write({ credit: { bytes: batchCost(count, size) } });
  }

  /** Also where the consumer left early: leaving a loop over a call does not cancel it, and the server never learns. */
  close(reason = new VitrineError("network/closed", "the data connection was closed")): void {
    this.fail(reason);
    this.received.length = 0;
    this.call.cancel();
    this.connection.close();
  }

  private fail(error: VitrineError): void {
    this.failure ??= error;
    this.wake?.();
  }
}
