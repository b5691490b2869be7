// Acts on topics: create, list, describe, alter, delete. Each is one request or two, with an
// answer in plain objects; what it means for the user is the commands' charge.
import { ErrorCode } from '../../base/error-codes.ts'
import type { MetadataResponseTopic } from '../../wire/messages/03-metadata.ts'
import {
  createPartitions,
  createTopics,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
} from './apis.ts'
import { checkTopic } from './client.ts'
import type { Client } from './client.ts'
import { check, retrying } from './retry.ts'

const TOPIC_RESOURCE = 2
const SET = 0
const DELETE = 1
const TIMEOUT_MS = 20_000
/** Where a setting's value comes from, as DescribeConfigs numbers it. */
const SOURCES = ['unknown', 'topic', 'broker', 'cluster', 'static', 'default', 'group', 'client']

/** A topic to make; what is absent is the broker's default. */
export interface NewTopic {
  readonly name: string
  readonly partitions?: number
  readonly replicas?: number
  readonly settings: readonly (readonly [string, string])[]
}

/** One setting of a topic. */
export interface TopicSetting {
  readonly name: string
  readonly value: string | null
  readonly source: string
}

/** Makes a topic. Throws KafkaError with the broker's reason. */
export async function createTopic(client: Client, topic: NewTopic): Promise<void> {
  await retrying(client.stopped, async () => {
    const answer = await client.callController(createTopics, {
      topics: [
        {
          name: topic.name,
          numPartitions: topic.partitions ?? -1,
          replicationFactor: topic.replicas ?? -1,
          configs: topic.settings.map(([name, value]) => ({ name, value })),
        },
      ],
      timeoutMs: TIMEOUT_MS,
    })
    const [made] = answer.topics
    check(made?.errorCode ?? 0, `Cannot create topic ${topic.name}`, made?.errorMessage)
  })
}

/** All topics, internal ones too, in the order of their names. */
export async function listTopics(client: Client): Promise<MetadataResponseTopic[]> {
  const { topics } = await client.metadata(null)
  return topics.toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1))
}

/** One topic with its partitions in order. Throws when there is none of that name. */
export async function describeTopic(client: Client, name: string): Promise<MetadataResponseTopic> {
  const [topic] = (await client.metadata([name])).topics
  checkTopic(topic, name)
  const partitions = topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
  return { ...topic, partitions }
}

/** A topic's settings in the order of their names. */
export async function topicSettings(client: Client, name: string): Promise<TopicSetting[]> {
  const answer = await client.callAny(describeConfigs, {
    resources: [{ resourceType: TOPIC_RESOURCE, resourceName: name, configurationKeys: null }],
  })
  const [result] = answer.results
  if (result === undefined) return []
  check(result.errorCode, `Cannot read the settings of ${name}`, result.errorMessage)
  return result.configs
    .map(({ name: key, value, configSource }) => ({
      name: key,
      value,
      source: SOURCES[configSource] ?? String(configSource),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Sets and unsets settings of a topic, all or none. */
export async function alterTopicSettings(
  client: Client,
  name: string,
  change: {
    readonly set: readonly (readonly [string, string])[]
    readonly unset: readonly string[]
  },
): Promise<void> {
  const answer = await client.callController(incrementalAlterConfigs, {
    resources: [
      {
        resourceType: TOPIC_RESOURCE,
        resourceName: name,
        configs: [
          ...change.set.map(([key, value]) => ({ name: key, configOperation: SET, value })),
          ...change.unset.map((key) => ({ name: key, configOperation: DELETE, value: null })),
        ],
      },
    ],
  })
  const [result] = answer.responses
  check(result?.errorCode ?? 0, `Cannot alter topic ${name}`, result?.errorMessage)
}

/** Raises a topic's number of partitions to `count`. */
export async function addPartitions(client: Client, name: string, count: number): Promise<void> {
  const answer = await client.callController(createPartitions, {
    topics: [{ name, count, assignments: null }],
    timeoutMs: TIMEOUT_MS,
  })
  const [result] = answer.results
  const act = `Cannot give topic ${name} ${String(count)} partitions`
  check(result?.errorCode ?? 0, act, result?.errorMessage)
  client.forget(name)
}

/** Deletes a topic with all its records. */
export async function deleteTopic(client: Client, name: string): Promise<void> {
  const answer = await client.callController(deleteTopics, {
    topicNames: [name],
    timeoutMs: TIMEOUT_MS,
  })
  const [result] = answer.responses
  const code = result?.errorCode ?? 0
  if (code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) check(code, `There is no topic ${name}`)
  check(code, `Cannot delete topic ${name}`, result?.errorMessage)
  client.forget(name)
}
