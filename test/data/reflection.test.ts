// Reflection: a tool without our .proto files learns every service, method, message and field of them.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { pino } from "pino";
import protobuf from "protobufjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  REFLECTION_SERVICES,
  type ReflectionRequest,
  type ReflectionResponse,
} from "../../proto/services.js";
import { type DataServer, startDataServer } from "../../server/data/data-server.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const { FileDescriptorSet } = createRequire(import.meta.url)("protobufjs/ext/descriptor") as {
  FileDescriptorSet: protobuf.Type;
};

interface Context {
  set: SyntheticDataSet;
  server: DataServer;
  client: Client;
}

const test = suite<Context>("reflection");

test.before(async (context) => {
  context.set = createDataSet(4);
  const options = { data: context.set.path, listen: "127.0.0.1:0", workers: 0, badSamples: "fail" } as const;
  context.server = await startDataServer({ ...options, log: pino({ level: "silent" }) });
  context.client = new Client(context.server.address, credentials.createInsecure());
});

test.after(async ({ set, server, client }) => {
  client.close();
  await server.close();
  set.remove();
});

/** The answers to `requests`, by the version of REFLECTION_SERVICES. */
function ask({ client }: Context, requests: ReflectionRequest[], version = 0): Promise<ReflectionResponse[]> {
  const { path, requestSerialize, responseDeserialize } = REFLECTION_SERVICES[version].ServerReflectionInfo;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  const answers: ReflectionResponse[] = [];
  for (const request of requests) call.write(request);
  call.end();
  return new Promise((resolve, reject) => {
    call.on("data", (answer: ReflectionResponse) => answers.push(answer));
    call.on("error", reject);
    call.on("end", () => resolve(answers));
  });
}

test("both versions list the services", async (context) => {
  for (const version of [0, 1]) {
    const [answer] = await ask(context, [{ listServices: "*" }], version);
    const names = answer.listServicesResponse?.service?.map(({ name }) => name);
    assert.equal(names, [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "vitrine.data.v1.DataService",
    ]);
  }
});

/** A root as a tool makes it of the descriptors alone. */
function rootOf(answer: ReflectionResponse): protobuf.Root {
  const file = answer.fileDescriptorResponse?.fileDescriptorProto?.[0] as Uint8Array;
  // A set of one: field 1, length-delimited.
  const set = protobuf.Writer.create().uint32(10).bytes(file).finish();
  const { fromDescriptor } = protobuf.Root as unknown as {
    fromDescriptor(descriptor: protobuf.Message): protobuf.Root;
  };
  const root = fromDescriptor(FileDescriptorSet.decode(set));
  root.resolveAll();
  return root;
}

/** protobufjs names them in two ways, and one that stands for `optional` by the field. */
function oneofOf({ partOf }: protobuf.Field): string | null {
  if (!partOf) return null;
  return partOf.name.startsWith("_") ? "optional" : protobuf.util.camelCase(partOf.name);
}

/** Everything that a file defines: field numbers, types and rules, methods, numbers of enums. */
function outline(root: protobuf.Root, name: string): unknown {
  const object = root.lookup(name);
  if (object instanceof protobuf.Enum) return object.values;
  if (object instanceof protobuf.Service)
    return object.methodsArray.map((one) => [
      one.name,
      one.resolvedRequestType?.fullName,
      one.resolvedResponseType?.fullName,
      one.requestStream ?? false,
      one.responseStream ?? false,
    ]);
  if (!(object instanceof protobuf.Type)) throw new Error(`${name} is missing`);
  return object.fieldsArray
    .map((field) => [
      field.id,
      field.name,
      field.resolvedType?.fullName ?? field.type,
      field.repeated,
      field.map,
      oneofOf(field),
    ])
    .sort(([a], [b]) => Number(a) - Number(b));
}

test("a file describes what the .proto file does", async (context) => {
  const folder = join(fileURLToPath(import.meta.url), "../../../../proto");
  let names = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".proto"))) {
    const [answer] = await ask(context, [{ fileByFilename: file }]);
    const source = new protobuf.Root().loadSync(join(folder, file));
    source.resolveAll();
    const described = rootOf(answer);
    const visit = (object: protobuf.NamespaceBase): void => {
      for (const nested of object.nestedArray) {
        if (
          !(nested instanceof protobuf.Namespace) ||
          nested instanceof protobuf.Type ||
          nested instanceof protobuf.Service
        ) {
          names++;
          assert.equal(
            outline(described, nested.fullName),
            outline(source, nested.fullName),
            nested.fullName,
          );
        }
        if (nested instanceof protobuf.Namespace) visit(nested);
      }
    };
    visit(source);
  }
  assert.ok(names > 40, `${names}`);
});

test("fields have the names of the .proto file", async (context) => {
  const [answer] = await ask(context, [{ fileByFilename: "data.proto" }]);
  const bytes = Buffer.from(answer.fileDescriptorResponse?.fileDescriptorProto?.[0] as Uint8Array);
  for (const name of ["batch_size", "chunk_bytes", "partner_labels"]) assert.ok(bytes.includes(name), name);
});

test("symbols of every kind are found, unknown ones are said to be", async (context) => {
  const known = [
    "vitrine.data.v1.DataService",
    "vitrine.data.v1.DataService.StreamBatches",
    "vitrine.data.v1.Recipe",
    "vitrine.data.v1.EraseMode",
    "grpc.health.v1.HealthCheckResponse.ServingStatus",
  ];
  const answers = await ask(
    context,
    known.map((fileContainingSymbol) => ({ fileContainingSymbol })),
  );
  assert.ok(answers.every(({ fileDescriptorResponse }) => fileDescriptorResponse));
  assert.equal(
    answers.map(({ originalRequest }) => originalRequest?.fileContainingSymbol),
    known,
  );
  const codes = await ask(context, [
    { fileContainingSymbol: "vitrine.data.v2.DataService" },
    { fileByFilename: "../../etc/passwd" },
    { fileContainingExtension: { containingType: "vitrine.data.v1.Recipe", extensionNumber: 1 } },
    { allExtensionNumbersOfType: "nothing" },
    {},
  ]);
  assert.equal(
    codes.map(({ errorResponse }) => errorResponse?.errorCode),
    [5, 5, 5, 5, 3],
  );
  const [none] = await ask(context, [{ allExtensionNumbersOfType: "vitrine.data.v1.Recipe" }]);
  assert.equal(none.allExtensionNumbersResponse?.extensionNumber, []);
});

test.run();
