// Remote client: a decode thread's end of its ports to the reader threads.

import type { MessagePort } from "node:worker_threads";
import { fromErrorRecord, VitrineError } from "../../../runtime/errors.js";
import { fnv1a } from "../fnv1a.js";
import type { RemoteRead, RemoteSource } from "./contract.js";
import type { ReadMessage, ReadReply } from "./reader-messages.js";
import { SEGMENT_BYTES } from "./segment-file.js";

interface Waiting {
  resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  reject: (error: unknown) => void;
}

export class RemoteClient implements RemoteSource {
  readonly #ports: readonly MessagePort[];
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #ended = false;

  /** One port for each reader thread. The thread ends with them open. */
  constructor(ports: readonly MessagePort[]) {
    this.#ports = ports;
    for (const port of ports) {
      port.on("message", (reply: ReadReply) => this.#receive(reply));
      port.on("close", () => this.#end());
    }
  }

  /** Throws what `RemoteReader.read` throws. Reads of the same segment are made by the same reader thread. */
  read(request: RemoteRead): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(readerEnded());
      const segment = Math.floor((request.offset ?? 0) / SEGMENT_BYTES);
      const port = this.#ports[fnv1a(`${segment} ${request.url}`) % this.#ports.length];
      const message: ReadMessage = { id: this.#nextId++, request };
      this.#waiting.set(message.id, { resolve, reject });
      port.postMessage(message);
    });
  }

  #receive(reply: ReadReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("bytes" in reply) waiting?.resolve(reply.bytes);
    else waiting?.reject(fromErrorRecord(reply.error));
  }

  /** A thread at the other end is gone: what it was to read never comes. */
  #end(): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.values()) reject(readerEnded());
    this.#waiting.clear();
  }

  close(): void {
    for (const port of this.#ports) port.close();
  }
}

function readerEnded(): VitrineError {
  return new VitrineError("data/worker-died", "the thread that reads remote files ended");
}
