// Reader thread: reads remote objects for the decode threads, each of which has a port to it. A thread of its own
// answers the network while the others decode, and has the connections, the credentials and the cache once.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { toErrorRecord } from "../../../runtime/errors.js";
import type {
  ReaderCommand,
  ReaderReport,
  ReaderThreadData,
  ReadMessage,
  ReadReply,
} from "./reader-messages.js";
import { RemoteReader } from "./remote-reader.js";

const report = (message: ReaderReport): void => parentPort?.postMessage(message);

const { settings, requests } = workerData as ReaderThreadData;
const reader = RemoteReader.open(settings, requests, (text) => report({ kind: "warning", text }));

async function answer(port: MessagePort, { id, request }: ReadMessage): Promise<void> {
  let reply: ReadReply;
  try {
    reply = { id, bytes: await (await reader).read(request) };
  } catch (error) {
    reply = { id, error: toErrorRecord(error) };
  }
  port.postMessage(reply, "bytes" in reply ? [reply.bytes.buffer] : []);
}

parentPort?.on("message", async (command: ReaderCommand) => {
  if (command.kind === "connect") {
    const { port } = command;
    port.on("message", (message: ReadMessage) => void answer(port, message));
  } else if (command.kind === "count") {
    report({ kind: "counts", id: command.id, counts: (await reader).counts });
  } else {
    await (await reader).close();
    process.exit();
  }
});
