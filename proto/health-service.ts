// Health service: grpc.health.v1 as grpc-js takes it.

import { grpc } from "./generated/health.js";
import { grpcMethod } from "./grpc-method.js";

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;

export const HEALTH_SERVICE = {
  Check: grpcMethod("/grpc.health.v1.Health/Check", HealthCheckRequest, HealthCheckResponse),
  Watch: grpcMethod("/grpc.health.v1.Health/Watch", HealthCheckRequest, HealthCheckResponse, {
    response: true,
  }),
};

export const ServingStatus = HealthCheckResponse.ServingStatus;
