// DeleteTopics (20), versions 1-6. v3 may answer that deletion is switched off · v4 flexible · v5
// messages · v6 by name or by id. A topic is gone for everybody once its removal is applied; its
// bytes go afterwards, and its name may be used again at once.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError } from '../../base/errors.ts'
import type { Controller } from '../../cluster/controller.ts'
import type { TopicReference } from '../../cluster/decide-topics.ts'
import { repeated } from '../../cluster/decision.ts'
import type {
  DeletableTopicResult,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
} from '../../wire/messages/20-delete-topics.ts'
import type { Input } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import { orRefusal } from '../refusal.ts'

/** What the handler needs. */
export interface DeleteTopicsDeps {
  readonly controller: Pick<Controller, 'deleteTopics'>
  /** Setting delete.topic.enable, as it is now. */
  readonly allowsDeletion: () => boolean
}

type Result = Input<DeletableTopicResult>

const failed = (topic: TopicReference, errorCode: number, errorMessage: string): Result => ({
  name: topic.name,
  topicId: topic.topicId ?? ZERO_UUID,
  errorCode,
  errorMessage,
})

const referencesOf = (request: DeleteTopicsRequest, version: number): readonly TopicReference[] =>
  version >= 6
    ? request.topics.map(({ name, topicId }) => ({
        name,
        topicId: topicId === ZERO_UUID ? null : topicId,
      }))
    : request.topicNames.map((name) => ({ name, topicId: null }))

const keyOf = ({ name, topicId }: TopicReference): string => `${topicId ?? ''}/${name ?? ''}`

/** What is wrong with how a topic is named, or null if nothing is. */
const shapeFault = (topic: TopicReference, twice: ReadonlySet<string>): Result | null => {
  const { name, topicId } = topic
  const fault = (text: string): Result => failed(topic, ErrorCode.INVALID_REQUEST, text)
  if (name !== null && topicId !== null) {
    return fault('You may not specify both topic name and topic id.')
  }
  if (name === null && topicId === null) return fault('Neither topic name nor id were specified.')
  return twice.has(keyOf(topic)) ? fault('Duplicate topic name or id.') : null
}

/** Answers DeleteTopics. */
export const deleteTopics =
  (deps: DeleteTopicsDeps): Handler<DeleteTopicsRequest, Input<DeleteTopicsResponse>> =>
  async (request, { version }) => {
    const topics = referencesOf(request, version)
    if (!deps.allowsDeletion()) {
      const code = version < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED
      const text = 'Topic deletion is disabled: see setting delete.topic.enable.'
      return { responses: topics.map((topic) => failed(topic, code, text)) }
    }
    const twice = repeated(topics.map(keyOf))
    const faults = topics.map((topic) => shapeFault(topic, twice))
    const sound = topics.filter((_, at) => faults[at] === null)
    const deleted = await orRefusal(deps.controller.deleteTopics(sound))
    const results =
      deleted instanceof KafkaError
        ? sound.map((topic) => failed(topic, deleted.code, deleted.message))
        : deleted.map(({ name, topicId, code, message }) => ({
            name,
            topicId: topicId ?? ZERO_UUID,
            errorCode: code,
            errorMessage: message,
          }))
    return { responses: [...faults.filter((fault) => fault !== null), ...results] }
  }
