// CreatePartitions (37), versions 0-3. v2 flexible. Every topic of the request gets an answer.
import { KafkaError } from '../../base/errors.ts'
import type { Controller } from '../../cluster/controller.ts'
import type {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from '../../wire/messages/37-create-partitions.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import { orRefusal } from '../refusal.ts'

/** Answers CreatePartitions. */
export const createPartitions =
  (deps: {
    readonly controller: Pick<Controller, 'createPartitions'>
  }): Handler<CreatePartitionsRequest, Input<CreatePartitionsResponse>> =>
  async ({ topics, validateOnly }) => {
    const wishes = topics.map(({ name, count, assignments }) => ({
      name,
      count,
      assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
    }))
    const outcome = await orRefusal(deps.controller.createPartitions(wishes, validateOnly))
    if (outcome instanceof KafkaError) {
      const { code: errorCode, message: errorMessage } = outcome
      const names = [...new Set(topics.map(({ name }) => name))]
      return { results: names.map((name) => ({ name, errorCode, errorMessage })) }
    }
    return {
      results: outcome.map(({ name, code, message }) => ({
        name,
        errorCode: code,
        errorMessage: message,
      })),
    }
  }
