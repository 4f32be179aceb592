// Reflection: grpc.reflection.v1 and v1alpha, from which tools such as grpcurl learn the services and messages.
// @grpc/reflection reads descriptors of @grpc/proto-loader, with a protobufjs of its own; ours are made by the build.

import { type ServerDuplexStream, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { DESCRIPTORS, type FileDescriptor } from "../proto/generated/descriptors.js";
import type { ReflectionRequest, ReflectionResponse } from "../proto/services.js";
import { quote } from "../runtime/errors.js";

/** What tools list beside the services themselves. */
const REFLECTION = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

function fileOf(found: FileDescriptor | undefined, name: string): ReflectionResponse {
  if (found) return { fileDescriptorResponse: { fileDescriptorProto: [Buffer.from(found.bytes, "base64")] } };
  return notFound(`nothing is called ${quote(name)} here`);
}

function notFound(errorMessage: string): ReflectionResponse {
  return { errorResponse: { errorCode: status.NOT_FOUND, errorMessage } };
}

function answer(request: ReflectionRequest, services: readonly string[]): ReflectionResponse {
  const { fileByFilename, fileContainingSymbol, fileContainingExtension } = request;
  const { allExtensionNumbersOfType, listServices } = request;
  if (typeof fileByFilename === "string")
    return fileOf(
      DESCRIPTORS.find(({ file }) => file === fileByFilename),
      fileByFilename,
    );
  if (typeof fileContainingSymbol === "string")
    return fileOf(
      DESCRIPTORS.find(({ symbols }) => symbols.includes(fileContainingSymbol)),
      fileContainingSymbol,
    );
  if (fileContainingExtension) return notFound("there are no extensions");
  if (typeof allExtensionNumbersOfType === "string") {
    const baseTypeName = allExtensionNumbersOfType;
    if (DESCRIPTORS.some(({ symbols }) => symbols.includes(baseTypeName)))
      return { allExtensionNumbersResponse: { baseTypeName, extensionNumber: [] } };
    return notFound(`nothing is called ${quote(baseTypeName)} here`);
  }
  if (typeof listServices === "string")
    return { listServicesResponse: { service: services.map((name) => ({ name })) } };
  return {
    errorResponse: { errorCode: status.INVALID_ARGUMENT, errorMessage: "the request asks for nothing" },
  };
}

/** `services`: full names of those that the server has besides reflection, each defined in a file of proto/. */
export function createReflection(services: readonly string[]): UntypedServiceImplementation {
  const all = [...services, ...REFLECTION].sort();
  return {
    ServerReflectionInfo: (call: ServerDuplexStream<ReflectionRequest, ReflectionResponse>) => {
      call.on("data", (originalRequest: ReflectionRequest) => {
        const { host: validHost } = originalRequest;
        if (call.write({ validHost, originalRequest, ...answer(originalRequest, all) })) return;
        // A client that asks and does not read waits for itself.
        call.pause();
        call.once("drain", () => call.resume());
      });
      call.on("end", () => call.end());
      call.on("error", () => {});
    },
  };
}
