// CreateTopics (19), versions 2-7. v4 counts may be -1 (KIP-464) · v5 flexible, tells the settings
// (KIP-525) · v7 tells the topic id. The answer is given when the topics are in the image here;
// other brokers learn of them a moment later.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError } from '../../base/errors.ts'
import type { Controller } from '../../cluster/controller.ts'
import type { CreatedTopic, NewTopic } from '../../cluster/decide-topics.ts'
import type { Settings } from '../../config/settings.ts'
import type {
  CreatableTopic,
  CreatableTopicResult,
  CreateTopicsRequest,
  CreateTopicsResponse,
} from '../../wire/messages/19-create-topics.ts'
import type { Input } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/schema.ts'
import { describedSetting } from '../config-view.ts'
import type { Handler } from '../handler.ts'
import { orRefusal } from '../refusal.ts'

/** What the handler needs. */
export interface CreateTopicsDeps {
  readonly controller: Pick<Controller, 'createTopics'>
  readonly settings: Settings
}

const newTopic = (topic: CreatableTopic): NewTopic => ({
  name: topic.name,
  partitions: topic.numPartitions,
  replicas: topic.replicationFactor,
  assignments: topic.assignments.map(({ partitionIndex, brokerIds }) => ({
    index: partitionIndex,
    brokerIds,
  })),
  configs: topic.configs,
})

const NO_DETAILS = { readOnly: false, synonyms: false, documentation: false }

const resultOf = (
  settings: Settings,
  topic: CreatedTopic,
  validateOnly: boolean,
): Input<CreatableTopicResult> => {
  const { name, code: errorCode, message: errorMessage } = topic
  if (errorCode !== ErrorCode.NONE) return { name, errorCode, errorMessage, configs: null }
  return {
    name,
    topicId: validateOnly ? ZERO_UUID : topic.topicId,
    errorCode,
    errorMessage,
    numPartitions: topic.partitions,
    replicationFactor: topic.replicas,
    configs: settings.describeTopic(topic.configs).map((resolved) => {
      const { name, value, readOnly, configSource, isSensitive } = describedSetting(
        resolved,
        NO_DETAILS,
      )
      return { name, value, readOnly, configSource, isSensitive }
    }),
  }
}

/** Answers CreateTopics. */
export const createTopics =
  ({
    controller,
    settings,
  }: CreateTopicsDeps): Handler<CreateTopicsRequest, Input<CreateTopicsResponse>> =>
  async (request) => {
    const { validateOnly } = request
    const created = await orRefusal(
      controller.createTopics(request.topics.map(newTopic), validateOnly),
    )
    if (created instanceof KafkaError) {
      const { code: errorCode, message: errorMessage } = created
      const names = [...new Set(request.topics.map(({ name }) => name))]
      return { topics: names.map((name) => ({ name, errorCode, errorMessage, configs: null })) }
    }
    return { topics: created.map((topic) => resultOf(settings, topic, validateOnly)) }
  }
