// InitProducerId (22), versions 0-5: a fresh id for an idempotent producer, epoch 0, every call.
// v2 flexible · v3 names the id and epoch it had (KIP-360) · v4 PRODUCER_FENCED. v6 is unstable in
// Kafka and not served. Transactions are not served: a transactional id gets UNSUPPORTED_VERSION,
// which no client retries and none takes for a matter of rights.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError } from '../../base/errors.ts'
import type {
  InitProducerIdRequest,
  InitProducerIdResponse,
} from '../../wire/messages/22-init-producer-id.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { ProducerIds } from '../producer-ids.ts'
import { orRefusal } from '../refusal.ts'

const refused = (errorCode: number): Input<InitProducerIdResponse> => ({
  errorCode,
  producerId: -1,
  producerEpoch: -1,
})

/** Answers InitProducerId. */
export const initProducerId =
  (deps: {
    readonly producerIds: Pick<ProducerIds, 'next'>
  }): Handler<InitProducerIdRequest, Input<InitProducerIdResponse>> =>
  async ({ transactionalId, producerId, producerEpoch }) => {
    if ((producerId === -1) !== (producerEpoch === -1)) return refused(ErrorCode.INVALID_REQUEST)
    if (transactionalId === '') return refused(ErrorCode.INVALID_REQUEST)
    if (transactionalId !== null) return refused(ErrorCode.UNSUPPORTED_VERSION)
    const next = await orRefusal(deps.producerIds.next())
    if (!(next instanceof KafkaError)) return { producerId: next, producerEpoch: 0 }
    // Producers know how to wait for a coordinator that is loading, and not what a controller is.
    const isElsewhere = next.code === ErrorCode.NOT_CONTROLLER
    return refused(isElsewhere ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : next.code)
  }
