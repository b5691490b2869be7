// What an administrator asks for through KafkaJS: the offsets of a group and the settings of a
// topic, to be compared before a cluster is lost and after it was restored.
import { Kafka, logLevel, type Admin } from 'kafkajs'

/** Kafka's number of topics among the resources that have settings. */
const TOPIC = 2

async function withAdmin<T>(bootstrap: string, task: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await task(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Commits an offset for each partition of a topic, in the name of a group without members. */
export const commitOffsets = (
  bootstrap: string,
  groupId: string,
  topic: string,
  offsets: readonly number[],
): Promise<void> =>
  withAdmin(bootstrap, async (admin) => {
    const partitions = offsets.map((offset, partition) => ({ partition, offset: String(offset) }))
    await admin.setOffsets({ groupId, topic, partitions })
  })

/** What a group has committed, by partition. */
export const committedOffsets = (
  bootstrap: string,
  groupId: string,
  topic: string,
): Promise<number[]> =>
  withAdmin(bootstrap, async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const offsets: number[] = []
    for (const { partition, offset } of found?.partitions ?? []) offsets[partition] = Number(offset)
    return offsets
  })

/** Values of a topic's settings, in the order of `names`. */
export const settingsOf = (
  bootstrap: string,
  topic: string,
  names: readonly string[],
): Promise<(string | null | undefined)[]> =>
  withAdmin(bootstrap, async (admin) => {
    const resource = { type: TOPIC, name: topic, configNames: [...names] }
    const { resources } = await admin.describeConfigs({
      resources: [resource],
      includeSynonyms: false,
    })
    const entries = resources[0]?.configEntries ?? []
    return names.map((name) => entries.find((one) => one.configName === name)?.configValue)
  })
