// The FindCoordinator API (key 10): its tables and the types of what they decode to.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost. Bytes in decoded values are borrowed views of what they were decoded from.
import type { Field, Schema } from '../schema.ts'

/** A decoded FindCoordinatorRequest. */
export interface FindCoordinatorRequest {
  readonly key: string
  readonly keyType: number
  readonly coordinatorKeys: readonly string[]
}

/** FindCoordinatorRequest, versions 0 to 6, flexible from 3. */
export const findCoordinatorRequest: Schema<FindCoordinatorRequest> = {
  name: 'FindCoordinatorRequest',
  key: 10,
  min: 0,
  max: 6,
  flexibleFrom: 3,
  fields: [
    ['key', 'string', { to: 3 }],
    ['keyType', 'int8', { from: 1 }],
    ['coordinatorKeys', '[]string', { from: 4 }],
  ],
}

/** A decoded FindCoordinatorResponse. */
export interface FindCoordinatorResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly coordinators: readonly Coordinator[]
}

/** Part of FindCoordinatorResponse. */
export interface Coordinator {
  readonly key: string
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const coordinatorFields: readonly Field[] = [
  ['key', 'string', { from: 4 }],
  ['nodeId', 'int32', { from: 4 }],
  ['host', 'string', { from: 4 }],
  ['port', 'int32', { from: 4 }],
  ['errorCode', 'int16', { from: 4 }],
  ['errorMessage', 'string', { from: 4, nullFrom: 4 }],
]

/** FindCoordinatorResponse, versions 0 to 6, flexible from 3. */
export const findCoordinatorResponse: Schema<FindCoordinatorResponse> = {
  name: 'FindCoordinatorResponse',
  key: 10,
  min: 0,
  max: 6,
  flexibleFrom: 3,
  fields: [
    ['throttleTimeMs', 'int32', { from: 1 }],
    ['errorCode', 'int16', { to: 3 }],
    ['errorMessage', 'string', { from: 1, to: 3, nullFrom: 1, nullTo: 3 }],
    ['nodeId', 'int32', { to: 3 }],
    ['host', 'string', { to: 3 }],
    ['port', 'int32', { to: 3 }],
    ['coordinators', '[]struct', { from: 4, fields: coordinatorFields }],
  ],
}
