// Traces: a span for every inference call in OpenTelemetry, where its API is installed and an SDK has been set up in this
// process (such as by `node --import ./tracing.mjs`); without one, nothing.

import type { ArrivingCall } from "../contract.js";
import type { CallRecord, CallTrace } from "./calls.js";

const SCOPE = "vitrine";

type StartTrace = (call: ArrivingCall, requestId: string) => CallTrace;

/** Undefined where nobody would get the spans. `version` of Vitrine. */
export async function openTracing(version: string): Promise<StartTrace | undefined> {
  const api = await import("@opentelemetry/api").catch(() => undefined);
  if (!api) return undefined;
  const { context, propagation, ProxyTracerProvider, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = api;
  const provider = trace.getTracerProvider();
  const isSetUp =
    !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(SCOPE, version) !== undefined;
  if (!isSetUp) return undefined;
  const tracer = trace.getTracer(SCOPE, version);
  return (call, requestId) => {
    const { protocol, traceparent, tracestate } = call;
    const carrier = {
      ...(traceparent !== undefined && { traceparent }),
      ...(tracestate !== undefined && { tracestate }),
    };
    // A process that is instrumented has a span of the HTTP or gRPC call already.
    const active = context.active();
    const parent = trace.getSpan(active) ? active : propagation.extract(ROOT_CONTEXT, carrier);
    const attributes = { "vitrine.protocol": protocol, "vitrine.request_id": requestId };
    const span = tracer.startSpan("infer", { kind: SpanKind.SERVER, attributes }, parent);
    return {
      ended(record) {
        span.setAttributes(attributesOf(record));
        if (record.code !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: record.code });
        if (record.error instanceof Error) span.recordException(record.error);
        span.end();
      },
    };
  };
}

function attributesOf(record: CallRecord): Record<string, string | number> {
  const { model, version, images, seconds, outputSeconds } = record;
  return {
    "vitrine.model": model,
    "vitrine.version": version,
    "vitrine.images": images,
    "vitrine.code": record.code ?? "ok",
    ...(seconds && {
      "vitrine.queue_seconds": seconds.queue,
      "vitrine.decode_seconds": seconds.decode,
      "vitrine.compute_seconds": seconds.compute,
    }),
    ...(outputSeconds !== undefined && { "vitrine.output_seconds": outputSeconds }),
  };
}
