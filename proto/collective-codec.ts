// Collective codec: the methods of collective.proto as grpc-js takes them, and frames, whose values the sender writes
// straight into grpc-js's frame and the receiver reads where they arrived.

import type { MethodDefinition } from "@grpc/grpc-js";
import { FRAME_HEADER_BYTES, payloadPrefix } from "./gathered-message.js";
import { vitrine } from "./generated/collective.js";
import { type MessageType, serializer } from "./services.js";

export type MemberMessage = vitrine.collective.v1.MemberMessage.$Properties;
export type MasterMessage = vitrine.collective.v1.MasterMessage.$Properties;
export type HelloMessage = vitrine.collective.v1.Hello.$Properties;
export type FormedMessage = vitrine.collective.v1.Formed.$Properties;
export type EndedMessage = vitrine.collective.v1.Ended.$Properties;
export type LinkRequest = vitrine.collective.v1.LinkRequest.$Properties;
export type LinkOpen = vitrine.collective.v1.Open.$Properties;
export type StateRequest = vitrine.collective.v1.StateRequest.$Properties;
export type StateMessage = vitrine.collective.v1.StateMessage.$Properties;

export const { Cause, Element } = vitrine.collective.v1;
export type Cause = vitrine.collective.v1.Cause;
export type Element = vitrine.collective.v1.Element;

const { MemberMessage, MasterMessage, LinkRequest, Frame, StateRequest, StateMessage } =
  vitrine.collective.v1;

/** Bytes of one value on the wire. */
export const ELEMENT_BYTES: Readonly<Record<Element, number>> = {
  [Element.ELEMENT_FLOAT32]: 4,
  [Element.ELEMENT_FLOAT16]: 2,
  [Element.ELEMENT_BFLOAT16]: 2,
  [Element.ELEMENT_FLOAT64]: 8,
};

export interface FrameHead {
  /** Of the group's reductions, counted from 0. */
  sequence: number;
  /** Values of the whole reduction. */
  count: number;
  /** The first value of this frame. */
  offset: number;
  element: Element;
  /** Of all ranks; otherwise of the ranks up to the sender. */
  total: boolean;
  /** The rank that was the last to take part so far. */
  slowest: number;
}

export interface ReceivedFrame extends FrameHead {
  /** Aliases `message`, in whose memory it is aligned to eight bytes. */
  payload: Uint8Array;
  /** For `freeMessage`. */
  message: Uint8Array;
}

/** A frame that only says that its sender is alive. */
export const ALIVE_FRAME: SentFrame = {
  head: { sequence: 0, count: 0, offset: 0, element: Element.ELEMENT_FLOAT32, total: false, slowest: 0 },
  payloadBytes: 0,
  fill: () => {},
};

/** What a sender passes to grpc-js: the head, and who writes the values. */
export interface SentFrame {
  head: FrameHead;
  payloadBytes: number;
  /** Fills the payload's place in grpc-js's frame, once, when the frame is written. */
  fill(payload: Uint8Array): void;
  /** The frame of grpc-js, for `freeMessage` once it is written. */
  frame?: Uint8Array;
}

/** As GatheredMessage, but the payload is computed where it is sent from. */
function encodeFrame(sent: SentFrame): Buffer {
  const head = Frame.encode(sent.head).finish();
  const prefix = payloadPrefix(head.length, sent.payloadBytes);
  const byteLength = head.length + prefix.length + sent.payloadBytes;
  const copy = (target: Uint8Array, start: number): number => {
    target.set(head, start);
    target.set(prefix, start + head.length);
    const at = start + head.length + prefix.length;
    sent.frame = target;
    sent.fill(target.subarray(at, at + sent.payloadBytes));
    return byteLength;
  };
  return { byteLength, copy } as unknown as Buffer;
}

function decodeFrame(message: Uint8Array): ReceivedFrame {
  const { sequence, count, offset, element, total, slowest, payload } = Frame.decode(message);
  return { sequence, count, offset, element, total, slowest, payload, message };
}

/** A message of a client, which takes at most `most` bytes. */
const bounded =
  <Message extends object>(type: MessageType<Message>, most: number) =>
  (bytes: Uint8Array): Message => {
    if (bytes.length > most) throw new RangeError("a request of this call is smaller");
    return type.decode(bytes);
  };

/** Facts and names of a Hello; every other request is smaller. */
const MAX_HELLO_BYTES = 64 << 10;
const MAX_LINK_REQUEST_BYTES = 256;

/** Bytes of a message from rank 0: the addresses of a group. */
export const MAX_MASTER_MESSAGE = 1 << 20;
/** Bytes of the values of a frame. */
export const FRAME_BYTES = 512 << 10;
/** Bytes of a message of a link: a frame with all that precedes its values. */
export const MAX_LINK_MESSAGE = FRAME_BYTES + 1024 + FRAME_HEADER_BYTES;
/** Bytes of state in one message. */
export const STATE_CHUNK_BYTES = 1 << 20;
/** Names and sizes of all parts of a state. */
export const MAX_STATE_MESSAGE = 2 << 20;

const path = (method: string): string => `/vitrine.collective.v1.CollectiveService/${method}`;

/** collective.proto. */
export const COLLECTIVE_SERVICE = {
  Join: {
    path: path("Join"),
    requestStream: true,
    responseStream: true,
    requestSerialize: serializer<MemberMessage>(MemberMessage),
    requestDeserialize: bounded<MemberMessage>(MemberMessage, MAX_HELLO_BYTES),
    responseSerialize: serializer<MasterMessage>(MasterMessage),
    responseDeserialize: (bytes: Buffer): MasterMessage => MasterMessage.decode(bytes),
  } satisfies MethodDefinition<MemberMessage, MasterMessage>,
  Link: {
    path: path("Link"),
    requestStream: true,
    responseStream: true,
    requestSerialize: serializer<LinkRequest>(LinkRequest),
    requestDeserialize: bounded<LinkRequest>(LinkRequest, MAX_LINK_REQUEST_BYTES),
    responseSerialize: encodeFrame as (frame: SentFrame | ReceivedFrame) => Buffer,
    responseDeserialize: decodeFrame as (bytes: Buffer) => SentFrame | ReceivedFrame,
  } satisfies MethodDefinition<LinkRequest, SentFrame | ReceivedFrame>,
  FetchState: {
    path: path("FetchState"),
    requestStream: false,
    responseStream: true,
    requestSerialize: serializer<StateRequest>(StateRequest),
    requestDeserialize: bounded<StateRequest>(StateRequest, MAX_LINK_REQUEST_BYTES),
    responseSerialize: serializer<StateMessage>(StateMessage),
    responseDeserialize: (bytes: Buffer): StateMessage => StateMessage.decode(bytes),
  } satisfies MethodDefinition<StateRequest, StateMessage>,
};
