// Traces: a span for a call with its split, below the span that the caller's traceparent names, and nothing where no
// SDK was set up.

import {
  type Context,
  propagation,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import { observeCalls } from "../../server/inference/observation/calls.js";
import { openTracing } from "../../server/inference/observation/traces.js";

interface Recorded {
  name: string;
  parent: SpanContext | undefined;
  attributes: Record<string, unknown>;
  status?: unknown;
  exceptions: unknown[];
  ended: boolean;
}

const spans: Recorded[] = [];

/** Remembers what spans are told. */
class Recorder implements TracerProvider {
  getTracer(): Tracer {
    return {
      startSpan(name: string, options: SpanOptions = {}, context: Context | undefined = undefined): Span {
        const parent = context && trace.getSpanContext(context);
        const span: Recorded = {
          name,
          parent,
          attributes: { ...options.attributes },
          exceptions: [],
          ended: false,
        };
        spans.push(span);
        return {
          setAttributes: (more: object) => Object.assign(span.attributes, more),
          setStatus: (status: unknown) => Object.assign(span, { status }),
          recordException: (error: unknown) => span.exceptions.push(error),
          end: () => Object.assign(span, { ended: true }),
        } as unknown as Span;
      },
    } as Tracer;
  }
}

const PARENT = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };

test("without an SDK there are no traces", async () => {
  assert.is(await openTracing("1"), undefined);
});

test("a call has a span with its split below the caller's, and a failed one says why", async () => {
  trace.setGlobalTracerProvider(new Recorder());
  propagation.setGlobalPropagator({
    inject: () => {},
    fields: () => ["traceparent"],
    extract: (context, carrier, getter) => {
      const [, traceId = "", spanId = ""] = String(getter.get(carrier, "traceparent")).split("-");
      return traceId === "" ? context : trace.setSpanContext(context, { traceId, spanId, traceFlags: 1 });
    },
  });
  const start = await openTracing("1");
  const calls = observeCalls({ ended: [], trace: start });
  const seconds = { queue: 0.5, decode: 0.25, compute: 1 };
  const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
  calls
    .arrived({ protocol: "grpc", requestId: "r1", traceparent })
    .answered({ model: "tiny", version: "2", images: 4, seconds }, 0.125);
  const error = new VitrineError("network/queue-full", "full");
  calls.arrived({ protocol: "http", requestId: "r2" }).failed(error);
  const [answered, failed] = spans as [Recorded, Recorded];
  assert.equal(answered.parent, PARENT);
  assert.equal(answered.attributes, {
    "vitrine.protocol": "grpc",
    "vitrine.request_id": "r1",
    "vitrine.model": "tiny",
    "vitrine.version": "2",
    "vitrine.images": 4,
    "vitrine.code": "ok",
    "vitrine.queue_seconds": 0.5,
    "vitrine.decode_seconds": 0.25,
    "vitrine.compute_seconds": 1,
    "vitrine.output_seconds": 0.125,
  });
  assert.is(answered.status, undefined);
  assert.is(failed.parent, undefined);
  assert.equal(failed.status, { code: 2, message: "network/queue-full" });
  assert.equal(failed.exceptions, [error]);
  assert.ok(answered.ended && failed.ended);
});

test.run();
