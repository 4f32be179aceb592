// Open calls: the calls of a gRPC server that are in progress, which a stop waits for, and the connections that have any.

import { ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder } from "@grpc/grpc-js";
import { peerOf } from "./connections.js";

export interface OpenCalls {
  readonly interceptor: ServerInterceptor;
  /** Calls in progress. */
  count(): number;
  /** Whether the connection from `peer` (`peerOf`) has a call in progress, endless ones included. */
  isBusy(peer: string): boolean;
  /** Resolves when no call is in progress. */
  idle(): Promise<void>;
}

/** `endless`: calls by path that a stop does not wait for, such as those that watch health. */
export function countOpenCalls(endless: (path: string) => boolean): OpenCalls {
  const byPeer = new Map<string, number>();
  let waitedFor = 0;
  let waiting: (() => void)[] = [];
  const add = (peer: string, isWaitedFor: boolean): (() => void) => {
    byPeer.set(peer, (byPeer.get(peer) ?? 0) + 1);
    if (isWaitedFor) waitedFor++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (byPeer.get(peer) ?? 1) - 1;
      if (left > 0) byPeer.set(peer, left);
      else byPeer.delete(peer);
      if (isWaitedFor) waitedFor--;
      if (waitedFor > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    };
  };
  return {
    interceptor: ({ path }, call) => {
      const { remoteAddress, remotePort } = call.getConnectionInfo();
      const end = add(peerOf(remoteAddress, remotePort), !endless(path));
      // It comes when the stream has closed, also after an answer: then it was sent.
      const listener = new ServerListenerBuilder().withOnCancel(end).build();
      return new ServerInterceptingCall(call, { start: (next) => next(listener) });
    },
    count: () => waitedFor,
    isBusy: (peer) => byPeer.has(peer),
    idle: () => (waitedFor === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
  };
}
