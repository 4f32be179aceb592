"""Calls an inference server as the Python clients of Triton and KServe, Triton's image_client and tools of gRPC do.

Usage: inference_clients.py STUBS ADDRESS   STUBS: folder of modules that protoc made from proto/*.proto.
Prints a line of JSON for each step: {"step": NAME, "value": ...} or {"step": NAME, "status": NAME, "text": ...}.
"""

import asyncio
import json
import queue
import struct
import sys
import threading

import grpc

STUBS, ADDRESS = sys.argv[1:3]
sys.path.insert(0, STUBS)

import health_pb2  # noqa: E402
import health_pb2_grpc  # noqa: E402
import inference_pb2 as pb  # noqa: E402
import inference_pb2_grpc  # noqa: E402
import reflection_pb2  # noqa: E402
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory  # noqa: E402

TIMEOUT = 20


def step(name, run):
    """One line of output."""
    try:
        print(json.dumps({"step": name, "value": run()}), flush=True)
    except grpc.RpcError as error:
        failed = {"step": name, "status": error.code().name, "text": error.details()}
        print(json.dumps(failed), flush=True)


def packed(elements):
    """BYTES elements as Triton's serialize_byte_tensor packs them."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def unpacked(raw):
    elements, offset = [], 0
    while offset < len(raw):
        (length,) = struct.unpack_from("<I", raw, offset)
        elements.append(raw[offset + 4 : offset + 4 + length].decode())
        offset += 4 + length
    return elements


def floats(raw):
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def output(response, name):
    """A raw output by its name, as InferResult.as_numpy finds it."""
    for place, tensor in enumerate(response.outputs):
        if tensor.name == name:
            raw = response.raw_output_contents[place]
            values = unpacked(raw) if tensor.datatype == "BYTES" else floats(raw)
            return {"datatype": tensor.datatype, "shape": list(tensor.shape), "values": values}
    return None


def triton_request(model, tensors, outputs=(), request_id="", **parameters):
    """The request that tritonclient.grpc makes: contents raw, in the order of the inputs."""
    request = pb.ModelInferRequest(model_name=model, id=request_id)
    for name, datatype, shape, raw in tensors:
        request.inputs.add(name=name, datatype=datatype, shape=shape)
        request.raw_input_contents.append(raw)
    for name, classes in outputs:
        tensor = request.outputs.add(name=name)
        if classes:
            tensor.parameters["classification"].int64_param = classes
    for name, value in parameters.items():
        if name == "priority":
            request.parameters[name].uint64_param = value
        elif isinstance(value, bool):
            request.parameters[name].bool_param = value
        else:
            request.parameters[name].int64_param = value
    return request


PICTURES = [("image", "BYTES", [2, 1], packed([bytes([9, 8, 7]), bytes([1, 2, 3])]))]


def triton(stub):
    step("live", lambda: stub.ServerLive(pb.ServerLiveRequest(), timeout=TIMEOUT).live)
    step("ready", lambda: stub.ServerReady(pb.ServerReadyRequest(), timeout=TIMEOUT).ready)
    for name in ["colors", "sounds"]:
        request = pb.ModelReadyRequest(name=name)
        step(f"model ready {name}", lambda: stub.ModelReady(request, timeout=TIMEOUT).ready)
    metadata = pb.ServerMetadataRequest()
    step("extensions", lambda: list(stub.ServerMetadata(metadata, timeout=TIMEOUT).extensions))

    request = triton_request("colors", PICTURES, request_id="seven", priority=1, timeout=20_000_000)
    step("infer", lambda: infer(stub, request, ["logits"]))
    compressed = lambda: infer(stub, request, ["logits"], compression=grpc.Compression.Gzip)  # noqa: E731
    step("infer compressed", compressed)
    classes = triton_request("colors", PICTURES, [("logits", 2), ("probabilities", 1)])
    step("classification", lambda: infer(stub, classes, ["logits", "probabilities"]))
    labels = triton_request("colors", PICTURES, [("labels", 0)], top_k=1)
    step("labels", lambda: infer(stub, labels, ["labels"]))
    futures = [stub.ModelInfer.future(request, timeout=TIMEOUT) for _ in range(8)]
    step("async", lambda: [future.result().id for future in futures])

    sequence = triton_request("colors", PICTURES, sequence_id=3, sequence_start=True, sequence_end=False)
    step("sequence", lambda: infer(stub, sequence, []))
    shared = triton_request("colors", PICTURES)
    shared.inputs[0].parameters["shared_memory_region"].string_param = "region"
    del shared.raw_input_contents[:]
    step("shared memory input", lambda: infer(stub, shared, []))
    other = triton_request("colors", PICTURES, own_parameter=1)
    step("unknown parameter", lambda: infer(stub, other, []))

    status = pb.SharedMemoryRequest()
    regions = lambda: stub.SystemSharedMemoryStatus(status, timeout=TIMEOUT).ByteSize()  # noqa: E731
    step("shared memory regions", regions)
    step("shared memory register", lambda: stub.CudaSharedMemoryRegister(status, timeout=TIMEOUT))
    step("trace setting", lambda: stub.TraceSetting(pb.SettingsRequest(), timeout=TIMEOUT))

    index = lambda: stub.RepositoryIndex(pb.RepositoryIndexRequest(), timeout=TIMEOUT)  # noqa: E731
    step("index", lambda: [[m.name, m.version, m.state] for m in index().models])
    load = pb.RepositoryModelLoadRequest(model_name="colors")
    step("load", lambda: stub.RepositoryModelLoad(load, timeout=TIMEOUT).is_loaded)
    unload = pb.RepositoryModelUnloadRequest(model_name="colors")
    unload.parameters["unload_dependents"].bool_param = False
    step("unload", lambda: stub.RepositoryModelUnload(unload, timeout=TIMEOUT).is_unloaded)
    broken = pb.RepositoryModelLoadRequest(model_name="broken")
    step("load broken", lambda: stub.RepositoryModelLoad(broken, timeout=TIMEOUT).is_loaded)
    step("long name", lambda: infer(stub, triton_request("\u20ac" * 3000, PICTURES), []))

    def statistics():
        request = pb.ModelStatisticsRequest(name="colors")
        (model,) = stub.ModelStatistics(request, timeout=TIMEOUT).model_stats
        return json_format.MessageToDict(model, preserving_proto_field_name=True)

    step("statistics", statistics)


def infer(stub, request, names, **options):
    response = stub.ModelInfer(request, timeout=TIMEOUT, **options)
    outputs = {name: output(response, name) for name in names}
    return {"id": response.id, "version": response.model_version, **outputs}


def streaming(stub):
    """As InferenceServerClient.start_stream: requests from a queue, responses in a thread."""
    requests, responses = queue.Queue(), []
    iterator = stub.ModelStreamInfer(iter(requests.get, None), timeout=TIMEOUT)

    def receive():
        for response in iterator:
            answered = response.infer_response
            logits = output(answered, "logits")
            final = answered.parameters["triton_final_response"].bool_param
            responses.append([answered.id, response.error_message, logits and logits["values"], final])

    thread = threading.Thread(target=receive)
    thread.start()
    for place in range(20):
        element = b"?" if place == 5 else bytes([place, 0, 0])
        tensors = [("image", "BYTES", [1], packed([element]))]
        flag = {"triton_enable_empty_final_response": True}
        requests.put(triton_request("colors", tensors, request_id=str(place), **flag))
    requests.put(None)
    thread.join()
    step("stream", lambda: responses)


def image_client(stub, model):
    """Triton's image_client: metadata and configuration → one input, one output → classification."""
    metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name=model), timeout=TIMEOUT)
    config = stub.ModelConfig(pb.ModelConfigRequest(name=model), timeout=TIMEOUT).config
    (tensor,), (result,) = metadata.inputs, metadata.outputs
    (tensor_config,) = config.input
    assert config.max_batch_size > 0 and result.datatype == "FP32" and len(result.shape) == 2
    assert len(tensor.shape) == 4 and list(tensor.shape[1:]) == list(tensor_config.dims)
    channels_last = tensor_config.format == pb.ModelInput.FORMAT_NHWC
    assert channels_last or tensor_config.format == pb.ModelInput.FORMAT_NCHW
    height, width = list(tensor.shape[1:3]) if channels_last else list(tensor.shape[2:4])
    colors = [[250, 10, 20], [5, 6, 200]]
    if channels_last:
        order = [value for color in colors for _ in range(height * width) for value in color]
    else:
        order = [value for color in colors for value in color for _ in range(height * width)]
    raw = bytes(order) if tensor.datatype == "UINT8" else struct.pack(f"<{len(order)}f", *order)
    shape = [2, *tensor.shape[1:]]
    request = triton_request(model, [(tensor.name, tensor.datatype, shape, raw)], [(result.name, 1)])
    response = stub.ModelInfer(request, timeout=TIMEOUT)
    rows = output(response, result.name)["values"]
    return [row.split(":")[1:3] for row in rows]


