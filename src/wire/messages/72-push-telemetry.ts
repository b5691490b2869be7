// The PushTelemetry API (key 72): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded PushTelemetryRequest. */
export interface PushTelemetryRequest {
  readonly clientInstanceId: string
  readonly subscriptionId: number
  readonly terminating: boolean
  readonly compressionType: number
  readonly metrics: Uint8Array
}

/** PushTelemetryRequest, version 0, flexible from 0. */
export const pushTelemetryRequest: Schema<PushTelemetryRequest> = {
  name: 'PushTelemetryRequest',
  key: 72,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['clientInstanceId', 'uuid'],
    ['subscriptionId', 'int32'],
    ['terminating', 'bool'],
    ['compressionType', 'int8'],
    ['metrics', 'bytes'],
  ],
}

/** A decoded PushTelemetryResponse. */
export interface PushTelemetryResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
}

/** PushTelemetryResponse, version 0, flexible from 0. */
export const pushTelemetryResponse: Schema<PushTelemetryResponse> = {
  name: 'PushTelemetryResponse',
  key: 72,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
  ],
}
