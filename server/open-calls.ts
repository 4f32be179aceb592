// Open calls: the calls of a gRPC server that are in progress, which a stop waits for, and the connections that have any.

import {
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import { type Activity, peerOf } from "./connections.js";

export interface OpenCalls {
  readonly interceptor: ServerInterceptor;
  /** Calls in progress. */
  count(): number;
  /** What the connection from `peer` (`peerOf`) is used for. */
  activityOf(peer: string): Activity;
  /** Resolves when no call is in progress. */
  idle(): Promise<void>;
}

/** Of one connection: its calls, and requests that were received and not answered. */
interface Peer {
  calls: number;
  owed: number;
}

/** `endless`: calls by path that a stop does not wait for, such as those that watch health. */
export function countOpenCalls(endless: (path: string) => boolean): OpenCalls {
  const byPeer = new Map<string, Peer>();
  let waitedFor = 0;
  let waiting: (() => void)[] = [];
  const add = (name: string, isWaitedFor: boolean) => {
    const peer = byPeer.get(name) ?? { calls: 0, owed: 0 };
    byPeer.set(name, peer);
    peer.calls++;
    if (isWaitedFor) waitedFor++;
    let owed = 0;
    let ended = false;
    const owe = (requests: number): void => {
      if (ended) return;
      // Those who watch health are owed nothing.
      const change = isWaitedFor ? Math.max(requests, -owed) : 0;
      owed += change;
      peer.owed += change;
    };
    const end = (): void => {
      if (ended) return;
      owe(-owed);
      ended = true;
      if (--peer.calls === 0) byPeer.delete(name);
      if (isWaitedFor) waitedFor--;
      if (waitedFor > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    };
    return { owe, end };
  };
  return {
    interceptor: ({ path }, call) => {
      const { remoteAddress, remotePort } = call.getConnectionInfo();
      const { owe, end } = add(peerOf(remoteAddress, remotePort), !endless(path));
      const listener = new ServerListenerBuilder()
        .withOnReceiveMessage((message, next) => {
          owe(1);
          next(message);
        })
        // It comes when the stream has closed, also after an answer: then it was sent.
        .withOnCancel(end)
        .build();
      const responder = new ResponderBuilder()
        .withStart((next) => next(listener))
        .withSendMessage((message, next) => {
          owe(-1);
          next(message);
        })
        .withSendStatus((status, next) => {
          owe(Number.NEGATIVE_INFINITY);
          next(status);
        })
        .build();
      return new ServerInterceptingCall(call, responder);
    },
    count: () => waitedFor,
    activityOf: (name) => {
      const peer = byPeer.get(name);
      if (!peer) return "none";
      return peer.owed > 0 ? "computing" : "waiting";
    },
    idle: () => (waitedFor === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
  };
}
