// The GetTelemetrySubscriptions API (key 71): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Schema } from '../schema.ts'

/** A decoded GetTelemetrySubscriptionsRequest. */
export interface GetTelemetrySubscriptionsRequest {
  readonly clientInstanceId: string
}

/** GetTelemetrySubscriptionsRequest, version 0, flexible from 0. */
export const getTelemetrySubscriptionsRequest: Schema<GetTelemetrySubscriptionsRequest> = {
  name: 'GetTelemetrySubscriptionsRequest',
  key: 71,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [['clientInstanceId', 'uuid']],
}

/** A decoded GetTelemetrySubscriptionsResponse. */
export interface GetTelemetrySubscriptionsResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly clientInstanceId: string
  readonly subscriptionId: number
  readonly acceptedCompressionTypes: readonly number[]
  readonly pushIntervalMs: number
  readonly telemetryMaxBytes: number
  readonly deltaTemporality: boolean
  readonly requestedMetrics: readonly string[]
}

/** GetTelemetrySubscriptionsResponse, version 0, flexible from 0. */
export const getTelemetrySubscriptionsResponse: Schema<GetTelemetrySubscriptionsResponse> = {
  name: 'GetTelemetrySubscriptionsResponse',
  key: 71,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  fields: [
    ['throttleTimeMs', 'int32'],
    ['errorCode', 'int16'],
    ['clientInstanceId', 'uuid'],
    ['subscriptionId', 'int32'],
    ['acceptedCompressionTypes', '[]int8'],
    ['pushIntervalMs', 'int32'],
    ['telemetryMaxBytes', 'int32'],
    ['deltaTemporality', 'bool'],
    ['requestedMetrics', '[]string'],
  ],
}