async def kserve():
    """As kserve.InferenceGRPCClient: asyncio, retries of UNAVAILABLE, sizes of raw contents as a parameter."""
    retry = {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    options = [
        ("grpc.enable_retries", 1),
        ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": retry}]})),
    ]
    async with grpc.aio.insecure_channel(ADDRESS, options=options) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)

        async def awaited(name, call, read):
            try:
                value = read(await call)
                step(name, lambda: value)
            except grpc.aio.AioRpcError as error:
                print(json.dumps({"step": name, "status": error.code().name, "text": error.details()}))

        await awaited("kserve live", stub.ServerLive(pb.ServerLiveRequest()), lambda r: r.live)
        await awaited("kserve model", stub.ModelReady(pb.ModelReadyRequest(name="sounds")), lambda r: r.ready)
        raw = triton_request("colors", PICTURES)
        raw.inputs[0].parameters["binary_data_size"].int64_param = len(raw.raw_input_contents[0])
        await awaited("kserve raw", stub.ModelInfer(raw), lambda r: output(r, "logits")["values"])
        typed = pb.ModelInferRequest(model_name="colors")
        contents = pb.InferTensorContents(bytes_contents=[bytes([9, 8, 7])])
        typed.inputs.add(name="input-0", datatype="BYTES", shape=[1], contents=contents)
        typed.outputs.add(name="labels")
        read = lambda r: [c.decode() for c in r.outputs[0].contents.bytes_contents]  # noqa: E731
        await awaited("kserve typed", stub.ModelInfer(typed), read)
        # KServe's message has the model's name as its first field.
        load = pb.RepositoryModelLoadRequest(repository_name="colors")
        await awaited("kserve load", stub.RepositoryModelLoad(load), lambda r: [r.model_name, r.is_loaded])


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    names = health_pb2.HealthCheckResponse.ServingStatus.Name
    for service in ["", "colors", "next", "grpc.health.v1.Health", "sounds"]:
        request = health_pb2.HealthCheckRequest(service=service)
        step(f"health {service}", lambda: names(stub.Check(request, timeout=TIMEOUT).status))
    listed = lambda: stub.List(health_pb2.HealthListRequest(), timeout=TIMEOUT).statuses  # noqa: E731
    step("health list", lambda: {name: names(value.status) for name, value in listed().items()})
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="sounds"), timeout=TIMEOUT)
    step("health watch", lambda: names(next(watch).status))
    watch.cancel()


def reflection(channel, version):
    """As grpcurl: services, then the file of a symbol, then a call with messages made from it."""
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    call = channel.stream_stream(
        path,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="inference.GRPCInferenceService"),
    ]
    services, described = call(iter(requests), timeout=TIMEOUT)
    file = descriptor_pb2.FileDescriptorProto()
    file.ParseFromString(described.file_descriptor_response.file_descriptor_proto[0])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName("ModelReady")
    factory = message_factory.MessageFactory(pool)
    request, response = factory.GetPrototype(method.input_type), factory.GetPrototype(method.output_type)
    ready = channel.unary_unary(
        "/inference.GRPCInferenceService/ModelReady",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    names = [service.name for service in services.list_services_response.service]
    return [names, ready(request(name="colors"), timeout=TIMEOUT).ready]


with grpc.insecure_channel(ADDRESS) as channel:
    service = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    triton(service)
    streaming(service)
    for view in ["pixels", "values"]:
        step(f"image client {view}", lambda: image_client(service, f"colors:{view}"))
    asyncio.run(kserve())
    health(channel)
    for version in ["v1", "v1alpha"]:
        step(f"reflection {version}", lambda: reflection(channel, version))
