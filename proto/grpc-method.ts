// gRPC method: how one call of a .proto is named and how its messages become bytes, for server and client alike.

import type { MethodDefinition } from "@grpc/grpc-js";

/** What pbjs generates for a message type, as far as the wire needs it. */
export interface MessageType<Message extends object> {
  new (): Message;
  encode(message: NoInfer<Message>): { finish(): Uint8Array };
  decode(bytes: Uint8Array): NoInfer<Message>;
}

interface Streams {
  request?: boolean;
  response?: boolean;
}

/** protobufjs writes into a Buffer in Node; grpc-js wants to be told so. No copy. */
function serializer<Message extends object>(type: MessageType<Message>): (message: Message) => Buffer {
  return (message) => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

/**
 * `/package.Service/Method` with its two message types → what grpc-js takes. Fields of type `bytes` alias the
 * received message: whoever keeps one keeps the whole message alive.
 */
export function grpcMethod<Request extends object, Response extends object>(
  path: string,
  request: MessageType<Request>,
  response: MessageType<Response>,
  streams: Streams = {},
): MethodDefinition<Request, Response> {
  return {
    path,
    requestStream: streams.request ?? false,
    responseStream: streams.response ?? false,
    requestSerialize: serializer(request),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: serializer(response),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}
